"""Who is suppressed is erased in the end, whatever hinders that, and nothing else is hindered by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from router.admin.answer import Answer
from router.cli import suppression
from router.cli.suppressed import _people, _told_of, _told_of_lifted
from router.cli.suppression import Suppression
from router.errors import OperatorError
from router.event import Event
from router.log.erase import Erased
from router.log.interface import LogAway
from router.log.record import Entry, Record
from router.log.sqlite import LogOptions, SqliteLog
from router.rejected import RejectedCall, RejectedCalls
from router.suppressed import Person, Suppressed
from router.suppressed_file import read_suppressions
from router.suppressed_file import suppress as note
from tests.delivery.harness import FastClock

ADA = Person("userId", "ada")


class Deliveries:
    """What a suppression asks of them. An exception in *failures* is raised, by one call each; with *is_erasing* not set,
    erasing takes for ever."""

    def __init__(self, log: SqliteLog) -> None:
        self.log = log
        self.suppressed = Suppressed()
        self.hindered: list[str] = []
        self.failures: list[Exception] = []
        self.is_erasing = asyncio.Event()
        self.is_erasing.set()
        self.asked = asyncio.Event()
        self.events_found: list[Any] = []
        """What the log held when the states were erased."""
        self.told_of: list[Sequence[int]] = []
        """The tombstones that they were told of, each time."""

    async def enforce(self, suppressed: Suppressed) -> list[str]:
        self.suppressed = suppressed
        return list(self.hindered)

    async def erase(self, people: Sequence[Sequence[str]], tombstones: Sequence[int]) -> Answer:
        self.told_of.append(tombstones)
        self.asked.set()
        await self.is_erasing.wait()
        if self.failures:
            raise self.failures.pop()
        found = await self.log.read(0, 0)
        self.events_found = [orjson.loads(each.event).get("userId") for each in found if isinstance(each, Record)]
        return {"dead_letters": 2, "parked": 3, "problems": []}


@pytest.fixture
async def deliveries(tmp_path: Path) -> AsyncIterator[Deliveries]:
    log = await SqliteLog.open(tmp_path / "log", LogOptions(), lambda: 1.0)
    moment = "2026-01-01T00:00:00.000Z"
    event = Event(type="track", messageId="m1", userId="ada", timestamp=moment, receivedAt=moment)
    await log.append([Entry.of(event, "website", 1.0, event.to_json())])
    yield Deliveries(log)
    await log.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "suppressed.sqlite"


@pytest.fixture
async def at_work(deliveries: Deliveries, path: Path) -> AsyncIterator[Suppression]:
    rejected = RejectedCalls(path.with_name("rejected.sqlite"))
    yield Suppression(path, deliveries.log, rejected, FastClock(), deliveries.enforce, deliveries.erase)
    await rejected.close()


def is_erased(path: Path) -> bool:
    [found] = read_suppressions(path)
    return found.erased_s is not None


async def test_the_log_is_searched_before_the_states(deliveries: Deliveries, at_work: Suppression) -> None:
    """What a destination gives up of its backlog becomes dead letters, and they are not asked whose they are."""
    answer = await at_work.suppress([tuple(ADA)])

    assert deliveries.suppressed == Suppressed.of([ADA])
    assert deliveries.events_found == [None]
    assert answer == {
        "events": 1,
        "anonymous_ids": [],
        "aliases": [],
        "left": [],
        "rejected": 0,
        "dead_letters": 2,
        "parked": 3,
        "problems": [],
    }


async def test_states_are_told_of_tombstones_until_they_are_erased(
    deliveries: Deliveries, at_work: Suppression, path: Path
) -> None:
    """By then no log says whose these events were, and what vendors said of them is as long as they are."""
    deliveries.failures = [ValueError("a kill")]
    with pytest.raises(ValueError, match="a kill"):
        await at_work.suppress([tuple(ADA)])
    rejected = RejectedCalls(path.with_name("rejected.sqlite"))
    after_it = Suppression(path, deliveries.log, rejected, FastClock(), deliveries.enforce, deliveries.erase)

    for each in (at_work, after_it):
        await each._go_on()
        note(path, [ADA], 1.0)

    assert deliveries.told_of == [[1]] * 3
    await rejected.close()


async def test_who_may_still_be_sent_is_not_erased_yet(
    deliveries: Deliveries, at_work: Suppression, path: Path
) -> None:
    deliveries.hindered = ["process 1 does not answer in time"]

    answer = await at_work.suppress([tuple(ADA)])

    assert (answer["problems"], answer["events"]) == (deliveries.hindered, 1)
    assert not is_erased(path)


async def test_a_disk_that_does_not_let_the_log_be_erased_hinders_nothing_else(
    deliveries: Deliveries, at_work: Suppression, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> None:
        raise LogAway("no room")

    monkeypatch.setattr(deliveries.log, "erase", refuse)
    at_work._rejected.keep([RejectedCall(1.0, "website", None, "invalid_id", "", "", "", '{"userId": "ada"}')])

    answer = await at_work.suppress([tuple(ADA)])

    assert (answer["problems"], answer["rejected"], answer["dead_letters"]) == (["no room"], 1, 2)
    assert not is_erased(path)


@pytest.mark.parametrize("failure", [OperatorError("not now"), ValueError("a bug")], ids=repr)
async def test_whatever_fails_is_told_once_and_tried_again(
    deliveries: Deliveries, at_work: Suppression, path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Else the router would end, at every start."""
    monkeypatch.setattr(suppression, "AGAIN_S", 0.01)
    note(path, [ADA], 1.0)
    deliveries.failures = [failure] * 2
    stop = asyncio.Event()
    with capture_logs() as logs:
        running = asyncio.create_task(at_work.run(stop))
        async with asyncio.timeout(10):
            for _ in range(3):
                await deliveries.asked.wait()
                deliveries.asked.clear()
            await at_work.lift([])  # has its turn when the last try is over
        stop.set()
        await running

    assert [each["event"] for each in logs] == ["not all of suppressed people could be erased, it is tried again"]
    assert is_erased(path)


