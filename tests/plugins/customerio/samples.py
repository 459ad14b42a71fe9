"""Events as they come out of the gateway, and what the plugin makes of them: the code that delivery runs."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from plugins.customerio import PLUGIN
from plugins.customerio.settings import Settings
from router.destination import Destination
from router.event import Event
from router.normalise import normalise
from router.plugin import Payload

RECEIVED_AT = datetime(2026, 1, 2, tzinfo=UTC)
TIMESTAMP = "2026-01-01T00:00:00.000Z"
UNIX_SECONDS = 1767225600
ULID = "01KDVDNA00MHGV8WPB86MYRFFE"
"""Of message ``m-1`` at `TIMESTAMP`."""


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"site_id": "site", "api_key": "key", **given})


def make_event(call: str, **fields: Any) -> Event:
    raw = {"type": call, "messageId": "m-1", "timestamp": TIMESTAMP, **fields}
    return normalise(raw, received_at=RECEIVED_AT, new_id=lambda: "made").event


def map_event(event: Event, settings: Settings) -> dict[str, list[Payload] | str]:
    """By action: its payloads, or the reason why there are none."""
    mapped = Destination("customerio", PLUGIN, settings).map(event)
    return {part.action.name: list(part.payloads) or part.skipped for part in mapped}


def payloads_of(event: Event, settings: Settings) -> list[Payload]:
    """All payloads, of all actions."""
    made = map_event(event, settings).values()
    return [payload for part in made if isinstance(part, list) for payload in part]


def the_payload(event: Event, settings: Settings) -> Payload:
    [payload] = payloads_of(event, settings)
    return payload


def basic(user: str, password: str = "") -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}
