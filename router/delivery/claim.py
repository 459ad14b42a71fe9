"""A claim: for how long this router may send what is in a partition of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.clock import Clock
from router.delivery.send import Send
from router.plugin import Credential, Request, Response


class Claim:
    """Of one partition. Good until a moment of a clock that never jumps, which whoever renews it moves on."""

    def __init__(self, partition: int, until_s: float, clock: Clock) -> None:
        self.partition = partition
        self.until_s = until_s
        self._clock = clock

    def is_good(self) -> bool:
        """Asked right before anything leaves: whoever was stopped for a while must find out before others do."""
        return self._clock.monotonic() < self.until_s


class Claimed:
    """Sends while the claim is good. What comes later waits for the end, which is near: the worker is being stopped."""

    def __init__(self, send: Send, claim: Claim) -> None:
        self._send = send
        self._claim = claim

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        if not self._claim.is_good():
            await asyncio.Event().wait()
        return await self._send.send(request, credentials, id)
