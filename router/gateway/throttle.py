"""The throttle: how many requests a second a source may make, so that one source leaves room for the others. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from router.gateway.refusal import RefusalCode, Refused
from router.gateway.source import Source

BURST = 100
"""Requests that may come at once, however low the rate: the SDK in one page makes that many of a burst of calls, and some
families take a 429 for success (facts/ingest-protocol.md sections 7 and 8)."""


@dataclass(slots=True)
class _Bucket:
    """A token bucket. It fills at *per_s*, and each request takes one out."""

    per_s: float
    size: float
    level: float
    at_s: float

    def take(self, now_s: float) -> float:
        """Take one if there is one and return 0.0; otherwise return the seconds until there is."""
        passed_s, self.at_s = now_s - self.at_s, now_s
        if passed_s > 0.0:  # the clock may have been set back
            level = self.level + passed_s * self.per_s
            self.level = level if level < self.size else self.size
        if self.level < 1.0:
            return (1.0 - self.level) / self.per_s
        self.level -= 1.0
        return 0.0


class Throttle:
    """One bucket for each source that has a limit."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def configure(self, sources: Mapping[str, Source], now_s: float) -> None:
        """Take over the limits of *sources*. A source whose limit stays the same keeps what it has used of it."""
        buckets = {}
        for name, source in sources.items():
            per_s = source.max_requests_per_s
            if per_s is None:
                continue
            before = self._buckets.get(name)
            is_same = before is not None and before.per_s == per_s
            size = max(per_s, BURST)
            buckets[name] = before if before and is_same else _Bucket(per_s, size, size, now_s)
        self._buckets = buckets

    def take(self, source: str, now_s: float) -> None:
        """Count a request of *source* at *now_s*, in Unix seconds.

        Raises:
            Refused: 429, the source makes too many. ``Retry-After`` says when there is room for one.
        """
        bucket = self._buckets.get(source)
        wait_s = bucket.take(now_s) if bucket else 0.0
        if bucket and wait_s:
            message = f"the source {source} makes more than {bucket.per_s:g} requests a second; try again soon"
            raise Refused(429, RefusalCode.RATE_LIMITED, message, retry_after_s=math.ceil(wait_s))
