"""Signals that come while a router is still starting, or reads its config."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.admin.status import CHANGING
from router.cli.backend import ask
from router.cli.daemon import Daemon
from router.cli.deliveries import OwnDeliveries
from router.cli.supervisor import Supervisor
from router.config import Config, load_config
from router.delivery.state.directory import StateDirectory
from router.errors import OperatorError
from router.registry import Registry
from tests.delivery.harness import until as until_async
from tests.system.harness import Process, until


class SlowDaemon(Daemon):
    """Its start takes until somebody sets *go_on*."""

    def __init__(self, path: Path) -> None:
        registry = Registry.load()

        def read(registry: Registry) -> Config:
            return load_config(path, registry)

        super().__init__(read(registry), registry, read, Supervisor({}), {})
        self.is_starting, self.go_on, self.is_ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.is_reloaded = asyncio.Event()

    async def reload(self) -> dict[str, Any]:
        answer = await super().reload()
        self.is_reloaded.set()
        return answer

    async def _start_sandboxes(self, config: Config, registry: Registry) -> None:
        self.is_starting.set()
        await self.go_on.wait()
        await super()._start_sandboxes(config, registry)


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


async def test_a_router_that_opens_states_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That may take long, and whoever asked was told that no router runs."""
    take, may_open = StateDirectory.take, threading.Event()

    def take_slowly(self: StateDirectory, name: str, *arguments: Any) -> Any:
        if name == "crm":
            may_open.wait(10.0)
        return take(self, name, *arguments)

    monkeypatch.setattr(StateDirectory, "take", take_slowly)
    registry, read = Registry.load(), Hanging(config)
    daemon, is_ready = Daemon(read(registry), registry, read, Supervisor({}), {}), asyncio.Event()
    run = asyncio.create_task(daemon.run(lambda _: is_ready.set()))
    await until_async((config.parent / "var" / "admin.sock").exists)

    status = await ask(config, "status")

    assert not is_ready.is_set()
    assert status["running"]
    [crm] = [each for each in status["destinations"] if each["destination"] == "crm"]
    assert (crm["state"], crm["reason"]) == ("new", CHANGING)
    may_open.set()
    async with asyncio.timeout(10):
        await is_ready.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(run, 20)


class Hanging:
    """Reads the config, from the second time on only once *may_read* is set: its disk hangs, or a plugin's import."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads = 0
        self.may_read = threading.Event()

    def __call__(self, registry: Registry) -> Config:
        self.reads += 1
        if self.reads > 1:
            self.may_read.wait(10)
        return load_config(self.path, registry)


@pytest.fixture
async def hanging(config: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Daemon, Hanging]]:
    """A router that runs, and reads its config again for a reload."""
    monkeypatch.setattr("router.cli.daemon.READ_S", 0.5)
    registry, read = Registry.load(), Hanging(config)
    daemon, is_ready = Daemon(read(registry), registry, read, Supervisor({}), {}), asyncio.Event()
    run = asyncio.create_task(daemon.run(lambda _: is_ready.set()))
    async with asyncio.timeout(10):
        await is_ready.wait()
    os.kill(os.getpid(), signal.SIGHUP)
    await until_async(lambda: read.reads == 2)
    yield daemon, read
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(run, 20)


async def test_nobody_but_another_reload_waits_for_a_reload_whose_file_can_not_be_read_just_now(
    hanging: tuple[Daemon, Hanging],
) -> None:
    """And it is said that it waits."""
    daemon, read = hanging
    with capture_logs() as told:
        await until_async(
            lambda: [line for line in told if line["event"].startswith("a reload can't read the config")] != []
        )

    await asyncio.wait_for(daemon._suppression.suppress([("userId", "ada")]), 5)

    assert read.reads == 2
    assert daemon._suppression.people.user_ids == {"ada"}
    read.may_read.set()


async def test_of_reloads_that_come_faster_than_the_file_is_read_one_is_done(hanging: tuple[Daemon, Hanging]) -> None:
    """And it reads what the file says after the last of them. Whoever sends a signal each second made a line without an end."""
    _, read = hanging
    for _ in range(20):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.01)

    with capture_logs() as told:
        read.may_read.set()
        await until_async(lambda: [line["event"] for line in told].count("config reloaded") == 2)
        await asyncio.sleep(0.2)

    assert read.reads == 3


@pytest.mark.parametrize(
    ("noted", "told", "problems"),
    [
        pytest.param({}, "destinations.crm: its plugin fails", ["destinations.crm: its plugin fails"], id="nothing is"),
        pytest.param(
            {"crm": "crm: process 1 is down"}, "process 1 is down", ["crm: process 1 is down"], id="noted as well"
        ),
    ],
)
async def test_a_reload_tells_of_what_does_not_go_by_the_new_config(
    hanging: tuple[Daemon, Hanging],
    monkeypatch: pytest.MonkeyPatch,
    noted: dict[str, str],
    told: str,
    problems: list[str],
) -> None:
    """If the plugins could not be asked just now, all destinations stayed as they were, and the reload was said to be done."""
    daemon, read = hanging
    read.may_read.set()
    await until_async(lambda: not daemon._reloads)

    async def fail(*_: object) -> None:
        raise OperatorError(told)

    assert isinstance(daemon._deliveries, OwnDeliveries)
    monkeypatch.setattr(daemon._deliveries, "apply", fail)
    monkeypatch.setattr(daemon._deliveries.fleet, "problems", noted)
    with capture_logs() as lines:
        answer = await daemon.reload()

    assert answer["problems"] == problems
    [line] = [line for line in lines if line["event"] == "config reloaded"]
    assert (line["destinations"], line["problems"]) == (2, problems)


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
