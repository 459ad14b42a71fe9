"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from plugins.facebook_conversions import PLUGIN
from plugins.facebook_conversions.settings import Settings
from router.destination import Mapped
from router.event import Document, Event
from router.plugin import Payload
from router.testing import Rehearsal

SECONDS = 1772619630
"""The timestamp of `router.testing.make_event`."""
MINIMAL = {"pixel_id": "123456789", "access_token": "token-of-a-test"}
CONTEXT = {"userAgent": "Mozilla/5.0", "page": {"url": "https://example.test/checkout"}}
"""What a website event needs."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


@cache
def rehearse(**settings: Any) -> Rehearsal:
    """One plugin under one set of settings; its tables are made once."""
    return Rehearsal(PLUGIN, make_settings(**settings))


def _mapped(event: Event, action: str, settings: dict[str, Any]) -> list[Mapped]:
    return [each for each in rehearse(**settings).map(event) if each.action.name == action]


def payloads_of(event: Event, action: str, **settings: Any) -> list[Payload]:
    """What *action* makes of *event*.

    Raises:
        AssertionError: it skips the event; its reason is the text.
    """
    [mapped] = _mapped(event, action, settings)
    assert mapped.payloads, mapped.skipped
    return list(mapped.payloads)


def body_of(event: Event, action: str, **settings: Any) -> Document:
    [payload] = payloads_of(event, action, **settings)
    body: Document = payload.body
    return body


def skipped(event: Event, action: str, **settings: Any) -> str:
    """Why *action* makes nothing of *event*."""
    [mapped] = _mapped(event, action, settings)
    assert not mapped.payloads
    return mapped.skipped
