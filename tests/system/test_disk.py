"""A disk that fails, is slow or is full, under a router at work: promise 1 (no false answer), and on by itself afterwards."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.harness import FaultyRouter, Generator, Lateness, Router, Stage, Vendor, call, until

RED_WITHIN_S = 5.0
TRACK = {"type": "track", "userId": "user900", "event": "Asked"}


def health(router: Router) -> tuple[int, Any]:
    return call("GET", f"{router.url}/health")


def until_red(router: Router) -> str:
    """Wait for the red, which may not take longer than the battery says, and the machine is late; returns what it says."""
    began = time.monotonic()
    with Lateness() as late:
        status, answer = until(lambda: (found := health(router))[0] != 200 and found, "health is red")
        took_s = time.monotonic() - began
    assert status == 503
    assert took_s <= RED_WITHIN_S + late.total_s
    return ", ".join(answer["stuck"])


def until_grows(generator: Generator, by: int, what: str) -> None:
    before = len(generator.acked())
    until(lambda: len(generator.acked()) >= before + by, what)


def run_sick(stage: Stage, **fault: Any) -> tuple[FaultyRouter, Generator, list[Vendor], str]:
    """Load, then the fault, until health is red; then all is well again, and events are taken."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.faulty_router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(router, users=20, batch=5, workers=4, pause_s=0.01)
    until_grows(generator, 50, "load")
    assert health(router)[0] == 200

    router.suffer(**fault)
    said = until_red(router)
    acked = len(generator.acked())
    ready = call("GET", f"{router.url}/ready")[0]
    router.suffer()
    until(lambda: health(router)[0] == 200, "health is green again")
    until_grows(generator, 50, "events are taken again")
    if fault.get("error"):
        assert ready == 503
        assert acked < len(generator.acked())
    return router, generator, vendors, said


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("where", "told"),
    [
        pytest.param("log", {"the log can't be written: disk I/O error"}, id="the log"),
        # Whichever file was written first since.
        pytest.param(
            "all",
            {"the log can't be written: disk I/O error", "the state can't be written"},
            id="the states too",
            marks=[pytest.mark.full, pytest.mark.alone],
        ),
    ],
)
def test_row_22_an_error_of_the_disk_is_no_false_answer_and_red_within_5_s(
    stage: Stage, where: str, told: set[str]
) -> None:
    router, generator, vendors, said = run_sick(stage, error=where)

    acked = generator.stop()
    router.until_settled()

    assert any(words in said for words in told), said
    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.timeout(90)
def test_row_22_a_disk_that_takes_2_s_for_a_write_lets_callers_wait_and_is_red_within_5_s(stage: Stage) -> None:
    router, generator, vendors, said = run_sick(stage, write_s=2.0)

    acked = generator.stop()
    router.until_settled()

    assert "the disk is too slow" in said
    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))


# --- full ---


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A disk of its own, of this size. Only root can make one; others skip the test."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "router-test", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if made.returncode:
        pytest.skip(f"a disk can't be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Another program takes all the room that is left, to the last byte."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def ask(router: Router) -> tuple[int, str | None]:
    """Status and Retry-After of one event."""
    connection = http.client.HTTPConnection(router.url.removeprefix("http://"), timeout=30)
    connection.request("POST", "/v1/track?writeKey=demo", json.dumps({**TRACK, "writeKey": "demo"}))
    response = connection.getresponse()
    connection.close()
    return response.status, response.getheader("Retry-After")


@pytest.mark.timeout(120)
def test_row_21_a_full_disk_refuses_settles_what_it_has_and_goes_on_by_itself(stage: Stage) -> None:
    """Promise 2's exception: 503 with Retry-After; what was accepted before is delivered and booked with the reserve."""
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(status=503)
    with small_disk(stage.folder / "disk", 40_000_000) as disk:
        router = stage.router(
            {vendor.name: vendor.destination() for vendor in vendors},
            data=str(disk / "var"),
            retention={"segment": "1MB", "reserve": "8MB"},
        )
        generator = stage.generator(router, users=20, batch=20, workers=4)
        until_grows(generator, 1_000, "load")

        fill(disk / "another-program")
        until(lambda: call("GET", f"{router.url}/ready")[0] == 503, "the log says that it is full")
        assert ask(router) == (503, "10")
        before = len(generator.acked())
        for vendor in vendors:
            vendor.heal()
        router.until_settled()
        assert len(generator.acked()) == before, "the reserve is for settling, and something else was stored with it"
        assert ask(router) == (503, "10")
        assert not (disk / "var" / "reserve").exists(), "it went without the reserve: the test has tested nothing"
        assert health(router)[0] == 200, "a full disk is no fault inside: a restart would not help"
        (disk / "another-program").unlink()
        until_grows(generator, 500, "events are taken again")
        acked = generator.stop()
        router.until_settled()

        check_delivered(acked, *vendors)
        check_books(router, mixpanel=len(acked), customerio=len(acked))
        assert router.terminate() == 0


@pytest.mark.full
@pytest.mark.timeout(120)
def test_row_21_a_router_that_starts_on_a_full_disk_settles_what_it_has(stage: Stage) -> None:
    """It was killed when the disk was full; whoever starts it again has no room to give it."""
    [vendor] = stage.vendors("mixpanel")
    vendor.fail(status=503)
    with small_disk(stage.folder / "disk", 40_000_000) as disk:
        router = stage.router(
            {"mixpanel": vendor.destination()},
            data=str(disk / "var"),
            retention={"segment": "1MB", "reserve": "8MB"},
        )
        acked = stage.generator(router, users=20, events=40, batch=20).finish()
        router.kill()
        fill(disk / "another-program")
        vendor.heal()

        router.start()
        router.until_settled()

        check_delivered(acked, vendor)
        check_books(router, mixpanel=len(acked))
        assert ask(router) == (503, "10")
        (disk / "another-program").unlink()
        until(lambda: router.post(TRACK)[0] == 200, "events are taken again")
        assert router.terminate() == 0
