"""What Userpilot takes as metadata, of a user, a company or an event: plain values.

Source: facts/vendors/userpilot.md section 4.
"""

from __future__ import annotations

from typing import Any, Final

from router.plugin import Values, convert

OF_PROFILES: Final = Values(objects="flatten", null="clear")
OF_EVENTS: Final = Values(objects="flatten")
"""An event has nothing to clear."""
SET_BY_USERPILOT: Final = frozenset({"first_seen_at", "last_seen_at"})


def to_plain(value: Any) -> Any:
    """A plain value as it is; a list as one text with commas; a list with objects in it as an object of its items by their
    numbers. The values of an object likewise."""
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [item for item in value if item is not None]
        if any(isinstance(item, dict | list) for item in items):
            return to_plain({str(number): item for number, item in enumerate(value)})
        return ", ".join(map(convert.to_text, items))
    return value
