"""Templates of messages: text with names in braces, ``{name} paid {properties.total|nothing}``.

Every value that comes from an event is escaped, so that it can neither call a channel (``<!channel>``) nor hide a link.

Source: facts/vendors/slack.md section 4 (escaping, dates) and section 6 (length of a text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from router.plugin import convert

MAX_TEXT: Final = 4_000
"""Characters of a message: a longer one may be split."""
MAX_VALUE: Final = 1_000
"""Characters of one value in it, before they are escaped."""

COMPUTED: Final = ("name", "view", "group")
"""What a template may name that is no field of the event: whom it is about, the page or screen, the group's name or id."""
FIELDS: Final = ("event", "userId", "anonymousId", "groupId", "messageId", "timestamp")
OBJECTS: Final = ("traits", "properties", "context")

_PLACEHOLDER = re.compile(r"\{([^{}|]+)(?:\|([^{}]*))?\}")
_CUT_SHORT = re.compile(r"(&[a-z]{0,3}|<[^>]*)\Z")
"""Half of an escaped sign or of a date at the end of a text that was cut."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """``{path|otherwise}``: what stands at *path*, else the text after the bar."""

    path: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ValueError: a brace stands alone, or a name in braces is none that an event has.
        """
        parts: list[str | Placeholder] = []
        end = 0
        for found in _PLACEHOLDER.finditer(text):
            parts += [text[end : found.start()], Placeholder(_checked(found[1]), found[2] or "")]
            end = found.end()
        parts.append(text[end:])
        if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
            raise ValueError("a brace stands alone: names stand in braces, such as {name} or {properties.total}")
        return cls(tuple(part for part in parts if part))

    def paths(self) -> Iterator[str]:
        yield from (part.path for part in self.parts if isinstance(part, Placeholder))

    def render(self, values: Mapping[str, str]) -> str:
        """The text, at most `MAX_TEXT` characters. *values*: by path, escaped."""
        text = "".join(
            part if isinstance(part, str) else values.get(part.path) or part.otherwise for part in self.parts
        )
        return cut(text, MAX_TEXT)


def _checked(path: str) -> str:
    path = path.strip()
    first, *rest = path.split(".")
    if path in (*COMPUTED, *FIELDS) or (first in OBJECTS and rest and all(rest)):
        return path
    known = ", ".join(f"{{{name}}}" for name in (*COMPUTED, *FIELDS, *(f"{root}.…" for root in OBJECTS)))
    raise ValueError(f"{{{path}}} is no name of an event; allowed are {known}")


def cut(text: str, most: int) -> str:
    """*text*, escaped already, cut to *most* characters, with nothing half escaped at its end."""
    return text if len(text) <= most else _CUT_SHORT.sub("", text[: most - 1]) + "…"


def escape(text: str) -> str:
    """*text* in which no sign means anything to Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_shown(value: Any) -> str:
    """Text that is safe in a message: escaped, at most 1000 characters; objects and lists as JSON."""
    text = convert.to_json_text(value).strip()
    if not text:
        raise ValueError("expected text that is not blank")
    return escape(text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…")


def to_shown_date(value: Any) -> str:
    """A date that Slack writes as its reader is used to; what is no date is shown as it is."""
    try:
        return f"<!date^{convert.to_unix_seconds(value)}^{{date_short}}|{escape(convert.to_iso_utc(value))}>"
    except ValueError:
        return to_shown(value)
