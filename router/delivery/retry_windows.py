"""The retry windows of one worker: how long each event has been tried, and whether that is enough.

A window begins when its event first fails. Time spent blocked does not count, nor does a jump of the clock. After a start, an
event that failed before has at least an hour left: the clock may have been set meanwhile, and a machine that starts may have no
network yet.
"""

from __future__ import annotations

from router.clock import Clock
from router.delivery.jumps import Jumps
from router.delivery.ledger import Ledger
from router.delivery.transit import Transit

LEFT_AT_START_S = 3_600.0
"""What is left of a retry window at least after a start; all of it, if the window is shorter."""


class RetryWindows:
    """Those of replays are kept here and in their transits, those of other events in the ledger. All stand still together."""

    def __init__(self, ledger: Ledger, clock: Clock, retry_for_s: float, still_since_s: float | None) -> None:
        """*still_since_s*: since when they stand still, in Unix seconds, where the last run ended in a block."""
        self.still_since_s = still_since_s
        """None while they go on."""
        self._set_while_still_s = 0.0
        """By how much the clock was set since they stand still, which the noted times do not follow."""
        self._ledger = ledger
        self._clock = clock
        self._jumps = Jumps(clock)
        self.retry_for_s = retry_for_s
        self._passed_over_s = 0.0
        """What does not count for replays. The ledger adjusts the windows of other events."""
        if still_since_s is None:
            now_s = clock.now()
            oldest_s = now_s - max(0.0, retry_for_s - LEFT_AT_START_S)
            ledger.move_tries(lambda first_s: min(max(first_s, oldest_s), now_s))

    def count(self, transit: Transit) -> None:
        """One more try of the event has failed."""
        self._follow_clock()
        # In a block the window begins with the block, whose whole time is taken out later, as is by how much the clock was set.
        began_s = self.still_since_s or self._clock.now()
        if transit.is_replay:
            transit.failed_s = transit.failed_s or began_s - self._passed_over_s
        else:
            self._ledger.tried(transit.place, began_s)

    def first_failure(self, transit: Transit) -> float:
        """When the event first failed, in Unix seconds moved forward by time that does not count; now, if it has not."""
        self._follow_clock()
        if transit.is_replay:
            return transit.failed_s + self._passed_over_s if transit.failed_s else self._clock.now()
        tries = self._ledger.tries.get(transit.place)
        return tries.first_s if tries else self._clock.now()

    def began_before(self, transit: Transit, monotonic_s: float) -> bool:
        """Whether the event had failed by the time *monotonic_s* of the clock that never jumps."""
        first_s = self.first_failure(transit)
        return first_s < self._clock.now() - self._set_while_still_s - (self._clock.monotonic() - monotonic_s)

    def is_over(self, transit: Transit) -> bool:
        """Whether the event has been tried for long enough."""
        tried_for_s = self._clock.now() - self.first_failure(transit)
        return self.still_since_s is None and tried_for_s > self.retry_for_s

    def stop(self) -> None:
        """Let them stand still, if they do not already."""
        self._follow_clock()
        if self.still_since_s is None:
            self.still_since_s = self._clock.now()

    def go_on(self) -> None:
        """Let them go on, if they stand still."""
        self._follow_clock()
        if self.still_since_s is not None:
            self._pass_over(self._clock.now() - self.still_since_s)
            self.still_since_s = None
            self._set_while_still_s = 0.0

    def halted(self, seconds: float) -> None:
        """The plugin was stopped for *seconds*, which do not count either."""
        self._follow_clock()
        if self.still_since_s is None:
            self._pass_over(seconds)

    def _pass_over(self, seconds: float) -> None:
        now_s = self._clock.now()
        self._ledger.move_tries(lambda first_s: min(first_s + seconds, now_s))  # some began within that time
        self._passed_over_s += seconds

    def _follow_clock(self) -> None:
        """When the clock was set, move the noted times along with it. While they stand still these stay: none of that time
        counts anyway."""
        jump_s = self._jumps.take()
        if self.still_since_s is not None:
            self._set_while_still_s += jump_s
        elif jump_s:
            self._pass_over(jump_s)
