"""Limits around a send: how many requests a second, how many at once. Each has the shape of what it wraps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.clock import Clock
from router.delivery.send import Send
from router.plugin import Credential, Request, Response


class Slots:
    """At most so many requests on the wire at once; who waits for its turn or for a retry holds no slot."""

    def __init__(self, send: Send, slots: asyncio.Semaphore) -> None:
        self._send = send
        self._slots = slots

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        async with self._slots:
            return await self._send.send(request, credentials, id)


class Rate:
    """So many turns a second, evenly spaced: a burst is what vendors punish."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second = per_second
        self._share = 1.0
        self._clock = clock
        self._next = 0.0
        self._turn = asyncio.Lock()

    def share(self, share: float) -> None:
        """Only this part of it (above 0, up to 1) is ours: others send to the vendor too."""
        self._share = share

    async def turn(self) -> None:
        """Wait for the next one."""
        async with self._turn:
            wait_s = self._next - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            self._next = max(self._clock.monotonic(), self._next) + 1.0 / (self._per_second * self._share)


class RateLimited:
    """Each request waits for its turn."""

    def __init__(self, send: Send, rate: Rate) -> None:
        self._send = send
        self._rate = rate

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        await self._rate.turn()
        return await self._send.send(request, credentials, id)
