"""One server for all tests that don't harm it; each has its own name of a log on it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from router.log.jetstream import connection
from router.log.jetstream.connection import Connection
from tests.nats.server import Cluster

_MEMORY = Path("/dev/shm")
_NUMBERS = itertools.count()
_ANSWER_S = 20.0


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


@pytest.fixture(autouse=True)
def patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on a busy machine gets more time for an answer than it would in operation, unless a test says how much. (What is
    marked as full is about servers that are gone.)"""
    if request.node.get_closest_marker("full"):
        return
    ask = Connection.request

    async def ask_patiently(
        asking: Connection,
        subject: str,
        data: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = _ANSWER_S,
    ) -> Msg:
        return await ask(asking, subject, data, headers, timeout_s)

    monkeypatch.setattr(connection, "REQUEST_S", _ANSWER_S)
    monkeypatch.setattr(Connection, "request", ask_patiently)


@pytest.fixture
def log_name() -> str:
    """The name of a log that no other test has."""
    return f"test{os.getpid()}x{next(_NUMBERS)}"
