"""What operators ask of a router: the same answers from a running daemon and from the files alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from router.clock import Clock
from router.delivery.fleet import Assignment, Fleet, files_of
from router.delivery.jobs import ReplaySpec, RetrySpec
from router.delivery.ledger import Ledger
from router.delivery.state import DeadLetter, Job, Place, State
from router.delivery.tally import Tally
from router.errors import OperatorError
from router.log.interface import Log
from router.log.record import Record

_T = TypeVar("_T")

Answer = dict[str, Any]


class Operations:
    """Every method takes and returns JSON, so that the admin socket can pass calls through as they are.

    All may raise `OperatorError` (a name or an id that does not exist, a state that can't be read).
    """

    def __init__(
        self,
        log: Log,
        directory: Path,
        assignments: Sequence[Assignment],
        clock: Clock,
        fleet: Fleet | None = None,
        stuck: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """*directory* holds the state files; *fleet* is there while a daemon runs, and *stuck* names what in it is stuck."""
        self._log = log
        self._directory = directory
        self.assignments = {assignment.name: assignment for assignment in assignments}
        self._clock = clock
        self._fleet = fleet
        self._stuck = stuck

    def calls(self) -> Mapping[str, Callable[..., Awaitable[Any]]]:
        """The operations by the name they have on the admin socket."""
        return {
            "status": self.status,
            "trace": self.trace,
            "dead-letters": self.dead_letters,
            "retry": self.retry,
            "discard": self.discard,
            "replay": self.replay,
            "jobs": self.jobs,
            "forget": self.forget,
        }

    # --- seeing ---

    async def status(self) -> Answer:
        """The log, and per destination its state, its books and its oldest pending event.

        ``unknown_names``: since the start, how many events named which destination that there is none of.
        """
        return {
            "log": {
                "id": self._log.id,
                "partitions": {
                    str(partition): {"start": self._log.start(partition), "end": self._log.end(partition)}
                    for partition in self._log.partitions
                },
                "size_bytes": getattr(self._log, "size_bytes", None),
                "max_bytes": getattr(self._log, "max_bytes", None),
                "obstacle": getattr(self._log, "obstacle", ""),
            },
            "running": self._fleet is not None,
            "stuck": list(self._stuck()),
            "destinations": [await self._destination_status(name) for name in self.assignments],
            "removed": self._removed(),
            "unknown_names": dict(self._fleet.unknown_names.names) if self._fleet else {},
        }

    async def _destination_status(self, name: str) -> Answer:
        assignment = self.assignments[name]
        status: Answer = {"destination": name, "plugin": assignment.destination.plugin.slug}
        berth = self._fleet.berths.get(name) if self._fleet else None
        worker = berth.worker if berth else None
        if worker is not None:
            status |= dict(zip(("state", "reason"), worker.state, strict=True))
        else:
            status |= {"state": "stopped" if assignment.is_enabled else "disabled", "reason": ""}
        if berth is not None:
            return status | await self._ledger_status(berth.ledger) | _show_tally(berth.ledger.tally)
        if self._fleet and name in self._fleet.problems:
            return status | {"state": "unusable", "reason": self._fleet.problems[name]}
        if not self._state_path(name).exists():
            return status | {"state": "new", "reason": "it begins when the router runs"}
        try:
            state = await asyncio.to_thread(State.open, self._state_path(name), self._log.id, read_only=True)
        except OperatorError as error:
            return status | {"state": "unusable", "reason": str(error)}
        try:
            return status | await self._ledger_status(Ledger(name, state, self._clock))
        finally:
            state.close()

    async def _ledger_status(self, ledger: Ledger) -> Answer:
        books = ledger.books(self._log.end)
        skipped = {reason: count for (kind, reason), count in sorted(ledger.counts.items()) if kind == "skipped"}
        beside = dict.fromkeys(("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts"), 0)
        beside |= {kind: count for (kind, reason), count in ledger.counts.items() if kind in beside}
        jobs = await ledger.ask(lambda state: state.jobs("running"))
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
            "replayed": {reason: count for (kind, reason), count in ledger.counts.items() if kind == "replayed"},
            "parked": {"events": ledger.parked_events, "users": len(ledger.parked)},
            "dead_letters": await ledger.ask(lambda state: state.count_dead_letters()),
            "oldest_pending_s": await self._oldest_pending_s(ledger),
            "positions": {str(partition): window.position for partition, window in ledger.windows.items()},
            "jobs": [_show_job(job) for job in jobs],
        }

    async def _oldest_pending_s(self, ledger: Ledger) -> float | None:
        """Age of the oldest event that is neither settled nor dead, in seconds; None when nothing is pending."""
        received_s = await ledger.oldest_pending_s(self._log)
        return None if received_s is None else round(max(0.0, self._clock.now() - received_s), 1)

    def _removed(self) -> list[str]:
        """Destinations that left the config and whose state is still kept."""
        return sorted(path.stem for path in self._directory.glob("*.sqlite") if path.stem not in self.assignments)

    async def trace(self, message_id: str) -> Answer:
        """The stored events with this messageId (one a source), and what became of each at every destination."""
        records = await self._log.find(message_id)
        if not records:
            raise OperatorError(
                f"no event with messageId {message_id!r} in the log. It was never accepted (see the caller's receipt), or it "
                "is older than the log's retention."
            )
        return {"message_id": message_id, "events": [await self._trace_record(record) for record in records]}

    async def _trace_record(self, record: Record) -> Answer:
        return {
            "source": record.source,
            "partition": record.partition,
            "sequence": record.sequence,
            "event": orjson.loads(record.event),
            "destinations": [await self._trace_at(name, record) for name in self.assignments],
        }

    async def _trace_at(self, name: str, record: Record) -> Answer:
        place = Place(record.partition, record.sequence)
        answer: Answer = {"destination": name}
        if not self._state_path(name).exists():
            return answer | {"outcome": "pending", "reason": "the destination has not run yet"}

        def look(state: State) -> Answer:
            outcome = state.outcome(place)
            if outcome is not None:
                return {"outcome": outcome.kind, "reason": outcome.reason, "at_s": outcome.at_s}
            parked = state.parked_reason(place)
            if parked is not None:
                reason, user = parked
                return {"outcome": "parked", "reason": reason, "next_try_s": user.next_s, "attempts": user.attempts}
            start, position = state.positions().get(place.partition, (0, 0))
            if place.sequence <= start:
                return {"outcome": "not for it", "reason": "accepted before this destination was added"}
            if place.sequence <= position:
                return {"outcome": "settled", "reason": "longer ago than outcomes are kept"}
            tries = state.tries().get(place)
            return {"outcome": "pending", "reason": "", "attempts": tries.attempts if tries else 0}

        return answer | await self._ask(name, look)

    async def dead_letters(
        self,
        destination: str | None = None,
        id: int | None = None,
        reason: str | None = None,
        limit: int = 100,
    ) -> list[Answer]:
        """Dead letters of one destination, or of all; one of them with its event where *id* is given."""
        names = [destination] if destination else [n for n in self._known() if self._state_path(n).exists()]
        found: list[Answer] = []
        for name in names:
            letters = await self._ask(
                name,
                lambda state: state.dead_letters(limit=limit, reason=reason, ids=None if id is None else [id]),
            )
            found += [_show_letter(name, letter, with_event=id is not None) for letter in letters]
        if id is not None and not found:
            raise OperatorError(f"{destination}: no dead letter {id}; see them with: router dead-letters list")
        return found[:limit]

    async def jobs(self, destination: str) -> list[Answer]:
        """Replays and retries of a destination, with how far each has come."""
        return [_show_job(job) for job in await self._ask(destination, lambda state: state.jobs())]

    # --- doing ---

    async def retry(self, destination: str, ids: list[int] | None = None, reason: str | None = None) -> Answer:
        """Send dead letters again: those with *ids*, those whose reason contains *reason*, or all."""

        def add(state: State) -> Job:
            last = state.last_dead_letter()
            total = len(state.dead_letters(ids=ids, reason=reason, limit=len(ids))) if ids else None
            spec = RetrySpec(up_to=last, ids=ids, reason=reason)
            counted = state.count_dead_letters(reason, last) if total is None else total
            return state.add_job("retry", spec.model_dump(exclude_none=True), counted, self._clock.now())

        return await self._add_job(destination, add)

    async def replay(
        self,
        destination: str,
        since_s: float | None = None,
        until_s: float | None = None,
        source: str | None = None,
        type: str | None = None,
        user: str | None = None,
    ) -> list[Answer]:
        """Send events of the log again, one job a partition. The events' own flags decide as they did."""
        jobs = []
        for partition in self._log.partitions:
            first, last = self._log.start(partition), self._log.end(partition)
            spec = ReplaySpec(
                partition=partition,
                first=first,
                last=last,
                since_s=since_s,
                until_s=until_s,
                source=source,
                type=type,
                user=user,
            )

            def add(state: State, spec: ReplaySpec = spec) -> Job:
                total = spec.last - spec.first + 1
                return state.add_job("replay", spec.model_dump(exclude_none=True), total, self._clock.now())

            jobs.append(await self._add_job(destination, add))
        return jobs

    async def _add_job(self, destination: str, add: Callable[[State], Job]) -> Answer:
        if destination in self._known() and destination not in self.assignments:
            raise OperatorError(f"{destination} is no longer in the config; put it back (and reload) to send to it")
        if self._fleet and destination in self._fleet.problems:
            raise OperatorError(f"{destination} could not start: {self._fleet.problems[destination]}")
        job = await self._ask(destination, add)
        worker = self._fleet.berths[destination].worker if self._fleet else None
        if worker is not None:
            worker.jobs.wake()
        return _show_job(job) | {"running": worker is not None}

    async def discard(self, destination: str, ids: list[int]) -> Answer:
        """Throw dead letters away for good. They stay counted as dead."""
        gone = await self._ask(destination, lambda state: state.discard(ids))
        if self._fleet and destination in self._fleet.berths:
            self._fleet.berths[destination].ledger.counts["discarded", ""] += gone
        return {"destination": destination, "discarded": gone}

    async def forget(self, destination: str) -> Answer:
        """Remove the state of a destination that is no longer in the config: position, parked events and dead letters."""
        if destination in self.assignments:
            raise OperatorError(
                f"{destination} is in the config; remove it there (and reload) before its state is removed"
            )
        path = self._state_path(destination)
        if not path.exists():
            raise OperatorError(
                f"no state is kept for {destination!r}; kept are: {', '.join(self._removed()) or 'none'}"
            )
        for file in files_of(path):
            file.unlink(missing_ok=True)
        return {"destination": destination, "forgotten": True}

    # --- reaching the state ---

    def _known(self) -> list[str]:
        return [*self.assignments, *self._removed()]

    def _state_path(self, name: str) -> Path:
        return self._directory / f"{name}.sqlite"

    async def _ask(self, name: str, question: Callable[[State], _T]) -> _T:
        if name not in self._known():
            raise OperatorError(f"no destination {name!r}; there are: {', '.join(self._known()) or 'none'}")
        if self._fleet and name in self._fleet.berths:
            ledger = self._fleet.berths[name].ledger
            await ledger.flushed()
            return await ledger.ask(question)
        if not self._state_path(name).exists():
            raise OperatorError(f"{name} has no state yet: it has never run")

        def ask_file() -> _T:
            state = State.open(self._state_path(name), self._log.id)
            try:
                return question(state)
            finally:
                state.close()

        return await asyncio.to_thread(ask_file)


def _show_letter(destination: str, letter: DeadLetter, with_event: bool) -> Answer:
    record = letter.record
    shown: Answer = {
        "destination": destination,
        "id": letter.id,
        "message_id": record.message_id,
        "type": record.type,
        "user": record.user_key,
        "source": record.source,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "died_s": letter.died_s,
        "events": letter.events,
    }
    if with_event:
        shown["event"] = orjson.loads(record.event) if record.event else None
        shown["delivered_payloads"] = list(letter.settled)
    return shown


def _show_tally(tally: Tally) -> Answer:
    """Since the start of the destination; what the files alone do not know."""
    latencies, sizes = tally.latencies_s, tally.batch_sizes
    return {
        "attempts": dict(sorted(tally.attempts.items())),
        "batch_size": {"mean": _rounded(sizes.mean), "p95": _rounded(sizes.quantile(0.95))},
        "latency_s": {f"p{percent}": _rounded(latencies.quantile(percent / 100)) for percent in (50, 95, 99)},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _show_job(job: Job) -> Answer:
    return {
        "job": job.id,
        "kind": job.kind,
        "spec": job.spec,
        "state": job.state,
        "total": job.total,
        "cursor": job.cursor,
        "counts": job.counts,
    }
