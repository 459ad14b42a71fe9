"""Whoever starts a command may have closed its standard streams, as some schedulers do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def start(config: Path, arguments: str, closed: str, **env: str) -> subprocess.Popen[bytes]:
    command = f"exec {sys.executable} -m router {arguments} {closed}"
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ROUTER_CONFIG": str(config), **env},
    )


@pytest.mark.parametrize(
    ("arguments", "closed", "code", "said"),
    [
        pytest.param(
            "explain -", "<&-", 0, b"standard input: there is no event in it\n", id="input", marks=pytest.mark.full
        ),
        pytest.param(
            "send -",
            "<&-",
            2,
            b"standard input: there is no event in it\n",
            id="input of what is sent",
            marks=pytest.mark.full,
        ),
        pytest.param("log export", ">&-", 2, b"standard output is closed", id="output"),
    ],
)
@pytest.mark.timeout(60)
def test_a_stream_that_is_closed_is_no_traceback(
    config: Path, arguments: str, closed: str, code: int, said: bytes
) -> None:
    command = start(config, arguments, closed)

    _, told = command.communicate()

    assert (command.returncode, told[: len(said)]) == (code, said)


@pytest.mark.parametrize("closed", [pytest.param("<&-", marks=pytest.mark.full), "<&- >&- 2>&-"])
@pytest.mark.timeout(120)
def test_a_router_without_standard_streams_runs_and_ends_in_order(config: Path, closed: str) -> None:
    """A socket got the number of a closed stream, at which libuv ended the process: positions were not saved."""
    address = str(config.parent / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        router = start(config, "run", closed, NOTIFY_SOCKET=address)
        assert supervisor.recv(1024).startswith(b"READY=1")
    try:
        router.send_signal(signal.SIGTERM)

        assert router.wait(60) == 0
    finally:
        router.kill()
        router.communicate()
