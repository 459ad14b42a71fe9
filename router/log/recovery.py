"""What a start makes of the segments that the last run left."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import structlog

from router.log import schema
from router.log.carve import wal_reach
from router.log.connections import connect_to_read
from router.log.rescue import examine, last_row
from router.log.segment_file import SegmentFile
from router.log.segments import Segments, Unreadable

VERIFY_BYTES = 256_000_000
"""A last segment up to this size is read whole before anything is added to it; a larger one is left as it is."""


_DRAFTS = ("segment-*.new", "segment-*.part", "segment-*.new-*", "segment-*.part-*", "log.json.part")
"""By their whole names: where `data` is a folder such as /var, ``log`` is somebody else's."""


def check_headers(segments: Segments, *, may_migrate: bool) -> None:
    """Look at each segment's first bytes: refuse newer ones, bring older ones up to date, mark those that are odd.

    One that can't be read just now (no permission, no file handles) is taken to be sound: who reads it waits until it can be.

    Raises:
        OperatorError: a newer program wrote one of them.
        OSError: the last one can't be read, and *may_migrate*: where the log ends is not known.
    """
    for file in segments.files:
        if file.mended:
            continue
        try:
            header = schema.read_header(file.path)
        except OSError:
            if may_migrate and file is segments.files[-1]:
                raise
            continue
        file.is_suspect = not header.is_sane
        if file.is_suspect or header.version == schema.SCHEMA_VERSION:
            continue
        try:
            with closing(connect_to_read(file.path)) as connection:
                file.is_suspect = not schema.check_version(file.path, header.version, connection)
            if header.version in schema.MIGRATIONS and may_migrate:
                schema.migrate(file.path)
                file.is_suspect = False
        except sqlite3.Error as error:
            structlog.get_logger().warning("segment can't be migrated", segment=str(file.path), error=str(error))


def remove_drafts(directory: Path) -> None:
    """Remove what was being made when the last run ended."""
    for pattern in _DRAFTS:
        for draft in directory.glob(pattern):
            with suppress(OSError):
                draft.unlink()


def recover(segments: Segments, known: int) -> tuple[int, SegmentFile | None]:
    """Finish or mend what was being written. *known*: the last sequence that is noted anywhere else.

    Returns:
        The last sequence that was ever given out, and the segment to go on with, None for a new one.

    Raises:
        OperatorError: a newer program wrote the last one.
    """
    for file in segments.files[:-1]:
        if file.has_wal and not file.mended:
            _finish(segments, file)
    if not segments.files:
        return known, None
    last = segments.files[-1]
    readable = _examine_last(last)
    known = max(known, wal_reach(last.wal) if last.has_wal else 0)
    if readable is None or readable < known:
        if not last.mended:
            _mend(segments, last)
        # One number at least is taken to be lost: the next segment can't have the name of this one.
        return max(known, segments.last_readable(last), last.first), None
    return readable, last if last.bytes <= VERIFY_BYTES and not last.mended else None


def _examine_last(last: SegmentFile) -> int | None:
    if last.is_suspect or last.mended:
        return None
    if last.bytes <= VERIFY_BYTES:
        return examine(last.path, last.first)
    row = last_row(last.path)
    return row.sequence if row and row.sequence >= last.first else None


def _finish(segments: Segments, file: SegmentFile) -> None:
    """A kill came between the start of the next segment and the end of this one: fold its write-ahead log in."""
    last = segments.last_of(file)
    if file.is_suspect or last is None or segments.last_readable(file) < last:
        _mend(segments, file)
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(file.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    file.measure()


def _mend(segments: Segments, file: SegmentFile) -> None:
    with suppress(Unreadable):  # no room for a copy: who reads it will try again
        segments.mend(file)


def remembered_id(segments: Segments) -> str | None:
    """The log's id as the newest segment that can be read has it."""
    for file in reversed(segments.files):
        with suppress(sqlite3.Error, OSError):
            if schema.read_header(file.path).is_sane:
                with closing(connect_to_read(file.path)) as connection:
                    log_id = schema.read_meta(connection, "log_id")
                    if log_id:
                        return log_id
    return None
