"""Jumps of the wall clock: when somebody set it, as opposed to time that passed."""

from __future__ import annotations

from router.clock import JUMP_S, Clock, ahead_s


class Jumps:
    """Tells by how much the wall clock was set. Add that to times noted before, and they are right again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = ahead_s(clock)

    def take(self) -> float:
        """Seconds by which it was set since the last call, negative for back; 0.0 if it was not."""
        ahead = ahead_s(self._clock)
        jump_s = ahead - self._ahead_s
        if abs(jump_s) < JUMP_S:
            return 0.0
        self._ahead_s = ahead
        return jump_s
