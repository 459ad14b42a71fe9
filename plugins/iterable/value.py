"""What Iterable takes as the name and the value of a field.

Source: facts/vendors/iterable.md section 4 (dates, types, names).
"""

from __future__ import annotations

import re
from typing import Any

from router.plugin import convert

_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?")


def field_name(key: str) -> str | None:
    """The name with ``_`` for dots, which would make an object of it; None for a blank one."""
    return key.replace(".", "_") if key.strip() else None


def to_time(value: Any) -> str:
    """``2024-08-24 14:15:22 +00:00``, by which Iterable knows a date; a plain date stays ``2024-08-24``."""
    date = convert.to_iso_utc(value)
    return date if len(date) == len("2024-08-24") else convert.to_naive_utc(value).replace("T", " ") + " +00:00"


def to_value(value: Any) -> Any:
    """A value with the ISO 8601 times in it as Iterable writes them, and the names in it without dots."""
    if isinstance(value, str):
        return _time_or_text(value)
    if isinstance(value, dict):
        return {name: to_value(item) for key, item in value.items() if (name := field_name(key))}
    if isinstance(value, list):
        return [to_value(item) for item in value]
    return value


def _time_or_text(text: str) -> str:
    if not _ISO_TIME.fullmatch(text):
        return text
    try:
        return to_time(text)
    except ValueError:
        return text


def to_object(value: Any) -> Any:
    """An object, which the field is for all users of a project: a list or a number there costs the whole update."""
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return to_value(value)


def to_address(value: Any) -> Any:
    """An object; an address given as text is its ``street``."""
    return {"street": value} if isinstance(value, str) else to_object(value)
