"""An outlet: the pace and the gate that all workers of one destination in this process share.

`router.delivery.way` keeps it, together with the connections to the vendor.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from router.clock import Clock
from router.delivery.gate import Gate
from router.delivery.pace import Backoff, Limits, Pace
from router.delivery.signal import Signal
from router.plugin import Endpoint


class Outlet:
    """One pace for all workers, and the gate where their requests wait for it."""

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
        limits = Limits(concurrency, rate_limit_per_s, {name: rate for name, rate in rates.items() if rate is not None})
        self.pace = Pace(backoff, chance, limits)
        self.gate = Gate(self.pace, clock)
        self.changed = Signal(clock)
        """Notified when the pace changes, or anything else that a worker waits for."""
        self.flights = self.replays = 0
        """Flights under way for all workers, and those of replays among them."""
