"""What Amplitude checks in an event. Pure; used by the sandbox alone.

Written from facts/vendors/amplitude.md sections 3 to 6, not from the mapper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final, Literal

NOBODY: Final = frozenset(
    [
        "",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "00000000-0000-0000-0000-000000000000",
        "{}",
        "lmy47d",
        "0",
        "-1",
    ]
)
OPERATIONS: Final = frozenset(
    [
        "$set",
        "$setOnce",
        "$add",
        "$append",
        "$prepend",
        "$preInsert",
        "$postInsert",
        "$remove",
        "$unset",
        "$clearAll",
    ]
)
MAX_TEXT: Final = 1_024
MAX_DEPTH: Final = 40
MAX_GROUP_TYPES: Final = 5
MAX_GROUPS: Final = 10
MAX_GROUP_PROPERTIES: Final = 1_024

Fault = tuple[Literal["missing", "invalid", "short"], str]
"""What is wrong, and with which field."""

_TEXTS: Final = (
    "insert_id",
    "platform",
    "os_name",
    "os_version",
    "device_brand",
    "device_manufacturer",
    "device_model",
    "carrier",
    "country",
    "region",
    "city",
    "dma",
    "language",
    "app_version",
    "productId",
    "revenueType",
    "idfa",
    "idfv",
    "adid",
    "library",
    "user_agent",
)
_NUMBERS: Final = ("price", "quantity", "revenue", "location_lat", "location_lng")


def faults_of(event: Any, min_id_length: int) -> Iterator[Fault]:
    """Everything that makes Amplitude refuse *event*."""
    if not isinstance(event, dict):
        yield "invalid", "event"
        return
    yield from _type_faults(event.get("event_type"))
    yield from _id_faults(event, min_id_length)
    yield from _field_faults(event)
    yield from _revenue_faults(event)
    yield from _group_faults(event)
    yield from _property_faults(event)


def _type_faults(event_type: Any) -> Iterator[Fault]:
    if not event_type:
        yield "missing", "event_type"
    elif not isinstance(event_type, str) or event_type.startswith("[Amplitude]") or event_type == "revenue_amount":
        yield "invalid", "event_type"


def _id_faults(event: dict[str, Any], min_id_length: int) -> Iterator[Fault]:
    """An id that is too short is taken out of the event; that is a fault only where none is left."""
    ids = {name: event[name] for name in ("user_id", "device_id") if event.get(name) is not None}
    if not ids:
        yield "missing", "user_id"
        return
    for name, value in ids.items():
        if not isinstance(value, str) or value.strip().lower() in NOBODY:
            yield "invalid", name
    if all(len(str(value)) < min_id_length for value in ids.values()):
        yield "short", "user_id"


def _field_faults(event: dict[str, Any]) -> Iterator[Fault]:
    time, session_id = event.get("time"), event.get("session_id")
    if time is not None and (not _is_integer(time) or time < 0):
        yield "invalid", "time"
    if session_id is not None and (not _is_integer(session_id) or session_id < -1):
        yield "invalid", "session_id"
    if "ip" in event and event["ip"] != "$remote":
        try:
            ip_address(event["ip"])
        except ValueError:
            yield "invalid", "ip"
    yield from (("invalid", name) for name in _TEXTS if name in event and not isinstance(event[name], str))
    yield from (("invalid", name) for name in _NUMBERS if name in event and not _is_number(event[name]))


def _revenue_faults(event: dict[str, Any]) -> Iterator[Fault]:
    has_money = "revenue" in event or "price" in event
    yield from (("invalid", name) for name in ("productId", "revenueType") if name in event and not has_money)
    if "currency" in event and not re.fullmatch("[A-Z]{3}", str(event["currency"])):
        yield "invalid", "currency"


def _group_faults(event: dict[str, Any]) -> Iterator[Fault]:
    groups = event.get("groups")
    if groups is None:
        if event.get("event_type") == "$groupidentify":
            yield "missing", "groups"
        return
    if not isinstance(groups, dict) or len(groups) > MAX_GROUP_TYPES:
        yield "invalid", "groups"
        return
    values = [value for held in groups.values() for value in (held if isinstance(held, list) else [held])]
    if len(values) > MAX_GROUPS or not all(isinstance(value, str) and value for value in values):
        yield "invalid", "groups"


def _property_faults(event: dict[str, Any]) -> Iterator[Fault]:
    """Operations go with ``$identify`` and ``$groupidentify``, and never beside plain names."""
    for name in ("event_properties", "user_properties", "group_properties"):
        properties = event.get(name, {})
        if not isinstance(properties, dict) or depth_of(properties) > MAX_DEPTH:
            yield "invalid", name
            continue
        operations = {key for key in properties if key.startswith("$")}
        takes_operations = (event.get("event_type"), name) in (
            ("$identify", "user_properties"),
            ("$groupidentify", "group_properties"),
        )
        are_alone = operations <= OPERATIONS and operations == properties.keys()
        sizes = [len(properties[key]) for key in operations - {"$clearAll"} if isinstance(properties[key], dict)]
        are_objects = len(sizes) == len(operations - {"$clearAll"})
        is_too_large = name == "group_properties" and sum(sizes) > MAX_GROUP_PROPERTIES
        if operations and not (takes_operations and are_alone and are_objects and not is_too_large):
            yield "invalid", name


def depth_of(value: Any) -> int:
    """Levels of objects and lists."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(item) for item in inner), default=0)


def cut(value: Any) -> Any:
    """As it is kept: texts cut to 1024 characters."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    return [cut(item) for item in value] if isinstance(value, list) else value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
