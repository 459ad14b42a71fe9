"""Durable files: still there after a power cut, and owned by the user who has to open them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* durable. Call it after a file was made, renamed or removed there."""
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
    """Make *path* hold *data*. After a crash at any moment it holds either the old content or the new.

    Raises:
        OSError: no space, no permission; the old content stays.
    """
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    sync_file(partial)
    partial.replace(path)
    sync_directory(path.parent)


def hand_over(directory: Path, like: Path) -> None:
    """If root made the files: give *directory*, and what root owns in it, to the owner of *like*, whose router has to open
    them.

    Not every disk knows owners. What can't be given away stays root's.
    """
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for path in (directory, *directory.rglob("*")):
        with suppress(OSError):
            found = path.lstat()
            # Leave the user's own files alone, and a file with a second link: that may be somebody else's.
            if found.st_uid == 0 and (path.is_dir() or found.st_nlink == 1):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
