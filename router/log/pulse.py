"""The pulse of the log's disk: whether writes fail or are too slow, and since when.

sound ──a write fails, or takes long──▶ ailing ──for STUCK_S──▶ stuck: it complains
  ▲                                        │
  └────── a write works in good time ◀─────┘
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SLOW_S: Final = 1.0
"""A write that takes longer is slow. A slow one now and then does no harm: callers wait a little."""
STUCK_S: Final = 3.0
"""How long the disk may be ailing before the pulse complains."""


class Pulse:
    """The writing thread reports to it; any thread may ask it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """*clock* returns seconds that never jump."""
        self._clock = clock
        self._busy_since_s: float | None = None
        self._ailing_since_s: float | None = None
        self._failure = ""

    @contextmanager
    def write(self) -> Iterator[None]:
        """Wrap a write. If it raises, the caller, who knows what the error means, calls `fail` or `excuse`."""
        begun_s = self._busy_since_s = self._clock()
        try:
            yield
        finally:
            self._busy_since_s = None
        self._failure = ""
        if self._clock() - begun_s < SLOW_S:
            self._ailing_since_s = None
        elif self._ailing_since_s is None:
            self._ailing_since_s = begun_s

    def fail(self, reason: str) -> None:
        """Something could not be written, through the disk's fault."""
        self._failure = reason
        if self._ailing_since_s is None:
            self._ailing_since_s = self._clock()

    def excuse(self) -> None:
        """Something could not be written for lack of room. That is no illness, and callers are told."""
        self._failure = ""
        self._ailing_since_s = None

    @property
    def is_ailing(self) -> bool:
        """Whether the last write failed or was slow. Then try another, even if nobody has anything to write."""
        return self._ailing_since_s is not None

    @property
    def complaint(self) -> str:
        """What has been wrong for `STUCK_S` and still is; "" if nothing is."""
        now_s = self._clock()
        since_s, busy_since_s = self._ailing_since_s, self._busy_since_s
        if since_s is None:
            since_s = busy_since_s
        if since_s is None or now_s - since_s < STUCK_S:
            return ""
        if self._failure:
            return f"the log can't be written: {self._failure}"
        if busy_since_s is not None and now_s - busy_since_s >= STUCK_S:
            return f"the disk is too slow: a write of the log has taken {now_s - busy_since_s:.0f} s so far"
        return f"the disk is too slow: writes of the log take more than {SLOW_S:g} s"
