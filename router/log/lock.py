"""A lock on something that may have only one writer at a time: the log's directory, or a destination's state."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from router.errors import OperatorError

LOCK_NAME = "log.lock"


class Held(Exception):
    """Somebody else holds the lock."""

    def __init__(self, holder: str) -> None:
        """*holder* is the holder's process id, if known."""
        super().__init__(holder)
        self.holder = holder


class Lock:
    """Held from `take` to `release`, or until the process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, directory: Path) -> Self:
        """Take the lock on a log without waiting.

        Raises:
            OperatorError: another process, or another part of this one, holds it.
        """
        try:
            return cls.take_file(directory / LOCK_NAME)
        except Held as held:
            raise OperatorError(
                f"{directory}: another router (process {held.holder}) has this log open. Stop it first, or give this one a "
                "`data` folder of its own."
            ) from None

    @classmethod
    def take_file(cls, path: Path) -> Self:
        """Take the lock of the file at *path* without waiting. The file is made if it is missing.

        Raises:
            Held: another process, or another part of this one, holds it.
            OSError: the file can't be made, or is a link.
        """
        # The file is emptied: as a link, in a folder that others may write to, it would be any file of theirs or of ours.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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
            pass  # a full disk: the process id is only for the message above, and the lock holds without it
        return cls(descriptor)

    def release(self) -> None:
        """Let the next one in. The file stays, since removing it could let in two."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
