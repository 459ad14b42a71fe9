"""When the turn of a parked line comes, and what goes then."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from router.delivery.ledger import Ledger
from router.delivery.pace import Backoff
from router.delivery.parking import PARKING_NOTES, RELEASED_AT_ONCE, Parking
from router.delivery.state.changes import Place
from router.delivery.state.file import StateFile
from router.delivery.transit import Transit
from router.log.record import Record
from tests.delivery.harness import FastClock

BACKOFF = Backoff(first_s=1.0, max_s=300.0)
DAY_S = 86_400.0


class HandClock(FastClock):
    """Its time passes by hand; `wall_s` may jump."""

    s = 0.0

    def monotonic(self) -> float:
        return self.s


class Longest(random.Random):
    """Of all chances the one that waits longest."""

    def uniform(self, a: float, b: float) -> float:
        return b


@asynccontextmanager
async def opened(directory: Path, clock: HandClock) -> AsyncIterator[Parking]:
    state = StateFile.open(directory / "crm.sqlite", "log-1")
    state.add_partition(0, 0)
    notes = {name: state.meta(name) for name in PARKING_NOTES}
    ledger = Ledger("crm", state, FastClock())
    ledger.start()
    try:
        yield Parking(ledger, BACKOFF, clock, Longest(), notes)
    finally:
        await ledger.close()


def event(number: int) -> Record:
    return Record(0, number, "website", f"m{number}", "ada", "track", 0.0, b"{}")


def park(parking: Parking, last: int) -> None:
    for number in range(1, last + 1):
        parking.park(Transit(event(number), "log"), "503")


def deliver(parking: Parking, records: list[Record]) -> None:
    for record in records:
        transit = Transit(record, "parked")
        parking._ledger.settle(transit)
        parking.settled(transit.line, transit.place)


def numbers(records: list[Record]) -> list[int]:
    return [record.sequence for record in records]


async def test_what_failed_goes_alone_and_once_it_is_through_the_others_follow(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, RELEASED_AT_ONCE + 5)
        parking.postpone("ada", 10.0)
        assert await parking.release("ada") == [], "before its turn"

        clock.s = 12.0
        assert parking.next_line() == ("ada", 0.0)
        first = await parking.release("ada")
        deliver(parking, first)
        second = await parking.release("ada")
        deliver(parking, second[:-1])
        between = parking.turn_s
        deliver(parking, second[-1:])
        third = await parking.release("ada")
        deliver(parking, third)

        assert numbers(first) == [1]
        assert numbers(second) == list(range(2, 2 + RELEASED_AT_ONCE))
        assert between is None, "the next ones wait until the last of these is through"
        assert numbers(third) == list(range(2 + RELEASED_AT_ONCE, 6 + RELEASED_AT_ONCE))
        assert parking.next_line() == (None, 0.0)


async def test_each_failure_in_a_row_doubles_the_wait_unless_the_vendor_names_one(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, 1)
        waits = []
        for after_s in (None, None, None, 7.0):
            parking.postpone("ada", after_s)
            _, wait_s = parking.next_line()
            waits.append(wait_s)
            clock.s += wait_s
            await parking.release("ada")

    assert waits == [2.0, 4.0, 8.0, 7.0]


async def test_what_fails_while_its_line_waits_for_a_turn_neither_brings_it_forward_nor_counts(tmp_path: Path) -> None:
    """It was sent side by side with what failed, to an endpoint that is independent."""
    async with opened(tmp_path, HandClock()) as parking:
        park(parking, 1)
        parking.postpone("ada", 60.0)

        parking.postpone("ada", 2.0)
        assert (parking.attempts("ada"), parking.turn_s) == (1, 60.0)
        parking.postpone("ada", 90.0)
        assert (parking.attempts("ada"), parking.turn_s) == (1, 90.0)


@pytest.mark.parametrize(
    ("jump_s", "wait_s"),
    [
        pytest.param(50.0, 150.0, id="what is left of it"),
        pytest.param(200.0, 0.0, id="at once when it has passed"),
        pytest.param(-DAY_S, BACKOFF.max_s, id="never longer than a back-off, though the clock was set back"),
    ],
)
async def test_after_a_restart_a_turn_comes_when_it_was_to_come(tmp_path: Path, jump_s: float, wait_s: float) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, 1)
        parking.postpone("ada", 200.0)
    clock.wall_s += jump_s

    async with opened(tmp_path, clock) as parking:
        assert parking.turn_s == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("jump_s", "wait_s"),
    [
        pytest.param(50.0, 7_150.0, id="what is left of it"),
        pytest.param(-DAY_S, 7_200.0, id="never longer than was asked, though the clock was set back"),
    ],
)
async def test_a_restart_cuts_no_wait_that_the_vendor_has_asked_for(
    tmp_path: Path, jump_s: float, wait_s: float
) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, 1)
        parking.postpone("ada", 7_200.0)
    clock.wall_s += jump_s

    for _ in range(2):
        async with opened(tmp_path, clock) as parking:
            assert parking.turn_s == pytest.approx(wait_s)


async def test_a_long_wait_is_forgotten_with_the_last_line_that_was_parked(tmp_path: Path) -> None:
    """A clock that is set back later strands nobody for as long."""
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, 1)
        parking.postpone("ada", 7_200.0)
        clock.s = 7_200.0
        deliver(parking, await parking.release("ada"))
    async with opened(tmp_path, clock) as parking:
        parking.park(Transit(event(2), "log"), "503")
        parking.postpone("ada", 7.0)
    clock.wall_s -= DAY_S

    async with opened(tmp_path, clock) as parking:
        assert parking.turn_s == pytest.approx(BACKOFF.max_s)


async def test_what_was_in_an_independent_lane_leaves_the_turn_of_its_line_as_it_is(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as parking:
        park(parking, 3)
        parking.postpone("ada", 10.0)
        clock.s = 10.0
        [first] = await parking.release("ada")
        parking.postpone("ada", 30.0)

        deliver(parking, [first])

        assert parking.next_line() == ("ada", 30.0)
        assert parking._ledger.parked == {"ada": {Place(0, 2), Place(0, 3)}}
