"""Waking those who wait, without polling."""

from __future__ import annotations

import asyncio

from router.clock import Clock


class Signal:
    """Something changed: look again. A `wait` returns at the first `notify` after it was called, or when time is up.

    Check your condition and call `wait` without an await in between: then no change is missed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float | None = None) -> None:
        event = self._event
        if seconds is None:
            await event.wait()
            return
        tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
