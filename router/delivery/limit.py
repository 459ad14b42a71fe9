"""Limits around a send: how many requests a second, how many at once. Each has the shape of what it wraps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.clock import Clock
from router.delivery.send import Send
from router.plugin import Credential, Request, Response


class Slots:
    """At most so many requests on the wire at once; who waits for its turn or for a retry holds no slot."""

    def __init__(self, send: Send, number: int) -> None:
        self._send = send
        self._slots = asyncio.Semaphore(number)

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        async with self._slots:
            return await self._send.send(request, credentials, id)


class RateLimited:
    """At most so many requests a second, evenly spaced: a burst is what vendors punish."""

    def __init__(self, send: Send, per_second: float, clock: Clock) -> None:
        self._send = send
        self._interval_s = 1.0 / per_second
        self._clock = clock
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        async with self._turn:
            wait_s = self._next - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            self._next = max(self._clock.monotonic(), self._next) + self._interval_s
        return await self._send.send(request, credentials, id)
