"""Events for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from router.event import Event
from router.normalise import normalise

RECEIVED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(**call: Any) -> Event:
    """What the gateway makes of a call, with a fixed messageId and time of receipt."""
    return normalise({"messageId": "m1", **call}, received_at=RECEIVED_AT, new_id=lambda: "made").event


def identify(**traits: Any) -> Event:
    return event(type="identify", userId="u1", traits=traits)
