"""The watchdog: a destination with work to do, of which nothing moves, and no state that explains why, is stuck.

A vendor that fails, throttles or blocks is such a state: it has a moment at which something will be tried again. So is a
request under way, until its time-out; and so are parked events, until the turn of the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from router.counted import counted

STALL_S: Final = 30.0
"""How long nothing may move. Far longer than all waits that go without saying, and half of what the battery allows."""
LOOK_S: Final = 5.0
"""How often it looks, about."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What is seen of a destination at one moment."""

    pending: int
    """Events that are not settled, the parked ones included."""
    parked: int
    moved: tuple[int, ...]
    """Numbers, of which at least one changes when anything moves."""
    pace_s: float | None
    """Seconds until a request may leave; 0 is now, None while a probe is under way."""
    turn_s: float | None
    """Seconds until the first parked user's turn; None if nobody waits for one."""
    is_reading: bool
    """There is room for more events to be read; at the bound of parked ones there is none."""
    allowance_s: float
    """How long one step may take that says nothing of itself: a request, a rate limit's pause, a batch that fills."""

    @property
    def explanation(self) -> str:
        """Why nothing has to move just now; "" where it has to."""
        if not self.pending:
            return "nothing to do"
        if self.pace_s:
            return "the destination waits before it tries again"
        if self.turn_s and (self.parked >= self.pending or not self.is_reading):
            return "parked events wait for their turn"
        return ""


class Watchdog:
    """Asked to `look` every few seconds; `stuck` names what is."""

    def __init__(self, clock: Callable[[], float], stall_s: float = STALL_S) -> None:
        """*clock* gives seconds that never jump."""
        self._clock = clock
        self._stall_s = stall_s
        self._looked_at_s: float | None = None
        self._moved: dict[str, tuple[tuple[int, ...], float]] = {}
        """Per destination: what it was when it last moved, or had no need to, and when that was."""
        self._stuck: dict[str, str] = {}
        self._logger = structlog.get_logger()

    def look(self, glances: Mapping[str, Glance]) -> None:
        """Take note of each destination at work."""
        now_s = self._clock()
        has_slept = self._looked_at_s is None or now_s - self._looked_at_s > 3 * LOOK_S
        self._looked_at_s = now_s
        self._moved = {name: seen for name, seen in self._moved.items() if name in glances and not has_slept}
        stuck = {
            name: f"destination {name}: nothing moves, with {counted(glance.pending, 'event')} pending"
            for name, glance in glances.items()
            if self._is_stuck(name, glance, now_s)
        }
        for name in stuck.keys() - self._stuck.keys():
            self._logger.error("delivery is stuck: there is work to do and nothing moves", destination=name)
        for name in self._stuck.keys() - stuck.keys():
            self._logger.info("delivery is no longer stuck", destination=name)
        self._stuck = stuck

    @property
    def stuck(self) -> list[str]:
        """The destinations that are stuck, each in a few words."""
        return list(self._stuck.values())

    def _is_stuck(self, name: str, glance: Glance, now_s: float) -> bool:
        before = self._moved.get(name)
        if before is None or before[0] != glance.moved or glance.explanation:
            self._moved[name] = (glance.moved, now_s)
            return False
        return now_s - before[1] > self._stall_s + glance.allowance_s
