"""What is stuck and what only waits, as a table; and that a real worker which stops moving is found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.watchdog import LOOK_S, STALL_S, Glance, Watchdog
from router.plugin import Response
from tests.delivery.harness import NETWORK_DOWN, Harness, Vendor, until
from tests.delivery.simulated import SimulatedClock, simulate
from tests.log.harness import StillClock

AT_WORK = Glance(pending=5, parked=0, moved=(1, 2), pace_s=0.0, turn_s=None, is_reading=True, allowance_s=0.0)
"""Pending events, none of them parked, and nothing that would keep them."""


class Kennel:
    """A watchdog, and the time in which it looks at one destination."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.watchdog = Watchdog(self.clock)

    def watch(self, seconds: float, **changes: Any) -> list[str]:
        """Look again and again for so long; returns what is stuck then."""
        glance = replace(AT_WORK, **changes)
        end_s = self.clock.now_s + seconds
        self.watchdog.look({"crm": glance})
        while self.clock.now_s < end_s:
            self.clock.now_s += LOOK_S
            self.watchdog.look({"crm": glance})
        return self.watchdog.stuck


@pytest.mark.parametrize(
    ("glance", "is_stuck"),
    [
        pytest.param({}, True, id="work, and nothing moves"),
        pytest.param({"pending": 0}, False, id="nothing to do"),
        pytest.param({"pace_s": 300.0}, False, id="throttled or blocked: something will be tried"),
        pytest.param({"pace_s": None}, True, id="a probe that nobody sends"),
        pytest.param({"parked": 5, "turn_s": 20.0}, False, id="all parked, and a turn will come"),
        pytest.param({"parked": 5, "turn_s": None}, True, id="all parked and released, and nothing moves"),
        pytest.param({"parked": 5, "turn_s": 0.0}, True, id="all parked, and a turn that is not taken"),
        pytest.param({"parked": 3, "turn_s": 20.0}, True, id="some parked, and the others do not move"),
        pytest.param({"parked": 3, "turn_s": 20.0, "is_reading": False}, False, id="as many parked as may be"),
        pytest.param({"allowance_s": 600.0}, False, id="one step that may take so long"),
    ],
)
def test_stuck_is_what_no_state_explains(glance: dict[str, Any], is_stuck: bool) -> None:
    assert bool(Kennel().watch(STALL_S + 2 * LOOK_S, **glance)) is is_stuck


def test_row_56_it_is_named_within_a_minute_and_not_before_half_of_it() -> None:
    kennel = Kennel()

    early, late = kennel.watch(STALL_S - LOOK_S), kennel.watch(60.0 - STALL_S)

    assert early == []
    assert late == ["destination crm: nothing moves, with 5 events pending"]


def test_anything_that_moves_is_progress() -> None:
    kennel = Kennel()
    for number in range(10):
        assert kennel.watch(STALL_S - 2 * LOOK_S, moved=(number, 0)) == []


def test_what_moves_again_is_no_longer_stuck() -> None:
    kennel = Kennel()
    assert kennel.watch(60.0)

    assert kennel.watch(LOOK_S, moved=(3, 4)) == []


def test_an_outage_that_ends_leaves_as_much_time_as_a_start() -> None:
    kennel = Kennel()
    kennel.watch(3_600.0, pace_s=10.0)

    assert kennel.watch(STALL_S - LOOK_S) == []
    assert kennel.watch(3 * LOOK_S) != []


def test_a_process_that_stood_still_was_not_stuck() -> None:
    """SIGSTOP, a laptop that slept: the clock went on, and nobody could have moved."""
    kennel = Kennel()
    kennel.watch(LOOK_S)
    kennel.clock.now_s += 3_600

    assert kennel.watch(STALL_S - LOOK_S) == []


def test_a_destination_that_is_gone_is_forgotten() -> None:
    kennel = Kennel()
    assert kennel.watch(60.0)

    kennel.watchdog.look({})

    assert kennel.watchdog.stuck == []


# --- a real worker ---


