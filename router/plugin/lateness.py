"""Lateness: events that come long after they happened, for vendors that take each as of now."""

from __future__ import annotations

from typing import Final

from router.event import Event
from router.plugin import convert

LATE_S: Final = 86_400
"""The length is our choice."""


def came_late(event: Event) -> bool:
    """Whether *event* came more than a day after it happened, as in an import."""
    return convert.to_unix_seconds(event.received_at) - convert.to_unix_seconds(event.timestamp) > LATE_S
