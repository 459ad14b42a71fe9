"""The pace of a destination: a state machine that says when the next flight and the next request may leave. Pure: time comes
in.

                 outage                    time is up
      ┌────────────────────────▶ throttled ──────────┐
      │                              ▲  outage        ▼
    going ◀──────── delivered ───────┼─────────── probing
      │                              ▼  blocked       ▲
      └────────────────────────▶  blocked ───────────┘
                 blocked                   time is up, or a restart

While throttled or blocked nothing leaves. When the time is up, one flight leaves as a probe, and its end decides. Flights that
left earlier may end at any time: *delivered* leads to going and *blocked* to blocked. An outage neither ends a block nor adds a
failure to the outage that is being waited out. A wait that the vendor asked for is waited out, whatever is delivered meanwhile.
A restart waits no longer than that, whether throttled or blocked: it may bring settings that are right.

Within these states, each request passes three valves:

    rate         so many a second, evenly spaced: the endpoint's own or the one it shares, then the destination's
    pause        while the vendor asks for a moment of quiet, between two tries of a flight
    concurrency  so many at a time:

        1 ◀── an outage, a block          half of it ◀── pushed back (429, overload, a time-out)
        1 ──▶ a quarter more a round of answers, as long as all is well ──▶ the most that the config allows
                 as latencies rise beyond twice their baseline: less, in proportion ──▶ half of the most

Requests that were under way when the concurrency was lowered do not lower it again. Latency alone never takes more than half,
so as not to starve a vendor that has become slow for good without a word. See `router.delivery.strain`.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from router.delivery.strain import Strain

GROWTH: Final = 0.25
"""The share by which the concurrency grows in a round of answers, at least by one request."""
AT_EASE: Final = 1.5
STRAINED: Final = 2.0
"""The concurrency grows up to a strain of `AT_EASE` and shrinks above one of `STRAINED`."""
SHARE_KEPT: Final = 0.5
"""The share of the configured concurrency that stays, whatever the latencies."""

OWN_RATE: Final = "delivery.rate_limit"
"""The name of the destination's own rate."""

