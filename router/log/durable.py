"""Files that are still there after a power cut."""

from __future__ import annotations

import os
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
