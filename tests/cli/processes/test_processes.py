"""What the main process makes of a delivering process that answers oddly. `tests.system.test_processes` has real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from router.admin.client import Client, NotRunning
from router.admin.crew import Down
from router.admin.server import listen_on_socket, socket_app
from router.cli.processes import child_process
from router.cli.processes.child_process import DOWN_S, NEW, ChildProcess
from router.cli.processes.deliveries import PULSE_S, ProcessDeliveries
from router.cli.processes.orders import Envelope, Orders, check_portable, socket_name
from router.clock import SystemClock
from router.config import Config, Destination, parse_config
from router.errors import OperatorError
from router.integrations import DestinationNames
from router.plugin import Plugin, PluginSettings
from router.registry import Registry
from router.suppressed import NOBODY


def orders_for(name: str, config: Config | None = None) -> Orders:
    config = config or Config(destinations={name: Destination(name=name, plugin="made_up")})
    return Orders.give(config, {}, {name}, {name: DestinationNames(name, "Made up", "made_up")}, NOBODY)


class Settings(PluginSettings):
    token: SecretStr = SecretStr("canary-1")


def test_promise_7_orders_show_no_secret() -> None:
    """A log of a call that failed may show its arguments."""
    config = Config(destinations={"crm": Destination(name="crm", plugin="made_up", settings=Settings())})

    assert "canary" not in repr(Envelope(1, orders_for("crm", config)))


async def fail() -> Any:
    raise OSError("too many open files")


class SetClock(SystemClock):
    """It stands still until it is set."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@asynccontextmanager
async def process(
    data: Path,
    pulse: Callable[[], Awaitable[Any]],
    clock: SystemClock | None = None,
    **calls: Callable[..., Awaitable[Any]],
) -> AsyncIterator[ChildProcess]:
    """One that is up, and answers with *pulse*, and *calls*."""
    runner = await listen_on_socket(socket_app({"pulse": pulse, **calls}), data / socket_name(1))
    process = ChildProcess(1, data, "info", clock or SystemClock())
    process._client = Client(data, socket_name(1))
    process._popen = SimpleNamespace(pid=4711)  # type: ignore[assignment]
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


async def test_promise_2_a_process_that_ends_as_it_is_asked_ends_no_other(tmp_path: Path) -> None:
    """Between the question and its leaving, a process is found to be gone, and the connection to it closed."""
    async with process(tmp_path, fail) as ending:
        asked = asyncio.create_task(ending.feel_pulse())
        await asyncio.sleep(0)
        assert ending._client is not None
        await ending._client.close()

        await asked


async def test_a_process_that_takes_its_time_for_a_reload_is_not_stuck(tmp_path: Path) -> None:
    """Where a vendor hangs, its requests have ten seconds to land; what is said meanwhile of what is needed is not kept."""
    clock = SetClock()

    async def pulse() -> dict[str, Any]:
        return {"needed_from": [[0, 1]], "stuck": ["destination crm: nothing moves"]}

    async with process(tmp_path, pulse, clock) as reloading:
        reloading._orders = orders_for("crm")
        async with reloading._changing:
            reloading._forget_pulse()
            for _ in range(10):
                clock.now_s += PULSE_S
                await reloading.feel_pulse()
                assert reloading.stuck == []

        assert reloading.pulse == {}
        clock.now_s += PULSE_S
        await reloading.feel_pulse()
        assert reloading.stuck == ["destination crm: nothing moves"]


async def test_promise_2_a_process_that_stays_down_holds_no_more_of_the_log_than_a_max_backlog(tmp_path: Path) -> None:
    """It held all there was, and when the log was full every source was answered 503."""
    config = parse_config(
        "sources: {website: {write_key: a-key}}\n"
        "destinations: {one: {plugin: made_up, max_backlog: 5MB}, two: {plugin: made_up}}",
        Registry([Plugin(slug="made_up", name="Made up", settings=PluginSettings, endpoints=(), actions=())]),
    )
    log: Any = SimpleNamespace(
        id="log-1", partitions=(0,), end=lambda _: 100, sequence_at_backlog=lambda _, most: 40 if most < 1e9 else 0
    )
    deliveries = ProcessDeliveries(2, log, config, Registry(), "info", SystemClock(), list)
    down, up = deliveries._processes
    down._orders, up._orders = (orders_for(name, config) for name in ("one", "two"))
    up.pulse = {"needed_from": [[0, 80]]}

    assert deliveries.needed_from() == {0: 41}
    down.pulse = {"needed_from": [[0, 60]]}
    assert deliveries.needed_from() == {0: 60}
    up.pulse = {}
    assert deliveries.needed_from() == {0: 1}