State = Literal["going", "throttled", "blocked", "probing"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between flights to a failing destination: exponential with full jitter, from half of *first_s* to *max_s*."""

    first_s: float = 1.0
    max_s: float = 300.0
    blocked_s: float = 60.0
    """Between probes of a blocked destination."""

    def wait_s(self, failures: int, chance: random.Random) -> float:
        """Seconds before the next try, after *failures* (1 or more) in a row."""
        ceiling = min(self.max_s, self.first_s * 2.0 ** min(failures, 30))
        return chance.uniform(min(self.first_s / 2, ceiling), ceiling)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a destination may be asked to take."""

    concurrency: int = 4
    per_second: float | None = None
    """Requests a second, to all endpoints together."""
    rates_per_second: Mapping[str, float] | None = None
    """Requests a second, by the name of the rate: an endpoint's own, or one that several endpoints share."""


class Pace:
    """See the drawing above. All times are seconds of one clock, passed in by the caller."""

    def __init__(self, backoff: Backoff, chance: random.Random, limits: Limits = Limits()) -> None:
        self.state: State = "going"
        self.reason = ""
        self.failures = 0
        self.until = 0.0
        self._asked_until = float("-inf")
        """Until when the vendor asked to be left alone."""
        self.told: State = "going"
        """The last state that this run has logged. An earlier run's log does not count: the operator may not have it at
        hand."""
        self.under_way = 0
        """Requests on the wire."""
        self.left = 0
        """Requests that have left so far."""
        self._backoff = backoff
        self._chance = chance
        self._was_blocked = False
        """Whether it was blocked when the probe left."""
        self._most = limits.concurrency
        self._concurrency = float(limits.concurrency)
        self._cut_at = float("-inf")
        self._strain = Strain()
        self._paused_until = 0.0
        self._interval_s = 1.0 / limits.per_second if limits.per_second else 0.0
        self._intervals_s = {name: 1.0 / rate for name, rate in (limits.rates_per_second or {}).items()}
        self._share = 1.0
        self._next = 0.0
        self._next_at: dict[str, float] = {}

    @property
    def is_going(self) -> bool:
        return self.state == "going"

    @property
    def is_closed(self) -> bool:
        """Throttled or blocked: nothing may leave."""
        return self.state in ("throttled", "blocked")

    @property
    def is_blocked(self) -> bool:
        """Blocked, or probing whether it still is."""
        return self.state == "blocked" or (self.state == "probing" and self._was_blocked)

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at a time, at present."""
        return int(self._concurrency)

    @property
    def spacing_s(self) -> float:
        """The most seconds by which the rates keep two requests apart."""
        return max(self._interval_s, *self._intervals_s.values(), 0.0) / self._share

    def share(self, share: float, now: float) -> None:
        """Use only this share (above 0, up to 1) of each rate: others send to the vendor too. What is left of a wait grows or
        shrinks with the share, or a request would wait for minutes by a share that was held for a second."""
        factor = self._share / share
        self._share = share
        self._next = now + factor * max(0.0, self._next - now)
        self._next_at = {name: now + factor * max(0.0, at - now) for name, at in self._next_at.items()}

    def follow(self, earlier: Pace, now: float) -> None:
        """Keep the distance from the last requests of an *earlier* pace, but no more than that between two of one's own."""
        self._next = min(earlier._next, now + self._interval_s / self._share)
        self._next_at = {
            name: min(at, now + self._intervals_s[name] / self._share)
            for name, at in earlier._next_at.items()
            if name in self._intervals_s
        }

    # --- flights ---

    def wait_s(self, now: float) -> float | None:
        """Seconds until a flight may leave. 0: now. None: not before the probe is back."""
        if self.state == "going":
            return 0.0
        if self.state == "probing":
            return None
        return max(0.0, self.until - now)

    def asked_s(self, now: float) -> float:
        """Seconds for which the vendor still asks to be left alone."""
        return max(0.0, self._asked_until - now)

    def leave(self) -> None:
        """A flight leaves. Call it only when `wait_s` is 0."""
        if self.is_closed:
            self._was_blocked = self.state == "blocked"
            self.state = "probing"

    def delivered(self, now: float) -> None:
        """The vendor's answer shows that it is well. A refusal of one payload shows that too."""
        self.failures = 0
        if self.is_closed and now < self._asked_until:  # the flight left before the vendor asked for quiet
            self.state, self.until = "throttled", self._asked_until
            return
        self.reason = ""
        self.state = self.told = "going"

    def outage(self, now: float, reason: str, after_s: float | None) -> float:
        """A flight failed for a reason that concerns the whole destination; *after_s* is what the vendor asked for. Returns the
        seconds to wait."""
        self._asked_until = max(self._asked_until, now + (after_s or 0.0))
        return self.wait_out(now, reason, after_s or None)

    def wait_out(self, now: float, reason: str, wait_s: float | None) -> float:
        """Wait for *wait_s*, or as long as we see fit, unless something is delivered before. Returns the seconds to wait."""
        if self.state == "blocked":  # the flight left before the block and says nothing about it
            self.until = max(self.until, self._asked_until)
            return self.until - now
        if self.state == "throttled":  # the flight left before another one failed: one failure, not two
            wait = max(self.until - now, wait_s or 0.0)
        else:
            self.failures += 1
            wait = self._backoff.wait_s(self.failures, self._chance) if wait_s is None else wait_s
        self.reason = reason
        self.until = now + wait
        self.state = "throttled"
        self._begin_anew(now)
        return wait

    def blocked(self, now: float, reason: str) -> float:
        """The vendor refuses the destination itself. Returns the seconds until the next probe."""
        self.reason = reason
        self.until = max(now + self._backoff.blocked_s, self._asked_until)
        self.state = "blocked"
        self._begin_anew(now)
        return self.until - now

    def abandoned(self, now: float) -> None:
        """The probe never left or was cut off: the next one may leave at once."""
        if self.state == "probing":
            self.state = "blocked" if self._was_blocked else "throttled"
            self.until = now

    # --- requests ---

    def rate_wait_s(self, rate: str, now: float) -> float:
        """Seconds until the rate of that name lets the next request leave."""
        return max(0.0, self._next_at.get(rate, 0.0) - now)

    def request_wait_s(self, now: float) -> float | None:
        """Seconds until a request may leave, of any rate. None: not before one under way is back."""
        if self.under_way >= self.concurrency:
            return None
        return max(0.0, self._next - now, self._paused_until - now)

    def rate_waits_s(self, now: float) -> dict[str, float]:
        """For each rate that holds requests back, by its name: the seconds until the next one may leave.

        None does while as many requests are under way as may be.
        """
        if self.under_way >= self.concurrency:
            return {}
        waits_s = {name: at - now for name, at in {OWN_RATE: self._next, **self._next_at}.items()}
        return {name: wait_s for name, wait_s in waits_s.items() if wait_s > 0}

    def request_left(self, rate: str, now: float) -> None:
        """A request leaves. Call it only when both waits are 0, and call `request_came_back` once for each."""
        self.under_way += 1
        self.left += 1
        self._next = now + self._interval_s / self._share
        if rate in self._intervals_s:
            self._next_at[rate] = now + self._intervals_s[rate] / self._share

    def request_came_back(self) -> None:
        """A request ended, with or without an answer."""
        self.under_way -= 1

    # --- what answers tell ---

    def went_well(self, kind: Hashable, left_at: float, now: float) -> None:
        """The vendor took the request that left at *left_at*. Its latency is compared with others of its *kind*."""
        strain = self._strain.observe(kind, now - left_at, now)
        floor = max(1.0, self._most * SHARE_KEPT)
        if strain > STRAINED and left_at >= self._cut_at and self._concurrency > floor:
            self._cut(max(floor, self._concurrency * STRAINED / strain), now)
        elif strain <= AT_EASE:
            grown = self._concurrency + max(1.0, self._concurrency * GROWTH) / self._concurrency
            self._concurrency = min(float(self._most), grown)

    def pushed_back(self, left_at: float, now: float) -> None:
        """The vendor refused a request that left at *left_at* because it wants fewer, or does not keep up."""
        if left_at >= self._cut_at:
            self._cut(max(1.0, self._concurrency / 2), now)

    def pause(self, now: float, after_s: float) -> None:
        """The vendor asks for *after_s* seconds of quiet, which are too few to be an outage."""
        self._paused_until = max(self._paused_until, now + after_s)

    def _cut(self, concurrency: float, now: float) -> None:
        self._concurrency = concurrency
        self._cut_at = now

    def _begin_anew(self, now: float) -> None:
        """Start again with one request at a time: after an outage nobody knows what the vendor can take."""
        self._cut(1.0, now)
        self._strain.relax()
