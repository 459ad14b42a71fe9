"""What Klaviyo refuses of profiles and events.

Source: facts/vendors/klaviyo.md sections 3 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

MAX_PROFILE_BYTES = 100_000
MAX_EVENT_BYTES = 5_000_000
MAX_FIELD_BYTES = 100_000
MAX_PROPERTIES = 400
MAX_ITEMS = 4_000
MAX_DEPTH = 10
IDS = ("email", "phone_number", "external_id")

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_TEXTS = ("external_id", "first_name", "last_name", "organization", "title", "image", "locale")
_LOCATION = ("address1", "address2", "city", "country", "region", "zip", "timezone", "ip", "latitude", "longitude")
_ATTRIBUTES = frozenset({*IDS, *_TEXTS, "_kx", "location", "properties"})
_EVENT_ATTRIBUTES = frozenset(
    {"metric", "profile", "properties", "time", "value", "value_currency", "unique_id", "backfill"}
)

Fault = tuple[str, str]
"""Pointer below the attributes, and what is wrong."""


def attributes_of(resource: Any, type: str) -> dict[str, Any] | None:
    """The attributes of a JSON:API resource of *type*; None where it is none."""
    if not isinstance(resource, dict) or resource.get("type") != type:
        return None
    attributes = resource.get("attributes")
    return attributes if isinstance(attributes, dict) else None


def data_of(document: Any) -> Any:
    return document.get("data") if isinstance(document, dict) else None


def check_profile(attributes: dict[str, Any], allow_anonymous: bool = False) -> Iterator[Fault]:
    """*allow_anonymous*: inside events a profile may have an ``anonymous_id``, elsewhere it is no attribute."""
    known = _ATTRIBUTES | ({"anonymous_id"} if allow_anonymous else set())
    ids = (*IDS, "_kx", *(("anonymous_id",) if allow_anonymous else ()))
    if not any(attributes.get(name) for name in ids):
        yield "", "At least one identifier is required."
    for name in attributes.keys() - known:
        yield f"/{name}", f"'{name}' is not a valid field."
    if len(orjson.dumps(attributes)) > MAX_PROFILE_BYTES:
        yield "", "Payload too large: a profile may have 100 KB."
    for name in _TEXTS:
        if not isinstance(attributes.get(name, ""), str | None):
            yield f"/{name}", "Not a valid string."
    yield from _check_ids(attributes)
    locale = attributes.get("locale")
    if isinstance(locale, str) and not _LOCALE.fullmatch(locale):
        yield "/locale", "Not a valid locale."
    yield from _check_location(attributes.get("location"))
    yield from _check_properties(attributes.get("properties", {}))


def _check_ids(attributes: dict[str, Any]) -> Iterator[Fault]:
    email, phone, external_id = (attributes.get(name) for name in ("email", "phone_number", "external_id"))
    if email is not None and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        yield "/email", "Invalid email address"
    if phone is not None and not (isinstance(phone, str) and _E164.fullmatch(phone)):
        yield "/phone_number", "Invalid phone number format (Example of a valid format: +12345678901)"
    if isinstance(external_id, str) and len(external_id) > 255:
        yield "/external_id", "Ensure this field has no more than 255 characters."


def _check_location(location: Any) -> Iterator[Fault]:
    if location is None:
        return
    if not isinstance(location, dict):
        yield "/location", "Not a valid object."
        return
    for name, value in location.items():
        if name not in _LOCATION:
            yield f"/location/{name}", f"'{name}' is not a valid field."
        elif not isinstance(value, str | None):
            yield f"/location/{name}", "Not a valid string."


def _check_properties(properties: Any) -> Iterator[Fault]:
    if not isinstance(properties, dict):
        yield "/properties", "Not a valid object."
        return
    for name, value in properties.items():
        if name.startswith("$"):
            yield f"/properties/{name}", "This name is reserved."
        elif problem := _check_value(value, 1):
            yield f"/properties/{name}", problem


def _check_value(value: Any, depth: int) -> str:
    if isinstance(value, str) and len(value.encode()) > MAX_FIELD_BYTES:
        return "A string may have 100 KB."
    if not isinstance(value, dict | list):
        return ""
    if depth > MAX_DEPTH:
        return "Nested deeper than 10 levels."
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        return "A list may have 4000 items."
    items = value.values() if isinstance(value, dict) else value
    return next((problem for item in items if (problem := _check_value(item, depth + 1))), "")


def check_event(attributes: dict[str, Any], now: datetime) -> Iterator[Fault]:
    """An event, without the profile it is of."""
    for unknown in attributes.keys() - _EVENT_ATTRIBUTES:
        yield f"/{unknown}", f"'{unknown}' is not a valid field."
    metric = attributes_of(data_of(attributes.get("metric")), "metric") or {}
    name = metric.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) >= 128:
        yield "/metric/data/attributes/name", "A metric's name has 1 to 127 characters."
    properties = attributes.get("properties")
    if not isinstance(properties, dict):
        yield "/properties", "This field is required."
    elif len(properties) > MAX_PROPERTIES:
        yield "/properties", "An event may have 400 properties."
    else:
        yield from _check_properties(properties)
    if len(orjson.dumps(attributes)) > MAX_EVENT_BYTES:
        yield "", "Payload too large: an event may have 5 MB."
    yield from _check_about(attributes, now)


def _check_about(attributes: dict[str, Any], now: datetime) -> Iterator[Fault]:
    value, currency, unique_id = (attributes.get(name) for name in ("value", "value_currency", "unique_id"))
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield "/value", "A valid number is required."
    if currency is not None and not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        yield "/value_currency", "Not an ISO 4217 code."
    if unique_id is not None and not isinstance(unique_id, str):
        yield "/unique_id", "Not a valid string."
    moment = read_time(attributes.get("time"))
    if "time" in attributes and (moment is None or moment.year <= 1990 or moment > now + timedelta(days=365)):
        yield "/time", "Not a time after 1990 and within a year from now."


def read_time(text: Any) -> datetime | None:
    """In UTC, cut to seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
