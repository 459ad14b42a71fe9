"""Housekeeping: what a daemon does every few seconds beside its work. Correctness does not depend on it.

So no failure here may end the daemon (a disk that refuses, a destination that a reload removes meanwhile). It is logged when it
begins, and the step is tried again the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from operator import methodcaller

import structlog

from router.cli.memory import give_free_pages_back
from router.delivery.berth import Berth
from router.delivery.discarding import keep_within
from router.delivery.fleet import Fleet
from router.log.interface import Engine
from router.unless import pause

INTERVAL_S = 10.0
DISK_WARNING = 0.8
"""Share of the disk space that the log may use, or the dead letters of a destination."""

_LOGGER = structlog.get_logger()


class Housekeeping:
    """Tries destinations again that could not start, enforces ``max_backlog``, ``max_dead_letters`` and retention, warns before
    the disk is full, and gives free memory back."""

    def __init__(self, log: Engine, fleet: Fleet | None, needed_from: Callable[[], Mapping[int, int]] | None) -> None:
        """*fleet*: the destinations of this process, if it has any. *needed_from*, in the process that writes the log, tells
        what all destinations still need of it (`Fleet.needed_from`)."""
        self._log = log
        self._fleet = fleet
        self._needed_from = needed_from
        self._failing: set[str] = set()
        self._shedding: set[str] = set()
        self._told: dict[str, int] = {}
        """By destination, what was last told of its dead letters: 1, that they take most of their room; 2, that some went."""
        self._is_tight = False
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
        for what, step in self._steps():
            if stop is not None and stop.is_set():
                return
            await self._attempt(what, step)
        if self._needed_from:
            self._look_at_disk()
        give_free_pages_back()

    def _steps(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Each with its name. What a step changes, such as the destinations that are there, counts for the later ones."""
        if self._fleet:
            yield "starting what could not start", self._fleet.retry
        berths = list(self._fleet.berths.items()) if self._fleet else []
        for name, berth in berths:
            yield f"max_backlog of {name}", partial(self._shed, berth)
            yield f"max_dead_letters of {name}", partial(self._discard, berth)
        if self._needed_from:
            yield "retention of the log", partial(self._trim, self._needed_from)
        berths = list(self._fleet.berths.items()) if self._fleet else []
        for name, berth in berths:
            yield f"retention of outcomes of {name}", partial(self._forget_outcomes, berth)

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

    async def _shed(self, berth: Berth) -> None:
        """Give up the oldest events of a backlog that has outgrown the destination's ``max_backlog``.

        Of a disabled one, the log keeps them no longer than others need them (`Fleet.needed_from`).
        """
        name, is_over = berth.assignment.name, False
        for partition, window in berth.ledger.windows.items():
            last = self._log.sequence_at_backlog(partition, berth.assignment.max_backlog_bytes)
            if last > window.position:
                is_over = True
                if berth.worker is not None:
                    berth.worker.shed(partition, last)
        if is_over and name not in self._shedding:
            if berth.worker is not None:
                _LOGGER.error("backlog is over max_backlog: its oldest events become dead letters", destination=name)
            else:
                _LOGGER.error(
                    "backlog of a disabled destination is over max_backlog: its oldest events may leave the log",
                    destination=name,
                )
        (self._shedding.add if is_over else self._shedding.discard)(name)

    async def _discard(self, berth: Berth) -> None:
        """Discard the oldest dead letters of a destination that has more than its ``max_dead_letters``."""
        name, worker = berth.assignment.name, berth.worker
        jobs = worker.jobs if worker is not None else None
        discarded, used = await keep_within(berth.ledger, jobs, berth.assignment.max_dead_letters_bytes)
        news = 2 if discarded else 1 if used >= DISK_WARNING else 0
        told = self._told.get(name, 0)
        self._told[name] = max(news, told) if news else 0
        if news <= told:
            return
        if discarded:
            _LOGGER.error("dead letters are over max_dead_letters: the oldest are discarded", destination=name)
        else:
            _LOGGER.warning(
                "dead letters have used most of the disk they may use (max_dead_letters); beyond it the oldest are discarded",
                destination=name,
                used=f"{used:.0%}",
            )

    async def _trim(self, needed_from: Callable[[], Mapping[int, int]]) -> None:
        await self._log.trim(needed_from())

    async def _forget_outcomes(self, berth: Berth) -> None:
        """Forget outcomes of events that are no longer in the log."""
        for partition in self._log.partitions:
            start = self._log.start(partition)
            await berth.ledger.ask(methodcaller("forget_outcomes", partition, start))

    def _look_at_disk(self) -> None:
        used = self._log.size_bytes / self._log.max_bytes
        if used >= DISK_WARNING and not self._is_tight:
            _LOGGER.warning(
                "the log has used most of the disk it may use (retention.max_disk); when it is full sources get 503",
                used=f"{used:.0%}",
            )
        self._is_tight = used >= DISK_WARNING
