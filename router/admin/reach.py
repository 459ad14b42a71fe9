"""How operations reach the log and the states: through the daemon's own hands while one runs, else through what they left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from router.clock import Clock
from router.delivery.fleet import Assignment, Berth, Fleet
from router.delivery.state import State, telling_trouble
from router.delivery.states import States
from router.delivery.worker import Worker
from router.destination import Destination
from router.errors import OperatorError
from router.log.interface import Log

_T = TypeVar("_T")

FLUSH_S = 3.0
"""How long a question waits for what is not on disk yet. A disk that takes nothing for so long is asked for what it has."""


@dataclass
class Reach:
    """*fleet* is there while a daemon runs.

    Unless it *knows_all*, there are states of which another process speaks.
    """

    log: Log
    states: States
    assignments: Mapping[str, Assignment]
    clock: Clock
    fleet: Fleet | None = None
    knows_all: bool = True
    is_elsewhere: Callable[[], bool] = lambda: False
    """Whether another router delivers what this one does not."""

    def known(self) -> list[str]:
        """Destinations of the config, then those of which a state is kept."""
        return [*self.assignments, *self.removed()]

    def removed(self) -> list[str]:
        """Destinations that left the config and whose state is still kept."""
        if not self.knows_all:
            return []
        return [name for name in self.states.names() if name not in self.assignments]

    def with_state(self) -> list[str]:
        """Those that have run."""
        return [name for name in self.known() if self.states.has(name)]

    def _berth(self, name: str) -> Berth | None:
        return self.fleet.berths.get(name) if self.fleet else None

    def worker(self, name: str) -> Worker | None:
        """The destination at work, if it is."""
        berth = self._berth(name)
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
            return self.assignments[name]
        if name in self.known():
            raise OperatorError(f"{name} is no longer in the config; put it back (and reload) to send to it")
        raise self._unknown(name)

    def destination(self, name: str) -> Destination:
        """It as events would go through it now: what is at work remembers more of sources than the config says.

        Raises:
            OperatorError: as `configured`.
        """
        configured, worker = self.configured(name).destination, self.worker(name)
        return configured if worker is None else worker.destination

    async def ask(self, name: str, question: Callable[[State], _T]) -> _T:
        """Ask the state of a destination.

        Raises:
            OperatorError: there is none of that name, or it has never run, or its file can't be used.
        """
        if name not in self.known():
            raise self._unknown(name)
        while (berth := self._berth(name)) is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(berth.ledger.flushed(), FLUSH_S)
            if self._berth(name) is berth:  # else it was replaced meanwhile, or another router delivers by now
                return await berth.ledger.ask(partial(_answer, question))
        if not self.states.has(name):
            raise OperatorError(f"{name} has no state yet: it has never run")

        def look() -> _T:
            state = self.states.look(name)
            try:
                return _answer(question, state)
            finally:
                state.close()

        return await asyncio.to_thread(look)

    def _unknown(self, name: str) -> OperatorError:
        return OperatorError(f"no destination {name!r}; there are: {', '.join(self.known()) or 'none'}")


def _answer(question: Callable[[State], _T], state: State) -> _T:
    with telling_trouble(state):
        return question(state)
