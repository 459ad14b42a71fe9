"""The way to a vendor: what all workers of one destination in this process have in common."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from router.clock import Clock
from router.delivery.limit import Rate, RateLimited, Slots
from router.delivery.pace import Backoff, Pace
from router.delivery.send import Send
from router.delivery.signal import Signal
from router.plugin import Endpoint


class Outlet:
    """The pace, and the limits: the vendor's per endpoint, then the destination's own, then a slot."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        concurrency: int,
        rate_limit_per_s: float | None,
        backoff: Backoff,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self.pace = Pace(backoff, chance)
        self.changed = Signal(clock)
        """The pace, or what a worker waits for besides."""
        self._slots = asyncio.Semaphore(concurrency)
        self._own = None if rate_limit_per_s is None else Rate(rate_limit_per_s, clock)
        self._vendors = {
            name: Rate(endpoint.rate_limit_per_s, clock) if endpoint.rate_limit_per_s is not None else None
            for name, endpoint in endpoints.items()
        }

    def limit(self, send: Send) -> dict[str, Send]:
        """*send* with the limits around it, per endpoint."""
        send = Slots(send, self._slots)
        if self._own is not None:
            send = RateLimited(send, self._own)
        return {name: send if rate is None else RateLimited(send, rate) for name, rate in self._vendors.items()}

    def share(self, share: float) -> None:
        """Other routers send to the vendor too: only this part of each rate (above 0, up to 1) is ours."""
        for rate in (self._own, *self._vendors.values()):
            if rate is not None:
                rate.share(share)