async def watch(harness: Harness, seconds: float, timeout_s: float = 10.0) -> list[str]:
    """Look at the worker for so long of its own time."""
    watchdog = Watchdog(harness.clock.monotonic)
    end_s = harness.clock.monotonic() + seconds
    while harness.clock.monotonic() < end_s:
        watchdog.look({"fake": harness.worker.glance(timeout_s)})
        if watchdog.stuck:
            break
        await harness.clock.sleep(LOOK_S / 2)
    return watchdog.stuck


OPTIONS = DeliveryOptions(backoff=Backoff(0.5, 4.0, 4.0), batch_wait_s=1.0)


async def test_row_56_a_worker_whose_lanes_are_frozen_is_found(tmp_path: Path) -> None:
    harness = Harness(tmp_path, options=OPTIONS)
    worker = await harness.open()

    async def never(*arguments: object) -> None:
        await asyncio.Event().wait()

    worker._flights.fly = never  # type: ignore[method-assign, assignment]
    harness.log.add("ada")
    await until(lambda: worker._lanes.flying == 1)
    clock = StillClock()
    watchdog = Watchdog(clock)
    for _ in range(int(60 / LOOK_S)):
        clock.now_s += LOOK_S
        watchdog.look({"fake": worker.glance(10.0)})

    assert watchdog.stuck == ["destination fake: nothing moves, with 1 event pending"]
    await harness.crash()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NETWORK_DOWN, id="down"),
        pytest.param(Response(500), id="failing"),
        pytest.param(Response(429, headers={"retry-after": "1000"}), id="throttled"),
        pytest.param(Response(401), id="blocked"),
        pytest.param(Response(404), id="refusing what is parked"),
    ],
)
def test_a_vendor_is_never_what_is_stuck(tmp_path: Path, answer: Any) -> None:
    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, Vendor(lambda request: answer), OPTIONS, clock=clock)
        await harness.open()
        for number in range(30):
            harness.log.add(f"u{number % 5}")

        assert await watch(harness, 150.0) == []
        assert harness.books.pending or answer == Response(404)
        await harness.close()

    simulate(play)


@pytest.mark.parametrize("exchanges", [1, 4], ids=["a request", "a token, a request, and both once more"])
def test_a_vendor_that_hangs_is_not_what_is_stuck(tmp_path: Path, exchanges: int) -> None:
    """Each exchange is given up after its time-out, and the next one begun. A token that came at the last moment is no end of
    what is under way, nor is a 401 to what was sent with it."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, options=OPTIONS, clock=clock)

        async def hang(*arguments: object) -> Response:
            await clock.sleep(exchanges * 40.0)
            return Response(503)

        harness.vendor.send = hang  # type: ignore[method-assign, assignment]
        await harness.open()
        harness.log.add("ada")

        assert await watch(harness, 200.0, timeout_s=40.0) == []
        await harness.crash()

    simulate(play)


@pytest.mark.parametrize(
    ("options", "requests", "timeout_s"),
    [
        pytest.param(replace(OPTIONS, rate_limit_per_s=0.1), 12, 10.0, id="a low rate"),
        pytest.param(replace(OPTIONS, concurrency=1), 12, 10.0, id="a slow vendor that takes one request at a time"),
        pytest.param(replace(OPTIONS, concurrency=1), 1, 120.0, id="a request that takes long"),
    ],
)
def test_a_partition_that_waits_for_the_requests_of_others_is_not_what_is_stuck(
    tmp_path: Path, options: DeliveryOptions, requests: int, timeout_s: float
) -> None:
    """The partitions of a router share a destination's rate and its requests at a time: each waits for its turn."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, options=options, clock=clock)
        worker = await harness.open()
        gate = worker._flights._gate

        async def send_for_another() -> None:
            async with gate.passed("events"):
                await clock.sleep(0.9 * timeout_s)

        others = [asyncio.create_task(send_for_another()) for _ in range(requests)]
        await asyncio.sleep(0)
        harness.log.add("ada")

        assert await watch(harness, 60.0, timeout_s) == []
        assert harness.books.pending == 1
        for other in others:
            other.cancel()
        await harness.crash()

    simulate(play)
