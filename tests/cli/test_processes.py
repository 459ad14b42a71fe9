"""What the main process makes of a delivering process that answers oddly. `tests.system.test_processes` has real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from router.admin.client import Client, NotRunning
from router.admin.server import listen_on_socket, socket_app
from router.cli.orders import socket_name
from router.cli.processes import Process
from router.clock import SystemClock
from router.errors import OperatorError


async def fail() -> Any:
    raise OSError("too many open files")


@asynccontextmanager
async def process(data: Path, pulse: Callable[[], Awaitable[Any]]) -> AsyncIterator[Process]:
    """One that is up, and answers with *pulse*."""
    runner = await listen_on_socket(socket_app({"pulse": pulse}), data / socket_name(1))
    process = Process(1, data, "info", SystemClock())
    process._client = Client(data, socket_name(1))
    process._be_up()
    yield process
    await process._client.close()
    await runner.cleanup()


async def test_promise_2_a_process_that_fails_to_say_how_it_is_ends_no_other(tmp_path: Path) -> None:
    """The gateway least of all. If it goes on so, it counts as one that does not answer."""
    async with process(tmp_path, fail) as failing:
        heard_s = failing._heard_s
        await failing.feel_pulse()

        assert failing._heard_s == heard_s
        assert failing.is_up
        with pytest.raises(OperatorError, match="failed at 'pulse': a bug in the router"):
            await failing.call("pulse")


async def test_an_answer_that_is_cut_off_is_that_of_a_daemon_that_ended(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"needed')
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "admin.sock")
    async with Client(tmp_path) as client:
        with pytest.raises(NotRunning):
            await client.call("pulse")
    server.close()
