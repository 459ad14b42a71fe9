"""Skip: an action makes nothing of an event, and says why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skip:
    """The action makes nothing of this event. Explain, trace and the skipped counter show the *reason*."""

    reason: str
