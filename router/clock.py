"""Time and chance as arguments, so that tests decide both."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

JUMP_S = 60.0
"""A clock that goes ahead or back by so much at once was set, well or badly. Set bit by bit, it comes to so much in days."""
PATIENCE_S = 3_600.0


class Clock(Protocol):
    def now(self) -> float:
        """Unix seconds: what is written to disk and compared over restarts."""

    def monotonic(self) -> float:
        """Seconds that never jump: what waits are measured with."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def ahead_s(clock: Clock) -> float:
    """By how much the time of day is ahead of the time that has passed. It stays, but for a clock that is set."""
    return clock.now() - clock.monotonic()


class PatientClock:
    """For what expires. A clock that is set ahead is believed after an hour: until then it may be put right."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._believed_s = ahead_s(clock)
        self._doubted_since: float | None = None

    def now(self) -> float:
        """Unix seconds."""
        ahead, passed = ahead_s(self._clock), self._clock.monotonic()
        if ahead - self._believed_s < JUMP_S:
            self._believed_s, self._doubted_since = ahead, None
        elif self._doubted_since is None:
            self._doubted_since = passed
        elif passed - self._doubted_since >= PATIENCE_S:
            self._believed_s, self._doubted_since = ahead, None
        return passed + self._believed_s
