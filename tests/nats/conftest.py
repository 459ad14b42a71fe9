"""One server for all tests that don't harm it; each has its own name of a log on it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats.server import Cluster

_MEMORY = Path("/dev/shm")
_NUMBERS = itertools.count()


def make_folder() -> Path:
    """In memory where there is such a thing."""
    return Path(tempfile.mkdtemp(prefix="router-nats-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Cluster]:
    folder = make_folder()
    cluster = Cluster.make(folder)
    cluster.start()
    yield cluster
    cluster.clear()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def log_name() -> str:
    """The name of a log that no other test has."""
    return f"test{os.getpid()}x{next(_NUMBERS)}"
