"""The state of one destination: what is kept of it, whoever keeps it, and the changes to it.

    position ──── everything up to it is settled or parked
        │  above it: outcomes of events that settled early (a bounded window)
        ▼
    1 2 3 4 5 6 7 …       parked: events that wait for another try, copied whole with their place in line
    └─settled─┘           dead letters: refused for good, copied whole with the vendor's words

A restart reads all of this back. An event with an outcome is not sent again, a parked one waits on, and all others above the
position are read from the log again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

from router.delivery.state.letter_table import LetterTable
from router.delivery.state.letters import Choice, DeadLetter
from router.errors import OperatorError
from router.log.record import Record
from router.suppressed import Suppressed

Kind = Literal["delivered", "skipped", "dead"]
JobKind = Literal["replay", "retry"]
Earlier = Literal["delivered", "skipped", "dead", "pending", "dead letter"]
"""What became of an event here before. "dead": its dead letter was discarded."""


class StateUnusable(OperatorError):
    """The state is damaged or can't be reached. Concerns one destination alone."""


class StateTaken(OperatorError):
    """Another router delivers to the destination now: this one has lost it."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label}: another router delivers to this destination since a moment ago. Ask again.")


class Place(NamedTuple):
    """Where an event lies in the log."""

    partition: int
    sequence: int

    @classmethod
    def of(cls, record: Record) -> Self:
        """The place of *record*, which its first two fields hold."""
        return cls._make(record[:2])


class Outcome(NamedTuple):
    """What finally became of one event here."""

    place: Place
    kind: Kind
    reason: str
    at_s: float


class SettledPayload(NamedTuple):
    """A settled payload of an event that has others under way. It is not sent again."""

    place: Place
    key: str
    """See `router.payload_key`."""
    refused: str
    """Why it was refused; empty if it is delivered."""
    job: int = 0
    """The replay or retry that sent it; 0 for none."""


@dataclass(frozen=True, slots=True)
class Tries:
    """When an unsettled event was first tried (Unix seconds, moved forward by time spent blocked), and how often since."""

    first_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class ParkedUser:
    """When the first parked event of a user is tried again (Unix seconds), and how often it has been tried.

    "User" in the names of what is stored is a line (see `router.delivery.order`): a user, or a single event where no order is
    kept.
    """

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
    """A replay or a retry of dead letters, and how far it has come.

    Everything up to ``cursor``, a sequence or the id of a dead letter, is done. What is done beyond it is known from the log of
    replays and the dead letters. ``counts`` and ``reasons`` say what became of the events.
    """

    id: int
    kind: JobKind
    spec: dict[str, Any]
    cursor: int
    total: int
    counts: dict[str, int]
    state: Literal["running", "done", "cancelled"]
    made_s: float
    reasons: dict[str, int] = field(default_factory=dict)


class Erasure(NamedTuple):
    """What was erased of a state."""

    letters: int
    events: int
    """Of the letters, those outside of replays."""
    parked: int
    is_overwritten: bool
    """Whether nothing of it is left in any file. Else somebody who reads the state has hindered that."""
    looked_through: int | None = None
    """The id of the last dead letter that was looked at; None: all is done."""
    job_reasons: frozenset[str] = frozenset()
    """Of what jobs count by reason: the names that were erased."""


@dataclass(slots=True)
class Changes:
    """What one commit writes. Starts empty. `State.commit` writes all of it or nothing."""

    positions: dict[int, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    settled_payloads: list[SettledPayload] = field(default_factory=list)
    tries: dict[Place, Tries] = field(default_factory=dict)
    park: list[tuple[Record, str]] = field(default_factory=list)
    unpark: list[Place] = field(default_factory=list)
    parked_users: dict[str, ParkedUser | None] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)
    """Dead letters that a retry delivered."""
    refused_again: list[DeadLetter] = field(default_factory=list)
    """Dead letters that were refused again in a retry, in their present form."""
    replayed: list[Replayed] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    jobs: dict[int, Job] = field(default_factory=dict)
    """How far each job has come. A cancelled job stays cancelled."""
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(bool(getattr(self, name)) for name in self.__slots__)

    @property
    def copied_bytes(self) -> int:
        """Of the events that are kept whole. All else takes a few bytes for each event."""
        kept = [record for record, _ in self.park] + [letter.record for letter in self.dead_letters]
        return sum(len(record.event) for record in kept)


Hear = Callable[[str, tuple[Any, ...], Any], None]
"""Called with a change: the method of `State`, its arguments, and its result (None if that is not known)."""


class State(Protocol):
    """The state of one destination. It has one writer.

    Every method is synchronous and may be slow: call it from a thread, one at a time. A method that writes does all or nothing,
    and returns when the change is durable.
    """

    label: str
    """Where the state is kept, for messages."""

    letters: LetterTable
    """The dead letters, to look at. `commit`, `discard` and `erase` change them."""

    def close(self) -> None:
        """Let go of the state, so that somebody else may take it."""

    def listen(self, hear: Hear) -> None:
        """Call *hear*, in the thread that uses the state, with each change that somebody else has made."""

    def catch_up(self) -> None:
        """See what others have changed. Raises as `commit` does."""

    # --- writing ---

    def commit(self, changes: Changes) -> None:
        """Write *changes*.

        Raises:
            StateTaken: another router delivers to the destination now. Nothing was written, and nothing will be.
            Exception: no space, a failing disk, no answer. Try again with the same changes.
        """

    def has_no_room(self, error: Exception) -> bool:
        """Whether *error*, from a `commit`, means that the disk is full."""

    def reusable_bytes(self) -> int:
        """Room in the state that something left when it was deleted: to write there takes nothing from the disk."""

    def is_away(self, error: Exception) -> bool:
        """Whether *error*, from a `commit`, means that the cluster that keeps the state can't be reached. Then nothing here is
        stuck."""

    def trouble(self, error: BaseException) -> StateUnusable | None:
        """What an operator should be told about *error*, from any method here; None if it is a bug."""

    def add_partition(self, partition: int, start: int) -> None:
        """Count from *start* on: the destination's first event is the one after it. A known partition does not change."""

    def forget_outcomes(self, partition: int, before: int) -> None:
        """Drop outcomes of events before the sequence *before*, which are no longer in the log, and up to the position. May
        leave some for later calls."""

    def discard(self, choice: Choice, limit: int = 1_000) -> tuple[int, int]:
        """Throw away up to *limit* dead letters. They stay counted as dead, and are counted as discarded.

        Returns how many letters that were, and how many events outside of replays.
        """

    def erase(self, suppressed: Suppressed, buried: Set[int] = frozenset(), after: int = 0) -> Erasure:
        """Throw away the dead letters of *suppressed*, as `discard` does, and leave only tombstones of their parked events; and
        nothing of what vendors said of either, or of the events whose sequences are *buried*: letters of those may be gone.

        One call looks at so many letters with ids above *after* as events can wait for. Call it until it is done.
        """

    def add_job(self, kind: JobKind, spec: dict[str, Any], total: int, made_s: float) -> Job:
        """Note a replay or a retry to be run. The destination's worker takes it up."""

    def cancel_job(self, id: int) -> bool:
        """Cancel a job that is not done; False if no such job has that number. A dead letter keeps what a retry has delivered
        of it."""

    # --- reading ---

    def meta(self, key: str) -> str | None:
        """The note with that name; None if there is none."""

    def positions(self) -> dict[int, tuple[int, int]]:
        """By partition: where counting started, and the position."""

    def settled_above_position(self) -> dict[int, set[int]]:
        """By partition: the sequences above the position that are settled or parked."""

    def furthest(self, partition: int) -> int:
        """The last sequence that this state knows of: the position, or one settled or parked above it."""

    def settled_payloads(self, job: int = 0) -> dict[Place, dict[str, str]]:
        """For each event with payloads under way in that replay or retry (0: outside of them): the keys of its settled
        payloads, and why each was refused ("" if it was not)."""

    def tries(self) -> dict[Place, Tries]:
        """For each event that has failed and is not settled."""

    def parked_users(self) -> dict[str, ParkedUser]:
        """For each parked user: when their turn comes."""

    def parked_places(self) -> dict[str, set[Place]]:
        """For each parked user: which events wait."""

    def parked(self, user_key: str, limit: int) -> list[Record]:
        """A user's first parked events, in order."""

    def oldest_parked_s(self) -> float | None:
        """When the oldest parked event was received, in Unix seconds."""

    def counts(self) -> Counter[tuple[str, str]]:
        """How many events or other things, by name and reason."""

    def outcome(self, place: Place) -> Outcome | None:
        """What became of the event; None if it has no outcome or that is no longer kept."""

    def parked_reason(self, place: Place) -> tuple[str, ParkedUser] | None:
        """Why the event is parked, and when its user's turn comes; None if it is not parked."""

    def earlier(self, partition: int, first: int, last: int) -> dict[int, Earlier]:
        """What became before of the events *first* to *last* (both included).

        Leaves out events that were accepted before the destination was added, or whose outcomes are no longer kept. An event
        that was ever delivered, even by a replay, is "delivered".
        """

    def done_by(self, job: int, partition: int, first: int, last: int) -> set[int]:
        """Which of the events *first* to *last* (both included) the replay *job* has done."""

    def replayed(self, place: Place) -> Replayed | None:
        """What became of the event in the last replay that sent it."""

    def jobs(self, state: str | None = None, id: int | None = None) -> list[Job]:
        """The jobs in that state or with that number; all jobs if neither is given."""


@contextmanager
def telling_trouble(state: State) -> Iterator[None]:
    """Within the block, turn an error of *state* into the `StateUnusable` that tells the operator of it. A bug stays as it
    is."""
    try:
        yield
    except BaseException as error:
        trouble = state.trouble(error)
        if trouble is None:
            raise
        raise trouble from error
