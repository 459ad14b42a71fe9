"""The table of what became of events in replays, in a state's file: one row per group, as for outcomes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Set
from typing import Final

from router.delivery.state.changes import Outcome, Place, Replayed
from router.delivery.state.outcome_group import MAX_SPAN, group
from router.delivery.state.outcome_table import erase_reasons, pack, unpack

SCHEMA: Final = """
CREATE TABLE replays (
    id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, offsets BLOB NOT NULL,
    job INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, at_s REAL NOT NULL);
CREATE INDEX replays_by_last ON replays (partition, last, first);
"""


class ReplayTable:
    """Outcomes of replays in a state's file. If an event is in several rows, the newest one holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, replayed: Iterable[Replayed]) -> None:
        by_job: dict[int, list[Outcome]] = {}
        for each in replayed:
            by_job.setdefault(each.job, []).append(Outcome(each.place, each.kind, each.reason, each.at_s))
        self._connection.executemany(
            "INSERT INTO replays (partition, first, last, offsets, job, kind, reason, at_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (each.partition, each.sequences[0], each.sequences[-1], pack(each.sequences), job, *each[1:4])
                for job, outcomes in by_job.items()
                for each in group(outcomes)
            ],
        )

    def among(self, partition: int, first: int, last: int) -> dict[int, Replayed]:
        """What became of the events *first* to *last* (both included) in the last replay that sent each, by sequence."""
        rows = self._connection.execute(
            "SELECT job, kind, reason, at_s, first, last, offsets FROM replays "
            "WHERE partition = ? AND last BETWEEN ? AND ? AND first <= ? ORDER BY id",
            (partition, first, last + MAX_SPAN, last),
        )
        return {
            sequence: Replayed(Place(partition, sequence), job, kind, reason, at_s)
            for job, kind, reason, at_s, *packed in rows
            for sequence in unpack(*packed)
            if first <= sequence <= last
        }

    def erase_reasons(self, sequences: Set[int]) -> set[str]:
        """Forget why the events with these *sequences* are dead. Returns what it was."""
        return erase_reasons(self._connection, "replays", sequences)

    def forget(self, partition: int, before: int) -> None:
        """Drop the groups that lie below *before*."""
        self._connection.execute("DELETE FROM replays WHERE partition = ? AND last < ?", (partition, before))
