"""Asking a router that does not answer, and writing where there is no room."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from router.admin.client import Client
from router.cli import backend, rejected, send
from router.log.sqlite import LogOptions, SqliteLog
from tests.delivery.state.test_state import write_version_1
from tests.log.harness import StillClock
from tests.system.harness import run_command


def test_who_waits_for_a_silent_router_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen router kept `router status` silent for five minutes, and then ended it with a traceback."""

    async def call(client: Client, operation: str) -> None:
        await asyncio.sleep(0.05)
        raise TimeoutError

    monkeypatch.setattr(Client, "call", call)
    monkeypatch.setattr(backend, "SILENCE_S", 0.01)

    asked = run_command("status", "--config", config)

    waiting, end = asked.err.splitlines()
    assert asked.code == 2
    assert waiting.startswith("The router has not answered for 0.01 s; still waiting.")
    assert end.startswith(f"the router over {config.parent / 'var'} does not answer.")


@pytest.mark.parametrize("command", [("status",), ("dead-letters", "discard", "crm", "--all", "--yes")])
def test_a_router_that_ends_the_connection_does_not_pass_for_none(config: Path, command: tuple[str, ...]) -> None:
    """It said that none is running, and asked the files: what the router had begun was done again."""
    data = config.parent / "var"
    data.mkdir()

    def end_connections(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.recv(1)
                connection.close()

    with socket.socket(socket.AF_UNIX) as server, ThreadPoolExecutor(1) as thread:
        server.bind(str(data / "admin.sock"))
        server.listen()
        ending = thread.submit(end_connections, server)

        asked = run_command(*command, "--config", config)
        server.shutdown(socket.SHUT_RDWR)
        ending.result()

    assert (asked.code, asked.out) == (2, "")
    assert asked.err.startswith(f"the router over {data} gave no answer: the connection ended.")


def test_a_router_for_which_too_many_wait_does_not_pass_for_none(config: Path) -> None:
    """One that stands still, while a monitor asks it again and again."""
    data = config.parent / "var"
    data.mkdir()
    with socket.socket(socket.AF_UNIX) as server, ExitStack() as waiting:
        server.bind(str(data / "admin.sock"))
        server.listen(1)
        with suppress(BlockingIOError):
            while True:
                connection = waiting.enter_context(socket.socket(socket.AF_UNIX))
                connection.setblocking(False)
                connection.connect(str(data / "admin.sock"))

        asked = run_command("status", "--config", config)

    assert (asked.code, asked.out) == (2, "")
    assert asked.err.startswith(f"the router over {data} gave no answer: the connection ended.")


def test_a_receipt_that_does_not_come_is_told_of(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "TIMEOUT_S", 0.05)
    event = config.parent / "event.json"
    event.write_text('{"type": "track", "userId": "u1", "event": "Paid"}')
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and nobody reads them
        port = silent.getsockname()[1]
        config.write_text(json.dumps({**json.loads(config.read_text()), "server": {"port": port}}))

        sent = run_command("send", event, "--config", config)

    assert sent.code == 2
    assert sent.err.startswith(f"http://127.0.0.1:{port}/v1/track: no answer within 0.05 s.")


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "", "[1]", '{"ok": true}'])
def test_an_answer_that_is_no_routers_is_told_of(config: Path, body: str) -> None:
    """The web server that has the port since yesterday, say: it was a traceback."""

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as request:
            while request.readline().strip():
                pass
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    event = config.parent / "event.json"
    event.write_text('{"type": "track", "userId": "u1", "event": "Paid"}')
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as thread:
        port = other.getsockname()[1]
        config.write_text(json.dumps({**json.loads(config.read_text()), "server": {"port": port}}))
        answered = thread.submit(answer, other)

        sent = run_command("send", event, "--config", config)
        answered.result()

    assert (sent.code, sent.out) == (2, "")
    assert sent.err.startswith(f"http://127.0.0.1:{port}/v1/track: answered 200, and not as a router does.")


def test_a_full_disk_behind_standard_output_is_told_of(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_write(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rejected, "print_table", fail_to_write)

    listed = run_command("rejected", "list", "--config", config)

    assert listed.code == 2
    assert listed.err == "standard output: No space left on device. Make room, or choose another place.\n"


@pytest.mark.parametrize(
    "command",
    [("dead-letters", "list"), ("jobs", "list"), ("status",), ("dead-letters", "discard", "crm", "--all", "--yes")],
)
def test_a_command_leaves_the_state_of_an_older_program_as_it_is(config: Path, command: tuple[str, ...]) -> None:
    """Who looks before they start the newer program can still go back to the older one."""
    data = config.parent / "var"
    log = asyncio.run(_make_log(data / "log"))
    state = data / "destinations" / "crm.sqlite"
    write_version_1(state)
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'log_id'", (log,))
    before = state.read_bytes()

    asked = run_command(*command, "--config", config)

    assert state.read_bytes() == before
    assert "of an older program. Start the router" in " ".join((asked.out + asked.err).split())


async def _make_log(directory: Path) -> str:
    log = await SqliteLog.open(directory, LogOptions(), StillClock())
    await log.close()
    return log.id
