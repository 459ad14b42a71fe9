"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from plugins.zendesk import PLUGIN
from plugins.zendesk.settings import Settings
from router.destination import Mapped
from router.event import Document, Event
from router.testing import Rehearsal


def make_settings(**given: Any) -> Settings:
    held = {"subdomain": "acme", "email": "agent@example.test", "api_token": "token-of-a-test"}
    return Settings.model_validate({**held, **given})


@cache
def rehearse(**settings: Any) -> Rehearsal:
    """One plugin under one set of settings; its tables are made once."""
    return Rehearsal(PLUGIN, make_settings(**settings))


def _mapped(event: Event, settings: dict[str, Any]) -> Mapped:
    [mapped] = rehearse(**settings).map(event)
    return mapped


def body_of(event: Event, **settings: Any) -> Document:
    """What the plugin makes of *event*.

    Raises:
        AssertionError: it skips the event; its reason is the text.
    """
    mapped = _mapped(event, settings)
    assert mapped.payloads, mapped.skipped
    [payload] = mapped.payloads
    body: Document = payload.body
    return body


def skipped(event: Event, **settings: Any) -> str:
    """Why nothing is made of *event*."""
    mapped = _mapped(event, settings)
    assert not mapped.payloads
    return mapped.skipped
