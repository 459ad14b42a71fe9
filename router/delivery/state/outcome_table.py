"""The table of outcomes in a state's file: one row per group of outcomes.

A row per event would take thirty bytes for what two bytes can say, and make up most of the file.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence, Set
from typing import Final

from router.delivery.state.changes import Outcome
from router.delivery.state.outcome_group import MAX_SPAN, OutcomeGroup, group
from router.log.segments import PARTITION

SCHEMA: Final = """
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, offsets BLOB NOT NULL,
    kind TEXT NOT NULL, reason TEXT NOT NULL, at_s REAL NOT NULL);
CREATE INDEX outcomes_by_last ON outcomes (partition, last, first);
"""
"""``offsets`` are the events' distances from ``first``, two bytes each; empty if the group is all events up to ``last``."""
ERASED: Final = "erased"
"""Stands for a vendor's words about somebody who is to be forgotten: they may quote what was sent."""


class OutcomeTable:
    """Outcomes in a state's file. If an event is in several rows, the newest one holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, outcomes: Iterable[Outcome]) -> None:
        self._connection.executemany(
            "INSERT INTO outcomes (partition, first, last, offsets, kind, reason, at_s) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (each.partition, each.sequences[0], each.sequences[-1], pack(each.sequences), *each[1:4])
                for each in group(outcomes)
            ],
        )

    def among(self, partition: int, first: int, last: int) -> dict[int, Outcome]:
        """What became of the events *first* to *last* (both included), by sequence."""
        rows = self._connection.execute(
            "SELECT kind, reason, at_s, first, last, offsets FROM outcomes "
            "WHERE partition = ? AND last BETWEEN ? AND ? AND first <= ? ORDER BY id",
            (partition, first, last + MAX_SPAN, last),
        )
        return {
            outcome.place.sequence: outcome
            for kind, reason, at_s, *packed in rows
            for outcome in OutcomeGroup(partition, kind, reason, at_s, unpack(*packed)).outcomes()
            if first <= outcome.place.sequence <= last
        }

    def above(self, partition: int, position: int) -> set[int]:
        """The sequences beyond *position* that have an outcome."""
        rows = self._connection.execute(
            "SELECT first, last, offsets FROM outcomes WHERE partition = ? AND last > ?", (partition, position)
        )
        return {sequence for packed in rows for sequence in unpack(*packed) if sequence > position}

    def furthest(self, partition: int) -> int:
        """The last sequence that has an outcome; 0 if none has."""
        (last,) = self._connection.execute(
            "SELECT max(last) FROM outcomes WHERE partition = ?", (partition,)
        ).fetchone()
        return int(last or 0)

    def erase_reasons(self, sequences: Set[int]) -> set[str]:
        """Forget why the events with these *sequences* are dead. Returns what it was."""
        return erase_reasons(self._connection, "outcomes", sequences)

    def forget(self, partition: int, before: int) -> None:
        """Drop the groups that lie below *before*."""
        self._connection.execute("DELETE FROM outcomes WHERE partition = ? AND last < ?", (partition, before))


def erase_reasons(connection: sqlite3.Connection, table: str, sequences: Set[int]) -> set[str]:
    """Forget why the events with these *sequences* are dead, in a *table* of groups: for all of a group, since they share the
    words. Returns the words. A log that can be erased has one partition."""
    if not sequences:
        return set()
    first, last = min(sequences), max(sequences)
    rows = connection.execute(
        f"SELECT id, reason, first, last, offsets FROM {table} "
        "WHERE partition = ? AND last BETWEEN ? AND ? AND first <= ? AND kind = 'dead' AND reason != ?",
        (PARTITION, first, last + MAX_SPAN, last, ERASED),
    )
    groups = {id: reason for id, reason, *packed in rows if not sequences.isdisjoint(unpack(*packed))}
    connection.executemany(f"UPDATE {table} SET reason = ? WHERE id = ?", [(ERASED, id) for id in groups])
    return set(groups.values())


def pack(sequences: Sequence[int]) -> bytes:
    """*sequences* as offsets from the first, two bytes each; empty if they are consecutive."""
    first, last = sequences[0], sequences[-1]
    if last - first == len(sequences) - 1:
        return b""
    return struct.pack(f"<{len(sequences)}H", *[sequence - first for sequence in sequences])


def unpack(first: int, last: int, offsets: bytes) -> Sequence[int]:
    """The sequences that `pack` was given."""
    if not offsets:
        return range(first, last + 1)
    return [first + offset for (offset,) in struct.iter_unpack("<H", offsets)]
