"""What a commit of a destination's state writes, and in the same words what the state tells of it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

from router.delivery.state.letters import DeadLetter
from router.log.record import Record

Kind = Literal["delivered", "skipped", "dead"]
JobKind = Literal["replay", "retry"]


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
