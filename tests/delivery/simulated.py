"""An event loop with a time of its own: whoever sleeps sleeps for nothing, and what runs twice runs the same twice.

When nobody has anything to do, the time is that of the next one who has. Threads are not used: what would run in one runs at
once; a disk takes as long as it is told to, one thing after the other.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from router.clock import Clock

_T = TypeVar("_T")

BEGAN_S = 1_000.0
STEP_S = 1e-6
"""What one turn of the loop takes: who waits for less than the time can tell would wait for ever."""


class _Selector(selectors.DefaultSelector):
    """Waits for nobody: it moves the time on."""

    now_s = BEGAN_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nobody waits for anything that will ever come"
            self.now_s += max(STEP_S, timeout)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """See the module's docstring."""

    disk_s = 0.0
    """What each question to a disk takes."""

    def __init__(self) -> None:
        self._time = _Selector()
        super().__init__(self._time)
        self._busy_until: dict[Executor | None, float] = {}

    def time(self) -> float:
        return self._time.now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, work: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        done: asyncio.Future[_T] = self.create_future()

        def run() -> None:
            try:
                result = work(*args)
            except Exception as error:
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

        if self.disk_s:
            until = max(self.time(), self._busy_until.get(executor, 0.0)) + self.disk_s
            self._busy_until[executor] = until
            self.call_at(until, run)
        else:
            run()
        return done


class SimulatedClock(Clock):
    """The time of a loop, for what is tested in it."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.wall_s = 1_700_000_000.0
        """Add to it, and the wall clock jumps."""
        self._loop = loop

    def now(self) -> float:
        return self.wall_s + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def simulate(test: Callable[[SimulatedClock], Coroutine[Any, Any, _T]]) -> _T:
    """Run *test* in a loop of its own."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(test(SimulatedClock(loop)))
    finally:
        loop.close()
