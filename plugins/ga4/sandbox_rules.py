"""What Google checks in a request. Pure; used by the sandbox alone.

Written from facts/vendors/ga4.md sections 3 to 7, not from the mapper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple


class Fault(NamedTuple):
    """As the validation address words it."""

    path: str
    code: str
    description: str


MAX_EVENTS: Final = 25
MAX_PARAMS: Final = 25
MAX_PROPERTIES: Final = 25
MAX_ITEMS: Final = 200
MAX_OWN_ITEM_PARAMS: Final = 10
TEXTS: Final = {"page_title": 300, "page_referrer": 420, "page_location": 1000}

_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
_TWO_NUMBERS = re.compile(r"[1-9]\d*\.[1-9]\d*")
_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
_EVENTS: Final = frozenset(
    [
        "ad_activeview",
        "ad_click",
        "ad_exposure",
        "ad_impression",
        "ad_query",
        "adunit_exposure",
        "app_clear_data",
        "app_install",
        "app_remove",
        "app_store_refund",
        "app_store_subscription_cancel",
        "app_store_subscription_renew",
        "app_update",
        "error",
        "first_open",
        "first_visit",
        "in_app_purchase",
        "notification_dismiss",
        "notification_foreground",
        "notification_open",
        "notification_receive",
        "os_update",
        "screen_view",
        "session_start",
        "user_engagement",
    ]
)
_PROPERTIES: Final = frozenset(
    [
        "first_open_time",
        "first_visit_time",
        "last_deep_link_referrer",
        "user_id",
        "first_open_after_install",
        "cid",
        "customer_id",
        "customerid",
        "sid",
        "uid",
        "userid",
    ]
)
_ITEM: Final = frozenset(
    [
        "item_id",
        "item_name",
        "item_brand",
        "item_category",
        "item_category2",
        "item_category3",
        "item_category4",
        "item_category5",
        "item_variant",
        "price",
        "quantity",
        "coupon",
        "index",
        "affiliation",
        "discount",
    ]
)


def faults_of_request(body: Any, is_app: bool, is_strict: bool) -> Iterator[Fault]:
    """What costs a whole request."""
    if not isinstance(body, dict):
        yield Fault("", "VALUE_INVALID", "the body is no JSON object")
        return
    yield from _faults_of_ids(body, is_app, is_strict)
    events = body.get("events")
    if not isinstance(events, list) or not events:
        yield Fault("events", "VALUE_REQUIRED", "at least one event is needed")
    elif len(events) > MAX_EVENTS:
        yield Fault("events", "EXCEEDED_MAX_ENTITIES", f"more than {MAX_EVENTS} events")
    yield from _faults_of_properties(body.get("user_properties", {}))
    yield from _faults_of_person(body)


def _faults_of_ids(body: dict[str, Any], is_app: bool, is_strict: bool) -> Iterator[Fault]:
    if is_app:
        if not re.fullmatch("[0-9a-fA-F]{32}", str(body.get("app_instance_id", ""))):
            yield Fault("app_instance_id", "VALUE_INVALID", "expected 32 hex characters")
    elif not isinstance(body.get("client_id"), str) or not body["client_id"]:
        yield Fault("client_id", "VALUE_REQUIRED", "client_id is needed")
    elif is_strict and not _TWO_NUMBERS.fullmatch(body["client_id"]):
        yield Fault("client_id", "VALUE_INVALID", "expected two positive numbers with a period between them")
    user_id = body.get("user_id", "u")
    if not isinstance(user_id, str) or not 1 <= len(user_id) <= 256:
        yield Fault("user_id", "VALUE_INVALID", "expected at most 256 characters")


def _faults_of_properties(properties: Any) -> Iterator[Fault]:
    if not isinstance(properties, dict):
        yield Fault("user_properties", "VALUE_INVALID", "expected an object")
        return
    if len(properties) > MAX_PROPERTIES:
        yield Fault("user_properties", "EXCEEDED_MAX_ENTITIES", f"more than {MAX_PROPERTIES} properties")
    for name, value in properties.items():
        path = f"user_properties.{name}"
        if name in _PROPERTIES or name.startswith(_PREFIXES):
            yield Fault(path, "NAME_RESERVED", "the name is reserved")
        elif not _NAME.fullmatch(name) or len(name) > 24:
            yield Fault(path, "NAME_INVALID", "expected at most 24 letters, digits and _")
        held = value.get("value") if isinstance(value, dict) else None
        if not isinstance(held, str | int | float):
            yield Fault(path, "VALUE_INVALID", "expected a value that is text, a number or a boolean")
        elif len(str(held)) > 36:
            yield Fault(path, "VALUE_OUT_OF_BOUNDS", "more than 36 characters")


def _faults_of_person(body: dict[str, Any]) -> Iterator[Fault]:
    for name, value in body.get("consent", {}).items():
        if name not in ("ad_user_data", "ad_personalization") or value not in ("GRANTED", "DENIED"):
            yield Fault(f"consent.{name}", "VALUE_INVALID", "expected GRANTED or DENIED")
    place = body.get("user_location", {})
    if not re.fullmatch("[A-Z]{2}", place.get("country_id", "PT")):
        yield Fault("user_location.country_id", "VALUE_INVALID", "expected ISO alpha-2")
    if not re.fullmatch("[A-Z]{2}-[A-Z0-9]{1,3}", place.get("region_id", "PT-13")):
        yield Fault("user_location.region_id", "VALUE_INVALID", "expected ISO 3166-2")
    data = body.get("user_data", {})
    hashes = [*data.get("sha256_email_address", []), *data.get("sha256_phone_number", [])]
    for address in data.get("address", []):
        hashes += [value for name, value in address.items() if name.startswith("sha256_")]
    if not all(re.fullmatch("[0-9a-f]{64}", str(value)) for value in hashes):
        yield Fault("user_data", "VALUE_INVALID", "expected SHA-256 in hex")


def faults_of_event(event: Any) -> Iterator[Fault]:
    """What costs one event."""
    if not isinstance(event, dict) or not event.get("name"):
        yield Fault("events.name", "VALUE_REQUIRED", "an event needs a name")
        return
    name = event["name"]
    if name in _EVENTS or str(name).startswith(_PREFIXES):
        yield Fault("events.name", "NAME_RESERVED", f"{name} is reserved")
    elif not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 40:
        yield Fault("events.name", "NAME_INVALID", "expected at most 40 letters, digits and _, a letter first")
    if not isinstance(event.get("timestamp_micros", 0), int):
        yield Fault("events.timestamp_micros", "VALUE_INVALID", "expected whole microseconds")
    params = event.get("params", {})
    if not isinstance(params, dict):
        yield Fault("events.params", "VALUE_INVALID", "expected an object")
        return
    if len(params) > MAX_PARAMS:
        yield Fault("events.params", "EXCEEDED_MAX_ENTITIES", f"more than {MAX_PARAMS} parameters")
    for key, value in params.items():
        yield from _faults_of_items(value) if key == "items" else _faults_of_param(f"events.params.{key}", key, value)
    if "value" in params and not re.fullmatch("[A-Z]{3}", str(params.get("currency"))):
        yield Fault("events.params.currency", "VALUE_REQUIRED", "a value needs a currency by ISO 4217")


def _faults_of_param(path: str, name: str, value: Any) -> Iterator[Fault]:
    if name.startswith(_PREFIXES) or name == "firebase_conversion":
        yield Fault(path, "NAME_RESERVED", f"{name} is reserved")
    elif not _NAME.fullmatch(name) or len(name) > 40:
        yield Fault(path, "NAME_INVALID", "expected at most 40 letters, digits and _, a letter first")
    if not isinstance(value, str | int | float):
        yield Fault(path, "VALUE_INVALID", "expected text, a number or a boolean")
    elif isinstance(value, str) and len(value) > TEXTS.get(name, 100):
        yield Fault(path, "VALUE_OUT_OF_BOUNDS", f"more than {TEXTS.get(name, 100)} characters")


def _faults_of_items(items: Any) -> Iterator[Fault]:
    path = "events.params.items"
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        yield Fault(path, "VALUE_INVALID", "expected a list of objects")
        return
    if len(items) > MAX_ITEMS:
        yield Fault(path, "EXCEEDED_MAX_ENTITIES", f"more than {MAX_ITEMS} items")
    for item in items:
        if not item.get("item_id") and not item.get("item_name"):
            yield Fault(path, "VALUE_REQUIRED", "item_id or item_name is needed")
        if len(item.keys() - _ITEM) > MAX_OWN_ITEM_PARAMS:
            yield Fault(path, "EXCEEDED_MAX_ENTITIES", f"more than {MAX_OWN_ITEM_PARAMS} parameters of an item's own")
        for key, value in item.items():
            yield from _faults_of_param(f"{path}.{key}", key, value)
