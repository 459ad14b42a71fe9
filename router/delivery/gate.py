"""The gate: where requests wait for the pace. A request that waits for its endpoint's rate takes no place from others."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from router.clock import Clock
from router.delivery.pace import Pace
from router.delivery.signal import Signal


class HeldBack(Exception):
    """The destination has become throttled or blocked, and the request has not left."""


class Gate:
    """One per destination. Requests of one rate, an endpoint's own or one that several share, pass in the order they came."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace = pace
        self._clock = clock
        self._turn = asyncio.Lock()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._changed = Signal(clock)

    @asynccontextmanager
    async def passed(self, rate: str, is_off: Callable[[], bool] = lambda: False) -> AsyncIterator[float]:
        """Wait until a request of this *rate* may leave; the body sends it. Yields that moment, by the clock that never jumps.

        Raises:
            HeldBack: nothing may leave now, or *is_off* says so. It is asked before each wait and after each `look`.
        """
        async with self._turns[rate]:
            await self._wait(lambda now: self.pace.rate_wait_s(rate, now), is_off)
            async with self._turn:
                left_at = await self._wait(self.pace.request_wait_s, is_off)
                self.pace.request_left(rate, left_at)
        try:
            yield left_at
        finally:
            self.pace.request_came_back()
            self._changed.notify()

    def look(self) -> None:
        """Make all who wait ask again whether they still should."""
        self._changed.notify()

    async def _wait(self, wait_s_at: Callable[[float], float | None], is_off: Callable[[], bool]) -> float:
        """Wait until the pace lets a request leave. Returns that moment."""
        while True:
            now = self._clock.monotonic()
            if self.pace.is_closed or is_off():
                raise HeldBack(self.pace.reason)
            wait_s = wait_s_at(now)
            if wait_s == 0:
                return now
            await self._changed.wait(wait_s)
