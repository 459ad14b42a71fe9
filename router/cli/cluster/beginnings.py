"""Where new destinations begin in the partitions of a log.

Who delivers a partition notes it as destinations start there. For the others each router notes it when it gets a new config:
events that are taken before somebody delivers there are for the new destinations, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from contextlib import closing

from router.cli.cluster.partition_fleets import RETRY_S
from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.state import telling_trouble
from router.errors import OperatorError
from router.log.interface import Log
from router.log.jetstream.connection import ApiError, ClusterAway, Denied


class Beginnings:
    """First `note` those of a config; while there is a `problem`, call `note_now` again and again."""

    def __init__(
        self,
        log: Log,
        states: Mapping[int, JournaledStates],
        clock: Clock,
        refresh: Callable[[], Awaitable[None]],
        assignments: Callable[[], Iterable[Assignment]],
        own: Callable[[], Container[int]],
    ) -> None:
        """*states* are those of each partition, which *refresh* brings up to date. *assignments* are all destinations of the
        config. *own* are the partitions that this router delivers."""
        self._log = log
        self._states = states
        self._clock = clock
        self._refresh = refresh
        self._assignments = assignments
        self._own = own
        self.problem = ""
        """Why they are not noted everywhere yet."""

    async def note(self, patience_s: float) -> None:
        """Note where new destinations begin.

        Raises:
            OperatorError: the cluster has not answered for *patience_s* seconds.
        """
        until = self._clock.monotonic() + patience_s
        while True:
            try:
                return await self.note_now()
            except OperatorError as error:
                why = error.__cause__
                may_pass = isinstance(why, ClusterAway | ApiError) and not isinstance(why, Denied)
                if not may_pass or self._clock.monotonic() >= until:
                    raise
                await self._clock.sleep(RETRY_S)

    async def note_now(self) -> None:
        """The same, without patience."""
        try:
            await self._refresh()
            own = self._own()
            await asyncio.gather(
                *(asyncio.to_thread(self.note_in, number) for number in self._states if number not in own)
            )
        except OperatorError as error:
            self.problem = str(error)
            raise
        self.problem = ""

    def note_in(self, partition: int) -> None:
        """The same, in one partition."""
        states = self._states[partition]
        known = set(states.names())
        for each in self._assignments():
            if each.name in known or each.formerly in known:
                continue
            start = self._log.start(partition) - 1 if each.starts_at_beginning else self._log.end(partition)
            with closing(states.look(each.name)) as state, telling_trouble(state):
                state.add_partition(partition, start)
