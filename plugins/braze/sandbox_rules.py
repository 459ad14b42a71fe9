"""What Braze checks in the objects of /users/track, /users/identify and /users/merge. Pure; used by the sandbox alone.

Written from facts/vendors/braze.md sections 3 to 6, not from the mapper. Each check returns the vendor's words, "" for a good
object.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any, Final

MAX_ITEM_BYTES: Final = 100_000
MAX_PROPERTIES_BYTES: Final = 50_000
MAX_TEXT: Final = 255
LIST_LENGTH: Final = 25
ARRAYS: Final = ("attributes", "events", "purchases")
IDENTIFIERS: Final = ("external_id", "user_alias", "braze_id", "email", "phone")
SUBSCRIPTIONS: Final = ("opted_in", "subscribed", "unsubscribed")

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_URL = re.compile(r"https?://[^\s/]+.*", re.DOTALL)
_TEXTS = ("first_name", "last_name", "home_city", "time_zone")
_SWITCHES = ("email_open_tracking_disabled", "email_click_tracking_disabled")
_TIMES = ("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")
_SHOP_TEXTS = ("order_id", "cart_id", "currency", "source")
_PRODUCT_FIELDS = frozenset(
    {"product_id", "product_name", "variant_id", "quantity", "price", "image_url", "product_url", "metadata"}
)
_SHOP_FIELDS = frozenset(
    {
        "action",
        "cart_id",
        "currency",
        "discounts",
        "order_id",
        "products",
        "shipping",
        "source",
        "subtotal_value",
        "tax",
        "total_discounts",
        "total_value",
    }
)


def check_alias(value: Any) -> str:
    if not isinstance(value, dict) or set(value) != {"alias_name", "alias_label"}:
        return "user_alias must be an object with alias_name and alias_label"
    if not all(isinstance(text, str) and text for text in value.values()):
        return "alias_name and alias_label must be non-empty strings"
    return ""


def check_identifier(item: dict[str, Any]) -> str:
    """One of the five, in its form. An email and a phone may also be attributes of somebody named otherwise."""
    names = [name for name in IDENTIFIERS if item.get(name) is not None]
    if not names:
        return "one of external_id, user_alias, braze_id, email or phone is required"
    if len([name for name in names if name in ("external_id", "user_alias", "braze_id")]) > 1:
        return "only one of external_id, user_alias and braze_id is allowed"
    if "user_alias" in names:
        return check_alias(item["user_alias"])
    name = names[0]
    return "" if isinstance(item[name], str) and item[name] else f"{name} must be a non-empty string"


def check_attributes(item: Any) -> str:
    """An object of ``attributes``."""
    if not isinstance(item, dict):
        return "must be an object"
    if _size(item) > MAX_ITEM_BYTES:
        return "the object is larger than 100 KB"
    fault = check_identifier(item)
    if fault:
        return fault
    for name, value in item.items():
        if not name.strip() or len(name) > MAX_TEXT or name.startswith("$"):
            return f"'{name[:40]}' is not a valid attribute name"
        if value is not None and name in _SPECIAL_CHECKS and not _SPECIAL_CHECKS[name](value):
            return f"'{name}' is not valid"
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return f"'{name}' is longer than 255 characters"
    return ""


def check_event(item: Any, array: str) -> str:
    """An object of ``events`` or ``purchases``."""
    if not isinstance(item, dict):
        return "must be an object"
    if _size(item) > MAX_ITEM_BYTES:
        return "the object is larger than 100 KB"
    if not is_time(item.get("time")):
        return "'time' must be an ISO 8601 date"
    if not isinstance(item.get("app_id", ""), str):
        return "'app_id' must be a string"
    fault = check_identifier(item)
    if fault:
        return fault
    return _check_purchase(item) if array == "purchases" else _check_custom_event(item)


def _check_custom_event(item: dict[str, Any]) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        return "'name' is required"
    if len(name) > MAX_TEXT:
        return "'name' is longer than 255 characters"
    properties = item.get("properties", {})
    if name.startswith("ecommerce."):
        return _check_shop_event(name, properties)
    return _check_properties(properties, MAX_PROPERTIES_BYTES)


def _check_purchase(item: dict[str, Any]) -> str:
    product, quantity = item.get("product_id"), item.get("quantity", 1)
    if not isinstance(product, str) or not 0 < len(product) <= MAX_TEXT:
        return "'product_id' is required, at most 255 characters"
    if not isinstance(item.get("currency"), str) or not _CURRENCY.fullmatch(item["currency"]):
        return "'currency' must be an ISO 4217 code"
    if not _is_number(item.get("price")):
        return "'price' must be a number"
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= 100:
        return "'quantity' must be 1 to 100"
    properties = item.get("properties", {})
    if isinstance(properties, dict) and not {"time", "event_name"}.isdisjoint(properties):
        return "a purchase property has a reserved name"
    return _check_properties(properties, MAX_PROPERTIES_BYTES)


def _check_properties(properties: Any, limit: int) -> str:
    if not isinstance(properties, dict):
        return "'properties' must be an object"
    if any(isinstance(value, dict | list) for value in properties.values()) and _size(properties) > limit:
        return "'properties' is larger than 50 KB"
    for name, value in properties.items():
        if not name.strip() or len(name) > MAX_TEXT or name.startswith("$"):
            return f"'{name[:40]}' is not a valid property name"
        if value is None:
            return f"property '{name}' has no value"
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return f"property '{name}' is longer than 255 characters"
    return ""


def _check_shop_event(name: str, properties: Any) -> str:
    """The schema of a recommended event."""
    fault = _check_properties(properties, MAX_ITEM_BYTES)
    if fault:
        return fault
    unknown = properties.keys() - _SHOP_FIELDS
    if unknown:
        return f"{name}: unknown properties {sorted(unknown)}"
    needed = {"cart_id"} if name in ("ecommerce.cart_updated", "ecommerce.checkout_started") else {"order_id"}
    missing = ({"total_value", "currency", "source", "products"} | needed) - properties.keys()
    if missing:
        return f"{name}: missing properties {sorted(missing)}"
    if name == "ecommerce.cart_updated" and properties.get("action") not in ("add", "remove", "replace"):
        return f"{name}: 'action' must be add, remove or replace"
    if not all(isinstance(properties[key], str) for key in _SHOP_TEXTS if key in properties):
        return f"{name}: a property has the wrong type"
    if not _is_number(properties["total_value"]):
        return f"{name}: 'total_value' must be a number"
    products = properties["products"]
    if not isinstance(products, list) or not products:
        return f"{name}: 'products' must be a list"
    return next((f"{name}: {fault}" for product in products if (fault := _check_product(product))), "")


def _check_product(product: Any) -> str:
    if not isinstance(product, dict) or not product.keys() <= _PRODUCT_FIELDS:
        return "a product has an unknown field"
    for key in ("product_id", "product_name", "variant_id"):
        if not isinstance(product.get(key), str):
            return f"a product without '{key}'"
    return "" if _is_number(product.get("price")) and isinstance(product.get("quantity"), int) else "a product's price"


def is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value) is not None and len(value) == len("1990-04-02")
    except ValueError:
        return False


def _is_location(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"longitude", "latitude"} and all(map(_is_number, value.values()))


def _matches(pattern: re.Pattern[str]) -> Any:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_SPECIAL_CHECKS: Final[dict[str, Any]] = {
    **dict.fromkeys(_TEXTS, lambda value: isinstance(value, str)),
    "email": lambda value: isinstance(value, str) and value == value.lower(),
    "phone": _matches(_PHONE),
    "gender": lambda value: value in ("M", "F", "O", "N", "P"),
    "dob": _is_date,
    "country": _matches(_COUNTRY),
    "language": _matches(_LANGUAGE),
    "image_url": _matches(_URL),
    "current_location": _is_location,
    "email_subscribe": lambda value: value in SUBSCRIPTIONS,
    "push_subscribe": lambda value: value in SUBSCRIPTIONS,
    **dict.fromkeys(_SWITCHES, lambda value: isinstance(value, bool)),
    **dict.fromkeys(_TIMES, is_time),
    "facebook": lambda value: isinstance(value, dict),
    "twitter": lambda value: isinstance(value, dict),
    "push_tokens": lambda value: isinstance(value, list),
    "subscription_groups": lambda value: isinstance(value, list),
}


def written(item: dict[str, Any]) -> dict[str, Any]:
    """What an object of ``attributes`` writes, None for what it clears: lists are cut to 25 values, each once; one null in a
    nested object costs all nested ones; ``bio`` is dropped."""
    values = {
        name: value
        for name, value in item.items()
        if name not in ("external_id", "user_alias", "braze_id", "bio") and not name.startswith("_")
    }
    if any(isinstance(value, dict) and _has_null(value) for value in values.values()):
        values = {name: value for name, value in values.items() if not isinstance(value, dict)}
    return {name: _unique(value) if isinstance(value, list) else value for name, value in values.items()}


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    if isinstance(value, list):
        return any(map(_has_null, value))
    return value is None


def _unique(values: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept[:LIST_LENGTH]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(value: Any) -> int:
    """Bytes of *value* as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
