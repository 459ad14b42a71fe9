"""How operations reach the log and the states: through the daemon's own objects while one runs, else through the files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from router.admin.answer import Answer
from router.admin.hole import hole
from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import Berth
from router.delivery.fleet import Fleet
from router.delivery.state.state import State, telling_trouble
from router.delivery.state.states import States
from router.delivery.worker import Worker
from router.destination import Destination
from router.errors import OperatorError
from router.log.interface import Engine

_T = TypeVar("_T")

FLUSH_S = 3.0
"""How long a question waits for changes that are not on disk yet. After that the answer is what the disk has."""
_LOOKED_AT: Final = 4
"""How many states that are not at work here are open at a time. Each takes file handles and one of the few shared threads."""


@dataclass
class Reach:
    """A daemon that runs gives its *fleet*. Unless it *knows_all*, another process answers for some of the states."""

    log: Engine
    states: States
    assignments: Mapping[str, Assignment]
    clock: Clock
    fleet: Fleet | None = None
    knows_all: bool = True
    is_elsewhere: Callable[[], bool] = lambda: False
    """Whether another router delivers what this one does not."""
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LOOKED_AT))
    """Held while a state that is not at work here is open."""

    def known(self) -> list[str]:
        """Destinations of the config, then others whose state is kept."""
        return [*self.assignments, *self.removed()]

    def removed(self) -> list[str]:
        """Destinations that left the config but whose state is still kept."""
        if not self.knows_all:
            return []
        return [name for name in self.states.names() if name not in self.assignments]

    def heir(self, name: str) -> str | None:
        """The destination that takes over the state kept under its former *name* when it starts; None if there is none."""
        heirs = (
            each.name for each in self.assignments.values() if each.formerly == name and not self.states.has(each.name)
        )
        return next(heirs, None)

    def with_state(self) -> list[str]:
        """Destinations that have run."""
        return [name for name in self.known() if self.states.has(name)]

    def berth(self, name: str) -> Berth | None:
        """The destination's place in the fleet, if it has one here; a disabled one has, too."""
        return self.fleet.berths.get(name) if self.fleet else None

    def worker(self, name: str) -> Worker | None:
        """The destination's worker, if it is at work here."""
        berth = self.berth(name)
        return berth.worker if berth else None

    def is_at_work(self, name: str) -> bool:
        """Whether a router delivers to it, here or elsewhere; also while a reload replaces it, or it can't start just now."""
        assignment = self.assignments.get(name)
        return assignment is not None and assignment.is_enabled and (self.fleet is not None or self.is_elsewhere())

    def configured(self, name: str) -> Assignment:
        """The destination as the config has it.

        Raises:
            OperatorError: it is not in the config, or could not start.
        """
        if name in self.assignments:
            if self.fleet and name in self.fleet.problems:
                raise OperatorError(f"{name} could not start: {self.fleet.problems[name]}")
            if self.assignments[name].obstacle:  # a disabled one does not start
                raise OperatorError(f"{name}: {self.assignments[name].obstacle}")
            return self.assignments[name]
        if name in self.known():
            raise OperatorError(f"{name} is no longer in the config; put it back (and reload) to send to it")
        raise self._unknown(name)

    def destination(self, name: str) -> Destination:
        """The destination as events would go through it now. One at work remembers more about sources than the config says.

        Raises:
            OperatorError: as `configured` does.
        """
        configured, worker = self.configured(name).destination, self.worker(name)
        return configured if worker is None else worker.destination

    async def ask(self, name: str, question: Callable[[State], _T]) -> _T:
        """Ask the state of a destination.

        Raises:
            OperatorError: no destination has that name, it has never run, or its file can't be used.
        """
        if name not in self.known():
            raise self._unknown(name)
        while (berth := self.berth(name)) is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(berth.ledger.flushed(), FLUSH_S)
            if self.berth(name) is berth:  # otherwise it was replaced, or another router delivers now
                return await berth.ledger.ask(partial(answer_of, question))
        if not self.states.has(name):
            raise OperatorError(f"{name} has no state yet: it has never run")

        def look() -> _T:
            state = self.states.look(name)
            try:
                return answer_of(question, state)
            finally:
                state.close()

        async with self.looking:
            return await asyncio.to_thread(look)

    async def gather(self, destination: str | None, list_of: Callable[[str], Awaitable[list[Answer]]]) -> list[Answer]:
        """*list_of* one destination; or of all that have run, side by side, with a hole for each whose state can't be read.

        Raises:
            OperatorError: *list_of* does, of the one that was asked for.
        """
        if destination is not None:
            return await list_of(destination)

        async def told(name: str) -> list[Answer]:
            try:
                return await list_of(name)
            except OperatorError as error:
                return [hole(name, error)]

        return [each for found in await asyncio.gather(*map(told, self.with_state())) for each in found]

    def _unknown(self, name: str) -> OperatorError:
        return OperatorError(f"no destination {name!r}; there are: {', '.join(self.known()) or 'none'}")


def answer_of(question: Callable[[State], _T], state: State) -> _T:
    """The answer of *state*.

    Raises:
        StateUnusable: it can't be read.
    """
    with telling_trouble(state):
        return question(state)
