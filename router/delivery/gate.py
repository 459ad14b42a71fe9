"""The gate: where requests wait for the pace. Who waits for a rate holds nobody else's place."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.clock import Clock
from router.delivery.pace import Pace
from router.delivery.signal import Signal


class HeldBack(Exception):
    """The destination is throttled or blocked by now: the request has not left."""


class Gate:
    """One for each destination. Requests of one endpoint pass in the order they came."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace = pace
        self._clock = clock
        self._turn = asyncio.Lock()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._came_back = Signal(clock)

    @asynccontextmanager
    async def passed(self, endpoint: str) -> AsyncIterator[float]:
        """Wait until a request to *endpoint* may leave; the body sends it. Gives the moment (of the clock that never jumps).

        Raises:
            HeldBack: nothing may leave just now.
        """
        async with self._turns[endpoint]:
            wait_s = self.pace.endpoint_wait_s(endpoint, self._clock.monotonic())
            if wait_s:
                await self._clock.sleep(wait_s)
            async with self._turn:
                left_at = await self._wait()
                self.pace.request_left(endpoint, left_at)
        try:
            yield left_at
        finally:
            self.pace.request_came_back()
            self._came_back.notify()

    async def _wait(self) -> float:
        """Until the pace lets a request leave; returns that moment."""
        while True:
            now = self._clock.monotonic()
            if self.pace.is_closed:
                raise HeldBack(self.pace.reason)
            wait_s = self.pace.request_wait_s(now)
            if wait_s == 0:
                return now
            await self._came_back.wait(wait_s)
