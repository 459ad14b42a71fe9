"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.segment_compatible import PLUGIN
from plugins.segment_compatible.settings import Settings
from router.event import Document, Event
from router.testing import Mapper

FLAVOURS = ("segment", "rudderstack", "customerio", "jitsu", "trait_router")


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"url": "https://events.example.test", "write_key": "key-of-a-test", **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
skipped = MAPPER.skipped


def item_of(event: Event, **settings: Any) -> Document:
    """The item that *event* becomes."""
    payload = MAPPER.payload_of(event, **settings)
    body: Document = payload.body
    assert payload.key == body["messageId"]
    return body
