"""Signals that come while a router is still starting."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from router.cli.daemon import Daemon
from router.cli.supervisor import Supervisor
from router.config import Config, load_config
from router.registry import Registry


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