async def test_a_destination_that_comes_back_into_the_config_comes_back_to_its_process(tmp_path: Path) -> None:
    """That may still wait for its requests. Another process could not have its state, and said to stop this one."""
    registry = Registry([Plugin(slug="made_up", name="Made up", settings=PluginSettings, endpoints=(), actions=())])

    def config_of(**destinations: str) -> Config:
        named = ", ".join(f"{name}: {{plugin: made_up{more}}}" for name, more in destinations.items())
        return parse_config(f"sources: {{website: {{write_key: a-key}}}}\ndestinations: {{{named}}}", registry)

    log: Any = SimpleNamespace(id="log-1", partitions=(0,))
    deliveries = ProcessDeliveries(2, log, config_of(), registry, "info", SystemClock(), list)
    told: list[set[str]] = [set(), set()]

    async def take(number: int, orders: Orders) -> None:
        told[number] = set(orders.names)

    for number, process in enumerate(deliveries._processes):
        process.take = partial(take, number)  # type: ignore[method-assign]

    for names in ({"one": "", "two": ""}, {"one": "", "three": ""}, {"one": "", "three": "", "two": ""}):
        await deliveries.apply(config_of(**names), {}, NOBODY)
    assert told == [{"one"}, {"two", "three"}]
    await deliveries.apply(config_of(one="", three=""), {}, NOBODY)
    await deliveries.apply(config_of(one="", three="", four="", other=", formerly: two"), {}, NOBODY)
    assert told == [{"one", "four"}, {"three", "other"}]


