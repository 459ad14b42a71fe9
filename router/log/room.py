"""Room on the disk: whether an error means that there is none, and a reserve for that case.

    whole ──a state has no room──▶ spent ──room is back──▶ whole
    events are taken               events are refused; what was accepted is settled all the same

If the log could fill the disk completely, no destination could write down how far it has come, nothing in the log could be
given up, and the disk would stay full.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT}
_AS_GOOD_AS_FULL_BYTES: Final = 1_000_000
"""With less room than this, SQLite can't make its working files and fails with errors that do not say so."""
_CHUNK: Final = bytes(1 << 20)


def is_no_room(error: BaseException, directory: Path) -> bool:
    """Whether *error*, from writing something in *directory*, means that the disk is full."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL or is_as_good_as_full(directory)


def is_as_good_as_full(directory: Path) -> bool:
    """Whether there is room for a small event now and then at best."""
    return _free_bytes(directory) < _AS_GOOD_AS_FULL_BYTES


def _free_bytes(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return _AS_GOOD_AS_FULL_BYTES


class Reserve:
    """A file that holds room. Those who settle events may spend it, from any thread or process; the log's writer refills it."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        """*size_bytes* 0: there is no reserve, and nothing is refused for lack of one."""
        self._path = path
        self._size_bytes = size_bytes

    @property
    def is_whole(self) -> bool:
        """Whether the reserve is whole. If not, the remaining room must be left to those who settle."""
        try:
            return not self._size_bytes or os.stat(self._path).st_size >= self._size_bytes
        except OSError:
            return False

    def has_room_for(self, copied_bytes: int) -> bool:
        """Whether so many bytes of whole events may be written beside the log. Once the reserve is spent, half of its size is
        left to those who only note how far they have come: whoever keeps events could use up all of it."""
        return self.is_whole or _free_bytes(self._path.parent) - copied_bytes >= self._size_bytes // 2

    def spend(self) -> bool:
        """Release the room. False: there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return bool(self._size_bytes)

    def fill(self) -> bool:
        """Fill the reserve if there is one and a half times that much room; with less it would be spent again at once. Returns
        whether it is whole."""
        if self.is_whole:
            return True
        if _free_bytes(self._path.parent) < self._size_bytes * 3 // 2:
            return False
        try:
            with self._path.open("wb") as file:
                _take_room(file.fileno(), self._size_bytes)
        except OSError:
            with suppress(OSError):
                self._path.unlink()
            return False
        return True


def _take_room(descriptor: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    for _ in range(0, size_bytes, len(_CHUNK)):  # pragma: no cover - no such call on this platform
        os.write(descriptor, _CHUNK)


NO_RESERVE: Final = Reserve(Path(), 0)
