"""Housekeeping: what a daemon does every few seconds beside its work. Correctness does not depend on it.

So no failure here may end the daemon (a disk that refuses, a destination that a reload removes meanwhile). It is logged when it
begins, and the step is tried again the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Final

import structlog

from router.cli.memory import give_free_pages_back
from router.unless import pause

INTERVAL_S: Final = 10.0
DISK_WARNING: Final = 0.8
"""Share of the disk space that the log may use, or the dead letters of a destination."""

_LOGGER = structlog.get_logger()

Step = tuple[str, Callable[[], Awaitable[None]]]
"""What is to be done, in words, and what does it."""


class Housekeeping:
    """Does all chores, and gives free memory back."""

    def __init__(self, *chores: Iterable[Step]) -> None:
        """*chores* are gone through each time, one step after the other: what a step changes counts for the later ones."""
        self._chores = chores
        self._failing: set[str] = set()
        self.is_over = False
        """Another router has its destinations now, so failures because of that are not logged."""

    async def run(self, stop: asyncio.Event) -> None:
        """Tidy every `INTERVAL_S` until *stop* is set."""
        while not stop.is_set():
            await pause(stop, INTERVAL_S)
            await self.tidy(stop)

    async def tidy(self, stop: asyncio.Event | None = None) -> None:
        """Take one step after the other, and no further one once *stop* is set: each destination has some, and each of them may
        wait for a disk."""
        for what, step in chain(*self._chores):
            if stop is not None and stop.is_set():
                return
            await self._attempt(what, step)
        give_free_pages_back()

    async def _attempt(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:
            if what not in self._failing and not self.is_over:
                reason = f"{type(error).__name__}: {error}"
                _LOGGER.error("housekeeping failed, it is tried again", what=what, reason=reason)
            self._failing.add(what)
        else:
            self._failing.discard(what)
