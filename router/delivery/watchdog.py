"""The watchdog: a destination is stuck if it has work to do, nothing moves, and no state explains why.

A failing, throttling or blocking vendor explains it: there is a time at which the next try is due. So does a request under way,
until its time-out, and so do parked events, until the turn of the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from router.counted import counted

STALL_S: Final = 30.0
"""How long nothing may move. Far longer than any ordinary wait."""
LOOK_S: Final = 5.0
"""Roughly how often it looks."""


@dataclass(frozen=True, slots=True)
class Glance:
    """How a destination looks at one moment."""

    pending: int
    """Events that are not settled, including parked ones."""
    parked: int
    moved: tuple[int, ...]
    """Numbers; at least one of them changes when anything moves."""
    pace_s: float | None
    """Seconds until a request may leave. 0: now. None: a probe is under way."""
    turn_s: float | None
    """Seconds until the first parked user's turn; None if nobody waits for one."""
    is_reading: bool
    """Whether there is room to read more events. At the bound of parked events there is none."""
    allowance_s: float
    """How long a single step may take without any sign: a request, a rate limit's pause, a batch that fills."""

    @property
    def explanation(self) -> str:
        """Why nothing need move now; "" if something should."""
        if not self.pending:
            return "nothing to do"
        if self.pace_s:
            return "the destination waits before it tries again"
        if self.turn_s and (self.parked >= self.pending or not self.is_reading):
            return "parked events wait for their turn"
        return ""


class Watchdog:
    """Call `look` every few seconds; `stuck` then names the stuck destinations."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """*clock* returns seconds that never jump."""
        self._clock = clock
        self._looked_at_s: float | None = None
        self._moved: dict[str, tuple[tuple[int, ...], float]] = {}
        """By destination: its numbers when it last moved or had no need to, and when that was."""
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
        return now_s - before[1] > STALL_S + glance.allowance_s
