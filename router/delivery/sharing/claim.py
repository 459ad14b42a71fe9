"""A claim: how long this router may send the events of a partition of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.clock import Clock
from router.delivery.sending.send import Send
from router.plugin import Credential, Request, Response


class Claim:
    """A claim on one partition. It is good until a moment by the clock that never jumps; each renewal moves that moment on."""

    def __init__(self, partition: int, until_s: float, clock: Clock) -> None:
        self.partition = partition
        self.until_s = until_s
        self._clock = clock

    def is_good(self) -> bool:
        """Asked right before anything leaves: a process that was stopped for a while must notice before it sends anything."""
        return self._clock.monotonic() < self.until_s


class Claimed:
    """A `Send` that sends while the claim is good. A later request waits for ever: its worker is about to be stopped."""

    def __init__(self, send: Send, claim: Claim) -> None:
        self._send = send
        self._claim = claim

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        if not self._claim.is_good():
            await asyncio.Event().wait()
        return await self._send.send(request, credentials, id)
