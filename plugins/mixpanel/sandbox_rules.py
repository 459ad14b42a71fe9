"""What Mixpanel checks in an event and in an update. Pure; used by the sandbox alone.

Written from facts/vendors/mixpanel.md sections 3, 4, 6 and 8, not from the mapper.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

EARLIEST_S: Final = 31_536_000
"""1971-01-01."""
LATEST_AHEAD_S: Final = 3_600
MAX_RECORD_BYTES: Final = 1_000_000
MAX_EVENT_VALUE_BYTES: Final = 8_192
MAX_PROFILE_VALUE_BYTES: Final = 262_144
MAX_PROFILE_PROPERTIES: Final = 2_000

NOBODY: Final = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    }
)

_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")
_OPERATIONS: Final[dict[str, type[dict[str, Any]] | type[list[Any]] | None]] = {
    "$set": dict,
    "$set_once": dict,
    "$add": dict,
    "$union": dict,
    "$append": dict,
    "$remove": dict,
    "$unset": list,
    "$delete": None,
}

Fault = tuple[str, str]
"""The field that is wrong, and what is wrong with it."""


def check_event(record: Any, now_s: float) -> Fault | None:
    """The first thing that makes /import refuse *record*, None for a good one. *now_s*: Unix seconds."""
    if not isinstance(record, dict):
        return "", "is no object"
    name, properties = record.get("event"), record.get("properties")
    if not isinstance(name, str) or not name:
        return "event", "is required, a name"
    if not isinstance(properties, dict):
        return "properties", "is required, an object"
    if _size(record) >= MAX_RECORD_BYTES:
        return "", "has to be smaller than 1 MB"
    return (
        _check_time(properties.get("time"), now_s)
        or _check_distinct_id(properties.get("distinct_id"))
        or _check_insert_id(properties.get("$insert_id"))
        or _check_values(properties)
    )


def _size(value: Any) -> int:
    """Bytes of *value* as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def to_seconds(time: float) -> float:
    """``time`` is in seconds or in milliseconds: 1e10 is the year 2286 or April 1970, when neither is allowed."""
    return time / 1000 if time >= 1e10 else time


def _check_time(time: Any, now_s: float) -> Fault | None:
    if isinstance(time, bool) or not isinstance(time, int | float):
        return "properties.time", "is required, seconds or milliseconds since the epoch"
    if not EARLIEST_S <= to_seconds(time) <= now_s + LATEST_AHEAD_S:
        return "properties.time", "is before 1971 or more than an hour ahead"
    return None


def _check_distinct_id(distinct_id: Any) -> Fault | None:
    if not isinstance(distinct_id, str):
        return "properties.distinct_id", "is required, a string"
    return ("properties.distinct_id", "stands for nobody") if distinct_id in NOBODY else None


def _check_insert_id(insert_id: Any) -> Fault | None:
    if not isinstance(insert_id, str) or not insert_id:
        return "properties.$insert_id", "is required, a string"
    if len(insert_id.encode()) > 36 or not _INSERT_ID.fullmatch(insert_id):
        return "properties.$insert_id", "has to be at most 36 letters, digits and dashes"
    return ("properties.$insert_id", "stands for nothing") if insert_id in NOBODY else None


def _check_values(properties: dict[str, Any]) -> Fault | None:
    if len(properties) >= 255:
        return "properties", "has to have fewer than 255 keys"
    for name, value in properties.items():
        if isinstance(value, dict | list):
            if _size(value) > MAX_EVENT_VALUE_BYTES:
                return f"properties.{name}", "is larger than 8 KB"
            fault = _check_nested(value, 1)
            if fault:
                return f"properties.{name}", fault
    return None


def _check_nested(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        if len(value) >= 255:
            return "has to have fewer than 255 keys"
        if depth > 3:
            return "is nested deeper than 3"
        return next((fault for item in value.values() if (fault := _check_nested(item, depth + 1))), "")
    if isinstance(value, list):
        if len(value) >= 255:
            return "has to have fewer than 255 elements"
        return next((fault for item in value if (fault := _check_nested(item, depth))), "")
    return ""


def cut(properties: dict[str, Any]) -> dict[str, Any]:
    """As it is kept: names cut to 255 characters and texts to 255 bytes."""
    return {
        name[:255]: value.encode()[:255].decode(errors="ignore") if isinstance(value, str) else value
        for name, value in properties.items()
    }


def check_update(update: Any, id_fields: tuple[str, ...]) -> str:
    """What makes /engage or /groups refuse *update*, "" for a good one. *id_fields*: whose profile it is."""
    if not isinstance(update, dict):
        return "an update is no object"
    for field in id_fields:
        value = update.get(field)
        if not isinstance(value, str) or not value or value in NOBODY:
            return f"{field} is missing or stands for nobody"
    if _size(update) > MAX_RECORD_BYTES:
        return "an update is larger than 1 MB"
    named = [name for name in _OPERATIONS if name in update]
    if len(named) != 1:
        return "an update has to have one operation"
    [operation] = named
    values = update[operation]
    kind = _OPERATIONS[operation]
    if kind is not None and not isinstance(values, kind):
        return f"{operation} has the wrong type"
    if operation == "$union" and not all(isinstance(value, list) for value in values.values()):
        return "$union takes lists"
    if operation == "$unset" and not all(isinstance(name, str) for name in values):
        return "$unset takes names"
    return _check_properties(values) if isinstance(values, dict) else ""


def _check_properties(values: dict[str, Any]) -> str:
    if len(values) > MAX_PROFILE_PROPERTIES:
        return "a profile has at most 2000 properties"
    for name, value in values.items():
        if name in ("$distinct_id", "$last_seen", "$mp_first_event_time"):
            return f"{name} is reserved"
        if isinstance(value, dict | list) and _size(value) > MAX_PROFILE_VALUE_BYTES:
            return f"{name} is larger than 256 KB"
    return ""
