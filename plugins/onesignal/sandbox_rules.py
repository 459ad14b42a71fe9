"""What OneSignal checks in users and custom events. Pure; used by the sandbox alone.

Written from facts/vendors/onesignal.md sections 3 to 6, not from the mapper. A check returns what is wrong, "" where
nothing is.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

MAX_EVENT_BYTES: Final = 2_024
MAX_EVENT_NAME: Final = 128
MAX_SUBSCRIPTIONS: Final = 20
MAX_CHANGES: Final = 100

_RESERVED = (
    *("app", "custom_data", "data_feed", "dynamic_content", "journey", "message"),
    *("notification", "org", "subscription", "template", "user"),
)
_TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")


def check_identity(identity: Any) -> str:
    if not isinstance(identity, dict) or not identity:
        return "identity must name the user"
    good = all(isinstance(value, str) and value and label for label, value in identity.items())
    return "" if good else "an alias must be a non-empty string"


def check_properties(properties: Any) -> str:
    if not isinstance(properties, dict):
        return "properties must be an object"
    for name, value in properties.items():
        if name not in _PROPERTY_CHECKS:
            return f"unknown property {name}"
        if not _PROPERTY_CHECKS[name](value):
            return f"{name} is not valid"
    tags = properties.get("tags", {})
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name) or name in _RESERVED:
            return f"{name} is no name for a tag"
        if not isinstance(value, str):
            return f"the tag {name} must be a string"
    return "more than 100 changes" if len(properties) + len(tags) > MAX_CHANGES else ""


def check_subscriptions(subscriptions: Any) -> str:
    if not isinstance(subscriptions, list) or len(subscriptions) > MAX_SUBSCRIPTIONS:
        return "subscriptions must be a list of at most 20"
    for each in subscriptions:
        kind, token = (each.get("type"), each.get("token")) if isinstance(each, dict) else (None, None)
        pattern = {"Email": _EMAIL, "SMS": _PHONE}.get(str(kind))
        if pattern is None or not isinstance(token, str) or not pattern.fullmatch(token):
            return "a subscription is not valid"
    return ""


def check_event(event: Any) -> str:
    """What refuses a whole request of events."""
    if not isinstance(event, dict) or not isinstance(event.get("name"), str) or not event["name"]:
        return "name is required"
    if len(event["name"]) > MAX_EVENT_NAME:
        return "name is longer than 128 characters"
    if size(event) > MAX_EVENT_BYTES:
        return "an event is larger than 2024 bytes"
    who = event.get("external_id", event.get("onesignal_id"))
    if not isinstance(who, str) or not who:
        return "external_id or onesignal_id is required"
    key = event.get("idempotency_key")
    if key is not None and (not isinstance(key, str) or not _UUID.fullmatch(key)):
        return "idempotency_key must be a UUID"
    if not _is_time(event.get("timestamp")):
        return "timestamp must be an ISO 8601 date"
    return "" if isinstance(event.get("properties", {}), dict) else "properties must be an object"


def _is_time(value: Any) -> bool:
    try:
        return value is None or (isinstance(value, str) and datetime.fromisoformat(value) is not None)
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_two_letters(value: Any) -> bool:
    return isinstance(value, str) and _TWO_LETTERS.fullmatch(value) is not None


_PROPERTY_CHECKS: Final[dict[str, Any]] = {
    "tags": lambda value: isinstance(value, dict),
    "language": _is_two_letters,
    "country": _is_two_letters,
    "timezone_id": _is_text,
    "ip": _is_text,
    "lat": _is_number,
    "long": _is_number,
    "first_active": _is_number,
    "last_active": _is_number,
}


def size(value: Any) -> int:
    """Bytes of *value* as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
