"""The state of one destination: what is kept of it, whoever keeps it. What a commit changes of it is in `changes`.

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
from typing import Any, Literal, NamedTuple, Protocol

from router.delivery.state.changes import Changes, Job, JobKind, Outcome, Place, Replayed
from router.delivery.state.letter_table import LetterTable
from router.delivery.state.letters import Choice
from router.delivery.state.note_table import NoteTable
from router.delivery.state.parked_table import ParkedTable
from router.errors import OperatorError
from router.suppressed import Suppressed

Earlier = Literal["delivered", "skipped", "dead", "pending", "dead letter"]
"""What became of an event here before. "dead": its dead letter was discarded."""


class StateUnusable(OperatorError):
    """The state is damaged or can't be reached. Concerns one destination alone."""


class StateTaken(OperatorError):
    """Another router delivers to the destination now: this one has lost it."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label}: another router delivers to this destination since a moment ago. Ask again.")


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
    parked: ParkedTable
    """The parked events, to look at. `commit` and `erase` change them."""
    notes: NoteTable
    """What is known of events under way, to look at. `commit` writes it."""

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

    def counts(self) -> Counter[tuple[str, str]]:
        """How many events or other things, by name and reason."""

    def outcome(self, place: Place) -> Outcome | None:
        """What became of the event; None if it has no outcome or that is no longer kept."""

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
