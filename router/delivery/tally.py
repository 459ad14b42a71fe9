"""What the requests of a destination are like, since it was started: for metrics and for whoever wonders where the time goes.

The books say what became of events, and are kept for ever; the tally is for looking, and begins anew with each start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from router.delivery.send import Send, SendFailed
from router.plugin import Credential, Request, Response

LATENCIES_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0)
BATCH_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0)


class Histogram:
    """Numbers counted in buckets. The last one, beyond all bounds, has no end."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, *values: float) -> None:
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.sum += sum(values)

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """About the value that *share* of all do not exceed, by the bucket it lies in; None where there are none."""
        rank = share * self.count
        if not rank:
            return None
        below, lower = 0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            if count and below + count >= rank:
                return lower + (bound - lower) * (rank - below) / count
            below, lower = below + count, bound
        return self.bounds[-1]


class Tally:
    """One for each destination."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        """Requests by how they ended: ``2xx``, ``3xx``, ``4xx``, ``429``, ``5xx``; and where no answer came
        ``connect timeout``, ``read timeout`` or ``no answer``."""
        self.batch_sizes = Histogram(BATCH_SIZES)
        self.latencies_s = Histogram(LATENCIES_S)
        """From the acceptance of an event to the vendor's yes; what was parked or waited for an outage included."""
        self.under_way = 0
        """Requests on the wire."""


class Tallied:
    """Counts how requests end. Goes right around what sends them, inside of all limits: what waits is not under way."""

    def __init__(self, send: Send, tally: Tally) -> None:
        self._send = send
        self._tally = tally

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        self._tally.under_way += 1
        try:
            response = await self._send.send(request, credentials, id)
        except SendFailed as failed:
            self._tally.attempts[failed.kind] += 1
            raise
        finally:
            self._tally.under_way -= 1
        self._tally.attempts[status_class(response.status)] += 1
        return response


def status_class(status: int) -> str:
    """``2xx`` to ``5xx``, and ``429`` for itself: being asked to slow down is not being refused."""
    return "429" if status == 429 else f"{status // 100}xx"
