"""Deliveries from several processes. While one is down, what its destinations need of the log is kept, and the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client.registry import Collector

from router.admin.answer import Operation
from router.admin.gathering import Gathering
from router.admin.merged_metrics import GatheredMetrics
from router.admin.operations import Operations
from router.cli.data_folder import states_of
from router.cli.deliveries import DRAIN_S, problems_of
from router.cli.housekeeping import Housekeeping
from router.cli.log_chores import LogChores
from router.cli.processes.child_process import ChildProcess
from router.cli.processes.orders import Orders
from router.cli.processes.placement import place
from router.cli.wiring import to_assignments
from router.clock import Clock
from router.config import Config
from router.errors import OperatorError
from router.log.interface import Engine
from router.log.segments import Unreadable
from router.log.sqlite import SqliteLog
from router.registry import Registry
from router.suppressed import Suppressed
from router.unless import pause, unless

PULSE_S: Final = 2.0
"""How often each process is asked how it is."""
CLOSING_S: Final = 2.0
"""Time for the rest of an ending, after flights have landed."""


class ProcessDeliveries:
    """`Deliveries` from *count* processes."""

    def __init__(
        self,
        count: int,
        log: Engine,
        config: Config,
        registry: Registry,
        log_level: str,
        clock: Clock,
        stuck: Callable[[], Sequence[str]],
    ) -> None:
        """*stuck* speaks for the whole router."""
        self._log = log
        self._registry = registry
        self._processes = [ChildProcess(number, config.data, log_level, clock) for number in range(1, count + 1)]
        self._placed: dict[str, int] = {}
        """The process of each destination, those that left the config included: it may still let their requests land."""
        self._operations = Operations(log, states_of(config, log.id), (), clock)
        self._gathering = Gathering(self._operations, self._processes, stuck)
        self._metrics = GatheredMetrics(self._processes)
        self._housekeeping = Housekeeping(LogChores(log, self.needed_from))

    async def apply(self, config: Config, sandbox_urls: Mapping[str, str], suppressed: Suppressed) -> None:
        destinations = config.destinations
        formerly = {name: each.formerly for name, each in destinations.items() if each.formerly}
        down = {number for number, process in enumerate(self._processes) if process.is_down}
        placed = place(list(destinations), len(self._processes), self._placed, formerly, down)
        self._placed |= placed
        assignments = to_assignments(config, self._registry, sandbox_urls, suppressed)
        self._operations.configure(assignments)
        known = {each.name: each.destination.names for each in assignments}
        everyone = [
            frozenset(name for name, index in placed.items() if index == number)
            for number in range(len(self._processes))
        ]
        problems = await problems_of(
            process.take(Orders.give(config, sandbox_urls, names, known, suppressed))
            for process, names in zip(self._processes, everyone, strict=True)
        )
        if problems:
            raise OperatorError("\n".join(problems))

    @property
    def problems(self) -> Sequence[str]:
        return [problem for process in self._processes for problem in process.problems]

    @property
    def stuck(self) -> Sequence[str]:
        return [each for process in self._processes for each in process.stuck]

    def calls(self) -> Mapping[str, Operation]:
        return {**self._gathering.calls(), "mend": self._mend}

    async def _mend(self, first: int, is_copy: bool) -> dict[str, Any]:
        """For the processes: see `SqliteLog.mend`."""
        if isinstance(self._log, SqliteLog):
            try:
                await self._log.mend(first, is_copy)
            except Unreadable as error:
                raise OperatorError(str(error)) from error
        return {}

    @property
    def collector(self) -> Collector:
        return self._metrics

    async def refresh(self) -> None:
        await self._metrics.refresh()

    def needed_from(self) -> dict[int, int]:
        """As `Fleet.needed_from`, according to the last pulse of each process. (What is needed only ever moves forward.)

        While one of them is down or changing, everything may be needed, as far as the ``max_backlog`` of its destinations goes.
        """
        needed = {partition: self._log.end(partition) + 1 for partition in self._log.partitions}
        for process in self._processes:
            if process.names:
                said = dict(process.pulse.get("needed_from", ()))
                for partition in needed:
                    if partition not in said:
                        said[partition] = self._log.sequence_at_backlog(partition, process.max_backlog_bytes) + 1
                    needed[partition] = min(needed[partition], said[partition])
        return needed

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feel_pulses(stop))
            tasks.create_task(self._housekeeping.run(stop))
            messengers = [tasks.create_task(self._tell_news(partition)) for partition in self._log.partitions]
            await stop.wait()
            for process in self._processes:
                process.retire()
            for messenger in messengers:
                messenger.cancel()

    async def _feel_pulses(self, stop: asyncio.Event) -> None:
        async def feel() -> None:
            await asyncio.gather(*(process.feel_pulse() for process in self._processes))

        while not stop.is_set():
            await unless(stop, feel())  # one that hangs is waited for
            await pause(stop, PULSE_S)

    async def _tell_news(self, partition: int) -> None:
        while True:
            end = self._log.end(partition)
            for process in self._processes:
                process.tell_news()
            await self._log.wait(partition, end)

    async def stop(self, deadline_s: float) -> None:
        await asyncio.gather(*(process.stop(max(deadline_s, DRAIN_S) + CLOSING_S) for process in self._processes))
