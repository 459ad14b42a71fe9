"""Settings that the tests share, and how they read what a call becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.hubspot import PLUGIN
from plugins.hubspot.settings import Settings
from router.destination import Mapped
from router.plugin import Document, Event, Payload
from router.testing import Rehearsal, make_event

BY_EMAIL: Final[Mapping[str, Any]] = {
    "access_token": "token-of-a-test",
    "hub_id": "12345",
    "events": {"Order Completed": {"properties": {"order_id": "order_id", "revenue": "amount"}}},
    "page_event": {},
    "screen_event": {"name": "pe12345_opened_screen", "properties": "all"},
}
BY_USER_ID: Final[Mapping[str, Any]] = {**BY_EMAIL, "user_id_property": "user_id", "lookup_field": "user_id"}

EMAIL: Final = "ada@example.test"


def map_event(event: Event, **settings: Any) -> dict[str, Mapped]:
    """By action, what becomes of it."""
    rehearsal = Rehearsal(PLUGIN, Settings.model_validate({**BY_EMAIL, **settings}))
    return {mapped.action.name: mapped for mapped in rehearsal.map(event)}


def payload_of(event: Event, **settings: Any) -> Payload:
    """The only one that any action makes."""
    [payload] = [payload for mapped in map_event(event, **settings).values() for payload in mapped.payloads]
    return payload


def body_of(event: Event, **settings: Any) -> Document:
    return dict(payload_of(event, **settings).body)


def properties_of(event: Event, **settings: Any) -> Document:
    return dict(body_of(event, **settings)["properties"])


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits={"email": EMAIL, **traits})


def group(**traits: Any) -> Event:
    return make_event("group", userId="u-17", groupId="g-1", traits=traits)


def track(name: str = "Order Completed", /, **fields: Any) -> Event:
    given = {"userId": "u-17", "context": {"traits": {"email": EMAIL}}, **fields}
    return make_event("track", event=name, **given)
