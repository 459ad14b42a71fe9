"""What a berth needs before its destination is delivered to: the open state, and a way and a worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from functools import partial

from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import Berth
from router.delivery.decoder import Decoder
from router.delivery.openings import Opened, Openings
from router.delivery.rounds import Rounds
from router.delivery.sharing.claim import Claim, Claimed
from router.delivery.sharing.repeats import Repeats
from router.delivery.state.opening import PastTheEnd, open_ledger
from router.delivery.state.states import States
from router.delivery.unknown_names import UnknownNames
from router.delivery.unknown_sources import UnknownSources
from router.delivery.way import Ways
from router.delivery.worker import Worker
from router.guard import PluginFailed
from router.log.interface import Engine
from router.log.room import Reserve
from router.unless import unless


class Outfitter:
    """One per fleet. It holds what all destinations of the fleet share."""

    def __init__(
        self,
        log: Engine,
        states: States,
        clock: Clock,
        chance: random.Random,
        reserve: Reserve,
        ways: Ways,
        claim: Claim | None,
        repeats: Repeats | None,
        on_taken: Callable[[], None],
        rounds: Rounds,
        unknown_names: UnknownNames,
        unknown_sources: UnknownSources,
        openings: Openings,
    ) -> None:
        """See `Fleet`."""
        self._log = log
        self._states = states
        self._clock = clock
        self._chance = chance
        self._reserve = reserve
        self._ways = ways
        self._claim = claim
        self._repeats = repeats
        self._on_taken = on_taken
        self._rounds = rounds
        self._unknown_names = unknown_names
        self._unknown_sources = unknown_sources
        self._openings = openings
        self.decoder = Decoder()

    async def open(
        self, assignment: Assignment, ends: Mapping[int, int], wanted: Collection[str], over: asyncio.Event
    ) -> Opened | None:
        """The ledger of the destination, not started, and the notes of its last run; None once it is *over*.

        *ends*: where a new destination begins, by partition. *wanted* are the names of all destinations: what has one of them
        is not renamed.
        """
        open_state = partial(open_ledger, assignment, self._states, self._log, ends, self._clock, self._reserve, wanted)
        try:
            ledger, notes = await self._openings.open(assignment.name, open_state)
        except PastTheEnd:  # another router knows of events that are not known here yet
            await self._log.look()
            ledger, notes = await self._openings.open(assignment.name, open_state)
        ledger.on_taken = self._on_taken
        try:
            if self._repeats is not None:
                for partition, position in ledger.written_positions.items():
                    # It may wait for a cluster to come back.
                    await unless(over, self._repeats.read_back(self._log, partition, position))
        except BaseException:
            ledger.abandon()
            raise
        if over.is_set():
            ledger.abandon()
            return None
        return ledger, notes

    def equip(self, berth: Berth, notes: Mapping[str, str | None]) -> Worker:
        """Give *berth* its way and its worker, which is not started.

        Raises:
            PluginFailed: the plugin can't be loaded, or has no address or no limits for these settings.
        """
        assignment = berth.assignment
        if assignment.obstacle:
            raise PluginFailed(assignment.obstacle)
        # The assignment's destination, without what this partition remembers: all partitions share one way.
        berth.way = self._ways.take(
            assignment.destination, assignment.options, assignment.timeout_s, assignment.connect_timeout_s
        )
        berth.worker = Worker(
            berth.destination,
            self._log,
            berth.ledger,
            berth.way.send if self._claim is None else Claimed(berth.way.send, self._claim),
            berth.way.outlet,
            assignment.options,
            self._clock,
            self._chance,
            notes,
            self.decoder,
            self._unknown_names,
            self._unknown_sources,
            self._repeats.is_repeat if self._repeats else None,
            self._rounds,
        )
        return berth.worker
