"""Deliveries of a router that shares its log with others. Claims say which partitions are its own; each of them has a fleet."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Self
from uuid import uuid4

from nats.aio.msg import Msg
from prometheus_client.registry import Collector

from router.admin.answer import Answer, Operation
from router.admin.merged_metrics import SummedBooks
from router.admin.metrics import BooksCollector
from router.admin.operations import Operations
from router.admin.spread import Spread
from router.alarm import Alarm
from router.cli.cluster.agreement import tell, to_word
from router.cli.cluster.beginnings import Beginnings
from router.cli.cluster.neighbours import Neighbours, away
from router.cli.cluster.partition_fleets import RETRY_S, PartitionFleets
from router.cli.cluster.share import share_of
from router.cli.data_folder import state_directory
from router.cli.deliveries import problems_of, watch
from router.cli.housekeeping import INTERVAL_S
from router.cli.wiring import to_access, to_assignments
from router.clock import Clock
from router.config import Config
from router.delivery.assignment import Assignment
from router.delivery.sharing.claims import Claims
from router.delivery.sharing.portion import Portion
from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.journal.streams import JournalNames, ensure_journals
from router.delivery.watchdog import Glance, Watchdog
from router.errors import OperatorError
from router.log.interface import Log
from router.log.jetstream.answered import START_S, until_answered
from router.log.jetstream.connection import ApiError, ClusterAway, Connection
from router.log.jetstream.log import NatsLog
from router.log.lock import Held, Lock
from router.registry import Registry
from router.suppressed import NOBODY, Suppressed
from router.unless import pause


class ClusterDeliveries:
    """`Deliveries` of a router in a cluster. Open it with `open`."""

    def __init__(
        self,
        log: NatsLog,
        connection: Connection,
        blocking: BlockingConnection,
        lock: Lock,
        config: Config,
        registry: Registry,
        clock: Clock,
        stuck: Callable[[], Sequence[str]],
        delivers: bool,
    ) -> None:
        self._log = log
        self._connection = connection
        self._blocking = blocking
        self._lock = lock
        self._config = config
        self._registry = registry
        self._clock = clock
        self._sandbox_urls: Mapping[str, str] = {}
        self._suppressed = NOBODY
        self._watchdog = Watchdog(clock.monotonic)
        self._alarm = Alarm(self._note_hang)
        self.me = f"{_plain(socket.gethostname())}-{os.getpid()}-{uuid4().hex[:6]}"
        names = JournalNames(config.nats.name)
        self._states = {
            number: JournaledStates(blocking, names, number, state_directory(config), log.id, self.me)
            for number in log.partitions
        }
        self._operations = {
            number: Operations(
                Portion(log, number), states, (), clock, is_elsewhere=partial(self._is_elsewhere, number)
            )
            for number, states in self._states.items()
        }
        self._spread = Spread(log, self._operations, self._refresh_states, stuck)
        self._fleets = PartitionFleets(
            log,
            self._states,
            clock,
            self._assignments,
            lambda: self._config.retention.dedup_window_s,
            lambda number, fleet: self._operations[number].set_fleet(fleet),
            lambda number: self._claims.lose(number),
        )
        self._beginnings = Beginnings(
            log, self._states, clock, self._refresh_states, self._assignments, lambda: self._fleets.all
        )
        self._books = SummedBooks(
            lambda: {
                number: BooksCollector(fleet, Portion(log, number), clock) for number, fleet in self._fleets.all.items()
            }
        )
        self._claims = Claims(
            connection,
            config.nats.name,
            self.me,
            log.partitions,
            clock,
            self._fleets.gained,
            self._fleets.lost,
            self._fleets.give_up,
            delivers,
        )
        self._neighbours = Neighbours(self._claims)
        self._delivers = delivers
        self._is_closing = False
        self._has_begun = False
        """A config was applied. For the first one a router waits until the cluster answers."""

    @classmethod
    async def open(
        cls,
        log: Log,
        config: Config,
        registry: Registry,
        clock: Clock,
        stuck: Callable[[], Sequence[str]],
        delivers: bool,
    ) -> Self:
        """Find or make the streams of states and claims, which are in the same cluster as the *log*. A router that does not
        deliver looks at them too.

        Raises:
            OperatorError: the cluster does not answer, or refuses.
        """
        assert isinstance(log, NatsLog)
        async with AsyncExitStack() as opened:
            lock = _lock(config.data)
            opened.callback(lock.release)
            connection = await Connection.open(config.log_urls, access=to_access(config))
            opened.push_async_callback(connection.close)
            names = JournalNames(config.nats.name)
            await until_answered(lambda: ensure_journals(connection, names, log.partitions, log.replicas))
            blocking = await asyncio.to_thread(BlockingConnection.open, config.log_urls, to_access(config))
            opened.push_async_callback(asyncio.to_thread, blocking.close)
            deliveries = cls(log, connection, blocking, lock, config, registry, clock, stuck, delivers)
            await until_answered(lambda: deliveries._claims.ensure(log.replicas))
            await connection.client.subscribe(names.news("*", "*"), cb=deliveries._hear)
            opened.pop_all()  # from here on they belong to the router
        return deliveries

    # --- the config ---

    async def apply(self, config: Config, sandbox_urls: Mapping[str, str], suppressed: Suppressed) -> None:
        self._alarm.set()
        self._suppressed = suppressed
        self.configure(config, sandbox_urls)
        problems = await problems_of(fleet.apply(self._assignments()) for fleet in list(self._fleets.all.values()))
        await self._beginnings.note(0.0 if self._has_begun else START_S)
        self._has_begun = True
        if problems:
            raise OperatorError("\n".join(problems))

    def configure(self, config: Config, sandbox_urls: Mapping[str, str]) -> None:
        """From now on these are the destinations that operations know."""
        self._config, self._sandbox_urls = config, sandbox_urls
        self._claims.word = to_word(tell(config))
        for operations in self._operations.values():
            operations.configure(self._assignments())

    def _assignments(self) -> list[Assignment]:
        """The assignments, made anew for each fleet: what a plugin does in one partition must not halt it in another."""
        assignments = to_assignments(self._config, self._registry, self._sandbox_urls, self._suppressed)
        return [share_of(each, len(self._log.partitions)) for each in assignments]

    # --- what the daemon asks ---

    @property
    def problems(self) -> Sequence[str]:
        of_fleets = [problem for fleet in self._fleets.all.values() for problem in fleet.problems.values()]
        return list(dict.fromkeys(problem for problem in (*of_fleets, self._beginnings.problem) if problem))

    @property
    def stuck(self) -> Sequence[str]:
        """What is stuck here, including in the log. A cluster that is away does not count, since a restart would not help."""
        ended = [
            f"the connection to the cluster for {what} has ended for good"
            for what, connection in (("claims", self._connection), ("states", self._blocking))
            if connection.is_closed and not self._is_closing
        ]
        fleets = self._fleets.all.values()
        return [*self._log.stuck, *ended, *(task for fleet in fleets for task in fleet.broken), *self._watchdog.stuck]

    def calls(self) -> Mapping[str, Operation]:
        return {**self._spread.calls(), "status": self._status, "forget": self._forget}

    async def _status(self) -> Answer:
        """As `Spread.status`, with the routers that share the log."""
        status = await self._spread.status()
        return status | {
            "running": True,
            "cluster": {
                "router": self.me,
                "delivers": self._delivers,
                "partitions": self._claims.partitions,
                "routers": sorted(self._claims.alive),
                "unclaimed": sorted(set(self._states) - self._claims.claimed),
                "differing": await self._neighbours.differing(self._config),
            },
        }

    async def _forget(self, destination: str) -> Answer:
        """As `Spread.forget`, unless another router still has the destination in its config.

        Raises:
            OperatorError: another router has it in its config; or as `Spread.forget`.
        """
        await self._refresh_states()
        if having := await self._neighbours.having(destination):
            raise OperatorError(
                f"{destination} is in the config of {', '.join(having)}; remove it there (and reload) before its state is "
                "removed"
            )
        return await self._spread.forget(destination)

    @property
    def collector(self) -> Collector:
        return self._books

    async def refresh(self) -> None:
        await self._books.refresh()

    async def _refresh_states(self) -> None:
        try:
            await self._log.look()
            await self._claims.look()
            await asyncio.gather(*(asyncio.to_thread(states.refresh) for states in self._states.values()))
        except (ClusterAway, ApiError) as error:
            raise away(error) from error

    def _is_elsewhere(self, partition: int) -> bool:
        return partition in self._claims.claimed and partition not in self._fleets.all

    async def _hear(self, message: Msg) -> None:
        """An operator has changed a state through another router."""
        *_, number, name = message.subject.split(".")
        if number.isdecimal():
            await self._fleets.catch_up(int(number), name)

    def _note_hang(self, name: str, call: str) -> None:
        for fleet in list(self._fleets.all.values()):
            fleet.note_hang(name, call)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch(self._watchdog, self._glances, stop))
            tasks.create_task(self._retry(stop))
            tasks.create_task(self._keep_house(stop))
            tasks.create_task(self._claims.run(stop))

    def _glances(self) -> dict[str, Glance]:
        if not self._connection.is_connected:
            return {}
        return {
            f"{name} in partition {number}": glance
            for number, fleet in self._fleets.all.items()
            for name, glance in fleet.glances().items()
        }

    async def _retry(self, stop: asyncio.Event) -> None:
        """For ever: as soon as the cluster is back, start what could not start without it."""
        while not stop.is_set():
            if self._beginnings.problem:
                with suppress(OperatorError):
                    await self._beginnings.note_now()
            for fleet in list(self._fleets.all.values()):
                if fleet.problems:
                    with suppress(Exception):  # logged already, or by housekeeping, which tries the same
                        await fleet.retry()
            await pause(stop, RETRY_S)

    async def _keep_house(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await pause(stop, INTERVAL_S)
            if self._delivers:
                await self._neighbours.warn(self._config)
            for partition, housekeeping in list(self._fleets.housekeepers.items()):
                if stop.is_set():
                    return
                await housekeeping.tidy(stop)
                await self._fleets.catch_up(partition)  # an announcement of a change may have been missed

    async def stop(self, deadline_s: float) -> None:
        """Land what is under way and leave the partitions to others."""
        self._is_closing = True
        await self._claims.close()
        await self._fleets.stop()
        self._alarm.clear()
        await self._connection.close()
        await asyncio.to_thread(self._blocking.close)
        self._lock.release()


def _lock(data: Path) -> Lock:
    """Lock the folder: only one router at a time may use its views of states."""
    data.mkdir(0o700, parents=True, exist_ok=True)
    try:
        return Lock.take_file(data / "router.lock")
    except Held as held:
        raise OperatorError(
            f"{data}: another router (process {held.holder}) uses this folder. Stop it first, or give this one a `data` folder "
            "of its own."
        ) from None


def _plain(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", host)[:40]
