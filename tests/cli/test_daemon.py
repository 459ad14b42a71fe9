"""Signals that come while a router is still starting."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.daemon import Daemon
from router.cli.supervisor import Supervisor
from router.config import Config, load_config
from router.registry import Registry
from tests.system.harness import Process, until


class SlowDaemon(Daemon):
    """Its start takes until somebody sets *go_on*."""

    def __init__(self, path: Path) -> None:
        registry = Registry.load()

        def read() -> Config:
            return load_config(path, registry)

        super().__init__(read(), registry, read, Supervisor({}), {})
        self.is_starting, self.go_on, self.is_ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.is_reloaded = asyncio.Event()

    async def reload(self) -> dict[str, Any]:
        answer = await super().reload()
        self.is_reloaded.set()
        return answer

    async def _start_sandboxes(self, config: Config) -> None:
        self.is_starting.set()
        await self.go_on.wait()
        await super()._start_sandboxes(config)


@pytest.fixture
def slow(config: Path) -> SlowDaemon:
    return SlowDaemon(config)


async def running(daemon: SlowDaemon) -> asyncio.Task[None]:
    """Run *daemon* until it starts."""
    task = asyncio.create_task(daemon.run(lambda _: daemon.is_ready.set()))
    async with asyncio.timeout(10):
        await daemon.is_starting.wait()
    return task


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_router_that_is_told_to_stop_does_not_finish_its_start(
    slow: SlowDaemon, number: signal.Signals
) -> None:
    run = await running(slow)

    os.kill(os.getpid(), number)

    await asyncio.wait_for(run, 10)
    assert not slow.is_ready.is_set()


async def test_a_reload_that_is_asked_for_during_a_start_comes_after_it(slow: SlowDaemon) -> None:
    """A supervisor does not know how far it is; the signal ended the router."""
    run = await running(slow)

    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    slow.go_on.set()

    async with asyncio.timeout(10):
        await slow.is_ready.wait()
        await slow.is_reloaded.wait()
    os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(run, 10)


OPENING_LATE = """
import asyncio
from pathlib import Path
from router.cli import daemon, main

async def open_late(*given, **named):
    print("opening", flush=True)
    while not Path("go on").exists():
        await asyncio.sleep(0.01)
    return await open_log(*given, **named)

open_log, daemon.open_log = daemon.open_log, open_late
main()
"""


@pytest.fixture
def opening(config: Path, tmp_path: Path) -> Iterator[Process]:
    """A router that opens its log, until there is a file "go on"."""
    process = Process("router", ["-c", OPENING_LATE, "run", "--config", config], tmp_path)
    process.spawn()
    assert process.first_line() == "opening"
    yield process
    process.kill()


@pytest.mark.timeout(60)
def test_a_router_that_is_told_to_stop_does_not_open_its_log_to_the_end(opening: Process) -> None:
    """That may take long, and there is nothing to put in order yet."""
    assert opening.terminate() == -signal.SIGTERM


@pytest.mark.timeout(60)
def test_a_reload_that_is_asked_for_while_the_log_is_opened_comes_after_the_start(opening: Process) -> None:
    opening.send(signal.SIGHUP)
    (opening.folder / "go on").touch()

    until(lambda: "config reloaded" in opening.read_stderr() or not opening.is_running, "the reload")

    assert opening.terminate() == 0
    told = opening.read_stderr().splitlines()
    assert [word for line in told for word in ("is ready", "config reloaded") if word in line] == [
        "is ready",
        "config reloaded",
    ]
