"""Waking those who wait, without polling."""

from __future__ import annotations

import asyncio

from router.clock import Clock


class Signal:
    """Something changed: look again. A `wait` returns at the first `notify` after it was called, or when time is up.

    Check your condition and call `wait` without an await in between: then no change is missed. A `notify` that nobody waits
    for costs next to nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits: where that costs something, whether to notify need not be found out for nobody."""
        return bool(self._waiting)

    def notify(self) -> None:
        while self._waiting:
            _wake(self._waiting.pop())

    async def wait(self, seconds: float | None = None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        timer = None if seconds is None else asyncio.ensure_future(self._clock.sleep(seconds))
        if timer is not None:
            timer.add_done_callback(lambda _: _wake(waiter))
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)
            if timer is not None:
                timer.cancel()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
