"""Restarts that refuse nobody: the sockets belong to a supervisor, and connections wait in them while nobody takes any."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.harness import Generator, Stage, call, until

EXIT_S = 15.0
SDK_PATIENCE_S = 10.0
"""The shortest time-out of any SDK, as facts/ingest-protocol.md has them."""


def until_grows(generator: Generator, by: int) -> None:
    before = len(generator.acked())
    until(lambda: len(generator.acked()) >= before + by, "load")


@pytest.mark.parametrize(
    ("restarts", "requests_a_connection"),
    [
        pytest.param(1, 1_000_000, id="1 restart, connections kept alive", marks=pytest.mark.timeout(120)),
        pytest.param(
            20,
            1_000_000,
            id="20 restarts, connections kept alive",
            marks=[pytest.mark.full, pytest.mark.timeout(300)],
        ),
        pytest.param(
            20, 1, id="20 restarts, a connection a request", marks=[pytest.mark.full, pytest.mark.timeout(300)]
        ),
    ],
)
def test_a_restart_under_load_refuses_nobody_and_loses_nothing(
    stage: Stage, restarts: int, requests_a_connection: int
) -> None:
    """No connection is refused or reset, no request gets another answer than 200; it only takes as long as the restart.

    On a machine that is busy with other things, a restart alone may take longer than an SDK waits.
    """
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.activated_router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(
        router, users=20, batch=4, workers=6, pause_s=0.02, requests_a_connection=requests_a_connection
    )

    took_s = []
    for _ in range(restarts):
        until_grows(generator, 100)
        began = time.monotonic()
        assert router.terminate(EXIT_S) == 0
        router.start()
        took_s.append(time.monotonic() - began)
    until_grows(generator, 100)
    acked = generator.stop()
    router.until_settled()

    outcomes = Counter(outcome for outcome, _ in generator.requests())
    slowest_s = max(seconds for _, seconds in generator.requests())
    assert outcomes.keys() == {"200"}
    assert slowest_s < max(SDK_PATIENCE_S, 2 * max(took_s))
    check_delivered(acked, *vendors)
    for vendor in vendors:
        assert find_repeats(vendor.arrivals()) == []
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.full
@pytest.mark.timeout(120)
def test_a_vendor_that_hangs_makes_no_caller_wait_for_a_restart(stage: Stage) -> None:
    """Events are taken while the last flights have their time to land; only what comes after that waits for the next start."""
    [vendor] = stage.vendors("mixpanel")
    vendor.fail(hang_s=60, after=True)
    router = stage.activated_router({"mixpanel": vendor.destination(delivery={"timeout": "60s"})})
    generator = stage.generator(router, users=20, batch=4, workers=4, pause_s=0.02)
    until(vendor.kept, "a request is under way")

    began = time.monotonic()
    router.send(signal.SIGTERM)
    until(lambda: call("GET", f"{router.url}/ready")[0] == 503, "it says that it is going down")
    until_grows(generator, 200)
    assert router.wait(EXIT_S) == 0
    exit_s = time.monotonic() - began
    vendor.heal()
    router.start()
    acked = generator.stop()
    router.until_settled()

    outcomes = Counter(outcome for outcome, _ in generator.requests())
    assert outcomes.keys() == {"200"}
    assert exit_s > 5, "nothing hung: the test has tested nothing"
    assert max(seconds for _, seconds in generator.requests()) < exit_s
    check_delivered(acked, vendor)
    check_books(router, mixpanel=len(acked))


@pytest.mark.timeout(60)
def test_what_comes_while_nobody_runs_waits_for_the_start(stage: Stage) -> None:
    """Socket activation as the word has it: the socket is there before the router is."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.activated_router({"mixpanel": vendor.destination()}, is_started=False)
    url = f"http://127.0.0.1:{router.sockets['server'].getsockname()[1]}"
    router.url_file.write_text(url)
    generator = stage.generator(router, users=3, events=3, workers=3)
    time.sleep(0.5)

    router.start()
    acked = generator.finish()
    router.until_settled()

    assert router.url == url
    assert router.admin_url == f"http://127.0.0.1:{router.sockets['admin'].getsockname()[1]}"
    assert Counter(outcome for outcome, _ in generator.requests()).keys() == {"200"}
    check_delivered(acked, vendor)


# --- what a supervisor hands over ---


@contextmanager
def listening(*names: str, host: str = "127.0.0.1") -> Iterator[tuple[list[str], list[int]]]:
    """Sockets, as arguments of `activate` and as descriptors."""
    sockets = [socket.create_server((host, 0)) for _ in names]
    try:
        yield (
            [f"{name}={each.fileno()}" for name, each in zip(names, sockets, strict=True)],
            [each.fileno() for each in sockets],
        )
    finally:
        for each in sockets:
            each.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "host", "message"),
    [
        pytest.param(
            "router.socket",
            "127.0.0.1",
            "Set FileDescriptorName= in it",
            id="a name nobody knows",
            marks=pytest.mark.full,
        ),
        pytest.param("server", "0.0.0.0", "everybody knows the demo key", id="the demo key, for all the world"),
    ],
)
def test_a_socket_that_will_not_do_is_refused(stage: Stage, name: str, host: str, message: str) -> None:
    router = stage.activated_router({}, is_started=False)
    with listening(name, host=host) as (arguments, descriptors):
        end = router.command.index("--")
        router.command[2:end] = arguments
        router.descriptors = descriptors
        router.spawn()
        code = router.wait()

    assert code == 2
    assert message in router.read_stderr()
    assert "Traceback" not in router.read_stderr()


@pytest.mark.timeout(60)
def test_the_supervisor_hears_how_the_service_is(stage: Stage, tmp_path: Path) -> None:
    """Ready once it takes events; alive as often as it asks; stopping when it stops."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(20)
        router = stage.router({}, env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"})
        heard = [supervisor.recv(1_000).decode() for _ in range(4)]
        router.terminate()
        while "STOPPING" not in heard[-1]:
            heard.append(supervisor.recv(1_000).decode())

    assert heard[0] == f"READY=1\nSTATUS=takes events at {router.url}"
    assert heard[1:4] == ["WATCHDOG=1"] * 3
    assert heard[-1].startswith("STOPPING=1")


@pytest.mark.full
@pytest.mark.timeout(180)
@pytest.mark.skipif("ROUTER_PROCESSES" in os.environ, reason="the process that is frozen is not the one that delivers")
def test_a_supervisor_no_longer_hears_of_a_router_that_is_stuck(stage: Stage, tmp_path: Path) -> None:
    """So that it starts another one."""
    [vendor] = stage.vendors("mixpanel")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        os.environ.update(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="2000000")
        try:
            router = stage.faulty_router({"mixpanel": vendor.destination()})
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
        router.suffer(frozen=True)
        assert router.post(json.loads('{"type": "track", "userId": "u", "event": "Asked"}'))[0] == 200
        until(lambda: call("GET", f"{router.url}/health")[0] == 503, "health is red")
        supervisor.setblocking(False)
        while is_heard(supervisor):
            pass
        time.sleep(3)
        assert not is_heard(supervisor)


def is_heard(supervisor: socket.socket) -> bool:
    try:
        return bool(supervisor.recv(1_000))
    except BlockingIOError:
        return False
