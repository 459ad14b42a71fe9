"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from plugins.salesforce import PLUGIN
from plugins.salesforce.settings import Settings
from router.destination import Mapped
from router.event import Document, Event
from router.plugin import Payload
from router.testing import Rehearsal

MINIMAL = {
    "domain": "acme.my.salesforce.com",
    "client_id": "client-of-a-test",
    "client_secret": "secret-of-a-test",
    "external_id_field": "Router_User_Id__c",
}
BY_EMAIL = {**MINIMAL, "external_id_field": "", "match_on_email": True}


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


@cache
def _rehearse(settings: bytes) -> Rehearsal:
    return Rehearsal(PLUGIN, make_settings(**orjson.loads(settings)))


def rehearse(**settings: Any) -> Rehearsal:
    """One plugin under one set of settings; its tables are made once."""
    return _rehearse(orjson.dumps(settings))


def _mapped(event: Event, action: str, settings: dict[str, Any]) -> Mapped:
    [mapped] = [each for each in rehearse(**settings).map(event) if each.action.name == action]
    return mapped


def payload_of(event: Event, action: str, **settings: Any) -> Payload:
    """What *action* makes of *event*.

    Raises:
        AssertionError: it skips the event; its reason is the text.
    """
    mapped = _mapped(event, action, settings)
    assert mapped.payloads, mapped.skipped
    [payload] = mapped.payloads
    return payload


def record_of(event: Event, action: str, **settings: Any) -> Document:
    """The record of a batch, but for its type."""
    body: Document = dict(payload_of(event, action, **settings).body)
    del body["attributes"]
    return body


def skipped(event: Event, action: str, **settings: Any) -> str:
    """Why *action* makes nothing of *event*."""
    mapped = _mapped(event, action, settings)
    assert not mapped.payloads
    return mapped.skipped
