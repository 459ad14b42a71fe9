"""The dead letters of one destination on disk: found, counted by cause, and thrown away. Part of its state file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from router.delivery.cause import cause_of, code_of
from router.log.record import Record

_AMONG = "{} IN (SELECT value FROM json_each(?))"
"""Takes a JSON list: however many values there are, it is one parameter."""


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

    def where(self, *more: tuple[str, Any]) -> tuple[str, list[Any]]:
        """An SQL condition, and its parameters."""
        return where(
            ("id <= ?", self.up_to),
            ("instr(reason, ?) > 0", self.reason),
            ("cause = ?", self.cause),
            ("job != ?", self.not_tried_by),
            (_AMONG.format("id"), None if self.ids is None else orjson.dumps(list(self.ids)).decode()),
            *more,
        )


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


class Letters:
    """See the module's docstring. Reached through `State.letters`; what is said there of threads holds here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(
        self, choice: Choice = EVERY, *, after: int = 0, limit: int = 100, message_id: str | None = None
    ) -> list[DeadLetter]:
        """Dead letters by id, oldest first."""
        condition, values = choice.where(("id > ?", after), ("message_id = ?", message_id))
        rows = self._connection.execute(
            "SELECT partition, sequence, source, message_id, user_key, type, received_at_s, event, reason, attempts, died_s,"
            f" settled, events, id, job, replayed FROM dead_letters WHERE {condition} ORDER BY id LIMIT ?",
            [*values, limit],
        )
        return [
            DeadLetter(
                record=Record(*row[:8]),
                reason=row[8],
                attempts=row[9],
                died_s=row[10],
                settled=tuple(orjson.loads(row[11])),
                events=row[12],
                id=row[13],
                job=row[14],
                is_replayed=bool(row[15]),
            )
            for row in rows
        ]

    def count(self, choice: Choice = EVERY) -> int:
        condition, values = choice.where()
        (count,) = self._connection.execute(f"SELECT count(*) FROM dead_letters WHERE {condition}", values).fetchone()
        return int(count)

    def last(self) -> int:
        """The id of the newest; 0 when there is none."""
        (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM dead_letters").fetchone()
        return int(last)

    def groups(self, choice: Choice = EVERY) -> list[Group]:
        """By cause, the most letters first."""
        condition, values = choice.where()
        rows = self._connection.execute(
            "SELECT cause, letters, events, first_s, last_s, example, (SELECT reason FROM dead_letters WHERE id = example)"
            " FROM (SELECT cause, count(*) AS letters, sum(events) AS events, min(died_s) AS first_s, max(died_s) AS last_s,"
            " min(id) AS example FROM dead_letters"
            f" WHERE {condition} GROUP BY cause) ORDER BY letters DESC, example",
            values,
        )
        return [Group(*row) for row in rows]

    def causes(self, code: str) -> list[str]:
        """The causes with that code: one, or none."""
        rows = self._connection.execute("SELECT DISTINCT cause FROM dead_letters")
        return [cause for (cause,) in rows if code_of(cause) == code]

    def among(self, partition: int, first: int, last: int) -> set[int]:
        """Which of the sequences *first* to *last* (both included) are dead letters."""
        rows = self._connection.execute(
            "SELECT sequence FROM dead_letters WHERE partition = ? AND sequence BETWEEN ? AND ?",
            (partition, first, last),
        )
        return {sequence for (sequence,) in rows}

    def delete(self, choice: Choice, limit: int) -> tuple[int, int]:
        """Delete up to *limit*, oldest first. Returns how many letters that were, and how many events of the line."""
        condition, values = choice.where()
        rows = self._connection.execute(
            f"SELECT id, CASE replayed WHEN 0 THEN events ELSE 0 END FROM dead_letters WHERE {condition} ORDER BY id LIMIT ?",
            [*values, limit],
        ).fetchall()
        self._connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(id,) for id, _ in rows])
        return len(rows), sum(events for _, events in rows)

    # --- writing, within a transaction of the state's ---

    def add(self, letters: Iterable[DeadLetter]) -> None:
        self._connection.executemany(
            "INSERT INTO dead_letters (partition, sequence, events, source, message_id, user_key, type, received_at_s, event,"
            " reason, settled, attempts, died_s, cause, job, replayed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    d.record.partition,
                    d.record.sequence,
                    d.events,
                    d.record.source,
                    d.record.message_id,
                    d.record.user_key,
                    d.record.type,
                    d.record.received_at_s,
                    d.record.event,
                    d.reason,
                    orjson.dumps(d.settled).decode(),
                    d.attempts,
                    d.died_s,
                    _cause(d),
                    d.job,
                    d.is_replayed,
                )
                for d in letters
            ],
        )

    def remove(self, ids: Iterable[int]) -> None:
        self._connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(id,) for id in ids])

    def update(self, letters: Iterable[DeadLetter]) -> None:
        """What was tried again in vain: the reason, what is delivered by now, the job."""
        self._connection.executemany(
            "UPDATE dead_letters SET reason = ?, cause = ?, settled = ?, job = ?, attempts = attempts + 1 WHERE id = ?",
            [(d.reason, _cause(d), orjson.dumps(d.settled).decode(), d.job, d.id) for d in letters],
        )


def _cause(letter: DeadLetter) -> str:
    return cause_of(letter.reason, (letter.record.message_id, letter.record.user_key))


def where(*terms: tuple[str, Any]) -> tuple[str, list[Any]]:
    """The terms whose value is given, joined by AND; and those values."""
    given = [(term, value) for term, value in terms if value is not None]
    return " AND ".join(["1", *(term for term, _ in given)]), [value for _, value in given]
