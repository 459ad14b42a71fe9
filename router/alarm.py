"""The alarm: breaks off calls into plugins that take too long, and reports those that can't be broken off.

A system timer interrupts the main thread, and its handler looks at the mark (`router.guard`). It ends a loop, a sleep or a
runaway regular expression with an exception. Another thread could not: none gets to run while a call never gives up the
interpreter. A thread beside the timer keeps the time and reports what the main thread can't: a call that waits in C and hears
no signal holds up everything, including the gateway and ``/health``.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from threading import Event, Thread, current_thread, get_ident, main_thread
from types import FrameType
from typing import Final

import structlog

from router.guard import MARK, BreakOff, Guard, name_of
from router.place import place_of

LIMIT_S: Final = 2.0
"""How long one call into a plugin may take. For a pure function over one event or one batch even milliseconds are long."""
TICK_S: Final = 0.25
HANG_S: Final = 5.0
"""A call that lasts this long could not be broken off."""
_FRAMES: Final = 8

_LOGGER = structlog.get_logger()


class Alarm:
    """Set it in the main thread, once per process. `clear` it before the process goes on to other things."""

    def __init__(
        self,
        on_hang: Callable[[str, str], None],
        limit_s: float = LIMIT_S,
        tick_s: float = TICK_S,
        hang_s: float = HANG_S,
    ) -> None:
        """*on_hang* is called, in the alarm's own thread, with the destination and the call that can't be broken off."""
        self._on_hang = on_hang
        self._limit_s = limit_s
        self._tick_s = tick_s
        self._limit_ticks = round(limit_s / tick_s)
        self._hang_ticks = round(hang_s / tick_s)
        self._is_over = Event()
        self._thread: Thread | None = None

    def set(self) -> bool:
        """Begin, unless it has begun already. False, and nothing is timed, if this is not the main thread or somebody else uses
        the signal."""
        if self._thread is not None:
            return True
        if current_thread() is not main_thread() or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
            return False
        MARK.clear()
        MARK.limit_s, MARK.tick_s, MARK.thread = self._limit_s, self._tick_s, get_ident()
        self._thread = Thread(target=self._keep_time, name="alarm", daemon=True)
        self._thread.start()
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._tick_s, self._tick_s)
        return True

    def clear(self) -> None:
        if self._thread is None:
            return
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._is_over.set()
        self._thread.join()
        self._thread = None
        MARK.thread = 0

    def _ring(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: runs in the main thread, between any two steps of whatever is going on there."""
        if MARK.guard is None:
            return
        MARK.ticks += 1
        if MARK.age > self._limit_ticks * (MARK.broken_off + 1):  # again, if the plugin has caught it
            MARK.broken_off += 1
            raise BreakOff(f"at {' > '.join(_places(frame, 3))}")

    def _keep_time(self) -> None:
        told = -1
        while not self._is_over.wait(self._tick_s):
            MARK.pulse += 1
            guard, since = MARK.guard, MARK.since
            if guard is None or since == told or MARK.pulse - since <= self._hang_ticks:
                continue
            told = since
            call = name_of(MARK.what)
            _LOGGER.error(
                "a call into a plugin does not come back and can't be broken off: all that its process does waits for it",
                destination=guard.destination,
                plugin=guard.slug,
                call=call,
                lasts_s=round((MARK.pulse - since - 1) * self._tick_s, 1),
                where=_places(sys._current_frames().get(MARK.thread), _FRAMES),
            )
            try:
                self._on_hang(guard.destination, call)
            except Exception as error:
                _LOGGER.error("the hang could not be noted", error=f"{type(error).__name__}: {error}")


def _places(frame: FrameType | None, number: int) -> list[str]:
    """Where a call is: at most *number* of its innermost frames, from the outer to the inner."""
    places: list[str] = []
    while frame is not None and frame.f_code is not Guard.run.__code__ and len(places) < number:
        places.append(place_of(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return places[::-1]
