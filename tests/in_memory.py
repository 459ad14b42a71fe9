"""A directory in memory where there is room in one: a thousand small commits, and no disk to wait for.

What an fsync is for shows only in a power cut, which few tests can have (`tests.log.power_cut`). `tests.system` works on the
real disk, and so does `tests.log.test_kill`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_ROOM_BYTES = 500_000_000
"""More than all tests that run at one time need; a container may have a tenth of it."""


def _memory() -> str | None:
    place = "/dev/shm"
    return place if os.access(place, os.W_OK) and shutil.disk_usage(place).free > _ROOM_BYTES else None


MEMORY: Final = _memory()
"""Where a temporary directory is to be made; None for the usual place."""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="router-test-", dir=MEMORY))
    yield path
    shutil.rmtree(path, ignore_errors=True)
