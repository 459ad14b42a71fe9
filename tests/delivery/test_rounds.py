"""However many destinations have a backlog, everybody else gets a turn after as much work as for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.delivery.jobs.spec import ReplaySpec
from router.delivery.preparation import Preparation
from router.delivery.rounds import AT_A_STRETCH, Rounds
from router.delivery.transit import Transit
from tests.delivery.harness import until
from tests.delivery.stand import Stand, assignment

DESTINATIONS = [assignment(f"d{number}", is_opt_in=True) for number in range(10)]
"""They skip all events."""


async def rounds_of(asked: list[int], stopped: int = 0) -> list[list[int]]:
    """Let a reader ask for each number of events, and stop the first *stopped*. Returns who went on, by round."""
    rounds, gone_on = Rounds(), list[int]()

    async def read(events: int) -> None:
        await rounds.turn(events)
        gone_on.append(events)

    tasks = [asyncio.create_task(read(events)) for events in asked]
    await asyncio.sleep(0)
    for task in tasks[:stopped]:
        task.cancel()
    found = []
    while not all(task.done() for task in tasks):
        before = len(gone_on)
        await asyncio.sleep(0)
        found.append(gone_on[before:])
    return [each for each in found if each]


@pytest.mark.parametrize(
    ("asked", "stopped", "expected"),
    [
        pytest.param([50, 50, 50], 0, [[50], [50], [50]], id="one backlog after the other"),
        pytest.param([1] * 50, 0, [[1] * 50], id="a few events of many at once"),
        pytest.param([30, 30, 30], 0, [[30, 30], [30]], id="in the order in which they asked"),
        pytest.param([50, 50, 50], 2, [[50]], id="one that was stopped takes nobody's turn"),
    ],
)
async def test_all_readers_together_have_one_stretch_in_a_round(
    asked: list[int], stopped: int, expected: list[list[int]]
) -> None:
    assert await rounds_of(asked, stopped) == expected


@pytest.mark.parametrize(
    ("readers", "granted"),
    [
        pytest.param(1, 50, id="one"),
        pytest.param(10, 50, id="ten"),
        pytest.param(20, 25, id="twenty"),
        pytest.param(200, 10, id="two hundred"),
    ],
)
async def test_the_more_readers_wait_the_fewer_events_each_has_a_turn(readers: int, granted: int) -> None:
    """With fifty for each of two hundred, the first had all theirs sent when the last had half: row 8 of the battery."""
    rounds = Rounds()

    assert set(await asyncio.gather(*(rounds.turn(500) for _ in range(readers)))) >= {granted}
    assert await rounds.turn(3) == 3


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    """With ten destinations, added before the 300 events that are there."""
    stand = Stand(tmp_path)
    await stand.open(*DESTINATIONS)
    await stand.add(300)
    await until(lambda: all(stand.books(each.name).pending == 0 for each in DESTINATIONS))
    yield stand
    await stand.close()


async def most_in_a_round(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """Let the loop go round until *count* events have been taken up. Returns the most of them in one round."""
    taken, most = 0, 0
    take_up = Preparation.take_up

    def counting(self: Preparation, transit: Transit) -> None:
        nonlocal taken
        taken += 1
        take_up(self, transit)

    monkeypatch.setattr(Preparation, "take_up", counting)
    async with asyncio.timeout(60):
        while taken < count:
            before = taken
            await asyncio.sleep(0)
            most = max(most, taken - before)
    return most


async def test_promise_2_many_backlogs_hold_up_others_no_longer_than_one(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eighty, each request to the gateway took half a second and more."""
    await stand.fleet.apply([])
    others = [assignment(f"late{number}", is_opt_in=True, starts_at_beginning=True) for number in range(10)]
    starting = asyncio.create_task(stand.fleet.apply(others))

    assert await most_in_a_round(monkeypatch, 3_000) <= AT_A_STRETCH
    await starting


async def test_promise_2_many_replays_hold_up_others_no_longer_than_one(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = asyncio.create_task(most_in_a_round(monkeypatch, 3_000))
    spec = ReplaySpec(last=300).model_dump()
    for berth in stand.fleet.berths.values():
        assert berth.worker is not None
        await berth.ledger.ask(lambda state: state.add_job("replay", spec, 300, stand.clock.now()))
        berth.worker.jobs.wake()

    assert await counting <= AT_A_STRETCH
