"""Jobs: replays and retries of dead letters. They run beside live traffic and resume where a stop or a crash left them.

    job ──▶ look for events ──▶ wait: room, what live traffic leaves, the rate ──▶ on its way ──▶ done, with its outcome
                ▲                                                                                      │
                └────────────────────── the cursor, the counts and the outcome, in one transaction ◀───┘

A crash therefore repeats only what was in a request at that moment, with the same idempotency keys: payloads that are settled
before the others of their event are noted, as those of live events are. Jobs stand outside the order per user and have books of
their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError

from router.clock import Clock
from router.delivery.insist import insist
from router.delivery.jobs.course import Course
from router.delivery.jobs.selection import LOST, select
from router.delivery.jobs.spec import ReplaySpec, RetrySpec
from router.delivery.ledger import Ledger, storable
from router.delivery.rounds import Rounds
from router.delivery.signal import Signal
from router.delivery.state.changes import Job, Kind, Place
from router.delivery.state.letters import DeadLetter
from router.delivery.state.state import State
from router.delivery.transit import Transit
from router.log.interface import Log
from router.log.record import Record, last_of

_T = TypeVar("_T")

CHUNK = 200
LOOK_S = 10.0
"""How often a running daemon looks for jobs that a command wrote into the state as the daemon began. It is told of others."""


@dataclass(frozen=True, slots=True)
class Road:
    """What a job needs from its worker."""

    take_up: Callable[[Transit], None]
    """Puts a transit on its way. `Jobs.settled` or `Jobs.skipped` is called at its end."""
    take_back: Callable[[], Sequence[Transit]]
    """Takes back what waits in lanes. Returns the transits of which nothing was sent."""
    is_live_served: Callable[[], bool]
    """Whether live traffic has all that it wants."""
    changed: Signal
    """Notified when one of the above may have changed, or an event has come to its end."""


class Jobs:
    """Runs the jobs of one destination, one after another."""

    def __init__(self, ledger: Ledger, log: Log, road: Road, clock: Clock, rounds: Rounds) -> None:
        """Readers, and the jobs of other destinations, share *rounds*."""
        self._ledger = ledger
        self._log = log
        self._road = road
        self._clock = clock
        self._rounds = rounds
        self._added = Signal(clock)
        self._course: Course | None = None
        self._noted: dict[Place, dict[str, str]] = {}
        """What earlier runs of the job that runs now have noted; see `NoteTable.settled_payloads`."""
        self._logger = structlog.get_logger().bind(destination=ledger.name)

    async def run(self) -> None:
        """For ever: work off the jobs that are to run."""
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
                await self._added.wait(LOOK_S)

    async def _ask(self, question: Callable[[State], _T]) -> _T:
        return await insist(lambda: self._ledger.ask(question), self._clock, destination=self._ledger.name)

    def wake(self) -> None:
        """A job was added: look at once."""
        self._added.notify()

    def hear(self, method: str, arguments: tuple[Any, ...]) -> None:
        """An operator has added or cancelled a job through another router."""
        if method == "cancel_job":
            self.cancel(*arguments)
        elif method == "add_job":
            self.wake()

    @property
    def is_idle(self) -> bool:
        """Whether no job runs now."""
        return self._course is None

    def letters_under_way(self) -> tuple[int, ...]:
        """The dead letters that a retry has on their way, even if it was cancelled. May be called from any thread."""
        course = self._course
        return tuple(course.under_way) if course is not None and course.job.kind == "retry" else ()

    def cancel(self, id: int) -> bool:
        """Stop the job if it is running: what is in a request lands, what waits is not sent."""
        course = self._course
        if course is None or course.job.id != id:
            return False
        course.is_cancelled = True
        self._take_back(course)
        self._ledger.note_job(course.job)
        self._road.changed.notify()
        return True

    def erase_reasons(self, names: Iterable[str]) -> bool:
        """What these *names* say has been erased from the state: let the job that runs not write it again. Returns whether it
        may have done so already."""
        course = self._course
        if course is None or not course.erase_reasons(names):
            return False
        self._ledger.note_job(course.job)
        return True

    def _take_back(self, course: Course) -> None:
        for transit in self._road.take_back():
            course.drop(_number(transit))

    # --- one job ---

    async def _run(self, job: Job) -> None:
        spec: RetrySpec | ReplaySpec
        if job.kind == "retry":
            spec = RetrySpec.model_validate(job.spec)
            course, last = Course(job, 0, spec.rate_per_s), spec.up_to
        else:
            spec = ReplaySpec.model_validate(job.spec)
            course, last = Course(job, spec.first - 1, spec.rate_per_s), spec.last
        self._course = course  # from here on `cancel` finds it here; before, a cancellation went into the state
        if not await self._ask(lambda state: state.jobs("running", job.id)):
            self._course = None
            return  # it was cancelled while another one ran
        self._noted = await self._ask(lambda state: state.notes.settled_payloads(job.id))
        while course.read < last and not course.is_cancelled:
            found = await (
                self._find_letters(course, spec) if isinstance(spec, RetrySpec) else self._find_events(course, spec)
            )
            course.look(found.last, map(_number, found.transits), found.passed)
            self._ledger.note_job(course.job)
            await self._send(course, found.transits)
        while course.under_way:
            await self._road.changed.wait()
            if course.is_cancelled:
                self._take_back(course)  # includes what was in a request and waits to be sent again
        self._ledger.note_job(course.ended())
        self._course = None

    async def _send(self, course: Course, transits: Sequence[Transit]) -> None:
        granted = 0
        for number, transit in enumerate(transits):
            is_live_first = not granted
            if not granted:
                granted = await self._rounds.turn(len(transits) - number)
            granted -= 1
            await self._wait_for_turn(course, is_live_first)
            if course.is_cancelled:
                return
            course.begin(_number(transit), transit)
            self._road.take_up(transit)
            if _number(transit) in course.under_way:  # what is skipped costs the vendor nothing
                course.leave(self._clock.monotonic())

    async def _wait_for_turn(self, course: Course, is_live_first: bool) -> None:
        while not course.is_cancelled:
            wait_s = course.wait_s(self._clock.monotonic())
            if wait_s > 0:
                await self._road.changed.wait(wait_s)
            elif not course.has_room or (is_live_first and not self._road.is_live_served()):
                await self._road.changed.wait()
            else:
                return

    async def _find_letters(self, course: Course, spec: RetrySpec) -> _Found:
        job = course.job
        choice = spec.choice(job.id)
        letters = await self._ask(lambda state: state.letters.find(choice, after=course.read, limit=CHUNK))
        return _Found(
            last=letters[-1].id if len(letters) == CHUNK else spec.up_to,
            transits=[self._transit(letter.record, job, spec, letter) for letter in letters if not letter.is_empty],
            passed=[(letter.id, LOST, letter.events) for letter in letters if letter.is_empty],
        )

    async def _find_events(self, course: Course, spec: ReplaySpec) -> _Found:
        after, job, partition = course.read, course.job, spec.partition
        records = await insist(
            lambda: self._log.read(partition, after, min(CHUNK, spec.last - after)),
            self._clock,
            destination=self._ledger.name,
        )
        end = min(last_of(records[-1]), spec.last) if records else after
        await self._ledger.flushed()
        earlier, done = await self._ask(
            lambda state: (
                state.earlier(partition, after + 1, end),
                state.done_by(job.id, partition, after + 1, end),
            )
        )
        stretch = select(spec, records, earlier, after, done)
        return _Found(
            last=stretch.last,
            transits=[self._transit(record, job, spec) for record, _ in stretch.chosen],
            passed=stretch.passed,
        )

    def _transit(
        self, record: Record, job: Job, spec: RetrySpec | ReplaySpec, letter: DeadLetter | None = None
    ) -> Transit:
        return Transit(
            record,
            job.kind,
            settled=set(letter.settled if letter is not None else ()),
            job=job.id,
            noted=self._noted.get(Place.of(record)),
            letter=letter,
            is_historical=spec.is_historical,
        )

    # --- how the events of a job end ---

    def settled(self, transit: Transit) -> None:
        self._end(transit, "dead" if transit.refused else "delivered", transit.reason)

    def skipped(self, transit: Transit, reason: str) -> None:
        self._end(transit, "skipped", reason)

    def _end(self, transit: Transit, kind: Kind, reason: str) -> None:
        """Book the event together with the job's progress. Nothing is awaited in between, so that one transaction holds
        both."""
        assert self._course is not None
        if transit.letter is None:
            self._ledger.replayed(transit, transit.job, kind, reason)
        elif kind == "dead":
            self._ledger.refuse_again(transit.letter, transit.job, reason, transit.settled)
        else:
            self._ledger.revive(transit.letter, transit.job, reason)
        self._course.end(_number(transit), kind, storable(reason))
        self._ledger.note_job(self._course.job)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a job found up to ``last``, as `Course.look` wants it."""

    last: int
    transits: list[Transit]
    passed: list[tuple[int, str, int]]


def _number(transit: Transit) -> int:
    """The number by which a job's course knows the event."""
    return transit.letter.id if transit.letter is not None else transit.record.sequence
