"""Settings that the tests share, and how they read what a call becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.sendgrid import PLUGIN
from plugins.sendgrid.settings import Settings
from router.destination import Mapped
from router.plugin import Document, Event
from router.testing import Rehearsal, make_event

MINIMAL: Final[Mapping[str, Any]] = {"api_key": "key-of-a-test"}
CUSTOM_FIELDS: Final[Mapping[str, str]] = {
    "age": "e1_N",
    "avatar": "e2_T",
    "birthday": "e3_D",
    "company.name": "e4_T",
    "company.employee_count": "e5_N",
    "createdAt": "w1:date",
    "description": "w2",
    "gender": "e6_T",
    "title": "e7_T",
    "username": "e8_T",
    "website": "e9_T",
    "plan": "e10_T",
}
"""One for each reserved trait that a contact has no field for, and a custom trait."""
GROUP_FIELDS: Final[Mapping[str, str]] = {
    "address": "e20_T",
    "avatar": "e21_T",
    "createdAt": "e22_D",
    "description": "e23_T",
    "email": "e24_T",
    "employees": "e25_N",
    "id": "e26_T",
    "industry": "e27_T",
    "name": "e28_T",
    "phone": "e29_T",
    "plan": "e30_T",
    "website": "e31_T",
    "regionCode": "e32_T",
}
WITH_FIELDS: Final[Mapping[str, Any]] = {"custom_fields": CUSTOM_FIELDS, "group_fields": GROUP_FIELDS}
EMAIL: Final = "ada@example.test"


def map_event(event: Event, **settings: Any) -> Mapped:
    """What the only action on its type makes of it."""
    [mapped] = Rehearsal(PLUGIN, Settings.model_validate({**MINIMAL, **settings})).map(event)
    return mapped


def body_of(event: Event, **settings: Any) -> Document:
    [payload] = map_event(event, **settings).payloads
    return dict(payload.body)


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits={"email": EMAIL, **traits})


def group(**traits: Any) -> Event:
    return make_event(
        "group", userId="u-17", groupId="g-1", traits=traits, context={"traits": {"email": "Ada@Example.test"}}
    )
