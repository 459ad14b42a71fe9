"""The tables of parked events and of whose turn comes when, in a state's file."""

from __future__ import annotations

import sqlite3

from router.delivery.state.changes import Changes, ParkedUser, Place
from router.delivery.state.outcome_table import ERASED
from router.log.record import Record
from router.log.tombstone import tombstone
from router.suppressed import Suppressed


class ParkedTable:
    """The parked events of one destination. What `State` says about threads holds here too."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def users(self) -> dict[str, ParkedUser]:
        """For each parked user: when their turn comes."""
        rows = self._connection.execute("SELECT user_key, next_s, attempts FROM parked_users")
        return {user_key: ParkedUser(next_s, attempts) for user_key, next_s, attempts in rows}

    def places(self) -> dict[str, set[Place]]:
        """For each parked user: which events wait."""
        places: dict[str, set[Place]] = {}
        rows = self._connection.execute("SELECT user_key, partition, sequence FROM parked")
        for user_key, partition, sequence in rows:
            places.setdefault(user_key, set()).add(Place(partition, sequence))
        return places

    def first_of(self, user_key: str, limit: int) -> list[Record]:
        """A user's first parked events, in order."""
        rows = self._connection.execute(
            "SELECT partition, sequence, source, message_id, user_key, type, received_at_s, event FROM parked "
            "WHERE user_key = ? ORDER BY partition, sequence LIMIT ?",
            (user_key, limit),
        )
        return [Record(*row) for row in rows]

    def reason(self, place: Place) -> tuple[str, ParkedUser] | None:
        """Why the event is parked, and when its user's turn comes; None if it is not parked."""
        row = self._connection.execute(
            "SELECT reason, coalesce(u.next_s, 0), coalesce(u.attempts, 0) FROM parked LEFT JOIN parked_users u "
            "USING (user_key) WHERE partition = ? AND sequence = ?",
            (place.partition, place.sequence),
        ).fetchone()
        return (row[0], ParkedUser(row[1], row[2])) if row else None

    def oldest_s(self) -> float | None:
        """When the oldest parked event was received, in Unix seconds."""
        (oldest,) = self._connection.execute("SELECT min(received_at_s) FROM parked").fetchone()
        return None if oldest is None else float(oldest)

    def among(self, partition: int, first: int, last: int) -> set[int]:
        """Which of the sequences *first* to *last* (both included) are parked."""
        rows = self._connection.execute(
            "SELECT sequence FROM parked WHERE partition = ? AND sequence BETWEEN ? AND ?", (partition, first, last)
        )
        return {sequence for (sequence,) in rows}

    def above(self, partition: int, position: int) -> set[int]:
        """The sequences beyond *position* that are parked."""
        rows = self._connection.execute(
            "SELECT sequence FROM parked WHERE partition = ? AND sequence > ?", (partition, position)
        )
        return {sequence for (sequence,) in rows}

    def furthest(self, partition: int) -> int:
        """The last sequence that is parked; 0 if none is."""
        (last,) = self._connection.execute(
            "SELECT max(sequence) FROM parked WHERE partition = ?", (partition,)
        ).fetchone()
        return int(last or 0)

    # --- writing, within a transaction of the state's ---

    def change(self, changes: Changes) -> None:
        """Write what *changes* says of parked events and their users."""
        run = self._connection.executemany
        run(
            "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.partition, r.sequence, r.user_key, r.source, r.message_id, r.type, r.received_at_s, r.event, reason)
                for r, reason in changes.park
            ],
        )
        run(
            "DELETE FROM parked WHERE partition = ? AND sequence = ?",
            [(p.partition, p.sequence) for p in changes.unpark],
        )
        for user_key, user in changes.parked_users.items():
            if user is None:
                self._connection.execute("DELETE FROM parked_users WHERE user_key = ?", (user_key,))
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO parked_users VALUES (?, ?, ?)", (user_key, user.next_s, user.attempts)
                )

    def erase(self, suppressed: Suppressed) -> list[Place]:
        """Leave only tombstones of the events of *suppressed*, and nothing of what was said of them. Returns their places."""
        query = "SELECT partition, sequence, type, message_id, received_at_s, event FROM parked"
        erased = [
            (tombstone(kind, message_id, received_s), ERASED, partition, sequence)
            for partition, sequence, kind, message_id, received_s, event in self._connection.execute(query)
            if event and suppressed.names_stored(event)  # one that the log lost is empty
        ]
        update = "UPDATE parked SET event = ?, reason = ? WHERE partition = ? AND sequence = ?"
        self._connection.executemany(update, erased)
        return [Place(*each[2:]) for each in erased]
