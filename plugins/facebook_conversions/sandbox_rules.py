"""What Meta checks in an event. Pure; used by the sandbox alone.

Written from facts/vendors/facebook-conversions-api.md sections 3 to 7 and from Meta's pages on app data, not from the mapper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final

TOO_OLD: Final = 2804003
BAD_PARAMETER: Final = 2804001

HASHED_KEYS: Final = ("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country")
PLAIN_KEYS: Final = ("external_id", "client_ip_address", "client_user_agent", "fbp", "fbc", "madid")
BROAD: Final = ("ct country st zp ge client_user_agent", "db client_user_agent", "fn ge", "ln ge")
SOURCES: Final = (
    *("email", "website", "app", "phone_call", "chat"),
    *("physical_store", "system_generated", "business_messaging", "other"),
)
_DAY_S: Final = 86_400

Fault = tuple[int, str]
"""The error's subcode, and what is said of it."""


def faults_of(event: Any, now_s: float | None) -> Iterator[Fault]:
    """Everything that makes Meta refuse *event* and all that came with it. Without *now_s* its age is not looked at."""
    if not isinstance(event, dict):
        yield BAD_PARAMETER, "data must hold objects"
        return
    name = event.get("event_name")
    if not isinstance(name, str) or not name:
        yield BAD_PARAMETER, "event_name is missing"
    if event.get("action_source") not in SOURCES:
        yield BAD_PARAMETER, "action_source is missing or none that is known"
    yield from _time_faults(event, now_s)
    yield from _source_faults(event)
    yield from _user_faults(event.get("user_data"))
    yield from _data_faults(name, event.get("custom_data", {}))


def _time_faults(event: dict[str, Any], now_s: float | None) -> Iterator[Fault]:
    time = event.get("event_time")
    if not isinstance(time, int) or isinstance(time, bool):
        yield BAD_PARAMETER, "event_time must be Unix seconds"
    elif now_s is not None:
        days = 62 if event.get("action_source") == "physical_store" else 7
        if time < now_s - days * _DAY_S:
            yield TOO_OLD, "event_time is too far in the past"
        if time > now_s + 60:
            yield BAD_PARAMETER, "event_time is in the future"


def _source_faults(event: dict[str, Any]) -> Iterator[Fault]:
    user = event.get("user_data")
    if event.get("action_source") == "website":
        if not isinstance(user, dict) or not user.get("client_user_agent"):
            yield BAD_PARAMETER, "a website event needs client_user_agent"
        if not str(event.get("event_source_url", "")).startswith(("http://", "https://")):
            yield BAD_PARAMETER, "a website event needs event_source_url"
    if event.get("action_source") == "app":
        app = event["app_data"] if isinstance(event.get("app_data"), dict) else {}
        extinfo = app.get("extinfo", [])
        is_whole = isinstance(extinfo, list) and len(extinfo) == 16 and all(isinstance(each, str) for each in extinfo)
        if not is_whole or extinfo[0] not in ("a2", "i2") or not extinfo[4]:
            yield BAD_PARAMETER, "an app event needs app_data.extinfo: 16 texts, version and OS version among them"
        elif any(app.get(f"{who}_tracking_enabled") not in (0, 1) for who in ("advertiser", "application")):
            yield BAD_PARAMETER, "an app event needs advertiser_tracking_enabled and application_tracking_enabled"


def _user_faults(user: Any) -> Iterator[Fault]:
    if not isinstance(user, dict) or not user:
        yield BAD_PARAMETER, "user_data is missing"
        return
    yield from ((BAD_PARAMETER, f"user_data.{key} is unknown") for key in user if key not in HASHED_KEYS + PLAIN_KEYS)
    for key in HASHED_KEYS:
        values = user[key] if isinstance(user.get(key), list) else [user[key]] if key in user else []
        if not all(isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) for value in values):
            yield BAD_PARAMETER, f"user_data.{key} must be hashed"
    try:
        ip_address(user.get("client_ip_address", "127.0.0.1"))
    except ValueError:
        yield BAD_PARAMETER, "user_data.client_ip_address is no address"
    if any(user.keys() <= set(combination.split()) for combination in BROAD):
        yield BAD_PARAMETER, "user_data has not enough to find a person by"


def _data_faults(name: Any, data: Any) -> Iterator[Fault]:
    if not isinstance(data, dict):
        yield BAD_PARAMETER, "custom_data must be an object"
        return
    if "currency" in data and not re.fullmatch("[A-Z]{3}", str(data["currency"])):
        yield BAD_PARAMETER, "currency must be an ISO 4217 code"
    if "value" in data and (not isinstance(data["value"], int | float) or isinstance(data["value"], bool)):
        yield BAD_PARAMETER, "value must be a number"
    if name == "Purchase" and not {"value", "currency"} <= data.keys():
        yield BAD_PARAMETER, "a Purchase needs value and currency"
    contents = data.get("contents", [])
    if not isinstance(contents, list) or not all(isinstance(item, dict) and item.get("id") for item in contents):
        yield BAD_PARAMETER, "contents must be a list of products with an id"
    for key, value in data.items():
        is_nested = isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
        )
        if is_nested and key != "contents":
            yield BAD_PARAMETER, f"custom_data.{key} must not be nested"
        if isinstance(value, str) and re.search(r"[^\s/@]@(?![0-9]x\.)[^\s@/?#&=]+\.[^\W\d_]{2}", value):
            yield BAD_PARAMETER, f"custom_data.{key} looks like personal information"
