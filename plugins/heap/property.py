"""What Heap takes as a property, of an event as of a user or an account: names, texts and numbers.

Source: facts/vendors/heap.md sections 4 and 6.
"""

from __future__ import annotations

from typing import Any, Final

from router.plugin import Values, convert

MAX_CHARACTERS: Final = 1_023
"""Of a name and of a text: both have to be under 1,024."""
RESERVED: Final = frozenset({"id", "user_id"})
"""In any casing: they clash with variables of Heap's own."""
_BETWEEN_ITEMS: Final = "||"

VALUES: Final = Values(objects="flatten", separator=".")
"""Nothing says that Heap reads a null as "clear this", so it is dropped."""
to_property_text: Final = convert.cut(MAX_CHARACTERS)


def property_name(key: str) -> str | None:
    """The key itself, or None where Heap takes no property of that name."""
    return key if key.strip() and len(key) <= MAX_CHARACTERS and key.casefold() not in RESERVED else None


def to_property(value: Any) -> Any:
    """A number as it is; a boolean as text; a text cut to 1,023 characters; a list as one text, its items joined by ``||`` as
    Heap does it itself; a list with objects in it as an object of its items by their numbers. The values of an object likewise.
    """
    if isinstance(value, dict):
        return {key: to_property(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [item for item in value if item is not None]
        if any(isinstance(item, dict | list) for item in items):
            return to_property({str(number): item for number, item in enumerate(value)})
        return _BETWEEN_ITEMS.join(map(convert.to_text, items))[:MAX_CHARACTERS]
    return to_property_text(value) if isinstance(value, str | bool) else value
