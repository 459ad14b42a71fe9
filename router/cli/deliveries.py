"""Deliveries: everything that delivers in a router, as the daemon sees it. In this process, in others
(`router.cli.processes.deliveries`), or for partitions of a log in a cluster (`router.cli.cluster.deliveries`)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from prometheus_client.registry import Collector

from router.admin.answer import Operation
from router.admin.metrics import BooksCollector
from router.admin.operations import Operations
from router.alarm import Alarm
from router.cli.data_folder import reserve_of, states_of
from router.cli.fleet_chores import FleetChores
from router.cli.housekeeping import Housekeeping
from router.cli.log_chores import LogChores
from router.cli.wiring import to_assignments
from router.clock import Clock
from router.config import Config
from router.delivery.assignment import Assignment
from router.delivery.fleet import Fleet
from router.delivery.watchdog import LOOK_S, Glance, Watchdog
from router.errors import OperatorError
from router.integrations import DestinationNames
from router.log.interface import Engine
from router.registry import Registry
from router.suppressed import Suppressed
from router.unless import pause

DRAIN_S = 7.0
"""How long a stop waits for flights to land."""

_LOGGER = structlog.get_logger()


class Deliveries(Protocol):
    """First `apply` a config, then `run`. Call `stop` in any case."""

    async def apply(self, config: Config, sandbox_urls: Mapping[str, str], suppressed: Suppressed) -> None:
        """From now on deliver as *config* says, and nothing of *suppressed*.

        Raises:
            OperatorError: a state does not fit this log or this program, or requests of before are still under way. All other
                destinations are at work.
        """

    @property
    def problems(self) -> Sequence[str]:
        """Why destinations could not start."""

    @property
    def stuck(self) -> Sequence[str]:
        """What is stuck. Never names a vendor."""

    def calls(self) -> Mapping[str, Operation]:
        """The admin operations."""

    @property
    def collector(self) -> Collector:
        """The metrics, as of the last `refresh`."""

    async def refresh(self) -> None: ...

    async def run(self, stop: asyncio.Event) -> None:
        """Do what has to be done every few seconds, until *stop* is set."""

    async def stop(self, deadline_s: float) -> None:
        """Land what is under way, for about *deadline_s* seconds, and close."""


class OwnDeliveries:
    """Deliveries in this process."""

    def __init__(
        self,
        log: Engine,
        config: Config,
        registry: Registry,
        clock: Clock,
        stuck: Callable[[], Sequence[str]],
        is_writer: bool = True,
    ) -> None:
        """*stuck* speaks for the whole process. Unless it *is_writer*, another process trims the log, and this one knows only
        its own destinations."""
        self._registry = registry
        self._watchdog = Watchdog(clock.monotonic)
        states = states_of(config, log.id)
        self.fleet = Fleet(log, states, clock, random.Random(), reserve_of(config))
        self._alarm = Alarm(self.fleet.note_hang)
        self._books = BooksCollector(self.fleet, log, clock)
        self._operations = Operations(log, states, (), clock, self.fleet, stuck, knows_all=is_writer)
        self._housekeeping = Housekeeping(
            *([LogChores(log, self.fleet.needed_from)] if is_writer else []), FleetChores(log, self.fleet)
        )

    async def apply(self, config: Config, sandbox_urls: Mapping[str, str], suppressed: Suppressed) -> None:
        self.time_calls()
        await self.deliver(to_assignments(config, self._registry, sandbox_urls, suppressed))

    def time_calls(self) -> None:
        """From now on time calls into plugins; the first of them come with the making of assignments."""
        if not self._alarm.set():
            _LOGGER.warning("calls into plugins can't be timed: not the main thread, or SIGALRM is taken")

    async def deliver(self, assignments: Sequence[Assignment], elsewhere: Sequence[DestinationNames] = ()) -> None:
        """See `Fleet.apply`."""
        self._operations.configure(assignments)
        await self.fleet.apply(assignments, elsewhere)

    async def retry(self, assignments: Sequence[Assignment]) -> None:
        """Try again to start what could not start, as *assignments*, which are all that there are, have it now."""
        self._operations.configure(assignments)
        await self.fleet.retry(assignments)

    @property
    def problems(self) -> Sequence[str]:
        return list(self.fleet.problems.values())

    @property
    def stuck(self) -> Sequence[str]:
        return [*self.fleet.broken, *self._watchdog.stuck]

    def calls(self) -> Mapping[str, Operation]:
        return self._operations.calls()

    @property
    def collector(self) -> Collector:
        return self._books

    async def refresh(self) -> None:
        await self._books.refresh()

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch(self._watchdog, self.fleet.glances, stop))
            tasks.create_task(self._housekeeping.run(stop))

    async def stop(self, deadline_s: float) -> None:
        await self.fleet.stop(deadline_s)
        self._alarm.clear()


async def problems_of(steps: Iterable[Awaitable[None]]) -> list[str]:
    """Do all *steps* side by side, whether or not some fail. Returns why, each reason once.

    Raises whatever is no `OperatorError`.
    """
    failures = [each for each in await asyncio.gather(*steps, return_exceptions=True) if each is not None]
    for failure in failures:
        if not isinstance(failure, OperatorError):
            raise failure
    return list(dict.fromkeys(map(str, failures)))


async def watch(watchdog: Watchdog, glances: Callable[[], Mapping[str, Glance]], stop: asyncio.Event) -> None:
    """Let *watchdog* look at *glances* again and again until *stop* is set."""
    while not stop.is_set():
        try:
            watchdog.look(glances())
        except Exception as error:
            _LOGGER.error("the watchdog can't look: a bug in the router", exc_info=error)
        await pause(stop, LOOK_S)
