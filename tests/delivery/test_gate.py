"""Where requests wait for the pace: in the order they came, and never for a destination that is throttled by then."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from router.delivery.gate import Gate, HeldBack
from router.delivery.pace import Backoff, Limits, Pace
from tests.delivery.harness import FastClock, until


def make(concurrency: int = 4, **limits: Any) -> tuple[Gate, Pace]:
    pace = Pace(Backoff(), random.Random(1), Limits(concurrency, **limits))
    return Gate(pace, FastClock()), pace


async def test_who_comes_first_passes_first_and_no_more_than_there_are_places() -> None:
    gate, _ = make(concurrency=2)
    passed: list[int] = []
    ends = [asyncio.Event() for _ in range(5)]

    async def send(number: int) -> None:
        async with gate.passed("events"):
            passed.append(number)
            await ends[number].wait()

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(send(number))
        for number in range(5):
            await until(lambda number=number: len(passed) == min(number + 2, 5))  # type: ignore[misc]
            ends[number].set()

    assert passed == [0, 1, 2, 3, 4]


async def test_who_waits_for_the_rate_of_an_endpoint_keeps_no_other_endpoint_waiting() -> None:
    gate, pace = make(rates_per_second={"profiles": 0.01})
    async with gate.passed("profiles"):
        pass
    slow = asyncio.create_task(gate.passed("profiles").__aenter__())
    await asyncio.sleep(0)

    async with gate.passed("events"):
        assert pace.under_way == 1

    assert not slow.done()
    slow.cancel()


@pytest.mark.parametrize("is_blocked", [False, True], ids=["throttled", "blocked"])
async def test_what_waits_when_the_destination_is_closed_does_not_leave(is_blocked: bool) -> None:
    """A vendor that asked for two minutes gets them, also from those who were about to send."""
    gate, pace = make(concurrency=1)
    waiting = []
    async with gate.passed("events"):
        waiting = [asyncio.create_task(gate.passed("events").__aenter__()) for _ in range(3)]
        await asyncio.sleep(0)
        if is_blocked:
            pace.blocked(FastClock().monotonic(), "401")
        else:
            pace.outage(FastClock().monotonic(), "429", 120.0)

    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, HeldBack)
    assert pace.under_way == 0


async def test_what_is_called_off_while_it_waits_does_not_leave_and_keeps_nobody_waiting() -> None:
    """For the rate of its endpoint, for a place, or behind one of these."""
    gate, pace = make(concurrency=1, rates_per_second={"profiles": 0.01})
    async with gate.passed("profiles"):
        pass
    off = False
    async with gate.passed("events"):
        calls = ("profiles", "profiles", "events", "events")
        waiting = [asyncio.create_task(gate.passed(name, lambda: off).__aenter__()) for name in calls]
        other = asyncio.create_task(gate.passed("events").__aenter__())
        await asyncio.sleep(0)
        off = True
        gate.look()

        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, HeldBack)
        assert not other.done()

    await other
    assert pace.under_way == 1


async def test_who_gives_up_leaves_its_place_to_the_next() -> None:
    gate, pace = make(concurrency=1)
    async with gate.passed("events"):
        first, second = (asyncio.create_task(gate.passed("events").__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    await second
    assert pace.under_way == 1
