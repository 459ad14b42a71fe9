"""Attributes of people and objects, and the data of events: which names and values Journeys takes.

Source: facts/vendors/customerio.md, sections 4 and 6.
"""

from __future__ import annotations

import re
from typing import Any

from router.plugin import Converter, convert

MAX_NAME_BYTES = 150
MAX_VALUE_BYTES = 1_000
MAX_ATTRIBUTES = 300
"""Of a person or an object, in one call."""
MAX_EVENT_NAME_BYTES = 100
_BYTES_OF_A_CHARACTER = 4
"""At most."""
_SURELY_SHORT = MAX_VALUE_BYTES // _BYTES_OF_A_CHARACTER
_SURELY_SHORT_NAME = MAX_NAME_BYTES // _BYTES_OF_A_CHARACTER

PERSON_RESERVED = frozenset(
    {
        "cio_id",
        "id",
        "anonymous_id",
        "created_at",
        "_update",
        "_timestamp",
        "_last_visit",
        "cio_relationships",
    }
)
"""Names that mean something to Journeys besides being a name, and that no trait may take.

``unsubscribed``, ``timezone`` and ``cio_subscription_preferences`` are special too, but setting them is what a caller who
writes them wants.
"""

OBJECT_RESERVED = frozenset({"cio_relationships", "created_at", "object_id", "object_type_id"})

EVENT_OVERRIDES = frozenset({"recipient", "from_address", "reply_to"})
"""Properties with which an event redirects the messages it triggers."""

_cut_event_name = convert.cut_bytes(MAX_EVENT_NAME_BYTES)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?")


def attribute_name(name: str) -> str | None:
    """The name itself, or None where it is empty or longer than Journeys takes (150 bytes)."""
    if 0 < len(name) <= _SURELY_SHORT_NAME:
        return name
    return name if 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES else None


def short_value(value: Any) -> Any:
    """A value of at most 1000 bytes (an object or a list: as JSON), else refused.

    Cutting would break addresses and JSON, and one long value would cost the whole person.
    """
    if not is_short(value):
        raise ValueError(f"longer than the {MAX_VALUE_BYTES} bytes an attribute may have")
    return value


def is_short(value: Any) -> bool:
    """At most 1000 bytes."""
    if type(value) is str and len(value) <= _SURELY_SHORT:
        return True
    text = convert.to_json_text(value)
    return len(text) <= _SURELY_SHORT or len(text.encode("utf-8", "replace")) <= MAX_VALUE_BYTES


def dates_to_unix(value: Any) -> Any:
    """ISO 8601 dates, also inside objects, become Unix seconds; everything else stays as it is."""
    if isinstance(value, str):
        if value[4:5] != "-" or not _ISO_DATE.fullmatch(value):
            return value
        try:
            return convert.to_unix_seconds(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: dates_to_unix(item) for key, item in value.items()}
    return value


def event_name(value: Any) -> str:
    """Text without surrounding blanks (campaigns cannot name them), cut to the 100 bytes an event's name may have."""
    name = convert.to_text(value).strip()
    if not name:
        raise ValueError("expected a name that is not blank")
    return str(_cut_event_name(name)).rstrip()


def attribute_value(converts_dates: bool) -> Converter:
    """The converter of custom traits."""
    return convert.chain(dates_to_unix, short_value) if converts_dates else short_value
