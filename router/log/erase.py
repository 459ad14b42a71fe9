"""Erasing: the events of people who are to be forgotten leave the log, and tombstones take their places.

    active segment ──begin another──▶ sealed ──theirs are in it──▶ copy with tombstones ──sync──▶ takes its name

A segment is never changed in place, so a kill at any moment leaves the old one or the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from router.log import schema
from router.log.durable_files import sync_file
from router.log.row import Row
from router.log.segment_file import SegmentFile, beside, remove_database
from router.log.segments import Segments, Unreadable
from router.log.tombstone import bury
from router.suppressed import Suppressed

_TRIES = 3
_IN = "{} IN (SELECT value FROM json_each(?))"
_OF_ANY = f"type = 'alias' OR {_IN.format('user_id')} OR {_IN.format('anonymous_id')}"
_MAY_BE_THEIRS = f"SELECT {schema.COLUMNS} FROM events WHERE {_OF_ANY}"
_TOMBSTONES = "SELECT sequence FROM events WHERE user_key = message_id AND user_id IS NULL AND anonymous_id IS NULL"
"""No event that is taken is nobody's."""
_COPY = f"INSERT INTO events SELECT {schema.COLUMNS} FROM source.events WHERE NOT {_IN.format('sequence')}"

Swap = Callable[[Callable[[], None]], None]
"""Does something while nobody adds or removes segments, and returns or raises as that does."""


@dataclass(slots=True)
class Erased:
    """What was found in the log of people who are to be forgotten."""

    events: int = 0
    tombstones: set[int] = field(default_factory=set)
    """The sequences of all tombstones that the log has now, earlier ones, too."""
    anonymous_ids: set[str] = field(default_factory=set)
    """Those that their events carried beside their userId: events with such an id alone may be theirs or somebody else's."""
    aliases: set[str] = field(default_factory=set)
    """The ids in their alias events: the person's other names. Events with such an id may have none of the suppressed."""
    left: list[Path] = field(default_factory=list)
    """Damaged files, which nobody reads and which may hold events of theirs."""


def erase(segments: Segments, file: SegmentFile, suppressed: Suppressed, erased: Erased, swap: Swap) -> None:
    """Erase what *file*, to which nothing is added any more, holds of *suppressed*. Adds to *erased* what that was.

    Raises:
        Unreadable, sqlite3.Error, OSError: not now (no room, somebody reads it). Nothing has changed.
    """
    for _ in range(_TRIES):
        mended = file.mended
        try:
            theirs, tombstones = _find(segments, file, suppressed)
            if theirs:
                _rewrite(segments, file, theirs, swap)
        except _Damaged:
            segments.mend(file, mended)
            continue
        if theirs:
            erased.events += len(theirs)
            erased.tombstones |= {row.sequence for row in theirs}
            aliases = [orjson.loads(row.event) for row in theirs if row.type == "alias"]
            ids = (each.get(name) for each in aliases for name in ("userId", "previousId"))
            erased.aliases |= {id for id in ids if isinstance(id, str)}
            erased.anonymous_ids |= {row.anonymous_id for row in theirs if row.anonymous_id is not None and row.user_id}
        erased.tombstones |= tombstones
        if file.current != file.path:  # else it is only shorter than it should be: it is read, and theirs are erased
            erased.left += [path for path in (file.path, file.wal) if path.exists()]
        return
    raise Unreadable(f"{file.current}: what was saved is damaged again and again")


class _Damaged(Exception):
    """The segment can't be read as it is, or one of its events can't."""


def _find(segments: Segments, file: SegmentFile, suppressed: Suppressed) -> tuple[list[Row], set[int]]:
    """The events of *suppressed*, and the sequences of the tombstones that are there already."""
    if file.is_suspect and not file.mended:
        raise _Damaged
    ids = [orjson.dumps(list(each)).decode() for each in (suppressed.user_ids, suppressed.anonymous_ids)]
    try:
        with segments.connections.borrow(file.current) as connection:
            rows = [Row(*values) for values in connection.execute(_MAY_BE_THEIRS, ids).fetchall()]
            tombstones = {sequence for (sequence,) in connection.execute(_TOMBSTONES).fetchall()}
            (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    except sqlite3.Error as error:
        segments.check_passing(file, error)
        raise _Damaged from error
    last = segments.last_of(file)
    is_whole = file.mended or last is None or count == last - file.first + 1
    if not is_whole or not all(row.is_sound() for row in rows):
        raise _Damaged
    return [row for row in rows if suppressed.names_stored(row.event)], tombstones


def _rewrite(segments: Segments, file: SegmentFile, theirs: list[Row], swap: Swap) -> None:
    current, mended = file.current, file.mended
    _fold(file, current)
    with _draft_of(file, segments.log_id) as draft:
        try:
            _fill(draft, current, theirs)
        except sqlite3.Error as error:  # met only now: in the events of others
            segments.check_passing(file, error)
            raise _Damaged from error
        sync_file(draft)
        swap(lambda: segments.replace(file, draft, mended))


def _fold(file: SegmentFile, current: Path) -> None:
    """Move all from the write-ahead log into the file itself: whoever was reading when it was sealed has hindered that."""
    if current != file.path or not file.has_wal:
        return
    with closing(sqlite3.connect(current, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if file.has_wal:
            raise Unreadable(f"{current}: somebody is reading it")


@contextmanager
def _draft_of(file: SegmentFile, log_id: str) -> Iterator[Path]:
    draft = beside(file.current, ".new")
    remove_database(draft)
    try:
        schema.create(draft, file.first, log_id).close()
        yield draft
    finally:
        remove_database(draft)


def _fill(draft: Path, source: Path, theirs: list[Row]) -> None:
    """Fill *draft* with what *source* holds, and with tombstones in the place of *theirs*."""
    with closing(sqlite3.connect(draft.absolute().as_uri(), uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
        connection.execute("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=ro",))
        connection.execute("BEGIN")
        # A rescued copy notes there what is lost.
        connection.execute("INSERT OR REPLACE INTO meta SELECT * FROM source.meta")
        connection.execute(_COPY, (orjson.dumps([row.sequence for row in theirs]).decode(),))
        connection.executemany(schema.INSERT, [tuple(bury(row)) for row in theirs])
        connection.execute("COMMIT")
