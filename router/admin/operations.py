"""The operations that operators ask of a router. A running daemon and the files alone give the same answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import orjson

from router.admin.jobs import JobOperations, show_job
from router.admin.letters import LetterOperations
from router.admin.reach import Reach, answer_of
from router.clock import Clock
from router.delivery.fleet import Assignment, Fleet
from router.delivery.ledger import Ledger
from router.delivery.order import WAITED
from router.delivery.state import ParkedUser, Place, State, StateUnusable, telling_trouble
from router.delivery.states import States
from router.delivery.tally import Tally
from router.delivery.worker import Worker
from router.errors import OperatorError
from router.log.interface import Engine
from router.log.record import Record

Answer = dict[str, Any]

OLDEST_WITHIN_S: Final = 2.0
"""How long a status waits for a destination's oldest event, which comes from the log. After that it looks only at parked
ones."""
_LOOKED_AT: Final = 4
"""How many states are opened at a time for a status. Each takes file handles and one of the few shared threads."""


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
        self._letters = LetterOperations(self._reach)
        self._stuck = stuck
        self._looking = asyncio.Semaphore(_LOOKED_AT)
        self._jobs = JobOperations(self._reach, self._letters)

    def configure(self, assignments: Sequence[Assignment]) -> None:
        """From now on these are the destinations."""
        self._reach.assignments = {assignment.name: assignment for assignment in assignments}

    async def add(self, destination: str, plan: Answer) -> Answer:
        """Note a job that carries out a plan of `plan-retry` or `plan-replay`."""
        return await self._jobs.add(destination, plan)

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

    def calls(self) -> Mapping[str, Callable[..., Awaitable[Any]]]:
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
        }

    # --- seeing ---

    async def status(self, without: Container[str] = ()) -> Answer:
        """The log, and for each destination its state, its books and its oldest pending event. Destinations in *without* have
        only their name.

        ``unknown_names``: how many events since the start named a destination that does not exist, by name.
        ``unknown_sources``: sources of events that the config does not know (any more).
        """
        return {
            "log": {
                "id": self._reach.log.id,
                "partitions": {
                    str(partition): {"start": self._reach.log.start(partition), "end": self._reach.log.end(partition)}
                    for partition in self._reach.log.partitions
                },
                "size_bytes": self._reach.log.size_bytes,
                "max_bytes": self._reach.log.max_bytes,
                "obstacle": self._reach.log.obstacle,
            },
            "running": self._reach.fleet is not None,
            "stuck": list(self._stuck()),
            "destinations": await asyncio.gather(
                *(self._destination_status(each, without) for each in self._reach.assignments.values())
            ),
            "removed": [name for name in self._reach.removed() if self._reach.heir(name) is None],
            "unknown_names": dict(self._reach.fleet.unknown_names.names) if self._reach.fleet else {},
            "unknown_sources": self._reach.fleet.unknown_sources.names if self._reach.fleet else [],
        }

    async def _destination_status(self, assignment: Assignment, without: Container[str]) -> Answer:
        name = assignment.name
        if name in without:
            return {"destination": name}
        status: Answer = {"destination": name, "plugin": assignment.destination.plugin.slug}
        berth = self._reach.fleet.berths.get(name) if self._reach.fleet else None
        worker = berth.worker if berth else None
        status["order"] = "strict" if assignment.destination.is_ordered else "none"
        if worker is not None:
            status |= dict(zip(("state", "reason"), worker.state, strict=True))
            status["next_try_in_s"] = self._next_try_in_s(worker)
            status["concurrency"] = {"now": worker.pace.concurrency, "most": assignment.options.concurrency}
        else:
            status |= {"state": "stopped" if assignment.is_enabled else "disabled", "reason": ""}
        if berth is not None:
            return status | await self._books_of(assignment, berth.ledger) | _show_tally(berth.ledger.tally)
        if self._reach.fleet and name in self._reach.fleet.problems:
            return status | {"state": "unusable", "reason": self._reach.fleet.problems[name]}
        if not self._reach.states.has(name):
            former = assignment.formerly
            is_heir = former is not None and self._reach.states.has(former)
            reason = (
                f"it goes on where {former} was, when the router runs" if is_heir else "it begins when the router runs"
            )
            return status | {"state": "new", "reason": reason}
        if self._reach.fleet and assignment.is_enabled:
            status["reason"] = "a start or a reload is under way: what it has sent lands first, then it goes on"
        async with self._looking:
            return status | await self._kept_status(assignment)

    async def _kept_status(self, assignment: Assignment) -> Answer:
        """The status of a destination that is not at work here, from its state."""
        name, status = assignment.name, {}
        try:
            state = await asyncio.to_thread(self._reach.states.look, name, read_only=True)
        except OperatorError as error:
            return {"state": "unusable", "reason": str(error)}
        try:
            if assignment.is_enabled and self._reach.is_elsewhere():
                status = dict(zip(("state", "reason"), noted_state(state, self._reach.clock.now()), strict=True))
            with telling_trouble(state):
                ledger = Ledger(name, state, self._reach.clock)
            return status | await self._books_of(assignment, ledger)
        except StateUnusable as error:
            return {"state": "unusable", "reason": str(error)}
        finally:
            state.close()

    def _next_try_in_s(self, worker: Worker) -> float | None:
        """Seconds until a waiting destination sends again; None if it does not wait or has a request under way."""
        if worker.halt.is_on:
            return round(worker.halt.wait_s, 1)
        wait_s = worker.pace.wait_s(self._reach.clock.monotonic())
        return round(wait_s, 1) if wait_s else None

    async def _books_of(self, assignment: Assignment, ledger: Ledger) -> Answer:
        """What the ledger says, or that its state can't be read: the other destinations can be told of all the same."""
        since_s, hold = ledger.disabled_since_s, {}
        if not assignment.is_enabled and since_s is not None:
            hold["hold_left_s"] = round(max(0.0, since_s + assignment.hold_s - self._reach.clock.now()), 1)
        try:
            return await self._ledger_status(ledger) | hold
        except StateUnusable as error:
            return {"state": "unusable", "reason": str(error)}

    async def _ledger_status(self, ledger: Ledger) -> Answer:
        books = ledger.books(self._reach.log.end)
        skipped = {reason: count for (kind, reason), count in sorted(ledger.counts.items()) if kind == "skipped"}
        beside = dict.fromkeys(("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts"), 0)
        beside |= {kind: count for (kind, reason), count in ledger.counts.items() if kind in beside}
        parked = {line: user for line, user in ledger.parked_users.items() if line in ledger.parked}
        is_at_work = self._reach.is_at_work(ledger.name)

        def look(state: State) -> tuple[float | None, Answer]:
            """Everything that only the state knows, in one question, since each trip to the state's thread costs time."""
            return state.oldest_parked_s(), {
                "parked_example": _parked_example(state, parked),
                "dead_letters": state.letters.count(),
                "jobs": [show_job(ledger.name, job) | {"running": is_at_work} for job in state.jobs("running")],
            }

        oldest_parked_s, kept = await ledger.ask(partial(answer_of, look))
        oldest_s = oldest_parked_s
        with suppress(TimeoutError):  # a log that can't be read now keeps trying
            async with asyncio.timeout(OLDEST_WITHIN_S):
                oldest_s = await ledger.oldest_s(self._reach.log, oldest_parked_s)
        return {
            "books": {
                "accepted": books.accepted,
                "delivered": books.delivered,
                "skipped": books.skipped,
                "dead": books.dead,
                "pending": books.pending,
                "unaccounted": books.unaccounted,
            },
            "skipped": skipped,
            **beside,
            "waited": {reason: count for (kind, reason), count in sorted(ledger.counts.items()) if kind == WAITED},
            "replayed": {reason: count for (kind, reason), count in ledger.counts.items() if kind == "replayed"},
            "parked": {"events": ledger.parked_events, "users": len(ledger.parked)},
            "oldest_pending_s": None if oldest_s is None else round(max(0.0, self._reach.clock.now() - oldest_s), 1),
            "positions": {str(partition): window.position for partition, window in ledger.windows.items()},
            **kept,
        }

    async def trace(self, message_id: str) -> Answer:
        """The stored events with this messageId (one per source), and what became of each at every destination."""
        records = await self._reach.log.find(message_id)
        if not records:
            raise never_accepted(message_id)
        return {"message_id": message_id, "events": [await self.trace_record(record) for record in records]}

    async def trace_record(self, record: Record) -> Answer:
        """An event of the log, and what became of it at every destination."""
        return {
            "source": record.source,
            "partition": record.partition,
            "sequence": record.sequence,
            "event": orjson.loads(record.event),
            "destinations": [await self._trace_at(name, record) for name in self._reach.assignments],
        }

    async def _trace_at(self, name: str, record: Record) -> Answer:
        place = Place(record.partition, record.sequence)
        answer: Answer = {"destination": name}
        if not self._reach.states.has(name):
            return answer | {"outcome": "pending", "reason": "the destination has not run yet"}

        waits = self._why_it_waits(name)
        is_elsewhere = self._reach.worker(name) is None and self._reach.is_elsewhere()

        def look(state: State) -> Answer:
            outcome, replay = state.outcome(place), state.replayed(place)
            told: Answer = {}
            if replay is not None:
                told["replay"] = {
                    "job": replay.job,
                    "outcome": replay.kind,
                    "reason": replay.reason,
                    "at_s": replay.at_s,
                }
            if outcome is not None:
                return {"outcome": outcome.kind, "reason": outcome.reason, "at_s": outcome.at_s} | told
            parked = state.parked_reason(place)
            if parked is not None:
                reason, user = parked
                return {"outcome": "parked", "reason": reason, "next_try_s": user.next_s, "attempts": user.attempts}
            start, position = state.positions().get(place.partition, (0, 0))
            if place.sequence <= start:
                return {"outcome": "not for it", "reason": "accepted before this destination was added"} | told
            if place.sequence <= position:
                return {"outcome": "settled", "reason": "longer ago than outcomes are kept"} | told
            tries = state.tries().get(place)
            noted = _waits(noted_state(state, self._reach.clock.now())) if is_elsewhere else ""
            return {"outcome": "pending", "reason": waits or noted, "attempts": tries.attempts if tries else 0}

        try:
            return answer | await self._reach.ask(name, look)
        except OperatorError as error:  # what became of the event elsewhere can still be told
            return answer | {"outcome": "unusable", "reason": str(error)}

    def _why_it_waits(self, name: str) -> str:
        """Why nothing leaves for the destination now; "" if it delivers, or if nobody here knows."""
        if not self._reach.assignments[name].is_enabled:
            return "the destination is disabled"
        worker = self._reach.worker(name)
        if worker is None:
            is_delivered = self._reach.fleet is not None or self._reach.is_elsewhere()
            return "" if is_delivered else "no router delivers just now"
        return _waits(worker.state)

    # --- doing ---

    async def forget(self, destination: str) -> Answer:
        """Remove the state of a destination that is no longer in the config: position, parked events and dead letters."""
        if destination in self._reach.assignments:
            raise OperatorError(
                f"{destination} is in the config; remove it there (and reload) before its state is removed"
            )
        states = self._reach.states
        if destination not in states.names():  # `has` would look outside their folder, too, for a name with a slash
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


