"""The chores of a process that has destinations: it tries those again that could not start, and keeps all within their bounds
(``max_backlog``, ``max_dead_letters``)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

import structlog

from router.cli.housekeeping import DISK_WARNING, Step
from router.delivery.berth import Berth
from router.delivery.discarding import keep_within
from router.delivery.fleet import Fleet
from router.log.interface import Engine

_LOGGER = structlog.get_logger()


class FleetChores:
    def __init__(self, log: Engine, fleet: Fleet) -> None:
        self._log = log
        self._fleet = fleet
        self._shedding: set[str] = set()
        self._told: dict[str, int] = {}
        """By destination, what was last told of its dead letters: 1, that they take most of their room; 2, that some went."""

    def __iter__(self) -> Iterator[Step]:
        yield "starting what could not start", self._fleet.retry
        of_each = {
            "max_backlog": self._shed,
            "max_dead_letters": self._discard,
            "retention of outcomes": self._forget_outcomes,
        }
        for name in list(self._fleet.berths):
            for what, step in of_each.items():
                if (berth := self._fleet.berths.get(name)) is not None:  # a reload may have taken it meanwhile
                    yield f"{what} of {name}", partial(step, berth)

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

    async def _forget_outcomes(self, berth: Berth) -> None:
        """Forget outcomes of events that are no longer in the log."""
        for partition in self._log.partitions:
            start = self._log.start(partition)
            await berth.ledger.ask(methodcaller("forget_outcomes", partition, start))
