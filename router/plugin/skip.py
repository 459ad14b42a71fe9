"""Why something is not sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skip:
    """This action makes nothing of this event; *reason* is shown by explain, trace and the skipped counter."""

    reason: str
