"""Settings and events for the tests of the webhook plugin, and the body of the sheet's test vectors."""

from __future__ import annotations

from typing import Any

from plugins.webhook import PLUGIN
from plugins.webhook.settings import Settings
from router.destination import Destination
from router.event import Event
from router.plugin import BatchEndpoint, Payload
from router.testing.samples import make_event

URL = "https://hooks.example.test/in/a%20b?team=red&x="
STANDARD_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER_STANDARD_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
SECRET = "topsecret-demo"
NOW_S = 1767225600
BODY = b'{"type":"track","event":"Invoice Paid","userId":"u_77","messageId":"m-0001"}'

_ENDPOINT = PLUGIN.endpoint("url")
assert isinstance(_ENDPOINT, BatchEndpoint)
ENDPOINT: BatchEndpoint = _ENDPOINT


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"url": URL, **given})


def payload_of(event: Event, settings: Settings | None = None) -> Payload:
    """What the destination makes of *event*: always exactly one payload."""
    [mapped] = Destination("webhook", PLUGIN, settings or make_settings()).map(event)
    [payload] = mapped.payloads
    return payload


def track(message_id: str = "m-1", **fields: Any) -> Event:
    return make_event("track", **{"messageId": message_id, "userId": "u_77", "event": "Invoice Paid", **fields})
