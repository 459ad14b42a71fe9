"""Events as they come out of the gateway, and what the plugin makes of them: the code that delivery runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from plugins.mixpanel import PLUGIN
from plugins.mixpanel.settings import Settings
from router.destination import Destination
from router.event import Event
from router.normalise import normalise
from router.plugin import Payload
from router.plugin.trace import Trace

RECEIVED_AT = datetime(2026, 1, 2, tzinfo=UTC)
TIMESTAMP = "2026-01-01T00:00:00.123Z"
MILLIS = 1767225600123
DEVICE = "7f6d0c1e-8a34-4c52-9d0e-1b2f3c4d5e6f"
TOKEN = "sandbox-token"

EVERY_CALL: tuple[dict[str, Any], ...] = (
    {"type": "identify", "traits": {"email": "ada@example.test", "plan": "gold"}},
    {"type": "track", "event": "Order Completed", "properties": {"revenue": 42.5, "products": [{"sku": "a"}]}},
    {"type": "page", "name": "Home", "properties": {"url": "https://shop.example.test/"}},
    {"type": "screen", "name": "Home"},
    {"type": "group", "groupId": "acme-1", "traits": {"name": "Acme", "employees": 40}},
    {"type": "alias", "previousId": DEVICE},
)
"""One of each, to be completed with ids."""


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"project_token": TOKEN, **given})


def make_event(call: str, **fields: Any) -> Event:
    raw = {"type": call, "messageId": "m-1", "timestamp": TIMESTAMP, **fields}
    return normalise(raw, received_at=RECEIVED_AT, new_id=lambda: "made").event


def map_event(event: Event, settings: Settings | None = None) -> dict[str, list[Any] | str]:
    """By action: the bodies of its payloads, or the reason why there are none."""
    return {
        name: [payload.body for payload in made] if isinstance(made, list) else made
        for name, (made, _) in _map(event, settings or make_settings()).items()
    }


def payloads_of(event: Event, action: str) -> list[Payload]:
    """What *action* makes of the event; none where it skips it."""
    made = _map(event, make_settings())[action][0]
    return made if isinstance(made, list) else []


def body_of(event: Event, action: str, settings: Settings | None = None) -> Any:
    """The body of the only payload of *action*."""
    bodies = map_event(event, settings)[action]
    assert isinstance(bodies, list), bodies
    [body] = bodies
    return body


def trace_of(event: Event, action: str, settings: Settings | None = None) -> Trace:
    return _map(event, settings or make_settings())[action][1]


def _map(event: Event, settings: Settings) -> dict[str, tuple[list[Payload] | str, Trace]]:
    mapped = Destination("mixpanel", PLUGIN, settings).map(event, with_trace=True)
    return {part.action.name: (list(part.payloads) or part.skipped, part.trace or Trace()) for part in mapped}
