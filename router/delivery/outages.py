"""The outages and blocks of a destination: it tells the pace and the operator of them, and keeps them over restarts.

It also knows how long each event has been tried, and whether its retry window is over. Time spent blocked does not count, nor
does a jump of the clock. After a start, an event that failed before has at least an hour left: the clock may have been set
meanwhile, and a machine that starts may have no network yet.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from router.clock import Clock
from router.delivery.jumps import Jumps
from router.delivery.ledger import Ledger
from router.delivery.pace import Pace
from router.delivery.transit import Transit

PACE_NOTES = ("blocked_since_s", "next_try_s", "wait_s", "reason")
LEFT_AT_START_S = 3_600.0
"""What is left of a retry window at least after a start; all of it, if the window is shorter."""


class Outages:
    """The outages and blocks of one worker."""

    def __init__(
        self, pace: Pace, ledger: Ledger, clock: Clock, retry_for_s: float, notes: Mapping[str, str | None]
    ) -> None:
        """*notes* are those of the last run."""
        self._delivered: float | None = None
        """When the vendor was last seen well, by the clock that never jumps."""
        self._pace = pace
        self._ledger = ledger
        self._clock = clock
        self._jumps = Jumps(clock)
        self._retry_for_s = retry_for_s
        self._blocked_since_s: float | None = None
        self._blocked_for_s = 0.0
        """Time spent blocked, which does not count for the retry windows of replays. The ledger adjusts those of other
        events."""
        self._is_noted = bool(notes.get("blocked_since_s") or notes.get("next_try_s"))
        """The notes on disk say that the destination waits. Other workers may share the pace and know better."""
        self._logger = structlog.get_logger().bind(destination=ledger.name)
        self._restore(notes)

    def _restore(self, notes: Mapping[str, str | None]) -> None:
        now, wall = self._clock.monotonic(), self._clock.now()
        blocked_since, next_try = notes.get("blocked_since_s"), notes.get("next_try_s")
        if blocked_since:
            self._blocked_since_s = float(blocked_since)
            self._pace.blocked(now, notes.get("reason") or "")
            self._pace.until = now  # a restart may bring a corrected credential: probe at once
        elif next_try and float(next_try) > wall:
            wait_s = min(float(next_try) - wall, float(notes.get("wait_s") or 0))  # the clock may have been set back
            self._pace.wait_out(now, notes.get("reason") or "", wait_s)
        if not blocked_since:  # in a block no window ends
            oldest_s = wall - max(0.0, self._retry_for_s - LEFT_AT_START_S)
            self._ledger.move_tries(lambda first_s: min(max(first_s, oldest_s), wall))

    # --- what flights tell ---

    def fail(self, reason: str, after_s: float | None) -> None:
        """A flight failed for a reason that concerns the whole destination, so it waits."""
        wait_s = self._pace.outage(self._clock.monotonic(), reason, after_s)
        if not self._pace.is_blocked:
            self._is_noted = True
            self._ledger.note("next_try_s", str(self._clock.now() + wait_s))
            self._ledger.note("wait_s", str(wait_s))
            self._ledger.note("reason", reason)
        self._ledger.count("outages")
        if self._pace.told == "going":
            self._pace.told = "throttled"
            self._logger.warning("destination is failing, it waits", reason=reason, wait_s=round(wait_s, 1))

    def block(self, reason: str) -> None:
        """The vendor refuses the destination itself."""
        self._follow_clock()
        if self._blocked_since_s is None:
            self._blocked_since_s = self._clock.now()
            self._is_noted = True
            self._ledger.note("blocked_since_s", str(self._blocked_since_s))
            self._ledger.note("reason", reason)
        if self._pace.told != "blocked":
            self._pace.told = "blocked"
            self._logger.error(
                "destination is blocked: nothing is lost, correct its settings and reload (SIGHUP)", reason=reason
            )
        self._pace.blocked(self._clock.monotonic(), reason)

    def end(self) -> None:
        """The vendor is well."""
        self._delivered = self._clock.monotonic()
        self._follow_clock()
        if self._blocked_since_s is not None:
            self._pass_over(self._clock.now() - self._blocked_since_s)
            self._blocked_since_s = None
            self._ledger.note("blocked_since_s", "")
        was_going = self._pace.is_going
        self._pace.delivered(self._delivered)
        if not self._pace.is_going:
            return  # the vendor asked for quiet, and that is noted
        if self._is_noted:
            self._is_noted = False
            for name in PACE_NOTES:
                self._ledger.note(name, "")
        if not was_going:
            self._logger.info("destination delivers again")

    def has_delivered_since_it_failed(self, transit: Transit) -> bool:
        """Whether the vendor was well at some time after the event's first failure. Told by the clock that never jumps, since
        the wall clock may have been set."""
        if self._delivered is None:
            return False
        delivered_s = self._clock.now() - (self._clock.monotonic() - self._delivered)
        return delivered_s > self.first_failure(transit)

    # --- how long events are tried ---

    def count(self, transit: Transit) -> None:
        """One more try of the event has failed."""
        self._follow_clock()
        if transit.is_replay:
            # In a block the window begins with the block, whose whole time is taken out later.
            began_s = self._blocked_since_s or self._clock.now()
            transit.failed_s = transit.failed_s or began_s - self._blocked_for_s
        else:
            self._ledger.tried(transit.place)

    def first_failure(self, transit: Transit) -> float:
        """When the event first failed, in Unix seconds moved forward by time spent blocked; now, if it has not."""
        self._follow_clock()
        if transit.is_replay:
            return transit.failed_s + self._blocked_for_s if transit.failed_s else self._clock.now()
        tries = self._ledger.tries.get(transit.place)
        return tries.first_s if tries else self._clock.now()

    def is_expired(self, transit: Transit) -> bool:
        """Whether the event's retry window is over. It stands still from a block until the vendor is well again."""
        tried_for_s = self._clock.now() - self.first_failure(transit)
        return self._blocked_since_s is None and tried_for_s > self._retry_for_s

    def halted(self, seconds: float) -> None:
        """The plugin was stopped for *seconds*, which do not count either."""
        if self._blocked_since_s is None:
            self._pass_over(seconds)

    def _pass_over(self, seconds: float) -> None:
        now_s = self._clock.now()
        self._ledger.move_tries(lambda first_s: min(first_s + seconds, now_s))  # some began within that time
        self._blocked_for_s += seconds

    def _follow_clock(self) -> None:
        """When the clock was set, move the noted times along with it. In a block they stay: none of that time counts anyway."""
        jump_s = self._jumps.take()
        if jump_s and self._blocked_since_s is None:
            self._pass_over(jump_s)
