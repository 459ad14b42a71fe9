"""As many destinations and connections as a process may have files open: what is cut, and what is refused."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from router.cli import open_files, run
from router.cli.cluster.role import Role
from router.cli.open_files import fit
from router.config import Config, Destination
from router.config.destination import Delivery
from router.config.server import Server
from router.errors import OperatorError
from router.gateway import Limits
from router.registry import Registry
from tests.gateway.harness import Harness
from tests.gateway.test_connections import connected


def config(
    count: int, concurrency: int = 4, *, sandbox: bool = False, enabled: bool = True, log: str = "sqlite"
) -> Config:
    destinations = {
        f"d{number}": Destination(
            name=f"d{number}",
            plugin="webhook",
            sandbox=sandbox,
            enabled=enabled,
            delivery=Delivery(concurrency=concurrency),
        )
        for number in range(count)
    }
    return Config(destinations=destinations, log=log)


@pytest.mark.parametrize(
    ("wanted", "limit", "processes", "concurrency", "callers"),
    [
        pytest.param(config(4), 65_536, None, 4, 10_000, id="as configured"),
        pytest.param(config(4), 1_024, None, 4, 888, id="few destinations"),
        pytest.param(config(4, sandbox=True), 256, None, 4, 96, id="a small limit"),
        pytest.param(config(80), 1_024, None, 4, 204, id="states and vendors come before callers"),
        pytest.param(config(80, 64), 1_024, None, 4, 204, id="some room for callers comes before vendors"),
        pytest.param(config(80, 64), 600, None, 1, 20, id="hardly any room"),
        pytest.param(config(80, 64, enabled=False), 1_024, None, 64, 604, id="disabled ones have no connections"),
        pytest.param(
            config(40, sandbox=True), 1_024, None, 4, 324, id="both ends of a stand-in's connections are here"
        ),
        pytest.param(config(80, 64), 1_024, 2, 18, 924, id="a process has its own destinations alone"),
        pytest.param(config(80, 64, sandbox=True), 1_024, 80, 7, 204, id="stand-ins stay in the main process"),
        pytest.param(config(80, 64, log="nats://host"), 1_024, None, 64, 824, id="in a cluster nobody knows"),
        pytest.param(config(80, 64, log="nats://host"), 100, None, 64, 10, id="hardly any room in a cluster"),
    ],
)
def test_promise_8_connections_leave_room_for_everything_else(
    wanted: Config, limit: int, processes: int | None, concurrency: int, callers: int
) -> None:
    """Where nothing more can be opened, events can't be stored, vendors not reached and commands not answered."""
    fitted = fit(wanted, limit, processes)

    assert {each.delivery.concurrency for each in fitted.destinations.values()} == {concurrency}
    assert fitted.server.max_connections == callers


async def test_the_gateway_takes_as_many_connections_as_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It left two hundred files alone by a rule of its own, so that with a limit of 200 it took one connection at a time."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 200))
    left = fit(config(1), 200).server.max_connections

    async with Harness(Limits(max_connections=left)) as harness, connected(harness, left):
        pass  # each of them was seen to be taken

    assert left == 91


def test_a_config_that_asks_for_less_keeps_what_it_asks_for() -> None:
    wanted = config(2, 64)
    small = wanted.destinations["d0"].model_copy(update={"delivery": Delivery(concurrency=2)})
    wanted = wanted.model_copy(
        update={"server": Server(max_connections=20), "destinations": {**wanted.destinations, "d0": small}}
    )

    fitted = fit(wanted, 150)

    assert [each.delivery.concurrency for each in fitted.destinations.values()] == [2, 18]
    assert fitted.server.max_connections == 20


@pytest.mark.parametrize(
    ("wanted", "processes", "need"),
    [
        pytest.param(config(80), None, 590, id="one process"),
        pytest.param(config(300), 2, 1_000, id="several"),
        pytest.param(config(80, sandbox=True), 80, 350, id="stand-ins"),
    ],
)
def test_destinations_that_could_not_all_be_opened_are_refused_with_what_they_need(
    wanted: Config, processes: int | None, need: int
) -> None:
    with pytest.raises(OperatorError, match=rf"need {need} open files in one process, which may have {need - 1}\."):
        fit(wanted, need - 1, processes)
    fit(wanted, need, processes)


class Taken(Exception):
    """In place of a daemon's life."""

    def __init__(
        self, config: Config, registry: Registry, read_config: Callable[[Registry], Config], *others: object
    ) -> None:
        self.config, self.read_config = config, read_config


def fail(taken: Taken) -> None:
    raise taken


def test_a_start_and_a_reload_say_so_where_files_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(
        f"data: {tmp_path}/var\nsources: {{web: {{write_key: k}}}}\n"
        "destinations: {webhook: {settings: {url: 'http://127.0.0.1:9'}, delivery: {concurrency: 64}}}\n"
    )
    limits = iter((160, 120, 115))
    monkeypatch.setattr(run, "limit", lambda: next(limits))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(Taken, "run", lambda self, _: fail(self), raising=False)
    monkeypatch.setattr(run, "Daemon", Taken)

    with capture_logs() as logs, pytest.raises(Taken) as started:
        run.run_daemon(path, None, "info", Role.all)
    told = [(line["open_files"], line["requests_at_a_time"]) for line in logs if line["log_level"] == "warning"]
    taken = started.value

    assert told == [(160, 15)]
    assert taken.config.destinations["webhook"].delivery.concurrency == 15
    assert taken.read_config(Registry.load()).destinations["webhook"].delivery.concurrency == 1
    with pytest.raises(OperatorError, match="1 destination needs 116 open files"):
        taken.read_config(Registry.load())


@pytest.mark.parametrize(("soft", "most"), [(1_024, 1_024), (-1, 1_000_000)], ids=["the usual", "no limit"])
def test_what_the_system_allows_is_the_limit(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    assert open_files.limit() == most


@pytest.mark.parametrize("failure", [None, ValueError("not allowed")], ids=["allowed", "not allowed"])
def test_the_process_takes_as_many_files_as_it_may(monkeypatch: pytest.MonkeyPatch, failure: Exception | None) -> None:
    asked: list[tuple[int, int]] = []

    def setrlimit(_: int, limits: tuple[int, int]) -> None:
        asked.append(limits)
        if failure:
            raise failure

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    open_files.raise_limit()

    assert asked == [(20_000, 20_000)]
