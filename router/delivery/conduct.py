"""How the plugin of one destination behaves, and whether it may go on: one state machine. Pure: time comes in.

              three calls broken off within ten minutes,
              or a hundred events in a row dead of it
    working ──────────────────────────────────────────▶ stopped
       ▲                                                 │  ▲
       │ the part that failed works                      │  │ that part fails again: twice the wait
       └─────────────────────── on trial ◀───────────────┘  │
                                    │  time is up, a reload  │
                                    └────────────────────────┘

So a bug in a plugin does not turn a whole stream into dead letters, nor hold up everybody again and again; and one event that
it can't stand stops nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Literal

Part = Literal["mapping", "sending"]
"""What works of a plugin, and what does not: the one may be in order and the other not."""

DEAD_IN_A_ROW: Final = 100
HELD_UP_S: Final = 6.0
"""Three calls of the longest that a call may take. Slow calls count as well: they hold up as much."""
WITHIN_S: Final = 600.0
ON_TRIAL_S: Final = 1.0
"""The same for the part that is on trial."""
FIRST_WAIT_S: Final = 300.0
MAX_WAIT_S: Final = 3_600.0
FORGIVEN_S: Final = 3_600.0
"""A plugin that went well for so long after a stop begins with the first wait again."""


def next_wait_s(last_wait_s: float, since_s: float) -> float:
    """How long to stop for: twice the *last_wait_s* (0: none yet), if that was over only *since_s* seconds ago."""
    if not last_wait_s or since_s > FORGIVEN_S:
        return FIRST_WAIT_S
    return min(MAX_WAIT_S, 2 * last_wait_s)


class Conduct:
    """See the drawing above. All times are seconds of one clock, passed in by the caller."""

    def __init__(self) -> None:
        self.is_stopped = False
        self.reason = ""
        self.until = 0.0
        """When it goes on, while it is stopped; and when it did, after that."""
        self.stopped_at = 0.0
        self._wait_s = 0.0
        self._on_trial: Part | None = None
        self._dead: Counter[Part] = Counter()
        self._held_up: deque[tuple[float, Part, float]] = deque()

    def failed(self, part: Part, reason: str, now: float) -> bool:
        """An event died of the plugin. Returns whether it is stopped for that."""
        self._dead[part] += 1
        if self._on_trial == part:
            self._stop(part, f"it fails again: {reason}", now)
        elif self._dead[part] >= DEAD_IN_A_ROW:
            self._stop(
                part, f"{self._dead[part]} events in a row became dead letters of it, the last one: {reason}", now
            )
        return self.is_stopped

    def worked(self, part: Part) -> bool:
        """An event got through that part of the plugin. Returns whether a trial has ended with it."""
        if self.is_stopped:  # it was under way before the stop
            return False
        if self._dead:
            del self._dead[part]
        if self._on_trial != part:
            return False
        self._on_trial = None
        return True

    def held_up(self, part: Part, seconds: float, reason: str, now: float) -> bool:
        """A call has held up the whole process. Returns whether it is stopped for that."""
        self._held_up.append((now, part, seconds))
        while self._held_up[0][0] < now - WITHIN_S:
            self._held_up.popleft()
        total_s = sum(each for _, _, each in self._held_up)
        on_trial_s = sum(each for _, of_part, each in self._held_up if of_part == self._on_trial)
        if total_s >= HELD_UP_S or on_trial_s >= ON_TRIAL_S:
            text = f"its calls have held up the router for {total_s:.3g} s within minutes, the last one: {reason}"
            self._stop(part, text, now)
        return self.is_stopped

    def stop(self, part: Part, reason: str, wait_s: float, left_s: float, now: float) -> None:
        """As an earlier run has found it: for *wait_s*, of which *left_s* are left."""
        self._wait_s = wait_s
        self._enter(part, reason, now)
        self.until = now + left_s

    def go_on(self, now: float) -> None:
        """Try again."""
        self.is_stopped = False
        self.until = now
        self._held_up.clear()

    def _stop(self, part: Part, reason: str, now: float) -> None:
        if not self.is_stopped:  # what was under way may fail after the stop: one stop, not two
            self._wait_s = next_wait_s(self._wait_s, now - self.until)
            self._enter(part, reason, now)

    def _enter(self, part: Part, reason: str, now: float) -> None:
        self.is_stopped = True
        self.reason = reason
        self.stopped_at = now
        self.until = now + self._wait_s
        self._on_trial = part
