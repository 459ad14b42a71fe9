"""The status: how each destination is, and how its books stand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Final

from router.admin.answer import Answer
from router.admin.jobs import show_job
from router.admin.reach import Reach, answer_of
from router.delivery.assignment import Assignment
from router.delivery.ledger import Ledger
from router.delivery.order import WAITED
from router.delivery.state.changes import ParkedUser, Place
from router.delivery.state.state import State, StateUnusable, telling_trouble
from router.delivery.tally import Tally
from router.delivery.worker import Worker
from router.errors import OperatorError

CHANGING: Final = "a start or a reload is under way: it goes on once what it has sent has landed and its state is open"
"""Why a destination that is to be at work, and could be, is not."""
OLDEST_WITHIN_S: Final = 2.0
"""How long a status waits for a destination's oldest event, which comes from the log. After that it looks only at parked
ones."""


class StatusOperation:
    """It takes and returns JSON; see `Operations`."""

    def __init__(self, reach: Reach, stuck: Callable[[], Sequence[str]]) -> None:
        """*stuck* as in `Operations`."""
        self._reach = reach
        self._stuck = stuck

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
        berth = self._reach.berth(name)
        worker = berth.worker if berth else None
        status["order"] = "strict" if assignment.destination.is_ordered else "none"
        if worker is not None:
            status |= dict(zip(("state", "reason"), worker.state, strict=True))
            status["next_try_in_s"] = self._next_try_in_s(worker)
            waits_s = worker.pace.rate_waits_s(self._reach.clock.monotonic())
            status["rate_waits_s"] = {name: round(wait_s, 1) for name, wait_s in waits_s.items()}
            status["concurrency"] = {"now": worker.pace.concurrency, "most": assignment.options.concurrency}
        else:
            status |= {"state": "stopped" if assignment.is_enabled else "disabled", "reason": ""}
        if berth is not None:
            return status | await self._books_of(assignment, berth.ledger) | _show_tally(berth.ledger.tally)
        if self._reach.fleet and name in self._reach.fleet.problems:
            return status | {"state": "unusable", "reason": self._reach.fleet.problems[name]}
        is_changing = self._reach.fleet is not None and assignment.is_enabled
        if not self._reach.states.has(name):
            former = assignment.formerly
            is_heir = former is not None and self._reach.states.has(former)
            reason = (
                f"it goes on where {former} was, when the router runs" if is_heir else "it begins when the router runs"
            )
            return status | {"state": "new", "reason": CHANGING if is_changing else reason}
        if is_changing:
            status["reason"] = CHANGING
        async with self._reach.looking:
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
        beside = ("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts")
        parked = {line: user for line, user in ledger.parked_users.items() if line in ledger.parked}
        is_at_work = self._reach.is_at_work(ledger.name)

        def look(state: State) -> tuple[float | None, Answer]:
            """Everything that only the state knows, in one question, since each trip to the state's thread costs time."""
            return state.parked.oldest_s(), {
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
            "books": {**asdict(books), "unaccounted": books.unaccounted},
            "skipped": skipped,
            **{kind: ledger.counts[kind, ""] for kind in beside},
            "waited": {reason: count for (kind, reason), count in sorted(ledger.counts.items()) if kind == WAITED},
            "replayed": {reason: count for (kind, reason), count in ledger.counts.items() if kind == "replayed"},
            "parked": {"events": ledger.parked_events, "users": len(ledger.parked)},
            "oldest_pending_s": None if oldest_s is None else round(max(0.0, self._reach.clock.now() - oldest_s), 1),
            "positions": {str(partition): window.position for partition, window in ledger.windows.items()},
            **kept,
        }


def _parked_example(state: State, parked: Mapping[str, ParkedUser]) -> Answer | None:
    """The first parked event of the user that was tried most often, and why it waits; None if nothing is *parked*."""
    if not parked:
        return None
    line, user = max(parked.items(), key=lambda item: item[1].attempts)
    for record in state.parked.first_of(line, 1):
        found = state.parked.reason(Place(record.partition, record.sequence))
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
