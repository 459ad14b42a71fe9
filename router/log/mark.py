"""Marks: two numbers kept beside the segments, for when those are damaged or gone.

`log.mark` is the last sequence given out, so that none is given out twice. It is written after each commit and not synced: it
may lag after a power cut, but then the segments do not. It never runs ahead.

`log.start` is the first sequence that was not given up. It tells what retention took from what was lost. It is synced before a
segment is removed, and written in place, so that a full disk can't keep retention from making room.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Self

MARK_NAME = "log.mark"
START_NAME = "log.start"

_SEQUENCE = struct.Struct("<q")
_LENGTH = _SEQUENCE.size + 8


class Mark:
    """A mark of an open log."""

    def __init__(self, descriptor: int, log_id: str) -> None:
        self._descriptor = descriptor
        self._log_id = log_id

    @classmethod
    def open(cls, directory: Path, log_id: str, name: str = MARK_NAME) -> Self:
        return cls(os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o644), log_id)

    def write(self, sequence: int, *, is_synced: bool = False) -> None:
        """Note *sequence*. If that fails, there is one safeguard less until the next time; the events are on disk."""
        with suppress(OSError):
            os.pwrite(self._descriptor, _sealed(sequence, self._log_id), 0)
            if is_synced:
                os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def read_mark(directory: Path, log_id: str, name: str = MARK_NAME) -> int:
    """The last sequence noted; 0 if the file is missing, damaged, or of another log."""
    try:
        data = (directory / name).read_bytes()[:_LENGTH]  # bytes that damage has added are never overwritten
        (sequence,) = _SEQUENCE.unpack_from(data)
    except (OSError, struct.error):
        return 0
    return int(sequence) if data == _sealed(sequence, log_id) else 0


def _sealed(sequence: int, log_id: str) -> bytes:
    number = _SEQUENCE.pack(sequence)
    return number + blake2b(number + log_id.encode(), digest_size=8).digest()
