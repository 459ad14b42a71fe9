"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from plugins.ga4 import PLUGIN
from plugins.ga4.settings import Settings
from router.destination import Mapped
from router.event import Document, Event
from router.plugin import Payload
from router.testing import Rehearsal

MICROS = 1772619630123000
"""The timestamp of `router.testing.make_event`."""


def make_settings(**given: Any) -> Settings:
    stream = {} if "firebase_app_id" in given else {"measurement_id": "G-TEST1"}
    return Settings.model_validate({**stream, "api_secret": "secret-of-a-test", **given})


@cache
def rehearse(**settings: Any) -> Rehearsal:
    """One plugin under one set of settings; its tables are made once."""
    return Rehearsal(PLUGIN, make_settings(**settings))


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


def body_of(event: Event, action: str, **settings: Any) -> Document:
    """The request that the event alone would be."""
    body: Document = payload_of(event, action, **settings).body
    return body


def event_of(event: Event, action: str, **settings: Any) -> Document:
    """Its one event of Google's."""
    [made] = body_of(event, action, **settings)["events"]
    assert isinstance(made, dict)
    return made


def params_of(event: Event, action: str, **settings: Any) -> Document:
    """The parameters, without the one that every event has."""
    return {key: value for key, value in event_of(event, action, **settings)["params"].items() if key != ENGAGEMENT}


def skipped(event: Event, action: str, **settings: Any) -> str:
    """Why *action* makes nothing of *event*."""
    mapped = _mapped(event, action, settings)
    assert not mapped.payloads
    return mapped.skipped


ENGAGEMENT = "engagement_time_msec"
