"""The operations that operators ask of a router. A running daemon and the files alone give the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from router.admin.answer import Answer, Operation
from router.admin.erasure import ErasureOperation
from router.admin.jobs import JobOperations
from router.admin.letters import LetterOperations
from router.admin.reach import Reach
from router.admin.status import StatusOperation
from router.admin.trace import TraceOperation
from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.fleet import Fleet
from router.delivery.state.states import States
from router.errors import OperatorError
from router.log.interface import Engine


class Operations:
    """Every method takes and returns JSON, so that the admin socket can pass calls through unchanged.

    Each may raise `OperatorError`: a name or an id does not exist, a state can't be read.
    """

    def __init__(
        self,
        log: Engine,
        states: States,
        assignments: Sequence[Assignment],
        clock: Clock,
        fleet: Fleet | None = None,
        stuck: Callable[[], Sequence[str]] = tuple,
        knows_all: bool = True,
        is_elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        """A daemon that runs gives its *fleet*, and *stuck* names what is stuck in it.

        Unless it *knows_all*, another process answers for some of the states. *is_elsewhere* says whether another router
        delivers what this one does not.
        """
        self._reach = Reach(log, states, {}, clock, fleet, knows_all, is_elsewhere)
        self.configure(assignments)
        self.status = StatusOperation(self._reach, stuck).status
        trace = TraceOperation(self._reach)
        self.trace, self.trace_record, self.warnings_of = trace.trace, trace.trace_record, trace.warnings_of
        self._letters = LetterOperations(self._reach)
        self._jobs = JobOperations(self._reach, self._letters)
        self.add = self._jobs.add
        self.erase = ErasureOperation(self._reach).erase

    def configure(self, assignments: Sequence[Assignment]) -> None:
        """From now on these are the destinations."""
        self._reach.assignments = {assignment.name: assignment for assignment in assignments}

    def set_fleet(self, fleet: Fleet | None) -> None:
        """From now on the destinations of *fleet* are at work."""
        self._reach.fleet = fleet

    @property
    def names(self) -> list[str]:
        """The destinations of the config."""
        return list(self._reach.assignments)

    def removed(self) -> list[str]:
        """Destinations that left the config but whose state is still kept."""
        return self._reach.removed()

    def calls(self) -> Mapping[str, Operation]:
        """The operations by the name they have on the admin socket."""
        return {
            "status": self.status,
            "trace": self.trace,
            "causes": self._letters.causes,
            "dead-letters": self._letters.dead_letters,
            "plan-discard": self._letters.plan_discard,
            "discard": self._letters.discard,
            "plan-retry": self._jobs.plan_retry,
            "retry": self._jobs.retry,
            "plan-replay": self._jobs.plan_replay,
            "replay": self._jobs.replay,
            "rehearse": self._jobs.rehearse,
            "jobs": self._jobs.jobs,
            "cancel": self._jobs.cancel,
            "forget": self.forget,
            "erase": self.erase,
        }

    async def forget(self, destination: str) -> Answer:
        """Remove the state of a destination that is no longer in the config: position, parked events and dead letters."""
        if destination in self._reach.assignments:
            raise OperatorError(
                f"{destination} is in the config; remove it there (and reload) before its state is removed"
            )
        states = self._reach.states
        if not states.has(destination):
            raise OperatorError(
                f"no state is kept for {destination!r}; kept are: {', '.join(self._reach.removed()) or 'none'}"
            )
        if (heir := self._reach.heir(destination)) is not None:
            raise OperatorError(
                f"{heir} takes over the state of {destination} when the router runs, as its `formerly` says; take that out of "
                "the config first, if it is not meant"
            )
        await asyncio.to_thread(states.forget, destination)
        return {"destination": destination, "forgotten": True}
