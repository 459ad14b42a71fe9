"""The pace of a destination: one state machine that says when the next flight may leave. Pure: time comes in.

                 outage                    time is up
      ┌────────────────────────▶ throttled ──────────┐
      │                              ▲  outage        ▼
    going ◀──────── delivered ───────┼─────────── probing
      │                              ▼  blocked       ▲
      └────────────────────────▶  blocked ───────────┘
                 blocked                   time is up, or a reload

While throttled or blocked nothing leaves. When the time is up one flight leaves as a probe; what becomes of it decides.
Flights that left earlier come back at any time: *delivered* leads to going from everywhere, *blocked* to blocked, while an
outage does not end a block, nor add to the failures of the outage that is being waited out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between flights to a destination that fails: exponential with full jitter, from half of *first_s* to *max_s*."""

    first_s: float = 1.0
    max_s: float = 300.0
    blocked_s: float = 60.0
    """Between probes of a blocked destination."""

    def wait_s(self, failures: int, chance: random.Random) -> float:
        """Before the next try, after *failures* (1 or more) in a row."""
        ceiling = min(self.max_s, self.first_s * 2.0 ** min(failures, 30))
        return chance.uniform(min(self.first_s / 2, ceiling), ceiling)


class Pace:
    """See the drawing above. All times are seconds of one clock, passed in by the caller."""

    def __init__(self, backoff: Backoff, chance: random.Random) -> None:
        self.state: Literal["going", "throttled", "blocked", "probing"] = "going"
        self.reason = ""
        self.failures = 0
        self.until = 0.0
        self.changed_at = 0.0
        self._backoff = backoff
        self._chance = chance
        self._was_blocked = False

    @property
    def is_going(self) -> bool:
        return self.state == "going"

    @property
    def is_blocked(self) -> bool:
        """Blocked, or probing whether it still is."""
        return self.state == "blocked" or (self.state == "probing" and self._was_blocked)

    def wait_s(self, now: float) -> float | None:
        """Seconds until a flight may leave; 0 is now; None is "not before the probe under way is back"."""
        if self.state == "going":
            return 0.0
        if self.state == "probing":
            return None
        return max(0.0, self.until - now)

    def leave(self, now: float) -> None:
        """A flight leaves. Call it only when `wait_s` is 0."""
        if self.state in ("throttled", "blocked"):
            self._was_blocked = self.state == "blocked"
            self._enter("probing", now)

    def delivered(self, now: float) -> None:
        """A vendor's answer shows that it is well (a refusal of one payload shows that too)."""
        self.failures = 0
        self.reason = ""
        self._was_blocked = False
        if self.state != "going":
            self._enter("going", now)

    def outage(self, now: float, reason: str, after_s: float | None) -> float:
        """A flight failed for a reason that concerns the destination as a whole. Returns the seconds to wait."""
        if self.state == "blocked":  # a flight that left before the block: it says nothing about that
            return max(self.until - now, 0.0)
        if self.state == "throttled":  # a flight that left before another one failed: one failure, not two
            wait = max(self.until - now, after_s or 0.0)
        else:
            self.failures += 1
            wait = max(after_s or 0.0, 0.0) or self._backoff.wait_s(self.failures, self._chance)
        self.reason = reason
        self.until = now + wait
        self._was_blocked = False
        self._enter("throttled", now)
        return wait

    def blocked(self, now: float, reason: str) -> float:
        """The vendor refuses the destination itself. Returns the seconds until the next probe."""
        self.reason = reason
        self.until = now + self._backoff.blocked_s
        self._was_blocked = True
        self._enter("blocked", now)
        return self._backoff.blocked_s

    def abandoned(self, now: float) -> None:
        """The probe never left or was cut off: the next one may leave at once."""
        if self.state == "probing":
            self._enter("blocked" if self._was_blocked else "throttled", now)
            self.until = now

    def _enter(self, state: Literal["going", "throttled", "blocked", "probing"], now: float) -> None:
        self.state = state
        self.changed_at = now
