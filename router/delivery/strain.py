"""Whether a vendor answers more slowly than it is used to. Pure: time comes in.

    latency ──▶ ÷ baseline of its kind ──▶ at most 4 ──▶ moving average = strain          1: as ever · 2: twice as long
                    ▲
                    └── follows the latencies of its kind, within about a minute

What counts is the rise, never the height: a vendor that takes 8 s for each request is as much at ease as one that takes 80 ms.
After a lasting change the baseline comes after it, and what was slow is how that vendor is.

Requests of a kind are alike: same endpoint, and about as many payloads. So a full batch is not compared with a single event.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import exp
from typing import Final

FOLLOWS_WITHIN_S: Final = 60.0
"""After so long a baseline has come two thirds of the way to where latencies are."""
MAX_STEP: Final = 0.1
"""Of that way, by one answer: where they are rare, one alone proves little."""
LEARNS_FROM: Final = 10
"""Answers of a kind that make its first baseline, each with the same weight."""
QUICK_S: Final = 0.2
"""Baselines count as no less than this: below it the network and this process's own work make the difference."""
MAX_RATIO: Final = 4.0
"""What one answer counts for at most, so that no straggler alone makes a strain."""
WEIGHT: Final = 0.2
"""Of the latest answer in the strain."""


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
        """An answer came after *latency_s*. Returns the strain by now."""
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
        """What was measured until now was of another time; the baselines stay."""
        self.value = 1.0
