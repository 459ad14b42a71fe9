"""Settings and events for the tests of the S3 plugin."""

from __future__ import annotations

from typing import Any, Final

from plugins.s3 import PLUGIN
from plugins.s3.settings import Settings
from router.destination import Destination
from router.event import Event
from router.plugin import BatchEndpoint, Payload
from router.testing.samples import make_event

MINIMAL: Final = {
    "bucket": "acme-events",
    "region": "eu-central-1",
    "access_key_id": "AKIAOFTHETEST",
    "secret_access_key": "secret/of+the=test",
}

_ENDPOINT = PLUGIN.endpoint("objects")
assert isinstance(_ENDPOINT, BatchEndpoint)
ENDPOINT: BatchEndpoint = _ENDPOINT


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


def payload_of(event: Event, settings: Settings | None = None) -> Payload:
    """What the destination makes of *event*: always exactly one payload."""
    [mapped] = Destination("s3", PLUGIN, settings or make_settings()).map(event)
    [payload] = mapped.payloads
    return payload


def track(message_id: str = "m-1", received: str = "2026-03-04T10:20:32.000Z", **fields: Any) -> Event:
    made = make_event("track", **{"userId": "u_77", "event": "Paid", **fields})
    return Event.of_document({**made.document, "messageId": message_id, "receivedAt": received})
