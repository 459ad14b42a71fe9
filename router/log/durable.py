"""Files that are still there after a power cut, and that their owner can open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* durable: after a file was made, renamed or removed there."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make what was written to *path* durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Make *path* hold *data*: after a crash at any moment it is the old content or the new one.

    Raises:
        OSError: no space, no permission; the old content stays.
    """
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    sync_file(partial)
    partial.replace(path)
    sync_directory(path.parent)


def hand_over(directory: Path, like: Path) -> None:
    """Where root made files: give *directory* and all that is in it to the owner of *like*, whose router has to open them.

    Not every disk knows owners; what can't be given away stays root's.
    """
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for path in (directory, *directory.rglob("*")):
        with suppress(OSError):
            if path.is_dir() or path.lstat().st_nlink == 1:  # what has another name may be somebody else's
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
