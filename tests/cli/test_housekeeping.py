"""Housekeeping keeps the disk within its bounds, and whatever goes wrong in it ends nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.cli.fleet_chores import FleetChores
from router.cli.housekeeping import Housekeeping
from router.cli.log_chores import LogChores
from router.delivery.berth import Berth
from router.delivery.state.changes import Place
from router.delivery.state.file import StateFile
from tests.delivery.harness import until
from tests.delivery.stand import DOWN, LOG, MANY, UP, Stand, assignment


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    await stand.close()


def housekeeping(stand: Stand) -> Housekeeping:
    return Housekeeping(LogChores(stand.log, stand.fleet.needed_from), FleetChores(stand.log, stand.fleet))


def told(logs: list[Any], level: str) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] == level]


async def test_what_nobody_needs_is_given_up_with_its_outcomes(stand: Stand) -> None:
    await stand.open(UP)
    await stand.add(MANY)
    await until(stand.has_kept_up("up"))

    await housekeeping(stand).tidy()

    start = stand.log.start(0)
    assert start > 1
    outcomes = [
        await stand.fleet.berths["up"].ledger.ask(lambda state, at=sequence: state.outcome(Place(0, at)))  # type: ignore[misc]
        for sequence in (1, start - 1, start)
    ]
    assert [outcome is not None for outcome in outcomes] == [False, False, True]


@pytest.mark.timeout(30)
async def test_a_destination_that_is_down_keeps_no_more_than_its_max_backlog(stand: Stand) -> None:
    """Its oldest events are dead letters, the log lets go of them, and it is told once, not every ten seconds."""
    bound = 3 * LOG.segment_bytes
    await stand.open(replace(DOWN, max_backlog_bytes=bound))
    await stand.add(5 * MANY)
    house = housekeeping(stand)

    with capture_logs() as logs:
        while stand.log.size_bytes > bound + 2 * LOG.segment_bytes:
            await house.tidy()
            await asyncio.sleep(0.01)

    books = stand.books("down")
    assert books.dead > 2 * MANY
    assert (books.accepted, books.unaccounted) == (5 * MANY, 0)
    assert len(await stand.letters("down")) == books.dead
    assert [line for line in told(logs, "error") if "max_backlog" in line] == [
        "backlog is over max_backlog: its oldest events become dead letters"
    ]


async def test_promise_8_a_destination_that_refuses_everything_does_not_fill_the_disk(stand: Stand) -> None:
    """Its oldest dead letters go, the books balance all the same, and it is told before and when it happens, once."""
    await stand.open(replace(DOWN, max_backlog_bytes=1, max_dead_letters_bytes=1_000_000))
    house = housekeeping(stand)

    with capture_logs() as logs:
        for _ in range(20):
            await stand.add(MANY // 2, size=1_000)
            await house.tidy()
            await until(lambda: stand.books("down").pending < MANY)
            await stand.fleet.berths["down"].ledger.flushed()
        await house.tidy()

    books, letters = stand.books("down"), await stand.letters("down")
    discarded = stand.fleet.berths["down"].ledger.counts["discarded", ""]
    assert (len(letters), books.unaccounted) == (books.dead - discarded, 0)
    assert letters[0].id == discarded + 1 > 1
    assert [line["event"].partition(" (")[0] for line in logs if "max_dead_letters" in line["event"]] == [
        "dead letters have used most of the disk they may use",
        "dead letters are over max_dead_letters: the oldest are discarded",
    ]


def refuse(*arguments: Any, **options: Any) -> Any:
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize(
    "hurt",
    [
        pytest.param(lambda stand, patch: patch.setattr(StateFile, "forget_outcomes", refuse), id="a state"),
        pytest.param(lambda stand, patch: patch.setattr(stand.log, "trim", refuse), id="the log"),
        pytest.param(lambda stand, patch: patch.setattr(stand.log, "sequence_at_backlog", refuse), id="its sizes"),
    ],
)
async def test_a_disk_that_refuses_ends_nothing_and_is_told_once(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, hurt: Callable[[Stand, pytest.MonkeyPatch], None]
) -> None:
    await stand.open(UP)
    house = housekeeping(stand)

    with monkeypatch.context() as patch, capture_logs() as logs:
        hurt(stand, patch)
        for _ in range(3):
            await house.tidy()
    with capture_logs() as after:
        await house.tidy()

    assert [line["reason"] for line in logs if line["event"].startswith("housekeeping failed")] == [
        "OperationalError: database or disk is full"
    ]
    assert after == []


async def test_what_fails_because_another_router_delivers_by_now_is_no_news(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.open(UP)
    house = housekeeping(stand)

    def lose(*arguments: Any) -> Any:
        house.is_over = True
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(stand.log, "trim", lose)
    with capture_logs() as logs:
        await house.tidy()

    assert logs == []


async def test_destinations_that_come_and_leave_meanwhile_end_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload may take any await for its chance."""
    await stand.open(UP, DOWN)

    async def reload(self: FleetChores, berth: Berth) -> None:
        await stand.fleet.apply([UP, assignment("new")])

    monkeypatch.setattr(FleetChores, "_shed", reload)

    with capture_logs() as logs:
        await housekeeping(stand).tidy()

    assert told(logs, "error") == []
    assert list(stand.fleet.berths) == ["up", "new"]


async def test_a_stop_waits_for_one_step_and_not_for_those_of_all_destinations(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eighty destinations that were busy it waited half a minute, and a supervisor would have killed the router."""
    await stand.open(UP, DOWN)
    stop, done = asyncio.Event(), []

    async def stop_meanwhile(self: FleetChores, berth: Berth) -> None:
        done.append(berth.assignment.name)
        stop.set()

    monkeypatch.setattr(FleetChores, "_discard", stop_meanwhile)
    await housekeeping(stand).tidy(stop)

    assert done == ["up"]


async def test_a_destination_that_could_not_start_does_when_it_can(stand: Stand) -> None:
    (stand.directory / "destinations").mkdir()
    state = stand.directory / "destinations" / "up.sqlite"
    state.write_text("no database" * 1_000)
    await stand.open(UP)
    house = housekeeping(stand)
    await house.tidy()
    assert list(stand.fleet.berths) == []

    state.unlink()
    with capture_logs() as logs:
        await house.tidy()

    assert list(stand.fleet.berths) == ["up"]
    assert told(logs, "info") == ["destination starts after all"]


async def test_the_warning_before_the_disk_is_full_comes_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    await stand.open(DOWN)
    house = housekeeping(stand)
    warnings = []

    for share in (0.79, 0.8, 0.9, 0.7, 0.85):
        monkeypatch.setattr(type(stand.log), "size_bytes", int(share * LOG.max_bytes))
        with capture_logs() as logs:
            await house.tidy()
        warnings.append(len(told(logs, "warning")))

    assert warnings == [0, 1, 0, 0, 1]
