"""Erasure: what the states of destinations keep of people who are to be forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence, Set
from functools import partial

from router.admin.answer import Answer
from router.admin.reach import Reach
from router.delivery.state.state import Erasure, State
from router.errors import OperatorError
from router.suppressed import Suppressed, people_of


class ErasureOperation:
    """It takes and returns JSON; see `Operations`."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def erase(
        self, people: Sequence[Sequence[str]], tombstones: Sequence[int], without: Container[str] = ()
    ) -> Answer:
        """Erase what is kept of *people* (kind and id of each), who are suppressed by now: dead letters, parked events, and
        what vendors said of events that are *tombstones* by now (their sequences). Not of the destinations in *without*.

        ``problems`` says what could not be erased.
        """
        suppressed, buried = Suppressed.of(people_of(people)), frozenset(tombstones)
        answer: Answer = {"dead_letters": 0, "parked": 0, "problems": []}

        async def erase_at(name: str) -> None:
            after: int | None = 0
            while after is not None:  # part by part: the destination goes on in between
                try:
                    erased = await self._reach.ask(name, partial(_erase, suppressed, buried, after))
                except OperatorError as error:
                    answer["problems"].append(f"{name}: {error}")
                    return
                answer["dead_letters"] += erased.letters
                answer["parked"] += erased.parked
                if self._reach.fleet and name in self._reach.fleet.berths:
                    self._reach.fleet.berths[name].ledger.note_discarded(erased.events)
                worker = self._reach.worker(name)
                may_be_back = worker is not None and worker.jobs.erase_reasons(erased.job_reasons)
                if not (may_be_back and erased.looked_through is None):  # else the last part once more
                    after = erased.looked_through
            if not erased.is_overwritten:
                answer["problems"].append(
                    f"{name}: somebody reads its state, so what was erased still lies in its file"
                )

        await asyncio.gather(*(erase_at(name) for name in self._reach.with_state() if name not in without))
        return answer


def _erase(suppressed: Suppressed, buried: Set[int], after: int, state: State) -> Erasure:
    return state.erase(suppressed, buried, after)
