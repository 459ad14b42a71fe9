"""The table of replays and retries in a state's file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import replace
from typing import Any

import orjson

from router.delivery.cause import counted_as
from router.delivery.state.changes import Job, JobKind
from router.delivery.state.letter_table import where
from router.delivery.state.outcome_table import ERASED


class JobTable:
    """The replays and retries of one destination. What `State` says about threads holds here too."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, state: str | None = None, id: int | None = None) -> list[Job]:
        """The jobs in that state or with that number; all jobs if neither is given."""
        condition, values = where(("state = ?", state), ("id = ?", id))
        rows = self._connection.execute(
            f"SELECT id, kind, spec, cursor, total, counts, state, made_s, reasons FROM jobs WHERE {condition} ORDER BY id",
            values,
        )
        return [
            replace(Job(*row), spec=orjson.loads(row[2]), counts=orjson.loads(row[5]), reasons=orjson.loads(row[8]))
            for row in rows
        ]

    # --- writing, within a transaction of the state's ---

    def add(self, kind: JobKind, spec: dict[str, Any], total: int, made_s: float) -> Job:
        """A job to be run."""
        cursor = self._connection.execute(
            "INSERT INTO jobs (kind, spec, cursor, total, counts, state, made_s) VALUES (?, ?, 0, ?, '{}', 'running', ?)",
            (kind, _json(spec), total, made_s),
        )
        return Job(int(cursor.lastrowid or 0), kind, spec, 0, total, {}, "running", made_s)

    def update(self, jobs: Iterable[Job]) -> None:
        """Note how far each has come."""
        self._connection.executemany(
            # The worker may not know yet that its job is cancelled.
            "UPDATE jobs SET cursor = ?, total = ?, counts = ?, reasons = ?,"
            " state = CASE state WHEN 'cancelled' THEN state ELSE ? END WHERE id = ?",
            [(each.cursor, each.total, _json(each.counts), _json(each.reasons), each.state, each.id) for each in jobs],
        )

    def cancel(self, id: int) -> bool:
        """Cancel a job that is not done; False where there is none of that number."""
        cancel = "UPDATE jobs SET state = 'cancelled' WHERE id = ? AND state = 'running'"
        return self._connection.execute(cancel, (id,)).rowcount > 0

    def erase_reasons(self, words: Set[str]) -> frozenset[str]:
        """Let jobs no longer count events by *words*. Returns the names by which they did."""
        erased: set[str] = set()
        names = set(map(counted_as, words))
        for job in self.find():
            theirs = names.intersection(job.reasons)
            if theirs:
                kept = Counter({reason: count for reason, count in job.reasons.items() if reason not in theirs})
                kept[ERASED] += sum(job.reasons[reason] for reason in theirs)
                self._connection.execute("UPDATE jobs SET reasons = ? WHERE id = ?", (_json(kept), job.id))
                erased |= theirs
        return frozenset(erased)


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()
