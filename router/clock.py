"""Clocks: time and chance are passed in as arguments, so that tests decide both."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

JUMP_S = 60.0
"""A wall clock that moves by this much at once was set, rightly or wrongly. One that is corrected gradually takes days for
it."""
PATIENCE_S = 3_600.0


class Clock(Protocol):
    def now(self) -> float:
        """Unix seconds, for times that are written to disk and compared over restarts."""

    def monotonic(self) -> float:
        """Seconds that never jump, for measuring waits."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def ahead_s(clock: Clock) -> float:
    """By how much the wall clock is ahead of the clock that never jumps. This changes only when the wall clock is set."""
    return clock.now() - clock.monotonic()


class PatientClock:
    """A clock for things that expire. If the wall clock is set ahead, it is believed only after an hour: it may be put right.
    So it is where it says at a start that nothing has happened for long (see `doubt`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._believed_s = ahead_s(clock)
        self._doubted_since: float | None = None

    def doubt(self, known_s: float) -> None:
        """The last thing that happened before the start was at *known_s* (Unix seconds). Whether so much time has passed since
        or the clock was set meanwhile, nobody can tell."""
        known = known_s - self._clock.monotonic()
        if self._believed_s - known >= JUMP_S:
            self._believed_s = known

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
