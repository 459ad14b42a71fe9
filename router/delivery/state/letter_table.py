"""The table of dead letters in a state's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import orjson

from router.delivery.cause import cause_at, code_of
from router.delivery.state.letters import EVERY, Choice, DeadLetter, Group
from router.log.record import Record
from router.suppressed import Suppressed

_SAMPLE = 200
"""The most letters whose size is looked at."""
_BESIDE = 200
"""Bytes that a letter takes beside its event and its reason: ids, and places in the indexes."""
_AMONG = "{} IN (SELECT value FROM json_each(?))"
"""The list is one parameter, as JSON, however many values it holds."""


class LetterTable:
    """The dead letters of one destination. What `State` says about threads holds here too."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, choice: Choice = EVERY, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters by id, oldest first."""
        condition, values = _where_of(choice, ("id > ?", after))
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
        condition, values = _where_of(choice)
        (count,) = self._connection.execute(f"SELECT count(*) FROM dead_letters WHERE {condition}", values).fetchone()
        return int(count)

    def has_any(self, one: Choice, other: Choice) -> bool:
        """Whether some letter is in both choices."""
        condition, values = _where_of(one)
        also, more = _where_of(other)
        query = f"SELECT 1 FROM dead_letters WHERE ({condition}) AND ({also}) LIMIT 1"
        return self._connection.execute(query, [*values, *more]).fetchone() is not None

    def measure(self) -> tuple[int, int]:
        """How many there are, and about how many bytes they take. The size is that of some of them: to read all would mean
        gigabytes."""
        query = "SELECT count(*), min(id), max(id) FROM dead_letters"
        count, first, last = self._connection.execute(query).fetchone()
        if not count:
            return 0, 0
        one = "SELECT length(event) + length(reason) FROM dead_letters WHERE id >= ? LIMIT 1"
        places = range(first, last + 1, (last - first) // _SAMPLE + 1)
        sizes = [size for place in places for (size,) in self._connection.execute(one, (place,))]
        return count, count * (sum(sizes) // len(sizes) + _BESIDE)

    def last(self) -> int:
        """The id of the newest; 0 if there is none."""
        (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM dead_letters").fetchone()
        return int(last)

    def id_after(self, id: int, count: int) -> int | None:
        """The id of the letter that is the last of the next *count* after *id*; None if there are fewer."""
        query = "SELECT id FROM dead_letters WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
        row = self._connection.execute(query, (id, count - 1)).fetchone()
        return row and int(row[0])

    def groups(self, choice: Choice = EVERY) -> list[Group]:
        """By cause, the most letters first."""
        condition, values = _where_of(choice)
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
        """Delete up to *limit*, oldest first. Returns how many letters that were, and how many events outside of replays."""
        condition, values = _where_of(choice)
        rows = self._connection.execute(
            f"SELECT id, CASE replayed WHEN 0 THEN events ELSE 0 END FROM dead_letters WHERE {condition} ORDER BY id LIMIT ?",
            [*values, limit],
        ).fetchall()
        self._connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(id,) for id, _ in rows])
        return len(rows), sum(events for _, events in rows)

    def of(self, suppressed: Suppressed, after: int, last: int) -> list[tuple[int, int, str]]:
        """Of the letters with ids above *after*, up to *last*, those of *suppressed*: id, sequence and reason."""
        query = "SELECT id, sequence, reason, event FROM dead_letters WHERE id > ? AND id <= ?"
        return [
            (id, sequence, reason)
            for id, sequence, reason, event in self._connection.execute(query, (after, last))
            if event and suppressed.names_stored(event)  # one that the log lost is empty
        ]

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
                    cause_at(d.record, d.reason),
                    d.job,
                    d.is_replayed,
                )
                for d in letters
            ],
        )

    def remove(self, ids: Iterable[int]) -> None:
        self._connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(id,) for id in ids])

    def update(self, letters: Iterable[DeadLetter]) -> None:
        """Update letters that were tried again in vain: the reason, what is delivered by now, the job."""
        self._connection.executemany(
            "UPDATE dead_letters SET reason = ?, cause = ?, settled = ?, job = ?, attempts = attempts + 1 WHERE id = ?",
            [(d.reason, cause_at(d.record, d.reason), orjson.dumps(d.settled).decode(), d.job, d.id) for d in letters],
        )

    def note_delivered(self, payloads: Iterable[tuple[int, int, str]]) -> None:
        """Note that *payloads* (partition, sequence and key) are delivered, where their events are dead letters."""
        self._connection.executemany(
            "UPDATE dead_letters SET settled = json_insert(settled, '$[#]', ?3) WHERE partition = ?1 AND sequence = ?2",
            payloads,
        )


def where(*terms: tuple[str, Any]) -> tuple[str, list[Any]]:
    """The terms whose value is not None, joined by AND, and those values."""
    given = [(term, value) for term, value in terms if value is not None]
    return " AND ".join(["1", *(term for term, _ in given)]), [value for _, value in given]


def _where_of(choice: Choice, *more: tuple[str, Any]) -> tuple[str, list[Any]]:
    """The choice, and *more*, as an SQL condition and its parameters."""
    return where(
        ("id <= ?", choice.up_to),
        ("instr(reason, ?) > 0", choice.reason),
        ("cause = ?", choice.cause),
        ("job != ?", choice.not_tried_by),
        (_AMONG.format("id"), None if choice.ids is None else orjson.dumps(list(choice.ids)).decode()),
        *more,
    )
