"""Recovery: what a start does with the segments that the last run left."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import structlog

from router.log import schema
from router.log.carve import wal_reach
from router.log.connections import connect_to_read
from router.log.dedup_index import INDEX_NAME, read_index_mark
from router.log.mark import read_mark
from router.log.rescue import examine, last_row
from router.log.segment_file import SegmentFile
from router.log.segments import Segments, Unreadable

VERIFY_BYTES = 256_000_000
"""A last segment of up to this size is verified whole before anything is added to it. Nothing is added to a larger one."""

_DRAFTS = ("segment-*.new", "segment-*.part", "segment-*.new-*", "segment-*.part-*", "log.json.part")
"""Complete names: if `data` is a folder such as /var, files of other programs lie in ``log``."""


def check_headers(segments: Segments, *, may_migrate: bool) -> None:
    """Look at each segment's first bytes: refuse newer ones, bring older ones up to date, mark odd ones as suspect.

    A segment that can't be read now (no permission, no file handles) is taken to be sound; its reader will wait until it can
    be.

    Raises:
        OperatorError: a newer program wrote one of them.
        OSError: the last segment can't be read, so that the end of the log is not known. Only with *may_migrate*.
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
    """Remove files that were still being made when the last run ended."""
    for pattern in _DRAFTS:
        for draft in directory.glob(pattern):
            with suppress(OSError):
                draft.unlink()


def known_end(directory: Path, log_id: str) -> int:
    """The last sequence given out, according to the files beside the segments. It may lag but never runs ahead."""
    return max(read_mark(directory, log_id), read_index_mark(directory / INDEX_NAME, log_id))


def recover(segments: Segments, known: int) -> tuple[int, SegmentFile | None]:
    """Finish or mend what was being written. *known*: the last sequence noted anywhere else.

    Returns:
        The last sequence that was ever given out, and the segment to go on with; None for a new one.

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
        # At least one sequence counts as lost: the next segment can't have the same name as this one.
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
    """Fold in the write-ahead log: the process was killed after the next segment was begun and before this one was sealed."""
    last = segments.last_of(file)
    if file.is_suspect or last is None or segments.last_readable(file) < last:
        _mend(segments, file)
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(file.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    file.measure()


def _mend(segments: Segments, file: SegmentFile) -> None:
    with suppress(Unreadable):  # no room for a copy: its reader will try again
        segments.mend(file)


def remembered_id(files: Sequence[SegmentFile]) -> str | None:
    """The log's id according to the newest readable one of its *files*."""
    for file in reversed(files):
        with suppress(sqlite3.Error, OSError):
            if schema.read_header(file.path).is_sane:
                with closing(connect_to_read(file.path)) as connection:
                    log_id = schema.read_meta(connection, "log_id")
                    if log_id:
                        return log_id
    return None
