"""What is kept of one destination, whoever keeps it, and what changes in it.

    position ──── everything up to it is settled or parked
        │  above it: outcomes of events that settled early (a bounded window)
        ▼
    1 2 3 4 5 6 7 …       parked: events that wait for another try, copied whole with their place in line
    └─settled─┘           dead letters: refused for good, copied whole with the vendor's words

A restart reads all of this back: what has an outcome is not sent again, what is parked waits on, everything else above the
position comes from the log again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

from router.delivery.letters import Choice, DeadLetter, Letters
from router.errors import OperatorError
from router.log.record import Record

Kind = Literal["delivered", "skipped", "dead"]
Earlier = Literal["delivered", "skipped", "dead", "pending", "dead letter"]
"""What became of an event here before; dead is one whose dead letter was discarded."""


class StateUnusable(OperatorError):
    """It is damaged, or can't be reached: the trouble of one destination, and of no other."""


class StateTaken(OperatorError):
    """Another router delivers to the destination by now: this one has lost it."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label}: another router delivers to this destination since a moment ago. Ask again.")


class Place(NamedTuple):
    """Where an event lies in the log."""

    partition: int
    sequence: int

    @classmethod
    def of(cls, record: Record) -> Self:
        """A record begins with its place."""
        return cls._make(record[:2])


class Outcome(NamedTuple):
    """What finally became of one event here."""

    place: Place
    kind: Kind
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Tries:
    """When an unsettled event was first tried (Unix seconds, moved forward by time spent blocked), and how often."""

    first_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class ParkedUser:
    """When a user's first parked event is tried again (Unix seconds), and how often it was."""

    next_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one event in the last replay that sent it."""

    place: Place
    job: int
    kind: Kind
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Job:
    """A replay or a retry of dead letters, with how far it has come.

    ``cursor`` is a sequence, or the id of a dead letter: everything up to it is done. What is done beyond it the log of replays
    and the dead letters know. ``counts`` and ``reasons`` say how it ended.
    """

    id: int
    kind: Literal["replay", "retry"]
    spec: dict[str, Any]
    cursor: int
    total: int
    counts: dict[str, int]
    state: Literal["running", "done", "cancelled"]
    made_s: float
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What one commit writes. Empty to begin with; `State.commit` writes all of it or nothing."""

    positions: dict[int, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    settled_payloads: list[tuple[Place, str, str]] = field(default_factory=list)
    """Of events that have others under way: the place, the payload's key, and why it was refused ("" where it wasn't)."""
    tries: dict[Place, Tries] = field(default_factory=dict)
    park: list[tuple[Record, str]] = field(default_factory=list)
    unpark: list[Place] = field(default_factory=list)
    parked_users: dict[str, ParkedUser | None] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)
    """Dead letters that a retry delivered."""
    refused_again: list[DeadLetter] = field(default_factory=list)
    """Dead letters that a retry did not bring through, as they are by now."""
    replayed: list[Replayed] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    jobs: dict[int, Job] = field(default_factory=dict)
    """How far they have come. One that is cancelled stays so."""
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(bool(getattr(self, name)) for name in self.__slots__)


Hear = Callable[[str, tuple[Any, ...], Any], None]
"""Told of a change: the method of `State`, its arguments, and what it returned; None, where that is not known."""


