"""An outlet: the pace and the gate that all workers of one destination in this process share.

`router.delivery.way` keeps it, together with the connections to the vendor.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from router.clock import Clock
from router.delivery.gate import Gate
from router.delivery.options import DeliveryOptions
from router.delivery.pace import Limits, Pace
from router.delivery.signal import Signal
from router.plugin import Endpoint


class Outlet:
    """One pace for all workers, and the gate where their requests wait for it."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        options: DeliveryOptions,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        limits = Limits(options.concurrency, options.rate_limit_per_s, _rates(endpoints.values()))
        self.pace = Pace(options.backoff, chance, limits)
        self.gate = Gate(self.pace, clock)
        self.changed = Signal(clock)
        """Notified when the pace changes, or anything else that a worker waits for."""
        self.flights = self.replays = 0
        """Flights under way for all workers, and those of replays among them."""


def _rates(endpoints: Iterable[Endpoint]) -> dict[str, float]:
    """Requests a second by the name of the rate; of endpoints that share one, the lowest that any of them gives."""
    rates: dict[str, float] = {}
    for endpoint in endpoints:
        if endpoint.rate_limit_per_s is not None:
            name = endpoint.rate_name
            rates[name] = min(endpoint.rate_limit_per_s, rates.get(name, endpoint.rate_limit_per_s))
    return rates
