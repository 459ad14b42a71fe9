"""What Iterable checks in users, events, purchases and carts. Pure; used by the sandbox alone.

Written from facts/vendors/iterable.md sections 3 to 7, not from the mapper. A check returns the code of the refusal, "" for
what is good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

MAX_ID_BYTES: Final = 512
MAX_PROFILE_FIELDS: Final = 1_000
MAX_EVENT_FIELDS: Final = 8_000
FIRST_MILLISECOND_VALUE: Final = 100_000_000_000
SUBSCRIPTION_FIELDS: Final = (
    "emailListIds",
    "subscribedMessageTypeIds",
    "unsubscribedChannelIds",
    "unsubscribedMessageTypeIds",
)
SYSTEM_FIELDS: Final = frozenset(
    {
        "browserTokens",
        "devices",
        "itblInternal",
        "itblUserId",
        "phoneNumberDetails",
        "profileUpdatedAt",
        "receivedSMSDisclaimer",
        "shoppingCartItems",
        "signupDate",
        "signupSource",
    }
)

_USER_ID = re.compile(r"[ -~]*[!-~]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2} [+-]\d{2}:\d{2})?")
_PLATFORMS = ("APNS", "APNS_SANDBOX", "GCM")

Who = tuple[str, str]
"""``("userId", "u-17")`` or ``("email", …)``."""


def who_of(item: Any) -> Who | None:
    """The one id that names a user; None for none or both."""
    if not isinstance(item, dict):
        return None
    named = [(name, item[name]) for name in ("userId", "email") if item.get(name) is not None]
    return named[0] if len(named) == 1 and isinstance(named[0][1], str) else None


def check_who(who: Who) -> str:
    kind, id = who
    if kind == "email":
        return "" if _EMAIL.fullmatch(id) else "InvalidEmailAddressError"
    return "" if _USER_ID.fullmatch(id) else "InvalidUserIdError"


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if _DATE.fullmatch(value) else "string"
    return "list" if isinstance(value, list) else "object"


def fields_of(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each field with its type; the fields of an object by their dotted paths. A null has no type."""
    for name, value in data.items():
        path = prefix + name
        if value is None:
            continue
        yield path, type_of(value)
        if isinstance(value, dict):
            yield from fields_of(value, path + ".")


def check_data(data: Any, schema: dict[str, str], most: int) -> str:
    """Against the types that fields have already."""
    if not isinstance(data, dict):
        return "BadParams"
    fields = dict(fields_of(data))
    if any(schema.get(path, kind) != kind for path, kind in fields.items()):
        return "RequestFieldsTypesMismatched"
    return "UniqueFieldsLimitExceeded" if len(schema.keys() | fields.keys()) > most else ""


def check_profile(data: Any, schema: dict[str, str]) -> str:
    if isinstance(data, dict):
        phone = data.get("phoneNumber")
        if phone is not None and (not isinstance(phone, str) or not _PHONE.fullmatch(phone)):
            return "BadParams"
        if not SYSTEM_FIELDS.isdisjoint(data):
            return "BadParams"
    return check_data(data, schema, MAX_PROFILE_FIELDS)


def check_event(item: dict[str, Any], schema: dict[str, str]) -> str:
    name, id = item.get("eventName"), item.get("id", "")
    if not isinstance(name, str) or not name.strip() or not isinstance(id, str) or len(id.encode()) > MAX_ID_BYTES:
        return "BadParams"
    if not _is_seconds(item.get("createdAt")) or not _are_integers(item, "campaignId", "templateId"):
        return "BadParams"
    return check_data(item.get("dataFields", {}), schema, MAX_EVENT_FIELDS)


def check_purchase(item: dict[str, Any]) -> str:
    id = item.get("id", "")
    if not isinstance(id, str) or len(id.encode()) > MAX_ID_BYTES or not _is_number(item.get("total")):
        return "BadParams"
    if not _is_seconds(item.get("createdAt")) or not _are_integers(item, "campaignId", "templateId"):
        return "BadParams"
    return check_items(item.get("items"))


def check_items(items: Any) -> str:
    return "" if isinstance(items, list) and items and all(map(_is_item, items)) else "BadParams"


def check_device(item: dict[str, Any]) -> str:
    device = item.get("device")
    if not isinstance(device, dict) or device.get("platform") not in _PLATFORMS:
        return "BadParams"
    texts = [device.get("token"), device.get("applicationName")]
    return "" if all(isinstance(text, str) and text for text in texts) else "BadParams"


def merged(held: dict[str, Any], data: dict[str, Any], nested: bool) -> dict[str, Any]:
    """The profile after an update: null clears, an object replaces the one there or, with *nested*, adds to it."""
    result = dict(held)
    for name, value in data.items():
        if value is None:
            result.pop(name, None)
        elif nested and isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value, nested)
        else:
            result[name] = value
    return result


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) and item[name] for name in ("id", "name")):
        return False
    quantity = item.get("quantity")
    return _is_number(item.get("price")) and isinstance(quantity, int) and not isinstance(quantity, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_seconds(value: Any) -> bool:
    """Seconds since the epoch, and no milliseconds."""
    return value is None or (_are_integers({"n": value}, "n") and abs(value) < FIRST_MILLISECOND_VALUE)


def _are_integers(item: dict[str, Any], *names: str) -> bool:
    return all(isinstance(item.get(name, 0), int) and not isinstance(item.get(name), bool) for name in names)
