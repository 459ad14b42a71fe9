"""The tables of notes on events under way, in a state's file: their tries, and which of their payloads are settled."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Set

from router.delivery.state.changes import Changes, Place, Tries
from router.delivery.state.outcome_table import ERASED


class NoteTable:
    """The notes of one destination. What `State` says about threads holds here too."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def settled_payloads(self, job: int = 0) -> dict[Place, dict[str, str]]:
        """For each event with payloads under way in that replay or retry (0: outside of them): the keys of its settled
        payloads, and why each was refused ("" if it was not)."""
        settled: dict[Place, dict[str, str]] = {}
        query = "SELECT partition, sequence, key, refused FROM settled_payloads WHERE job = ?"
        for partition, sequence, key, refused in self._connection.execute(query, (job,)):
            settled.setdefault(Place(partition, sequence), {})[key] = refused
        return settled

    def tries(self) -> dict[Place, Tries]:
        """For each event that has failed and is not settled."""
        rows = self._connection.execute("SELECT * FROM tries")
        return {Place(partition, sequence): Tries(first, attempts) for partition, sequence, first, attempts in rows}

    # --- writing, within a transaction of the state's ---

    def change(self, changes: Changes) -> None:
        """Write what *changes* notes, and drop the notes on the events that it settles. Most events have none."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO settled_payloads (partition, sequence, key, refused, job) VALUES (?, ?, ?, ?, ?)",
            [(*each.place, each.key, each.refused, each.job) for each in changes.settled_payloads],
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?)",
            [(at.partition, at.sequence, each.first_s, each.attempts) for at, each in changes.tries.items()],
        )
        for table in ("settled_payloads", "tries"):
            if self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                places = [outcome.place for outcome in changes.outcomes]
                places += [replayed.place for replayed in changes.replayed]
                places += [Place.of(letter.record) for letter in changes.refused_again]
                self._connection.executemany(f"DELETE FROM {table} WHERE partition = ? AND sequence = ?", places)

    def forget_ended_jobs(self) -> list[tuple[int, int, str]]:
        """Drop what jobs that are over have noted of events that were under way. Returns the payloads that they delivered:
        partition, sequence and key."""
        over = "FROM settled_payloads WHERE job != 0 AND job NOT IN (SELECT id FROM jobs WHERE state = 'running')"
        delivered = self._connection.execute(f"SELECT partition, sequence, key {over} AND refused = ''").fetchall()
        self._connection.execute(f"DELETE {over}")
        return delivered

    def shift_tries(self, seconds: float) -> None:
        """Move the retry windows forward."""
        self._connection.execute("UPDATE tries SET first_s = first_s + ?", (seconds,))

    def erase(self, parked: Collection[Place], buried: Set[int]) -> None:
        """Forget why payloads were refused: of events that are *parked*, and of those with the sequences *buried*, which a
        destination that is disabled, or at rest, has not read again."""
        theirs = [place for place in self.settled_payloads() if place.sequence in buried] + list(parked)
        self._connection.executemany(
            "UPDATE settled_payloads SET refused = ? WHERE refused != '' AND partition = ? AND sequence = ?",
            [(ERASED, *place) for place in theirs],
        )
        # Whose event a replay has under way the log alone knows. Without the note the payload is tried once more.
        self._connection.execute("DELETE FROM settled_payloads WHERE refused != '' AND job != 0")
