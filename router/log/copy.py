"""Copying a log that may be written meanwhile, in two steps. Between them the caller copies the positions.

    begin    which sequences were given up, the index, and the bulk: segments that are never written again
    finish   the segments that came since, and the last one

Positions copied in between are never ahead of the copied log, and the copy holds everything they still need: if retention gives
up anything between the two steps that is not copied yet, `finish` says so.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from router.errors import OperatorError
from router.log.connections import connect_to_read
from router.log.dedup_index import INDEX_NAME
from router.log.durable_files import sync_directory, sync_file
from router.log.identity import ID_NAME, read_id
from router.log.mark import MARK_NAME, START_NAME, Mark, read_mark
from router.log.segment_file import SegmentFile, beside, find_segments, remove_database


@dataclass(slots=True)
class LogCopy:
    """A copy of the log in the directory *source* to *target*, an existing empty directory."""

    source: Path
    target: Path
    log_id: str = field(init=False)
    problems: list[str] = field(default_factory=list)
    """What could not be copied properly."""
    _start: int = 0
    _end: int = 0
    """According to the log's marks: where it begins, and how far it went at least."""
    _seen: set[int] = field(default_factory=set)
    _copied: set[int] = field(default_factory=set)
    """Segments, by their first sequences: those seen at any time, and those that are copied for good."""

    def __post_init__(self) -> None:
        log_id = read_id(self.source)
        if log_id is None:
            raise OperatorError(
                f"{self.source / ID_NAME}: missing or damaged, so there is nothing that a position could be compared with. "
                "Run: router log repair"
            )
        self.log_id = log_id

    def begin(self) -> None:
        """Copy the bulk, or what was added to it since the last call.

        Raises:
            OSError, sqlite3.Error: the target can't be written.
        """
        shutil.copyfile(self.source / ID_NAME, self.target / ID_NAME)
        for unfinished in find_segments(self.target, self.target):
            if unfinished.first not in self._copied:
                unfinished.unlink()
        files = self._look()
        for file in files[:-1]:
            if file.first not in self._copied and not file.has_wal and self._copy_files(file):
                self._copied.add(file.first)
        self._start = read_mark(self.source, self.log_id, START_NAME)
        self._end = read_mark(self.source, self.log_id)  # before the last segment: it must not be ahead of it
        if (self.source / INDEX_NAME).exists():  # before the last segment: it must not know of more than there is
            remove_database(self.target / INDEX_NAME)
            problem = copy_database(self.source / INDEX_NAME, self.target / INDEX_NAME)
            if problem:
                remove_database(self.target / INDEX_NAME)  # derived

    def finish(self) -> bool:
        """Copy the rest. False: retention was faster; begin again, and copy the positions again."""
        files = self._look()  # first: a segment made while another is copied does not matter
        copied = self._copied | {
            file.first for file in files if file.first not in self._copied and self._copy_rest(file)
        }
        if any(first >= self._start for first in self._seen - copied):
            return False
        for file in find_segments(self.target, self.target):
            following = [other for other in copied if other > file.first]
            if following and min(following) <= self._start:  # given up while it was copied
                file.unlink()
        for name, number in ((START_NAME, self._start), (MARK_NAME, self._end)):
            if number:
                mark = Mark.open(self.target, self.log_id, name)
                mark.write(number, is_synced=True)
                mark.close()
        for path in self.target.iterdir():
            sync_file(path)
        sync_directory(self.target)
        return True

    def _look(self) -> tuple[SegmentFile, ...]:
        files = find_segments(self.source, self.source)
        self._seen |= {file.first for file in files}
        return files

    def _copy_rest(self, file: SegmentFile) -> bool:
        """Copy a segment that may be written, sealed or given up at the same time. False: it is gone."""
        if file.mended or not file.path.exists():
            return self._copy_files(file)
        problem = copy_database(file.path, self.target / file.path.name)
        if problem and file.path.exists():
            self.problems.append(problem)
        return not problem or file.path.exists()

    def _copy_files(self, file: SegmentFile) -> bool:
        """Copy a segment's files as they are. Nobody writes them, but they may be given up. False: the segment is gone."""
        paths = [path for path in (file.path, file.wal, file.rescued) if path.exists()]
        for path in paths:
            try:
                shutil.copyfile(path, self.target / path.name)
            except FileNotFoundError:
                SegmentFile(self.target, file.first, self.target).unlink()
                return False
            except OSError as error:
                if not _is_unreadable(path):
                    raise
                self.problems.append(f"{path}: can't be read ({error.strerror}), and is left out")
        return bool(paths)


def copy_database(source: Path, target: Path) -> str:
    """Copy an SQLite database as of one moment, also while another process writes it.

    Returns:
        What is wrong with the database; its files are then copied as they are, so that what is left can be rescued. "" if
        nothing is wrong.

    Raises:
        OSError: the target can't be written.
    """
    try:
        with closing(connect_to_read(source)) as connection, closing(sqlite3.connect(target)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        sync_file(target)
    except sqlite3.Error as error:
        remove_database(target)
        for suffix in ("", "-wal"):
            if beside(source, suffix).exists():
                shutil.copyfile(beside(source, suffix), beside(target, suffix))
        return f"{source}: damaged ({error}), and copied as it is"
    return ""


def _is_unreadable(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
    except OSError:
        return True
    return False