async def test_a_stop_does_not_wait_for_what_a_process_that_hangs_would_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has its time to end all the same, and an exit took longer than is promised."""
    log: Any = SimpleNamespace(id="log-1", partitions=())
    deliveries = ProcessDeliveries(1, log, Config(data=tmp_path), Registry(), "info", SystemClock(), list)
    is_asked, stop = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        is_asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(deliveries._processes[0], "feel_pulse", hang)
    run = asyncio.create_task(deliveries.run(stop))
    await is_asked.wait()

    stop.set()

    await asyncio.wait_for(run, 2.0)


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


async def test_a_process_that_has_not_applied_its_first_orders_is_down(tmp_path: Path) -> None:
    """It knows of no destination yet: they were said to be stopped, and lists had nothing of theirs."""

    async def list_none() -> list[Any]:
        return []

    async with process(tmp_path, fail, jobs=list_none) as starting:
        starting._reason = "it was killed by SIGKILL"

        with pytest.raises(Down, match="process 1 is down: it was killed by SIGKILL"):
            await starting.call("jobs")
        starting._be_up()
        assert await starting.call("jobs") == []


async def test_promise_2_a_process_that_begins_takes_as_long_as_states_take_to_open_and_is_not_stuck(
    tmp_path: Path,
) -> None:
    """One that gets its first destination at a reload was taken for one that had been silent since the router's start, and one
    that is started again for silent as long as its states open. A red `/health` may have the router killed."""
    clock = SetClock()

    async def pulse() -> dict[str, Any]:
        return {"problems": []}

    async with process(tmp_path, pulse, clock) as starting:
        starting._orders, starting._reason = orders_for("crm"), NEW
        clock.now_s += 3_600.0
        assert starting.stuck == []
        with pytest.raises(Down, match="process 1 is starting"):
            await starting.call("status")

        starting._heard_s, starting._reason = clock.now_s, "it was killed by SIGKILL"
        for _ in range(10):
            clock.now_s += PULSE_S
            await starting.feel_pulse()
        assert starting.stuck == []
        clock.now_s += DOWN_S + 1.0
        assert starting.stuck == ["process 1 of crm: it was killed by SIGKILL"]


async def test_a_first_start_that_fails_is_told_of_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    process = ChildProcess(1, tmp_path, "info", SystemClock())

    with pytest.raises(OperatorError, match="too many open files"):
        await process.take(orders_for("crm"))

    assert process.problems == [
        "crm: process 1 is down: process 1 can't be started: too many open files; it is started again by itself"
    ]
    await process.stop(0.1)


class Broken:
    """The standard input of a process that died a moment ago, as uvloop has it."""

    def is_closing(self) -> bool:
        return True

    def write(self, data: bytes) -> None:
        raise RuntimeError("the handler is closed")


async def test_orders_for_a_process_that_has_just_died_are_kept_for_its_next_start(tmp_path: Path) -> None:
    async with process(tmp_path, fail) as dying:
        dying._popen = SimpleNamespace(stdin=Broken(), pid=4711)  # type: ignore[assignment]
        dying._supervisor = asyncio.create_task(asyncio.sleep(0))
        orders = orders_for("crm")

        with pytest.raises(OperatorError, match="it is started again by itself"):
            await dying.take(orders)

        assert dying.names == {"crm"}


async def test_a_process_that_does_not_take_a_new_config_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload said that all was well, and its destinations went by the old one for as long as it hung."""
    monkeypatch.setattr(child_process, "APPLY_S", 0.05)

    async def hang(number: int) -> None:
        await asyncio.sleep(60)

    async with process(tmp_path, fail, apply=hang) as hanging:
        stdin = SimpleNamespace(is_closing=lambda: False, write=lambda data: None)
        hanging._popen = SimpleNamespace(stdin=stdin, pid=4711)  # type: ignore[assignment]
        hanging._supervisor = asyncio.create_task(asyncio.sleep(0))
        with capture_logs() as log, pytest.raises(OperatorError, match="process 1 does not answer in time"):
            await hanging.take(orders_for("crm"))

    [line] = log
    assert line["event"].startswith("a process that delivers has not taken the new config")
    assert (line["process"], line["destinations"]) == (1, ["crm"])
    assert line["reason"].endswith("end it with kill -9 4711: it is started again by itself")  # alone, not the router
    assert hanging.problems == [f"crm: {line['reason']}"]


async def test_a_process_that_ends_because_it_is_to_is_no_error(tmp_path: Path) -> None:
    """A stop in the middle of a reload told of one that had not taken the new config, and would be started again."""
    async with process(tmp_path, fail) as ending:
        ending._popen = SimpleNamespace(stdin=Broken(), pid=4711)  # type: ignore[assignment]
        ending._supervisor = asyncio.create_task(asyncio.sleep(0))
        ending.retire()
        with capture_logs() as log, pytest.raises(Down):
            await ending.take(orders_for("crm"))

    assert log == []


async def test_a_process_that_is_down_is_a_problem_of_each_of_its_destinations(tmp_path: Path) -> None:
    """A reload counts the destinations that it has started, and took all of them for one."""
    config = Config(destinations={name: Destination(name=name, plugin="made_up") for name in ("crm", "mail")})
    async with process(tmp_path, fail) as down:
        down._orders = Orders.give(config, {}, config.destinations, {}, NOBODY)
        down._supervisor = asyncio.create_task(asyncio.sleep(0))
        down._reason = "it was killed by SIGKILL"

        assert [each.partition(":")[0] for each in down.problems] == ["crm", "mail"]


def test_settings_that_no_other_process_could_have_are_refused_before_anything_starts() -> None:
    """A class that only its function knows. The router ended with a traceback, and a reload was a bug."""

    class Local(PluginSettings):
        pass

    plugin = Plugin(slug="own", name="Own", settings=Local, endpoints=(), actions=())
    config = parse_config("sources: {a: {write_key: a}}\ndestinations: {own: {}}", Registry([plugin]))

    with pytest.raises(OperatorError, match=r"destinations.own: the settings of plugin own can't be handed to another"):
        check_portable(config)
