"""What files take on disk, while somebody writes and gives up some of them."""

from __future__ import annotations

from pathlib import Path


def file_bytes(path: Path) -> int:
    """0 for what is no file, or no longer."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # given up meanwhile
        return 0
