"""The way to a vendor: what all workers of one destination in this process have in common."""

from __future__ import annotations

import random
from collections.abc import Mapping

from router.clock import Clock
from router.delivery.gate import Gate
from router.delivery.pace import Backoff, Limits, Pace
from router.delivery.signal import Signal
from router.plugin import Endpoint


class Outlet:
    """The pace, the gate where requests wait for it, and the signal that something about either has changed."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        concurrency: int,
        rate_limit_per_s: float | None,
        backoff: Backoff,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        rates = {name: endpoint.rate_limit_per_s for name, endpoint in endpoints.items()}
        vendors = {name: rate for name, rate in rates.items() if rate is not None}
        self.pace = Pace(backoff, chance, Limits(concurrency, rate_limit_per_s, vendors))
        self.gate = Gate(self.pace, clock)
        self.changed = Signal(clock)
        """The pace, or what a worker waits for besides."""
