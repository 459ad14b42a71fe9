"""Rescue: tells whether a segment is sound, and saves what can be saved of a damaged one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from router.errors import OperatorError
from router.log import schema
from router.log.carve import carve
from router.log.connections import connect_to_read
from router.log.durable_files import sync_directory, sync_file
from router.log.row import Row
from router.log.segment_file import SegmentFile, beside, remove_database

_ROWS_AT_ONCE = 500
_RESCUE = schema.INSERT.replace("INSERT", "INSERT OR IGNORE", 1)


def examine(path: Path, first: int) -> int | None:
    """Read a whole segment. Returns its last sequence (*first* − 1 if it is empty), or None if anything in it is not sound.

    Raises:
        OperatorError: a newer program wrote it.
    """
    try:
        with closing(connect_to_read(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not schema.check_version(path, version, connection):
                return None
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None
            expected = first
            for values in connection.execute(f"SELECT {schema.COLUMNS} FROM events ORDER BY sequence"):
                row = Row(*values)
                if row.sequence != expected or not row.is_sound():
                    return None
                expected += 1
            return expected - 1
    except sqlite3.Error:
        return None


def last_row(path: Path) -> Row | None:
    """The last row of a segment; None if there is none or it can't be read."""
    try:
        with closing(connect_to_read(path)) as connection:
            query = f"SELECT {schema.COLUMNS} FROM events ORDER BY sequence DESC LIMIT 1"
            values = connection.execute(query).fetchone()
    except sqlite3.Error:
        return None
    row = Row(*values) if values else None
    return row if row and row.is_sound() else None


def rescue(file: SegmentFile, log_id: str, last: int | None) -> list[range]:
    """Copy every sound row of *file* up to the sequence *last* into `SegmentFile.rescued`. Returns the runs of saved sequences.

    The damaged files stay as they are. No copy is made if it would hold nothing that can't be read from the file itself.

    Raises:
        sqlite3.Error, OSError: there is no room for the copy; nothing has changed.
    """
    draft = beside(file.rescued, ".part")
    remove_database(draft)
    try:
        with closing(schema.create(draft, file.first, log_id)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            # First what an earlier rescue saved: it may be all that is left.
            copies = [carve(copy, beside(copy, "-wal")) for copy in file.copies]
            rows = chain(*copies, carve(file.path, file.wal))
            wanted = (row for row in rows if row.sequence >= file.first and (last is None or row.sequence <= last))
            while batch := list(islice(wanted, _ROWS_AT_ONCE)):
                connection.executemany(_RESCUE, batch)
            connection.execute("COMMIT")
            saved = list(runs(sequence for (sequence,) in connection.execute("SELECT sequence FROM events ORDER BY 1")))
        if file.is_suspect or file.copies or not _is_as_good(file, saved):
            sync_file(draft)
            draft.replace(file.rescued)
            sync_directory(file.rescued.parent)
    finally:
        remove_database(draft)
    return saved


def _is_as_good(file: SegmentFile, saved: list[range]) -> bool:
    """Whether the file itself is sound, only shorter than it was."""
    try:
        readable = examine(file.path, file.first)
    except OperatorError:  # the version was current when the log was opened, so it is the version that is damaged
        return False
    if readable is None:
        return False
    return saved == ([range(file.first, readable + 1)] if readable >= file.first else [])


def runs(sequences: Iterable[int]) -> Iterator[range]:
    """The runs of consecutive numbers in *sequences*, which are in order."""
    start = end = None
    for sequence in sequences:
        if start is None or end is None:
            start = sequence
        elif sequence != end:
            yield range(start, end)
            start = sequence
        end = sequence + 1
    if start is not None and end is not None:
        yield range(start, end)


def holes(saved: list[range], first: int, last: int) -> list[tuple[int, int]]:
    """What *saved* lacks of *first* to *last* (both included), as pairs of first and last."""
    missing = []
    for run in saved:
        if run.start > first:
            missing.append((first, run.start - 1))
        first = run.stop
    if first <= last:
        missing.append((first, last))
    return missing
