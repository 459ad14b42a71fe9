"""What operators see of a destination whose disk takes nothing: it is then that they look, and want to make room."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from router.admin import reach
from router.admin.operations import Operations
from router.errors import OperatorError
from tests.delivery.harness import until
from tests.delivery.stand import UP, Stand, assignment


@pytest.fixture
async def operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operations]:
    """Of a router whose destination ``up`` has skipped three events, and can't write that down."""
    stand = Stand(tmp_path)
    await stand.open(UP)
    ledger = stand.fleet.berths["up"].ledger

    def refuse(*arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(reach, "FLUSH_S", 0.05)
    with pytest.MonkeyPatch.context() as full:
        for method in ("commit", "discard", "add_job"):
            full.setattr(ledger._state, method, refuse)
        await stand.add(3)
        await until(lambda: ledger.books(stand.log.end).skipped >= 3)
        yield Operations(stand.log, stand.states, [UP], stand.clock, stand.fleet)
    await stand.close()


async def test_what_is_on_disk_is_shown(operations: Operations) -> None:
    answer = await operations.trace("m1")

    [event] = answer["events"]
    [entry] = event["destinations"]
    assert (entry["destination"], entry["outcome"]) == ("up", "pending")
    assert await operations.calls()["dead-letters"]() == []


@pytest.mark.parametrize("operation", ["discard", "retry", "replay"])
async def test_what_can_not_be_done_is_told_and_is_no_bug_of_the_router(operations: Operations, operation: str) -> None:
    with pytest.raises(OperatorError, match=r"disk is full.*Check the free space"):
        await operations.calls()[operation]("up")


@pytest.mark.parametrize(
    "question",
    [("trace", "m1"), ("causes",), ("dead-letters",), ("jobs",), ("erase", [], [])],
    ids=lambda each: each[0],
)
async def test_destinations_are_asked_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: tuple[Any, ...]
) -> None:
    """Each may wait for its disk as long as a question waits at all: one after another, that was as many times as long."""
    stand, names = Stand(tmp_path), ("one", "two", "three")
    assignments = [assignment(name, is_opt_in=True) for name in names]
    await stand.open(*assignments)
    await stand.add(1)
    everybody = asyncio.Barrier(len(names))
    with pytest.MonkeyPatch.context() as slow:
        for berth in stand.fleet.berths.values():
            slow.setattr(berth.ledger, "flushed", everybody.wait)
        slow.setattr(reach, "FLUSH_S", 60.0)
        operation, *arguments = question
        operations = Operations(stand.log, stand.states, assignments, stand.clock, stand.fleet)
        async with asyncio.timeout(20):
            await operations.calls()[operation](*arguments)
    await stand.close()
