"""The strain on a vendor: how much more slowly than usual it answers. Pure: time comes in.

    latency ──▶ ÷ baseline of its kind ──▶ at most 4 ──▶ moving average = strain          1: as ever · 2: twice as long
                    ▲
                    └── follows the latencies of its kind, within about a minute

Only the rise counts, never the height: a vendor that always takes 8 s is as much at ease as one that always takes 80 ms. After
a lasting change the baseline follows, and the new latency becomes the usual one.

Requests of one kind have the same endpoint and about as many payloads, so a full batch is not compared with a single event.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import exp
from typing import Final

FOLLOWS_WITHIN_S: Final = 60.0
"""After this long a baseline has come two thirds of the way to the present latencies."""
MAX_STEP: Final = 0.1
"""The most of that way that one answer moves it: if answers are rare, a single one proves little."""
LEARNS_FROM: Final = 10
"""How many answers make the first baseline of a kind, all with the same weight."""
QUICK_S: Final = 0.2
"""A baseline counts as at least this: below it, the network and this process's own work make the difference."""
MAX_RATIO: Final = 4.0
"""The most that one answer counts for, so that a single straggler makes no strain."""
WEIGHT: Final = 0.2
"""The weight of the latest answer in the strain."""


@dataclass(slots=True)
class _Baseline:
    latency_s: float
    answers: int
    moved_at: float


class Strain:
    """See the drawing above."""

    def __init__(self) -> None:
        self.value = 1.0
        self._baselines: dict[Hashable, _Baseline] = {}

    def observe(self, kind: Hashable, latency_s: float, now: float) -> float:
        """An answer came after *latency_s*. Returns the present strain."""
        baseline = self._baselines.get(kind)
        if baseline is None:
            baseline = self._baselines[kind] = _Baseline(latency_s, 0, now)
        ratio = min(MAX_RATIO, max(latency_s, QUICK_S) / max(baseline.latency_s, QUICK_S))
        self.value += (ratio - self.value) * WEIGHT
        baseline.answers += 1
        if baseline.answers <= LEARNS_FROM:
            step = 1.0 / baseline.answers
        else:
            step = min(MAX_STEP, 1.0 - exp((baseline.moved_at - now) / FOLLOWS_WITHIN_S))
        baseline.latency_s += (latency_s - baseline.latency_s) * step
        baseline.moved_at = now
        return self.value

    def relax(self) -> None:
        """Forget the strain measured so far; the baselines stay."""
        self.value = 1.0
