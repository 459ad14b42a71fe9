"""What one event may hold. Mixpanel refuses the whole event for one object or list that is larger.

Source: facts/vendors/mixpanel.md section 6.
"""

from __future__ import annotations

from typing import Any, Final

from router.plugin import Document, convert, left_out

MAX_PROPERTIES: Final = 252
"""Fewer than 255, with room for ``distinct_id`` and ``ip``, which every event has."""
MAX_ITEMS: Final = 254
"""Of a list, and keys of an object."""
MAX_DEPTH: Final = 3
"""Objects within one another; a list is no level."""
MAX_BYTES: Final = 8_000
"""Of an object or a list, as JSON."""


def fit(properties: Document) -> tuple[str, ...]:
    """Leave out of *properties* what Mixpanel would refuse, and cut lists to the items that it takes; ends with what to say of
    it.

    Of too many properties the first ones go: the caller's own stand before Mixpanel's.
    """
    surplus = list(properties)[:-MAX_PROPERTIES]
    refused, cut = [], []
    for name, value in properties.items():
        if isinstance(value, list) and not _fits(value):
            properties[name] = value = _first_items(value)
            cut.append(name)
        if isinstance(value, dict | list) and not _fits(value):
            refused.append(name)
    for name in {*surplus, *refused}:
        del properties[name]
    return (
        *left_out(surplus, f"more than {MAX_PROPERTIES} properties"),
        *left_out(refused, "deeper or larger than Mixpanel takes an object or a list"),
        *left_out(
            [name for name in cut if name in properties], "longer than Mixpanel takes a list: the last items of it"
        ),
    )


def _fits(value: dict[str, Any] | list[Any]) -> bool:
    return _is_shaped(value, MAX_DEPTH) and _size(value) <= MAX_BYTES


def _is_shaped(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and len(value) <= MAX_ITEMS and all(_is_shaped(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(_is_shaped(item, levels) for item in value)
    return True


def _first_items(items: list[Any]) -> list[Any]:
    """As many as there is room for; all of them where none fits."""
    room, count = MAX_BYTES - len("[]"), 0
    for item in items[:MAX_ITEMS]:
        room -= _size(item) + len(",")
        if room < 0:
            break
        count += 1
    return items[:count] or items


def _size(value: Any) -> int:
    return len(convert.to_json_text(value).encode("utf-8", "replace"))
