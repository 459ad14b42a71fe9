"""Settings that the tests share, and how they read what a call becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.mailchimp import PLUGIN
from plugins.mailchimp.settings import Settings
from router.destination import Mapped
from router.plugin import Document, Event
from router.testing import Rehearsal, make_event

MINIMAL: Final[Mapping[str, Any]] = {"api_key": "key-of-a-test-us21", "audience_id": "a1b2c3"}
MERGE_FIELDS: Final[Mapping[str, str]] = {
    "age": "AGE:number",
    "avatar": "AVATAR:imageurl",
    "company.employee_count": "COSIZE:number",
    "createdAt": "SINCE:date",
    "description": "ABOUT",
    "gender": "GENDER",
    "id": "USERID",
    "title": "TITLE",
    "username": "USERNAME",
    "website": "WEBSITE:url",
    "plan": "PLAN",
}
"""One for each reserved trait that an audience has no field for from the start, and a custom trait."""
GROUP_FIELDS: Final[Mapping[str, str]] = {
    "address": "COADDRESS:address",
    "avatar": "COAVATAR:imageurl",
    "createdAt": "COSINCE:date",
    "description": "COABOUT",
    "email": "COEMAIL",
    "employees": "COSIZE:number",
    "id": "COID",
    "industry": "COINDUSTRY",
    "name": "COMPANY",
    "phone": "COPHONE",
    "plan": "COPLAN",
    "website": "COWEBSITE:url",
    "regionCode": "COREGION",
}
WITH_FIELDS: Final[Mapping[str, Any]] = {"merge_fields": MERGE_FIELDS, "group_fields": GROUP_FIELDS}
EMAIL: Final = "ada.lovelace@example.org"
MEMBER: Final = "a0897f0967cd4affeb515028a3447d04"
"""The MD5 of that email, as the sheet has it."""


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


def member_of(event: Event, **settings: Any) -> Document:
    """The member that it becomes, less what every one has."""
    member = dict(body_of(event, **settings)["member"])
    assert member.pop("email_address") == EMAIL
    assert member.pop("status_if_new")
    return member


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits={"email": EMAIL, **traits})


def group(**traits: Any) -> Event:
    who = {"traits": {"email": "Ada.Lovelace@example.org"}}
    return make_event("group", userId="u-17", groupId="g-1", traits=traits, context=who)


def track(event: str = "Order Completed", **fields: Any) -> Event:
    return make_event("track", **{"userId": EMAIL, "event": event, **fields})
