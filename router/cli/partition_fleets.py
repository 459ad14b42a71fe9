"""The partitions that this router delivers: a fleet for each, from the moment it is gained until it is lost or given up.

gained ──▶ fleet of the partition, over its states in the cluster ──lost──▶ stopped at once
                                                                 └─given up─▶ lands, then is somebody else's

Connections, pace and limits are one way to each vendor, whatever the number of partitions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog

from router.cli.deliveries import DRAIN_S
from router.cli.housekeeping import Housekeeping
from router.clock import Clock
from router.delivery.claim import Claim
from router.delivery.fleet import Assignment, Fleet
from router.delivery.journal.states import JournaledStates
from router.delivery.portion import Portion
from router.delivery.repeats import Repeats
from router.delivery.way import Ways
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway
from router.log.jetstream.log import NatsLog

RETRY_S: Final = 1.0
"""Between tries of what the cluster's being away keeps from starting in a partition that was gained."""

_LOGGER = structlog.get_logger()


class PartitionFleets:
    """`gained`, `lost` and `give_up` are what claims tell."""

    def __init__(
        self,
        log: NatsLog,
        states: Mapping[int, JournaledStates],
        clock: Clock,
        assignments: Callable[[], list[Assignment]],
        dedup_window_s: Callable[[], float],
        changed: Callable[[int, Fleet | None], None],
        taken: Callable[[int], None],
    ) -> None:
        """*assignments* makes them anew for each fleet. *changed* is told what fleet a partition has from now on; *taken*, that
        another router has written in one, which it should not have if it were ours."""
        self._log = log
        self._states = states
        self._clock = clock
        self._assignments = assignments
        self._dedup_window_s = dedup_window_s
        self._changed = changed
        self._taken = taken
        self._chance = random.Random()
        self._ways = Ways(clock, self._chance)
        self.all: dict[int, Fleet] = {}
        """By partition."""
        self.housekeepers: dict[int, Housekeeping] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """What is done about a partition: one thing at a time."""
        self._leaving: set[int] = set()
        """What is given up: nothing starts there any more."""
        self._landing: dict[int, Fleet] = {}
        """What of that lands."""

    def gained(self, claim: Claim) -> None:
        self._then(claim.partition, self._start(claim))

    def lost(self, partition: int) -> None:
        landing = self._landing.get(partition)
        if landing is not None:
            landing.cut()
        fleet = self._take_out(partition)
        if fleet is not None:
            fleet.cut()
            self._then(partition, fleet.abandon())

    async def give_up(self, partition: int) -> None:
        self._leaving.add(partition)
        fleet = self.all.get(partition)
        if fleet is not None:
            fleet.end()  # what is about to start there may wait for the log
        self._then(partition, self._land(partition))
        await asyncio.wait({self._tasks[partition]})

    async def _land(self, partition: int) -> None:
        self._leaving.discard(partition)
        fleet = self._take_out(partition)
        if fleet is None:
            return
        self._landing[partition] = fleet
        try:
            await fleet.stop(DRAIN_S)
        finally:
            del self._landing[partition]

    async def stop(self) -> None:
        """Leave what is still held."""
        for partition in list(self.all):
            fleet = self._take_out(partition)
            if fleet is not None:
                await fleet.abandon()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _take_out(self, partition: int) -> Fleet | None:
        fleet = self.all.pop(partition, None)
        housekeeper = self.housekeepers.pop(partition, None)
        if housekeeper is not None:
            housekeeper.is_over = True
        self._changed(partition, None)
        self._set_share()
        return fleet

    def _then(self, partition: int, step: Coroutine[Any, Any, None]) -> None:
        """Do *step* once what is under way for the partition is done."""
        earlier = self._tasks.get(partition)

        async def run() -> None:
            if earlier is not None:
                await asyncio.wait({earlier})
            try:
                await step
            except Exception as error:
                _LOGGER.error(
                    "a partition can't be taken or left: a bug in the router", partition=partition, exc_info=error
                )

        self._tasks[partition] = asyncio.create_task(run(), name=f"partition {partition}")

    async def _start(self, claim: Claim) -> None:
        partition = claim.partition
        portion = Portion(self._log, partition)
        while claim.is_good() and partition not in self._leaving:
            try:
                await self._log.look(partition)  # positions are of events that others have stored
                break
            except (ClusterAway, ApiError):
                await self._clock.sleep(RETRY_S)
        if not claim.is_good() or partition in self._leaving:
            return
        fleet = Fleet(
            portion,
            self._states[partition],
            self._clock,
            self._chance,
            ways=self._ways,
            claim=claim,
            repeats=Repeats(self._dedup_window_s()),
            on_taken=lambda: self._taken(partition),
        )
        self.all[partition] = fleet
        self.housekeepers[partition] = Housekeeping(portion, fleet, fleet.needed_from)
        self._changed(partition, fleet)
        self._set_share()
        try:
            await fleet.apply(self._assignments())
        except OperatorError as error:
            _LOGGER.error("not all destinations of a partition could start", partition=partition, reason=str(error))

    def _set_share(self) -> None:
        """Of a vendor's rate: as much as the share of the partitions that are ours, so that all routers together keep to it."""
        self._ways.share(max(1, len(self.all)) / len(self._log.partitions))
