"""A lock on what may have one writer at a time: the log's directory, a destination's state."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from router.errors import OperatorError

FILE_NAME = "log.lock"


class Held(Exception):
    """Somebody else has it."""

    def __init__(self, holder: str) -> None:
        """*holder* is the number of its process, as far as that is known."""
        super().__init__(holder)
        self.holder = holder


class Lock:
    """Held from `take` to `release`, or until the process is gone, however it went."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, directory: Path) -> Self:
        """Take the lock on a log without waiting.

        Raises:
            OperatorError: another process, or another part of this one, holds it.
        """
        try:
            return cls.take_file(directory / FILE_NAME)
        except Held as held:
            raise OperatorError(
                f"{directory}: another router (process {held.holder}) has this log open. Stop it first, or give this one a "
                "`data` folder of its own."
            ) from None

    @classmethod
    def take_file(cls, path: Path) -> Self:
        """Take the lock that the file at *path* stands for, which is made where it is missing; without waiting.

        Raises:
            Held: another process, or another part of this one, holds it.
            OSError: the file can't be made.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Held(holder) from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError:
            pass  # a full disk: the name is for the message above, the lock holds without it
        return cls(descriptor)

    def release(self) -> None:
        """Let the next one in. The file stays: to remove it would let two in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
