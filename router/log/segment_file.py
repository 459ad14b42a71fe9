"""The files of one segment on disk, whether or not anybody has it open."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NAME = re.compile(r"segment-(\d{20})(?:\.rescued)?\.sqlite(?:-wal)?")


@dataclass(eq=False, slots=True)
class SegmentFile:
    """``segment-FIRST.sqlite`` and its companions. Compared by identity, not by name, since a file can be made anew."""

    directory: Path
    first: int
    """Its first sequence. It ends where the next segment begins."""
    rescue_directory: Path
    """Where its rescued copy lies or will lie: beside it, or elsewhere if nothing may be written here."""
    bytes: int = 0
    """Its size on disk when last measured."""
    is_suspect: bool = False
    """Its header is wrong, so SQLite must not open it."""
    mended: int = 0
    """How often it was mended. From the first time on, what it can't give is lost."""
    newest_s: float | None = None
    """When its last event was received. Known only if nothing more is added to it."""
    inodes: tuple[int, ...] = ()
    """Which files it was last found to consist of: another one may take the place of one."""
    _names: tuple[str, ...] | None = None

    @classmethod
    def find(cls, directory: Path, first: int, rescue_directory: Path) -> Self:
        file = cls(directory, first, rescue_directory)
        file.mended = int(bool(file.copies))
        file.measure()
        file.inodes = tuple(map(_inode, (file.path, file.rescued)))
        return file

    @property
    def path(self) -> Path:
        return self.directory / f"segment-{self.first:020}.sqlite"

    @property
    def wal(self) -> Path:
        return beside(self.path, "-wal")

    @property
    def rescued(self) -> Path:
        """The copy that holds what could be saved once it was found damaged. From then on nobody reads `path`."""
        return self.rescue_directory / f"segment-{self.first:020}.rescued.sqlite"

    @property
    def copies(self) -> tuple[Path, ...]:
        """The existing rescued copies, the one to read first: our own, then the one of the log's owner."""
        paths = dict.fromkeys((self.rescued, self.directory / self.rescued.name))
        return tuple(path for path in paths if path.exists())

    @property
    def current(self) -> Path:
        """The database to read."""
        copies = self.copies if self.mended else ()
        return copies[0] if copies else self.path

    @property
    def has_wal(self) -> bool:
        """Whether its write-ahead log holds anything."""
        return _size(self.wal) > 0

    def measure(self) -> None:
        """Measure its files. Called after every commit, so their names are made only once."""
        if self._names is None:
            self._names = tuple(map(str, (self.path, self.wal, self.rescued)))
        self.bytes = sum(map(_size, self._names))

    def unlink(self) -> None:
        """Remove its files. A kill on the way leaves a readable segment or nothing."""
        self.rescued.unlink(missing_ok=True)
        remove_database(self.path)


def find_segments(directory: Path, rescue_directory: Path) -> tuple[SegmentFile, ...]:
    """The segments there, in order, found by whichever of their files are left."""
    matches = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    firsts = {int(match[1]) for match in matches if match}
    return tuple(SegmentFile.find(directory, first, rescue_directory) for first in sorted(firsts))


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def remove_database(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for suffix in ("-wal", "-shm", "-journal", ""):
        beside(path, suffix).unlink(missing_ok=True)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _size(path: Path | str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
