"""Jumps of the wall clock, told from time that has passed."""

from __future__ import annotations

from router.clock import JUMP_S, Clock, ahead_s


class Jumps:
    """By how much the wall clock was set. What was noted by it is right again when that is added."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = ahead_s(clock)

    def take(self) -> float:
        """Seconds by which it was set since this was last asked, less than 0 for back; 0.0 where it was not."""
        ahead = ahead_s(self._clock)
        jump_s = ahead - self._ahead_s
        if abs(jump_s) < JUMP_S:
            return 0.0
        self._ahead_s = ahead
        return jump_s
