"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from plugins.segment_compatible import PLUGIN
from plugins.segment_compatible.settings import Settings
from router.destination import Mapped
from router.event import Document, Event
from router.testing import Rehearsal

FLAVOURS = ("segment", "rudderstack", "customerio", "jitsu", "trait_router")


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"url": "https://events.example.test", "write_key": "key-of-a-test", **given})


@cache
def rehearse(**settings: Any) -> Rehearsal:
    """One plugin under one set of settings; its tables are made once."""
    return Rehearsal(PLUGIN, make_settings(**settings))


def _mapped(event: Event, settings: dict[str, Any]) -> Mapped:
    [mapped] = rehearse(**settings).map(event)
    return mapped


def item_of(event: Event, **settings: Any) -> Document:
    """The item that *event* becomes.

    Raises:
        AssertionError: it is skipped; the reason is the text.
    """
    mapped = _mapped(event, settings)
    assert mapped.payloads, mapped.skipped
    [payload] = mapped.payloads
    assert payload.key == payload.body["messageId"]
    body: Document = payload.body
    return body


def skipped(event: Event, **settings: Any) -> str:
    """Why nothing is made of *event*."""
    mapped = _mapped(event, settings)
    assert not mapped.payloads
    return mapped.skipped