class State(Protocol):
    """What is kept of one destination; one writer.

    Every method is synchronous and may take its time: call it from a thread, one at a time. What writes returns when it is
    durable, and is all or nothing.
    """

    label: str
    """Where it lies, for messages."""

    @property
    def letters(self) -> Letters: ...

    def close(self) -> None:
        """Let go of it; another may take it then."""

    def listen(self, hear: Hear) -> None:
        """*hear* is told, in the thread that uses the state, of each change that somebody else has made."""

    def catch_up(self) -> None:
        """See what others have changed. Raises as `commit`."""

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write *changes*.

        Raises:
            StateTaken: another router delivers to the destination by now; nothing was written, and nothing ever will be.
            Exception: no space, a failing disk, nobody there. Try again, with the same changes.
        """

    def has_no_room(self, error: Exception) -> bool:
        """Whether *error*, of a `commit`, means that the disk is full."""

    def is_away(self, error: Exception) -> bool:
        """Whether *error*, of a `commit`, means that what keeps the state can't be reached: nothing here is stuck."""

    def trouble(self, error: BaseException) -> StateUnusable | None:
        """What *error*, of any method here, tells an operator; None where it is a bug."""

    def add_partition(self, partition: int, start: int) -> None:
        """Count from *start* on: the first event of this destination is the one after it. Known partitions stay as they are."""

    def forget_outcomes(self, partition: int, before: int) -> None:
        """Drop outcomes of events that are no longer in the log and lie below the position, if not yet all at once."""

    def discard(self, choice: Choice, limit: int = 1_000) -> tuple[int, int]:
        """Throw up to *limit* dead letters away; they stay counted as dead, and as discarded.

        Returns how many letters that were, and how many events of the line.
        """

    def add_job(self, kind: Literal["replay", "retry"], spec: dict[str, Any], total: int, made_s: float) -> Job:
        """Note a replay or a retry to be run; the destination's worker takes it up."""

    def cancel_job(self, id: int) -> bool:
        """Cancel a job that is not done; False where there is none of that number."""

    # --- reading ---

    def meta(self, key: str) -> str | None:
        """What was noted under that name."""

    def positions(self) -> dict[int, tuple[int, int]]:
        """Per partition: where counting started, and the position."""

    def settled_above_position(self) -> dict[int, set[int]]:
        """Per partition: the events above the position that are settled or parked."""

    def furthest(self, partition: int) -> int:
        """The last sequence this state knows anything of: the position, or what is settled or parked above it."""

    def settled_payloads(self) -> dict[Place, dict[str, str]]:
        """Per event that has payloads under way: the keys of those that have not, and why they were refused ("" if not)."""

    def tries(self) -> dict[Place, Tries]:
        """Per event that failed and is not settled."""

    def parked_users(self) -> dict[str, ParkedUser]:
        """When the turn of each parked user comes."""

    def parked_places(self) -> dict[str, set[Place]]:
        """Per parked user: which events wait."""

    def parked(self, user_key: str, limit: int) -> list[Record]:
        """A user's first parked events, in order."""

    def oldest_parked_s(self) -> float | None:
        """When the oldest parked event was received, in Unix seconds."""

    def counts(self) -> Counter[tuple[str, str]]:
        """How many of what, and of which reason."""

    def outcome(self, place: Place) -> Outcome | None:
        """What became of the event, as long as outcomes are kept."""

    def parked_reason(self, place: Place) -> tuple[str, ParkedUser] | None:
        """Why an event is parked and when its user's turn comes; None for one that is not parked."""

    def earlier(self, partition: int, first: int, last: int) -> dict[int, Earlier]:
        """What became of the events *first* to *last* (both included) before.

        Nothing is said of those that were accepted before the destination was added, or longer ago than outcomes are kept. Of
        what was delivered at some time, be it by a replay, it says delivered.
        """

    def done_by(self, job: int, partition: int, first: int, last: int) -> set[int]:
        """Which of the events *first* to *last* (both included) that replay has done."""

    def replayed(self, place: Place) -> Replayed | None:
        """What became of the event in the last replay that sent it."""

    def jobs(self, state: str | None = None, id: int | None = None) -> list[Job]:
        """Those in that state, or with that number; all, where neither is given."""


@contextmanager
def telling_trouble(state: State) -> Iterator[None]:
    """What goes wrong with *state* within it is raised as what that tells an operator, `StateUnusable`; a bug as what it is."""
    try:
        yield
    except BaseException as error:
        trouble = state.trouble(error)
        if trouble is None:
            raise
        raise trouble from error
