"""How a destination is delivered to."""

from __future__ import annotations

from dataclasses import dataclass

from router.delivery.pace import Backoff
from router.plugin import BatchEndpoint, Endpoint


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """The ``delivery:`` part of the config. Times in seconds."""

    concurrency: int = 4
    rate_limit_per_s: float | None = None
    retry_for_s: float = 3 * 86_400.0
    lanes: int | None = None
    """The lanes of each worker. None: as many as requests at a time; more, over all workers, would only make batches
    smaller."""
    batch_wait_s: float | None = None
    """None: as long as each endpoint says."""
    max_parked: int = 10_000
    max_in_flight: int = 5_000
    max_in_flight_bytes: int = 64_000_000
    """Bytes of the events as stored in the log, and of what the plugin made of them."""
    backoff: Backoff = Backoff()

    def batch_wait_of(self, endpoint: Endpoint) -> float:
        """How long a batch for *endpoint* that isn't full waits for more."""
        if not isinstance(endpoint, BatchEndpoint):
            return 0.0
        return endpoint.batch_wait_s if self.batch_wait_s is None else self.batch_wait_s
