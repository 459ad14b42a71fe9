"""The course of a job: how far it has come, what is under way, and when the next event may leave. Pure: time comes in.

    cursor ── everything up to it is done      read ── how far the job has looked
       │  done · under way · not begun            │
    ───┴──────────────────────────────────────────┴──▶ sequences of the log, or ids of dead letters

Beyond the cursor, what is done is on disk event by event: a restart looks from the cursor on and passes over it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace

from router.delivery.cause import counted_as
from router.delivery.jobs.selection import LOST
from router.delivery.state.changes import Job, Kind
from router.delivery.state.outcome_table import ERASED
from router.delivery.transit import Transit

MAX_UNDER_WAY = 1_000
MAX_UNDER_WAY_BYTES = 16_000_000
"""Bytes of the events under way, as stored in the log."""
MAX_REASONS = 50
"""Different reasons that a job counts. A vendor may use any number of them."""
OTHER = "other reasons"
BURST_S = 0.02
"""How far events may run ahead of the rate: shorter waits cost more than they smooth."""
CATCH_UP_S = 0.1
"""How much of a delay may be made up for, after other tasks of the process took their time."""


class Course:
    """See the drawing above. A number is a sequence of the log or the id of a dead letter."""

    def __init__(self, job: Job, start: int, rate_per_s: float | None = None) -> None:
        """Nothing up to *start* is for the job."""
        self.read = max(job.cursor, start)
        self.under_way: dict[int, Transit] = {}
        self.is_cancelled = False
        self._job = job
        self._counts = Counter(job.counts)
        self._reasons = Counter(job.reasons)
        self._open: deque[int] = deque()
        """The numbers that are not done, in order, and done ones that still stand behind one that is not."""
        self._done: set[int] = set()
        self._passed: deque[tuple[int, str, int]] = deque()
        self._bytes = 0
        self._interval_s = 1.0 / rate_per_s if rate_per_s else 0.0
        self._due = 0.0

    @property
    def cursor(self) -> int:
        return self._open[0] - 1 if self._open else self.read

    @property
    def job(self) -> Job:
        """The job as it should be written down now. A cancelled job stays cancelled, even with events still in a request."""
        state = "cancelled" if self.is_cancelled else self._job.state
        return replace(
            self._job, cursor=self.cursor, counts=dict(self._counts), reasons=dict(self._reasons), state=state
        )

    def ended(self) -> Job:
        return self.job if self.is_cancelled else replace(self.job, state="done")

    def look(self, last: int, numbers: Iterable[int], passed: Iterable[tuple[int, str, int]] = ()) -> None:
        """The job has looked as far as *last*. *numbers*, in order, are to be sent. *passed* is what to report of the rest."""
        self.read = last
        self._open.extend(numbers)
        self._passed.extend(passed)
        self._tell_passed()

    def begin(self, number: int, transit: Transit) -> None:
        self.under_way[number] = transit
        self._bytes += len(transit.record.event)

    def end(self, number: int, kind: Kind, reason: str = "") -> None:
        """The event is done with."""
        self.drop(number)
        self._done.add(number)
        while self._open and self._open[0] in self._done:
            self._done.remove(self._open.popleft())
        self._count(kind, reason)
        self._tell_passed()

    def drop(self, number: int) -> None:
        """Nothing of the event was sent: treat it as not begun."""
        self._bytes -= len(self.under_way.pop(number).record.event)

    def _count(self, kind: Kind, reason: str) -> None:
        self._counts[kind] += 1
        if reason:
            told = counted_as(reason) if kind == "dead" else f"{kind}: {reason.split(':', 1)[0]}"
            is_one_too_many = told not in self._reasons and len(self._reasons) >= MAX_REASONS
            self._reasons[OTHER if is_one_too_many else told] += 1

    def erase_reasons(self, names: Iterable[str]) -> bool:
        """Forget by which of these *names* events are counted. Returns whether there was any."""
        gone = sum(self._reasons.pop(name, 0) for name in names)
        self._reasons += Counter({ERASED: gone})
        return gone > 0

    def _tell_passed(self) -> None:
        """Report what was passed over once the cursor is past it: after a crash, the job looks again at what lies beyond."""
        while self._passed and self._passed[0][0] <= self.cursor:
            _, why, events = self._passed.popleft()
            self._counts["lost" if why == LOST else "left"] += events
            self._reasons[why] += events

    # --- when the next one may leave ---

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < MAX_UNDER_WAY and self._bytes < MAX_UNDER_WAY_BYTES

    def wait_s(self, now: float) -> float:
        """Seconds until the rate lets the next event leave."""
        wait_s = self._due - now
        return wait_s if wait_s > BURST_S else 0.0

    def leave(self, now: float) -> None:
        """An event leaves. It counts for the rate."""
        self._due = max(self._due, now - CATCH_UP_S) + self._interval_s
