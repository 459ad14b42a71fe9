"""The fleets of the partitions that this router delivers: one for each, from when it is gained until it is lost or given up.

gained ──▶ fleet of the partition, over its states in the cluster ──lost──▶ stopped at once
                                                                 └─given up─▶ lands, then is somebody else's

All partitions share one way to each vendor: the connections, the pace and the limits.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog

from router.cli.deliveries import DRAIN_S
from router.cli.fleet_chores import FleetChores
from router.cli.housekeeping import Housekeeping
from router.cli.log_chores import LogChores
from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.fleet import Fleet
from router.delivery.rounds import Rounds
from router.delivery.sharing.claim import Claim
from router.delivery.sharing.portion import Portion
from router.delivery.sharing.repeats import Repeats
from router.delivery.state.journal.states import JournaledStates
from router.delivery.way import Ways
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway
from router.log.jetstream.log import NatsLog

RETRY_S: Final = 1.0
"""Seconds between tries to start what could not start in a gained partition because the cluster is away."""

_LOGGER = structlog.get_logger()


class PartitionFleets:
    """Claims call `gained`, `lost` and `give_up`."""

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
        """*assignments* makes assignments anew for each fleet. *changed* is called with the fleet that a partition has from now
        on; *taken* is called if another router has written in a partition, which must not happen if it is ours."""
        self._log = log
        self._states = states
        self._clock = clock
        self._assignments = assignments
        self._dedup_window_s = dedup_window_s
        self._changed = changed
        self._taken = taken
        self._chance = random.Random()
        self._ways = Ways(clock, self._chance)
        self._rounds = Rounds()
        self.all: dict[int, Fleet] = {}
        """By partition."""
        self.housekeepers: dict[int, Housekeeping] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """What is being done about each partition: one thing at a time."""
        self._leaving: set[int] = set()
        """Partitions that are being given up: nothing starts there any more."""
        self._landing: dict[int, Fleet] = {}
        """Those of their fleets that are landing."""

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
            fleet.end()  # a start under way there may be waiting for the log
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
        """Leave the partitions that are still held."""
        for partition in list(self.all):
            fleet = self._take_out(partition)
            if fleet is not None:
                await fleet.abandon()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def catch_up(self, partition: int, destination: str | None = None) -> None:
        """Read on in the journal of a *destination*, or of all of them, in a partition, if its fleet is here: an operator may
        have changed a state through another router."""
        fleet = self.all.get(partition)
        for name, berth in list(fleet.berths.items()) if fleet is not None else ():
            if destination in (None, name):
                # Whatever it raises, even this machine's disk: it holds only a view, and the next write reports it again.
                with suppress(ClusterAway, ApiError, OperatorError, RuntimeError, sqlite3.Error, OSError):
                    await berth.ledger.ask(lambda state: state.catch_up())

    def _take_out(self, partition: int) -> Fleet | None:
        fleet = self.all.pop(partition, None)
        housekeeper = self.housekeepers.pop(partition, None)
        if housekeeper is not None:
            housekeeper.is_over = True
        self._changed(partition, None)
        self._set_share()
        return fleet

    def _then(self, partition: int, step: Coroutine[Any, Any, None]) -> None:
        """Do *step* after what is under way for the partition."""
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
                await self._log.look(partition)  # positions may speak of events that others have stored
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
            rounds=self._rounds,
        )
        self.all[partition] = fleet
        self.housekeepers[partition] = Housekeeping(LogChores(portion, fleet.needed_from), FleetChores(portion, fleet))
        self._changed(partition, fleet)
        self._set_share()
        try:
            await fleet.apply(self._assignments())
        except OperatorError as error:
            _LOGGER.error("not all destinations of a partition could start", partition=partition, reason=str(error))

    def _set_share(self) -> None:
        """Use as large a share of each vendor's rate as our share of the partitions, so that all routers together keep to the
        rate."""
        self._ways.share(max(1, len(self.all)) / len(self._log.partitions))