async def test_damaged_files_are_named_after_a_kill_too(
    deliveries: Deliveries, at_work: Suppression, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command, which would have named them, has ended with the router."""
    erased = asyncio.Future[Erased]()
    erased.set_result(Erased(left=[path.with_name("segment.sqlite")]))
    monkeypatch.setattr(deliveries.log, "erase", lambda _: erased)
    note(path, [ADA], 1.0)

    with capture_logs() as logs:
        await at_work._go_on()

    assert [each["files"] for each in logs] == [[str(path.with_name("segment.sqlite"))]]
    assert is_erased(path)


async def test_a_stop_does_not_wait_for_what_can_be_erased_after_the_next_start(
    deliveries: Deliveries, at_work: Suppression, path: Path
) -> None:
    note(path, [ADA], 1.0)
    deliveries.is_erasing.clear()
    stop = asyncio.Event()
    running = asyncio.create_task(at_work.run(stop))
    await deliveries.asked.wait()

    stop.set()

    async with asyncio.timeout(20):
        await running
    assert not is_erased(path)


@pytest.mark.parametrize("id", ["", " \t"])
def test_an_empty_id_is_refused(id: str) -> None:
    """Who wrote "$ID" without having set it was told that the person was suppressed."""
    with pytest.raises(OperatorError, match="an id is empty"):
        _people(["ada", id], False)


def test_an_id_of_an_event_is_no_command_of_the_shell() -> None:
    """Whoever sends events chooses the ids in the command that the operator is told to run. Nor is it an option of it."""
    ids = ["--config=x", "$(reboot)", "two words"]

    _, *told = _told_of({"events": 1, "anonymous_ids": ids, "aliases": ids, "problems": []}, ["ada"])

    assert [each.partition("router suppressed ")[2] for each in told] == [
        "add --anonymous -- --config=x '$(reboot)' 'two words'",
        "add -- --config=x '$(reboot)' 'two words' (anonymousIds with --anonymous)",
    ]


@pytest.mark.parametrize(
    ("lifted", "asked", "told"),
    [
        pytest.param(2, 2, ["2 of 2 struck off: their events are taken again."], id="all"),
        pytest.param(
            1,
            2,
            [
                "1 of 2 struck off: their events are taken again.",
                "1 not suppressed under such an id; those who are: router suppressed list",
            ],
            id="one has a slip in it",
        ),
        pytest.param(
            0,
            1,
            ["0 of 1 struck off.", "1 not suppressed under such an id; those who are: router suppressed list"],
            id="none",
        ),
    ],
)
def test_an_id_that_nobody_is_suppressed_under_is_not_said_to_be_taken_again(
    lifted: int, asked: int, told: list[str]
) -> None:
    assert list(_told_of_lifted(lifted, asked)) == told
