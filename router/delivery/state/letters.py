"""Dead letters: what they hold, and how they are chosen and grouped by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.delivery.cause import code_of
from router.log.record import Record


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event refused for good. ``events`` is 1, or the number of sequences that the log lost, this one first.

    ``settled`` are keys of payloads that were delivered all the same: a retry does not send them again.
    """

    record: Record
    reason: str
    attempts: int
    died_s: float
    settled: tuple[str, ...] = ()
    events: int = 1
    id: int = 0
    job: int = 0
    """The replay or retry that tried it last; 0 for none."""
    is_replayed: bool = False
    """It was refused in a replay, after the destination had settled the event before. The books of replays count it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send again."""
        return self.events != 1 or not self.record.event


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of dead letters: those that meet all the conditions given."""

    ids: Sequence[int] | None = None
    reason: str | None = None
    """The reason contains this text."""
    cause: str | None = None
    up_to: int | None = None
    not_tried_by: int | None = None
    """The job with this number has not tried it."""


EVERY = Choice()


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one cause. ``first_s`` and ``last_s``: when the first and the last of them died, in Unix seconds."""

    cause: str
    letters: int
    events: int
    first_s: float
    last_s: float
    example: int
    """The id of the oldest one."""
    reason: str
    """The reason of the example, in the vendor's own words."""

    @property
    def code(self) -> str:
        return code_of(self.cause)