def never_accepted(message_id: str) -> OperatorError:
    return OperatorError(
        f"no event with messageId {message_id!r} in the log. It was never accepted (see the caller's receipt, or router "
        "rejected list), it is older than the log's retention, or the log lost it (see router log check)."
    )


def _waits(state: tuple[str, str]) -> str:
    """A destination's state and reason, worded as the reason why an event waits; "" if the destination delivers."""
    return "" if state[0] == "going" else f"the destination is {': '.join(part for part in state if part)}"


def _parked_example(state: State, parked: Mapping[str, ParkedUser]) -> Answer | None:
    """The first parked event of the user that was tried most often, and why it waits; None if nothing is *parked*."""
    if not parked:
        return None
    line, user = max(parked.items(), key=lambda item: item[1].attempts)
    for record in state.parked(line, 1):
        found = state.parked_reason(Place(record.partition, record.sequence))
        if found is not None:
            told = {"message_id": record.message_id, "reason": found[0]}
            return told | {"attempts": user.attempts, "next_try_s": user.next_s}
    return None


def noted_state(state: State, now_s: float) -> tuple[str, str]:
    """What the delivering process has noted about the destination: its state, in a word for operators, and why."""
    reason = state.meta("reason") or ""
    if state.meta("blocked_since_s"):
        return "blocked", reason
    if float(state.meta("next_try_s") or 0) > now_s:
        return "throttled", reason
    return "going", ""


def _show_tally(tally: Tally) -> Answer:
    """The tally since the destination started, which the files alone do not know."""
    latencies, sizes = tally.latencies_s, tally.batch_sizes
    p95 = sizes.quantile(0.95)
    return {
        "attempts": dict(sorted(tally.attempts.items())),
        "batch_size": {"mean": _rounded(sizes.mean), "p95": p95 and math.ceil(p95)},
        "latency_s": {f"p{percent}": _rounded(latencies.quantile(percent / 100)) for percent in (50, 95, 99)},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
