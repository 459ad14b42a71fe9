from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory in memory where there is one: a thousand small commits, and no disk to wait for.

    What an fsync is for shows only in a power cut, which no test here can have; `test_kill` works on the real disk.
    """
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="router-test-", dir=base))
    yield path
    shutil.rmtree(path, ignore_errors=True)
