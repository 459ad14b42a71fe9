"""Settings that the tests share, and how they read what a call becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.activecampaign import PLUGIN
from plugins.activecampaign.settings import Settings
from router.destination import Mapped
from router.plugin import Document, Event
from router.testing import Rehearsal, make_event

MINIMAL: Final[Mapping[str, Any]] = {"account_url": "https://engine.api-us1.com", "api_key": "key-of-a-test"}
FIELDS: Final[Mapping[str, str]] = {
    "address": "1",
    "address.city": "2",
    "age": "3:number",
    "avatar": "4",
    "birthday": "5:date",
    "company": "6",
    "company.employee_count": "7:number",
    "createdAt": "8:datetime",
    "description": "9",
    "gender": "10",
    "id": "11",
    "title": "12",
    "username": "13",
    "website": "14",
    "plan": "15",
    "userId": "16",
}
"""One for each reserved trait that a contact has no field for, a custom trait, and the userId."""
GROUP_FIELDS: Final[Mapping[str, str]] = {
    "address": "20",
    "avatar": "21",
    "createdAt": "22:date",
    "description": "23",
    "email": "24",
    "employees": "25:number",
    "id": "26",
    "industry": "27",
    "phone": "28",
    "plan": "29",
    "regionCode": "30",
    "groupId": "31",
}
WITH_FIELDS: Final[Mapping[str, Any]] = {"fields": FIELDS, "group_fields": GROUP_FIELDS, "company_accounts": True}
EVENTS: Final[Mapping[str, Any]] = {
    "Order Completed": {
        "tags": ["customer"],
        "fields": {"revenue": "Order value:number", "timestamp": "41:datetime", "sizes": "42:list"},
    },
    "Viewed Pricing Page": {"tags": ["saw pricing"]},
    "Loaded a Page": {"tags": ["visitor"]},
    "Viewed Home Screen": {"tags": ["uses the app"]},
    "Left": {"fields": {"reason": "43"}},
}
TRACKING: Final[Mapping[str, Any]] = {"actid": "25000001", "event_key": "event-key-of-a-test"}
EMAIL: Final = "ada.lovelace@example.org"


def make_settings(**settings: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **settings})


def map_event(event: Event, **settings: Any) -> list[Mapped]:
    """What each action on its type makes of it."""
    return Rehearsal(PLUGIN, make_settings(**settings)).map(event)


def body_of(event: Event, **settings: Any) -> Document:
    """The one payload that comes of it."""
    [payload] = [payload for mapped in map_event(event, **settings) for payload in mapped.payloads]
    return dict(payload.body)


def skips_of(event: Event, **settings: Any) -> str:
    """Why nothing comes of it."""
    mapped = map_event(event, **settings)
    assert not any(each.payloads for each in mapped)
    return "; ".join(each.skipped for each in mapped)


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits={"email": EMAIL, **traits})


def group(**traits: Any) -> Event:
    who = {"traits": {"email": "Ada.Lovelace@example.org"}}
    return make_event("group", userId="u-17", groupId="g-1", traits=traits, context=who)


def track(event: str = "Order Completed", **fields: Any) -> Event:
    return make_event("track", **{"userId": EMAIL, "event": event, **fields})
