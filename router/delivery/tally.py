"""The tally: what a destination's requests have been like since the router started, for metrics and for finding out where time
goes.

The books, which are kept for ever, say what became of events. The tally is for looking, and starts anew with the process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Final

from router.delivery.sending.send import Send, SendFailed
from router.plugin import Credential, Request, Response

LATENCIES_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0)
BATCH_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0)


class Histogram:
    """Numbers counted in buckets. The last bucket has no upper bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.least, self.most = inf, -inf

    def observe(self, *values: float) -> None:
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.sum += sum(values)
        self.least, self.most = min((self.least, *values)), max((self.most, *values))

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Roughly the value that *share* (0 to 1) of the numbers do not exceed, judged by its bucket, and by the least and the
        most of all, since a bucket may be an hour wide; None without numbers."""
        rank = share * self.count
        below, lower = 0, self.least
        for bound, count in zip((*self.bounds, inf), self.counts, strict=True):
            upper = min(bound, self.most)
            if count and below + count >= rank > 0:
                return lower + (upper - lower) * (rank - below) / count
            below, lower = below + count, max(bound, self.least)
        return None


class Tally:
    """The tally of one destination."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        """Requests by how they ended: ``2xx``, ``3xx``, ``4xx``, ``429``, ``5xx``; without an answer ``connect timeout``,
        ``read timeout`` or ``no answer``."""
        self.batch_sizes = Histogram(BATCH_SIZES)
        self.latencies_s = Histogram(LATENCIES_S)
        """From the acceptance of an event to the vendor's yes, including time spent parked or in an outage."""
        self.under_way = 0
        """Requests on the wire."""


class Tallied:
    """A `Send` that counts how requests end. It wraps the real sender directly, inside all limits, so that a request that still
    waits does not count as under way."""

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
    """``2xx`` to ``5xx``, and ``429`` on its own: to be asked to slow down is not to be refused."""
    return "429" if status == 429 else f"{status // 100}xx"
