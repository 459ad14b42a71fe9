"""Jobs: replays and retries of dead letters, run beside live traffic, resumed where a stop or a crash left them.

A job goes through its events in order, a chunk at a time, and notes on disk how far it has come when a chunk is settled: a
crash repeats at most one chunk, with the same idempotency keys. Replays and retries stand outside the order per user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from router import dates
from router.clock import Clock
from router.delivery.insist import insist
from router.delivery.ledger import Ledger
from router.delivery.signal import Signal
from router.delivery.state import DeadLetter, Job, State
from router.delivery.transit import Transit
from router.log.interface import Log
from router.log.record import Gap, Record

_T = TypeVar("_T")

CHUNK = 100
LOOK_S = 1.0
"""How often a running daemon looks for jobs that a command wrote into the state."""


class RetrySpec(BaseModel):
    """Which dead letters to try again: up to the id ``up_to``, of them these ``ids`` or those whose reason holds a text."""

    model_config = ConfigDict(extra="forbid")

    up_to: int
    ids: list[int] | None = None
    reason: str | None = None


class ReplaySpec(BaseModel):
    """Which events of one partition of the log to send again. Times are Unix seconds of receipt; None is no limit."""

    model_config = ConfigDict(extra="forbid")

    partition: int = 0
    first: int = 1
    last: int
    since_s: float | None = None
    until_s: float | None = None
    source: str | None = None
    type: str | None = None
    user: str | None = None

    def fits(self, record: Record) -> bool:
        return (
            (self.since_s is None or record.received_at_s >= self.since_s)
            and (self.until_s is None or record.received_at_s < self.until_s)
            and self.source in (None, record.source)
            and self.type in (None, record.type)
            and self.user in (None, record.user_key)
        )


class Jobs:
    """Runs the jobs of one destination, one after the other."""

    def __init__(self, ledger: Ledger, log: Log, take_up: Callable[[Transit], None], clock: Clock) -> None:
        """*take_up* puts a transit on its way; `settled` or `skipped` is called when it has come to its end."""
        self._ledger = ledger
        self._log = log
        self._take_up = take_up
        self._clock = clock
        self._changed = Signal(clock)
        self._under_way = 0
        self._counts: dict[str, int] = {}
        self._logger = structlog.get_logger().bind(destination=ledger.name)

    async def run(self) -> None:
        """Work off running jobs, for ever."""
        while True:
            jobs = await self._ask(lambda state: state.jobs("running"))
            for job in jobs:
                try:
                    await self._run(job)
                except ValidationError as error:
                    self._logger.error("a job that can't be understood is cancelled", job=job.id, error=str(error))
                    self._ledger.note_job(replace(job, state="cancelled"))
                    await self._ledger.flushed()
            if not jobs:
                await self._changed.wait(LOOK_S)

    async def _ask(self, question: Callable[[State], _T]) -> _T:
        return await insist(lambda: self._ledger.ask(question), self._clock, destination=self._ledger.name)

    def wake(self) -> None:
        """A job was added: look at once."""
        self._changed.notify()

    async def _run(self, job: Job) -> None:
        self._counts = dict(job.counts)
        while job.state == "running":
            chunk, cursor, is_last = await self._next_chunk(job)
            self._under_way = len(chunk)
            for transit in chunk:
                self._take_up(transit)
            while self._under_way:
                await self._changed.wait()
            state: Literal["running", "done"] = "done" if is_last else "running"
            job = replace(job, cursor=cursor, counts=dict(self._counts), state=state)
            self._ledger.note_job(job)
            await self._ledger.flushed()

    async def _next_chunk(self, job: Job) -> tuple[list[Transit], int, bool]:
        """The next events, the cursor once they are settled, and whether they are the last."""
        if job.kind == "retry":
            spec = RetrySpec.model_validate(job.spec)
            letters = await self._ask(lambda state: _letters(state, spec, job.cursor))
            lost = [letter for letter in letters if letter.events != 1 or not letter.record.event]
            self._count("lost", len(lost))
            chunk = [
                Transit(letter.record, "retry", settled=set(letter.settled), letter=letter)
                for letter in letters
                if letter not in lost
            ]
            return chunk, letters[-1].id if letters else spec.up_to, len(letters) < CHUNK
        replay = ReplaySpec.model_validate(job.spec)
        after = max(job.cursor, replay.first - 1)
        records = await insist(
            lambda: self._log.read(replay.partition, after, min(CHUNK, max(1, replay.last - after))),
            self._clock,
            destination=self._ledger.name,
        )
        wanted = [record for record in records if isinstance(record, Record) and record.sequence <= replay.last]
        gaps = [record for record in records if isinstance(record, Gap) and record.first <= replay.last]
        self._count("lost", sum(min(gap.last, replay.last) - max(gap.first, after + 1) + 1 for gap in gaps))
        cursor = max([after, *(r.last if isinstance(r, Gap) else r.sequence for r in records)])
        chunk = [Transit(record, "replay") for record in wanted if replay.fits(record)]
        return chunk, cursor, not records or cursor >= replay.last

    # --- how the events of a job end ---

    def settled(self, transit: Transit) -> None:
        if transit.letter is not None:
            self._settle_letter(transit, transit.letter)
        kind = "dead" if transit.refused else "delivered"
        if transit.letter is None:
            self._ledger.count("replayed", kind)
        self._end(kind)

    def skipped(self, transit: Transit, reason: str) -> None:
        if transit.letter is not None:
            self._ledger.revive(transit.letter, reason)
        else:
            self._ledger.count("replayed", "skipped")
        self._end("skipped")

    def _settle_letter(self, transit: Transit, letter: DeadLetter) -> None:
        if transit.refused:
            self._ledger.refuse_again(letter, "; ".join(dict.fromkeys(transit.refused)), transit.settled)
        else:
            self._ledger.revive(letter)

    def _end(self, kind: str) -> None:
        self._count(kind)
        self._under_way -= 1
        self._changed.notify()

    def _count(self, kind: str, number: int = 1) -> None:
        if number:
            self._counts[kind] = self._counts.get(kind, 0) + number


def _letters(state: State, spec: RetrySpec, after: int) -> Sequence[DeadLetter]:
    return state.dead_letters(after=after, up_to=spec.up_to, ids=spec.ids, reason=spec.reason, limit=CHUNK)


def parse_time(text: str) -> float:
    """A time as an operator writes it, in Unix seconds.

    Raises:
        ValueError: it is none.
    """
    moment = dates.parse(text)
    if moment is None:
        raise ValueError(f"{text!r} is no time; write 2024-08-24 or 2024-08-24T14:15:22Z")
    return dates.to_datetime(moment).timestamp()
