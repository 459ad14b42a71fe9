"""The conduct of a destination's plugin, and whether it may go on: a state machine. Pure: time comes in.

              three calls broken off within ten minutes,
              or a hundred events in a row dead of it
    working ──────────────────────────────────────────▶ stopped
       ▲                                                 │  ▲
       │ the part that failed works                      │  │ that part fails again: twice the wait
       └─────────────────────── on trial ◀───────────────┘  │
                                    │  time is up, a reload  │
                                    └────────────────────────┘

A bug in a plugin therefore neither turns a whole stream into dead letters nor holds up everybody again and again. A single
event that it can't take stops nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Literal

Part = Literal["mapping", "sending"]
"""The part of a plugin that works or fails. One may be in order while the other is not."""

DEAD_IN_A_ROW: Final = 100
HELD_UP_S: Final = 6.0
"""As long as three calls that take the longest allowed. Slower-than-usual calls count too: they hold up others just as much."""
WITHIN_S: Final = 600.0
ON_TRIAL_S: Final = 1.0
"""The same for the part that is on trial."""
FIRST_WAIT_S: Final = 300.0
MAX_WAIT_S: Final = 3_600.0
FORGIVEN_S: Final = 3_600.0
"""A plugin that has behaved for this long after a stop starts with the first wait again."""


def next_wait_s(last_wait_s: float, since_s: float) -> float:
    """Seconds to stop for: twice *last_wait_s* (0: no stop yet) if that wait ended only recently, *since_s* seconds ago."""
    if not last_wait_s or since_s > FORGIVEN_S:
        return FIRST_WAIT_S
    return min(MAX_WAIT_S, 2 * last_wait_s)


class Conduct:
    """See the drawing above. All times are seconds of one clock, passed in by the caller."""

    def __init__(self) -> None:
        self.is_stopped = False
        self.reason = ""
        self.until = 0.0
        """While it is stopped: when it will go on. Afterwards: when it did."""
        self.stopped_at = 0.0
        self._wait_s = 0.0
        self._on_trial: Part | None = None
        self._dead: Counter[Part] = Counter()
        self._held_up: deque[tuple[float, Part, float]] = deque()

    def failed(self, part: Part, reason: str, now: float) -> bool:
        """An event died because of the plugin. Returns whether the plugin is stopped for it."""
        self._dead[part] += 1
        if self._on_trial == part:
            self._stop(part, f"it fails again: {reason}", now)
        elif self._dead[part] >= DEAD_IN_A_ROW:
            self._stop(
                part, f"{self._dead[part]} events in a row became dead letters of it, the last one: {reason}", now
            )
        return self.is_stopped

    def worked(self, part: Part) -> bool:
        """An event got through that part of the plugin. Returns whether this ended a trial."""
        if self.is_stopped:  # the event was under way before the stop
            return False
        if self._dead:
            del self._dead[part]
        if self._on_trial != part:
            return False
        self._on_trial = None
        return True

    def held_up(self, part: Part, seconds: float, reason: str, now: float) -> bool:
        """A call has held up the whole process. Returns whether the plugin is stopped for it."""
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
        """Stop it as an earlier run did: for *wait_s*, of which *left_s* are left."""
        self._wait_s = wait_s
        self._enter(part, reason, now)
        self.until = now + left_s

    def go_on(self, now: float) -> None:
        """Let the plugin try again."""
        self.is_stopped = False
        self.until = now
        self._held_up.clear()

    def _stop(self, part: Part, reason: str, now: float) -> None:
        if not self.is_stopped:  # events under way may fail after the stop: that is still one stop
            self._wait_s = next_wait_s(self._wait_s, now - self.until)
            self._enter(part, reason, now)

    def _enter(self, part: Part, reason: str, now: float) -> None:
        self.is_stopped = True
        self.reason = reason
        self.stopped_at = now
        self.until = now + self._wait_s
        self._on_trial = part
