"""Settings that the tests share, and how they read what a call becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.klaviyo import PLUGIN
from plugins.klaviyo.settings import Settings
from router.destination import Mapped
from router.plugin import Document, Event, Payload
from router.testing import Rehearsal, make_event

MINIMAL: Final[Mapping[str, Any]] = {"private_key": "key-of-a-test"}
EMAIL: Final = "ada@example.test"


def map_event(event: Event, **settings: Any) -> dict[str, Mapped]:
    """By action, what becomes of it."""
    rehearsal = Rehearsal(PLUGIN, Settings.model_validate({**MINIMAL, **settings}))
    return {mapped.action.name: mapped for mapped in rehearsal.map(event)}


def payloads_of(event: Event, **settings: Any) -> list[Payload]:
    return [payload for mapped in map_event(event, **settings).values() for payload in mapped.payloads]


def body_of(event: Event, **settings: Any) -> Document:
    """The body of the only payload that any action makes."""
    [payload] = payloads_of(event, **settings)
    return dict(payload.body)


def identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits=traits)


def group(**traits: Any) -> Event:
    return make_event("group", userId="u-17", groupId="g-1", traits=traits)


def track(name: str = "Signed Up", /, **fields: Any) -> Event:
    return make_event("track", event=name, **{"userId": "u-17", **fields})
