"""The dead letters of one destination: found, counted by cause, and thrown away. Part of its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from router.delivery.cause import code_of
from router.log.record import Record


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event refused for good. ``events`` is 1, or the number of sequences from here on that the log lost.

    ``settled`` are the payloads of the event that were delivered all the same: a retry does not send those again.
    """

    record: Record
    reason: str
    attempts: int
    died_s: float
    settled: tuple[str, ...] = ()
    events: int = 1
    id: int = 0
    job: int = 0
    """The replay or retry that was the last to try it; 0 for none."""
    is_replayed: bool = False
    """A replay was refused what the destination had settled before: the books of replays count it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send again."""
        return self.events != 1 or not self.record.event


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters; those for which all that is given holds."""

    ids: Sequence[int] | None = None
    reason: str | None = None
    """A text that the reason contains."""
    cause: str | None = None
    up_to: int | None = None
    not_tried_by: int | None = None
    """A job: without those that it has tried already."""


EVERY = Choice()


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one cause. ``first_s`` and ``last_s`` are when the first and the last of them died, in Unix seconds."""

    cause: str
    letters: int
    events: int
    first_s: float
    last_s: float
    example: int
    """The id of the oldest of them."""
    reason: str
    """Of the example: the vendor's own words."""

    @property
    def code(self) -> str:
        return code_of(self.cause)


class Letters(Protocol):
    """Reached through `State.letters`; what is said there of threads holds here."""

    def find(
        self, choice: Choice = EVERY, *, after: int = 0, limit: int = 100, message_id: str | None = None
    ) -> list[DeadLetter]:
        """Dead letters by id, oldest first."""

    def count(self, choice: Choice = EVERY) -> int: ...

    def has_any(self, one: Choice, other: Choice) -> bool:
        """Whether there is one that is in both."""

    def last(self) -> int:
        """The id of the newest; 0 when there is none."""

    def groups(self, choice: Choice = EVERY) -> list[Group]:
        """By cause, the most letters first."""

    def causes(self, code: str) -> list[str]:
        """The causes with that code: one, or none."""

    def among(self, partition: int, first: int, last: int) -> set[int]:
        """Which of the sequences *first* to *last* (both included) are dead letters."""
