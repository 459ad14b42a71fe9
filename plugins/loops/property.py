"""Properties of contacts and events: their names, their values and how long either may be.

Source: facts/vendors/loops.md section 4.
"""

from __future__ import annotations

import re
from typing import Any, Final

from router.plugin import Document, convert

MAX_TEXT: Final = 500
"""Characters of a name or a text as JSON writes it, with the quotes around it. What is longer costs the whole request."""
TOO_LONG: Final = f"longer than the {MAX_TEXT} characters that Loops takes"
_NEVER_TOO_LONG: Final = (MAX_TEXT - 2) // 6
"""Characters. JSON writes one as six at the most."""
_WORD: Final = re.compile(r"[^\W_]+")


def camel_name(text: str) -> str | None:
    """A name as Loops wants it: ``planName`` of ``plan_name`` and ``Plan Name``. None where it has no letter or digit."""
    words: list[str] = _WORD.findall(text.lower() if text.isupper() else text)
    if not words:
        return None
    first, *rest = words
    return (first.lower() if first.isupper() else first[0].lower() + first[1:]) + "".join(map(_capital, rest))


def to_camel_parts(value: Any) -> Any:
    """Of an object, each part by a name that may follow the object's own: ``{"plan_name": 1}`` is ``{"PlanName": 1}``, so that
    it comes out flat as ``teamPlanName``. Anything else as it is."""
    if isinstance(value, dict):
        return {_capital(camel_name(key) or key): to_camel_parts(item) for key, item in value.items()}
    return value


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def to_name(value: Any) -> str:
    """An event's name without the blanks around it, cut to what Loops takes."""
    name = convert.not_blank(value)[: MAX_TEXT - 2]
    while excess := _excess(name):
        name = name[: -excess // 6]  # as much as is too long for sure, whatever JSON makes of it
    return name


def split_fitting(properties: Document) -> tuple[Document, list[str]]:
    """*properties* without those that are too long, and the names of those."""
    long = [name for name, value in properties.items() if _excess(name) or (isinstance(value, str) and _excess(value))]
    return {name: value for name, value in properties.items() if name not in long} if long else properties, long


def _excess(text: str) -> int:
    """How many characters *text* has too many."""
    return 0 if len(text) <= _NEVER_TOO_LONG else max(0, len(convert.to_json_text([text])) - len("[]") - MAX_TEXT)
