"""Repair: settles the damage in a log for good. What is sound stays readable, what is lost is noted, damaged files are put
aside.

    segment-A.sqlite, damaged   ──rescue──▶ segment-A.rescued.sqlite   with the lost sequences in its table ``meta``
                                └─────────▶ damaged/segment-A.sqlite   kept, read by nobody
    events without a file                 ▶ segment-B.rescued.sqlite   empty, so that the loss has a place

A reader that comes across damage takes the first step too. The second is a decision, so an operator takes it. A kill at any
moment leaves a log that reads the same; run the repair again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from router.errors import OperatorError
from router.log import schema
from router.log.checkup import LOST_KEY, LogReport, SegmentReport, check_log
from router.log.dedup_index import INDEX_NAME
from router.log.durable_files import hand_over, sync_directory, sync_file
from router.log.identity import ensure_id
from router.log.lock import Lock
from router.log.mark import MARK_NAME, START_NAME, Mark
from router.log.recovery import check_headers, remembered_id, remove_drafts
from router.log.rescue import rescue
from router.log.segment_file import SegmentFile, beside, find_segments, remove_database
from router.log.segments import Segments

DAMAGED_NAME: Final = "damaged"


@dataclass(frozen=True, slots=True)
class Repair:
    """What the repair found, and what there is now."""

    before: LogReport
    after: LogReport
    put_aside: tuple[Path, ...]

    @property
    def lost_events(self) -> int:
        """Events lost through the damage repaired now. What earlier repairs noted is not counted again."""
        return sum(report.lost_events for report in self.before.segments if report.state == "damaged")


def repair_log(directory: Path) -> Repair:
    """Repair the log in *directory*. No router may have it open.

    Raises:
        OperatorError: a router has it open, there is none, a newer program wrote it, or there is no room.
    """
    if not directory.is_dir():
        raise OperatorError(f"{directory}: there is no log here. Correct `data` in the config.")
    lock = Lock.take(directory)
    try:
        remove_drafts(directory)
        before = check_log(directory)
        log_id = ensure_id(directory, lambda: remembered_id(find_segments(directory, directory)))
        segments = Segments(directory, directory, log_id)
        check_headers(segments, may_migrate=True)
        put_aside: list[Path] = []
        for report in before.segments:
            if report.state == "damaged":
                put_aside += _repair_segment(segments, report)
        _write_derived(directory, log_id, before)
        return Repair(before, check_log(directory), tuple(put_aside))
    except (sqlite3.Error, OSError) as error:
        raise OperatorError(
            f"{directory}: the repair was not finished ({error}); nothing is lost by that. Make room, then run it again."
        ) from error
    finally:
        hand_over(directory, directory)
        lock.release()


def _repair_segment(segments: Segments, report: SegmentReport) -> list[Path]:
    directory, log_id = segments.directory, segments.log_id
    file = next((each for each in segments.files if each.first == report.first), None)
    if file is None:
        _note_place(SegmentFile(directory, report.first, directory), log_id, report.lost)
        return []
    saved = rescue(file, log_id, report.last)
    if not file.rescued.exists():  # the file itself is sound, but shorter than it should be
        end = saved[-1].stop if saved else file.first
        if end == file.first:
            _note_place(file, log_id, report.lost)
            return _put_aside(directory, file)
        _note_place(SegmentFile(directory, end, directory), log_id, report.lost)
        return []
    _note(file, report.lost)
    return _put_aside(directory, file)


def _note_place(file: SegmentFile, log_id: str, lost: Sequence[tuple[int, int]]) -> None:
    """Make an empty segment in place of one that has no file left, to note the loss in."""
    draft = beside(file.rescued, ".part")
    remove_database(draft)
    schema.create(draft, file.first, log_id).close()
    draft.rename(file.rescued)
    _note(file, lost)


def _note(file: SegmentFile, lost: Sequence[tuple[int, int]]) -> None:
    with closing(sqlite3.connect(file.rescued, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (LOST_KEY, orjson.dumps(lost).decode()))
    sync_directory(file.rescued.parent)


def _put_aside(directory: Path, file: SegmentFile) -> list[Path]:
    """Move the damaged files out of the readers' sight. They are kept as evidence."""
    aside = directory / DAMAGED_NAME
    moved = []
    for path in (file.wal, beside(file.path, "-shm"), beside(file.path, "-journal"), file.path):
        if path.exists():
            aside.mkdir(exist_ok=True)
            moved.append(path.rename(_free_name(aside / path.name)))
    if moved:
        sync_directory(aside)
        sync_directory(directory)
    return moved


def _free_name(path: Path) -> Path:
    """A free name beside *path*: after damage a segment's number may come again."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _write_derived(directory: Path, log_id: str, before: LogReport) -> None:
    """Write damaged files beside the segments again."""
    damaged = {problem.partition(":")[0] for problem in before.problems}
    for name, number in ((MARK_NAME, before.end), (START_NAME, before.start)):
        if name in damaged:
            mark = Mark.open(directory, log_id, name)
            mark.write(number, is_synced=True)
            mark.close()
            sync_file(directory / name)
    if INDEX_NAME in damaged:
        remove_database(directory / INDEX_NAME)
