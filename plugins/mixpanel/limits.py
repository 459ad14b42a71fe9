"""What one event or profile may hold. Mixpanel refuses the whole of it for one object or list that is larger.

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
MAX_PROFILE_PROPERTIES: Final = 2_000
MAX_PROFILE_BYTES: Final = 256_000
"""Of an object or a list of a profile, as JSON."""


_NESTED: Final = (dict, list)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""What most properties are; told so in one go, an order of many products costs little more than its JSON."""


def fit(properties: Document) -> tuple[str, ...]:
    """Leave out of *properties* what Mixpanel would refuse, and cut lists to the items that it takes; ends with what to say of
    it.

    Of too many properties the first ones go: the caller's own stand before Mixpanel's.
    """
    if len(properties) <= MAX_PROPERTIES and _PLAIN.issuperset(map(type, properties.values())):
        return ()
    surplus = list(properties)[:-MAX_PROPERTIES]
    for name in surplus:
        del properties[name]
    refused, cut = [], []
    for name, value in properties.items():
        if not isinstance(value, _NESTED) or _fits(value):
            continue
        items = _first_items(value) if isinstance(value, list) else []
        if items and _fits(items):
            properties[name] = items
            cut.append(name)
        else:
            refused.append(name)
    for name in refused:
        del properties[name]
    if not (surplus or refused or cut):
        return ()
    return (
        *left_out(surplus, f"more than {MAX_PROPERTIES} properties"),
        *left_out(refused, "deeper or larger than Mixpanel takes an object or a list"),
        *left_out(cut, "longer than Mixpanel takes a list: the last items of it"),
    )


def fit_profile(properties: Document) -> tuple[str, ...]:
    """The same for what is written to the profile of a user or a group, whose lists are not cut."""
    if len(properties) <= MAX_PROFILE_PROPERTIES and _PLAIN.issuperset(map(type, properties.values())):
        return ()
    surplus = list(properties)[:-MAX_PROFILE_PROPERTIES]
    refused = [
        name for name, value in properties.items() if isinstance(value, _NESTED) and _size(value) > MAX_PROFILE_BYTES
    ]
    for name in {*surplus, *refused}:
        del properties[name]
    return (
        *left_out(surplus, f"more than {MAX_PROFILE_PROPERTIES} properties"),
        *left_out(refused, "larger than Mixpanel takes an object or a list"),
    )


def _fits(value: dict[str, Any] | list[Any]) -> bool:
    return _is_shaped(value, MAX_DEPTH) and _size(value) <= MAX_BYTES


def _is_shaped(value: dict[str, Any] | list[Any], levels: int) -> bool:
    """Whether the objects in *value* are no more than *levels* deep, and nothing in it has too many items."""
    if len(value) > MAX_ITEMS:
        return False
    if isinstance(value, dict):
        if levels == 0:
            return False
        value, levels = list(value.values()), levels - 1
    if _PLAIN.issuperset(map(type, value)):
        return True
    return all(_is_shaped(item, levels) for item in value if isinstance(item, _NESTED))


def _first_items(items: list[Any]) -> list[Any]:
    """As many as there is room for."""
    room, count = MAX_BYTES - len("]"), 0
    for item in items[:MAX_ITEMS]:
        room -= _size([item]) - len("]")  # "[" or ",", and the item
        if room < 0:
            break
        count += 1
    return items[:count]


def _size(value: dict[str, Any] | list[Any]) -> int:
    """Bytes as JSON."""
    return len(convert.to_json_text(value).encode("utf-8", "replace"))
