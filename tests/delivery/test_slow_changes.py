"""Changes of the fleet that take long: a state that is slow to open, a request that is slow to be answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.admin.metrics import BooksCollector
from router.delivery import fleet, openings
from router.delivery.sending.http_send import HttpSend
from router.delivery.state.changes import Changes
from router.delivery.state.directory import StateDirectory
from router.delivery.state.file import StateFile
from router.delivery.state.state import StateUnusable
from router.errors import OperatorError
from router.plugin import Response
from tests.delivery.harness import until
from tests.delivery.stand import DOWN, UP, Stand, assignment

TOLD = "a destination takes long to start or to change; until that is done its events wait. The others go on"
STARTED = "destination starts after all"


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    await stand.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "SLOW_S", 0.05)
    monkeypatch.setattr(fleet, "APPLY_S", 0.2)


@pytest.fixture
def may_open(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set it, and the state of ``slow`` opens."""
    take, may_open = StateDirectory.take, threading.Event()

    def take_slowly(self: StateDirectory, name: str, *arguments: Any) -> Any:
        if name == "slow":
            may_open.wait(10.0)
        return take(self, name, *arguments)

    monkeypatch.setattr(StateDirectory, "take", take_slowly)
    return may_open


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> SlowVendor:
    vendor = SlowVendor()
    monkeypatch.setattr(HttpSend, "send", lambda send, *arguments: vendor.send(send))
    return vendor


class SlowVendor:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.taken = self.broken_off = self.under_way = 0
        self.needed_s = 0.0
        """How long a request may take, if that is longer than usual."""

    async def send(self, send: HttpSend) -> Response:
        send.longest_s = max(send.longest_s, self.needed_s)
        self.under_way += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        finally:
            self.under_way -= 1
        self.taken += 1
        return Response(200)


CHANGED = replace(DOWN, timeout_s=2.0)
MANY_S = 100_000.0
"""Far more seconds of the fast clock than a test takes."""


def is_free(stand: Stand, name: str) -> bool:
    """Whether nobody delivers to it."""
    try:
        stand.states.take(name).close()
    except StateUnusable:
        return False
    return True


# --- a state that is slow to open ---


@pytest.mark.parametrize("names", [("slow", "quick"), ("quick", "slow")], ids=" then ".join)
async def test_promise_2_a_state_that_opens_slowly_holds_up_no_other_destination(
    stand: Stand, may_open: threading.Event, names: tuple[str, ...]
) -> None:
    """Neither at a start, which goes on to take events, nor at a reload. It starts once it is open."""
    await stand.open(UP)
    await stand.add(3)
    wanted = [assignment(name, is_opt_in=True, starts_at_beginning=True) for name in names]

    with capture_logs() as told:
        await stand.fleet.apply([UP, *wanted])
        await until(lambda: "quick" in stand.fleet.berths)  # on a busy machine that takes a moment more
        await until(stand.has_kept_up("quick"))
        assert sorted(stand.fleet.berths) == ["quick", "up"]
        assert stand.fleet.problems == {}
        assert stand.fleet.needed_from() == {0: 1}
        may_open.set()
        await until(lambda: "slow" in stand.fleet.berths)
        await until(stand.has_kept_up("slow"))

    of_slow = [(line["event"], line.get("waits_for")) for line in told if line["destination"] == "slow"]
    assert of_slow == [(TOLD, "its state to be opened"), (STARTED, None)]


async def test_a_new_destination_whose_state_opens_slowly_begins_where_the_log_ended_before(
    stand: Stand, may_open: threading.Event
) -> None:
    """It begins with the next event, as is said, and not with one of a minute later."""
    await stand.open()
    await stand.add(5)
    await stand.fleet.apply([assignment("slow")])
    await stand.add(3)

    may_open.set()

    await until(lambda: "slow" in stand.fleet.berths)
    assert stand.books("slow").accepted == 3


async def test_a_state_that_opens_slowly_and_can_not_be_used_is_told_of_when_that_is_known(
    stand: Stand, may_open: threading.Event
) -> None:
    (stand.directory / "destinations").mkdir()
    stand.directory.joinpath("destinations", "slow.sqlite").write_text("no database" * 1_000)
    await stand.open(assignment("slow"), UP)

    may_open.set()

    await until(lambda: "slow" in stand.fleet.problems)
    await stand.fleet.retry()
    assert "slow.sqlite: the state of this destination can't be read" in stand.fleet.problems["slow"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param([], [], id="taken out"),
        pytest.param([assignment("slow", timeout_s=3.0)], ["slow"], id="changed"),
        pytest.param([assignment("new", formerly="slow")], ["new"], id="renamed"),
    ],
)
async def test_a_destination_whose_state_is_being_opened_becomes_what_is_wanted_by_then(
    stand: Stand, may_open: threading.Event, wanted: list[Any], names: list[str]
) -> None:
    may_open.set()
    await stand.open(assignment("slow"))
    await stand.add(3)
    await stand.fleet.apply([])
    may_open.clear()
    await stand.fleet.apply([assignment("slow")])
    assert not stand.fleet.berths

    await stand.fleet.apply(wanted)
    may_open.set()

    await until(lambda: not stand.fleet._entering and not stand.fleet._landing)
    assert [berth.assignment for berth in stand.fleet.berths.values()] == wanted
    assert list(stand.fleet.berths) == names
    assert [stand.books(name).pending for name in names] == [3] * len(names)
    assert stand.fleet.problems == {}


async def test_a_destination_that_is_taken_out_while_its_state_opens_is_let_go_of_without_a_word(
    stand: Stand, may_open: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to start after all, and then that requests of it were under way."""
    await stand.open(assignment("slow"))
    monkeypatch.setattr(fleet, "APPLY_S", 5.0)

    with capture_logs() as told:
        change = asyncio.create_task(stand.fleet.apply([]))
        await until(lambda: stand.fleet._wanted == {})
        may_open.set()
        await change

    assert told == []
    assert stand.fleet.berths == {}
    assert is_free(stand, "slow")


async def test_a_stop_does_not_wait_for_a_state_that_opens_slowly_and_it_is_let_go_of(
    stand: Stand, may_open: threading.Event
) -> None:
    await stand.open(assignment("slow"), UP)

    await asyncio.wait_for(stand.fleet.stop(0.1), 5.0)
    assert stand.fleet.berths == {}
    may_open.set()

    await until(lambda: is_free(stand, "slow"))
    assert stand.fleet.berths == {}


# --- a request that is slow to be answered ---


async def in_flight(stand: Stand, vendor: SlowVendor) -> None:
    await stand.open(DOWN)
    await stand.add(10)
    await until(lambda: vendor.under_way > 0)


async def test_promise_2_a_request_that_a_change_waits_for_holds_up_no_other_destination(
    stand: Stand, vendor: SlowVendor
) -> None:
    """And it is said that what was wanted before may still be sent: somebody may have been suppressed."""
    stand.clock.speed = 1.0
    up = replace(UP, timeout_s=2.0)
    await in_flight(stand, vendor)
    await stand.fleet.apply([DOWN, UP])
    with capture_logs() as told, pytest.raises(OperatorError, match="down: its requests that are under way"):
        await stand.fleet.apply([CHANGED, up])
    await stand.add(3)
    await until(stand.has_kept_up("up"))
    assert stand.fleet.berths["up"].assignment == up
    assert [(line["event"], line["destination"], line["waits_for"]) for line in told] == [
        (TOLD, "down", "requests under way")
    ]
    with pytest.raises(OperatorError, match="down: its requests that are under way"):
        await stand.fleet.apply([replace(CHANGED, timeout_s=3.0), up])

    vendor.may_answer.set()

    await until(lambda: "down" in stand.fleet.berths)
    assert stand.fleet.berths["down"].assignment.timeout_s == 3.0
    await until(lambda: stand.books("down").delivered == 13)
    assert vendor.broken_off == 0


async def test_a_new_name_waits_for_what_is_under_way_for_the_old_one(stand: Stand, vendor: SlowVendor) -> None:
    stand.clock.speed = 1.0
    await in_flight(stand, vendor)
    with pytest.raises(OperatorError):
        await stand.fleet.apply([UP, assignment("new", formerly="down")])
    await until(lambda: list(stand.fleet.berths) == ["up"])  # on a busy machine that takes a moment more

    vendor.may_answer.set()

    await until(lambda: "new" in stand.fleet.berths)
    await until(lambda: stand.books("new").delivered == 10)
    assert stand.fleet.problems == {}


async def test_a_change_waits_for_a_request_as_long_as_that_may_take(stand: Stand, vendor: SlowVendor) -> None:
    """One that is broken off may have been taken, and is sent again."""
    vendor.needed_s = 120.0
    await in_flight(stand, vendor)
    began_s = stand.clock.monotonic()

    change = asyncio.create_task(stand.fleet.apply([CHANGED]))
    await until(lambda: stand.clock.monotonic() > began_s + 100.0)
    vendor.may_answer.set()
    await asyncio.wait({change})

    await until(lambda: "down" in stand.fleet.berths)
    assert vendor.broken_off == 0


async def test_a_change_waits_for_no_request_for_longer_than_that_may_take(stand: Stand, vendor: SlowVendor) -> None:
    await in_flight(stand, vendor)

    change = asyncio.create_task(stand.fleet.apply([CHANGED]))

    await until(lambda: vendor.broken_off > 0)
    await asyncio.wait({change})


@pytest.mark.parametrize("end", ["stop", "abandon"])
async def test_a_stop_waits_for_what_a_change_lets_land_no_longer_than_for_the_rest(
    stand: Stand, vendor: SlowVendor, end: str
) -> None:
    """A supervisor kills a router that takes long to end."""
    vendor.needed_s = MANY_S
    await in_flight(stand, vendor)
    change = asyncio.create_task(stand.fleet.apply([CHANGED]))
    await until(lambda: not stand.fleet.berths)

    ends: dict[str, Callable[[], Any]] = {"stop": lambda: stand.fleet.stop(50.0), "abandon": stand.fleet.abandon}
    await asyncio.wait_for(ends[end](), 5.0)

    assert vendor.broken_off > 0
    await asyncio.wait({change})
    assert stand.fleet.berths == {}
    await until(lambda: is_free(stand, "down"))


@pytest.mark.parametrize("slow_is", ["a request", "an opening"])
async def test_housekeeping_waits_neither_for_requests_of_a_change_nor_for_a_state_that_opens_slowly(
    stand: Stand, vendor: SlowVendor, may_open: threading.Event, monkeypatch: pytest.MonkeyPatch, slow_is: str
) -> None:
    """A stop waits for it: with ten seconds for each of them, an exit took longer than a supervisor waits."""
    monkeypatch.setattr(fleet, "APPLY_S", 5.0)
    monkeypatch.setattr(fleet, "RETRY_S", 0.1)
    stand.clock.speed = 1.0
    (stand.directory / "destinations").mkdir()
    damaged = stand.directory / "destinations" / "slow.sqlite"
    damaged.write_text("no database" * 1_000)
    may_open.set()
    await in_flight(stand, vendor)
    await stand.fleet.apply([DOWN, assignment("slow")])
    assert list(stand.fleet.problems) == ["slow"]
    change = asyncio.create_task(asyncio.sleep(0))
    if slow_is == "a request":
        change = asyncio.create_task(stand.fleet.apply([CHANGED, assignment("slow")]))
        await until(lambda: not stand.fleet.berths and list(stand.fleet.problems) == ["slow"])
    else:
        may_open.clear()

    await asyncio.wait_for(stand.fleet.retry(), 2.0)

    assert change.done() == (slow_is == "an opening")
    may_open.set()
    vendor.may_answer.set()
    await asyncio.wait({change})


# --- what is shown meanwhile ---


def metrics_of(stand: Stand) -> dict[str, float]:
    """What a scrape has of ``down`` and ``slow``: their accepted events, and the states they are in."""
    collector = BooksCollector(stand.fleet, stand.log, stand.clock)
    samples = [sample for family in collector.collect() for sample in family.samples]
    return {
        f"{sample.labels['destination']} {sample.labels.get('state', 'accepted')}": sample.value
        for sample in samples
        if sample.labels.get("destination") in ("down", "slow")
        and (sample.name == "router_destination_accepted_total" or (sample.labels.get("state") and sample.value))
    }


async def test_counters_of_a_destination_stay_while_it_changes_and_go_when_it_is_taken_out(
    stand: Stand, vendor: SlowVendor, may_open: threading.Event
) -> None:
    """A rate over a counter that went and came back began anew each time."""
    stand.clock.speed = 1.0
    slow = assignment("slow", is_opt_in=True)
    may_open.set()
    await stand.open(DOWN, slow)
    await stand.add(10)
    await until(lambda: vendor.under_way > 0)
    before = metrics_of(stand)
    assert before == {"down accepted": 10, "down going": 1, "slow accepted": 10, "slow going": 1}
    may_open.clear()

    with pytest.raises(OperatorError):
        await stand.fleet.apply([CHANGED, replace(slow, timeout_s=2.0)])
    assert sorted(stand.fleet.berths) == []
    await BooksCollector(stand.fleet, stand.log, stand.clock).refresh()  # of what is closed by now, too
    assert metrics_of(stand) == before
    await stand.add(5)
    assert metrics_of(stand)["slow accepted"] == 15

    with pytest.raises(OperatorError):
        await stand.fleet.apply([])
    assert metrics_of(stand) == {}
    may_open.set()
    vendor.may_answer.set()
    await until(lambda: not stand.fleet._entering and not stand.fleet._landing)
    assert metrics_of(stand) == {}


async def test_what_requests_were_like_is_counted_from_the_start_whatever_changes(
    stand: Stand, vendor: SlowVendor
) -> None:
    """After each reload, and each suppression, `router status` told of a few requests "since the start"."""
    vendor.may_answer.set()
    await stand.open(DOWN)
    for timeout_s in (2.0, 3.0):
        await stand.add(3)
        await until(stand.has_kept_up("down"))
        await stand.fleet.apply([replace(DOWN, timeout_s=timeout_s)])
        await until(lambda: "down" in stand.fleet.berths)  # on a busy machine that takes a moment more

    tally = stand.fleet.berths["down"].ledger.tally
    assert tally.attempts == {"2xx": vendor.taken}
    assert tally.latencies_s.count == 6
    worker = stand.fleet.berths["down"].worker
    assert worker is not None
    assert worker.ledger.tally is tally


async def test_a_destination_that_can_not_start_any_more_is_unusable_until_it_has_started(
    stand: Stand, may_open: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not while it was tried again, so that an alert began anew. Its counters stay."""

    def refuse(self: StateDirectory, name: str, *arguments: Any) -> Any:
        raise StateUnusable("the disk refuses it")

    slow = assignment("slow", is_opt_in=True)
    may_open.set()
    await stand.open(slow)
    await stand.add(3)
    with monkeypatch.context() as patched:
        patched.setattr(StateDirectory, "take", refuse)
        await stand.fleet.apply([replace(slow, timeout_s=2.0)])
    assert metrics_of(stand) == {"slow accepted": 3, "slow unusable": 1}
    may_open.clear()

    await stand.fleet.retry()

    assert metrics_of(stand) == {"slow accepted": 3, "slow unusable": 1}
    may_open.set()
    await until(lambda: metrics_of(stand) == {"slow accepted": 3, "slow going": 1})
    assert stand.fleet.problems == {}


async def test_a_state_that_hangs_while_its_destination_changes_is_told_of(
    stand: Stand, vendor: SlowVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/health` was green, and nothing was delivered any more."""
    commit, may_write = StateFile.commit, threading.Event()

    def commit_slowly(self: StateFile, changes: Changes) -> None:
        may_write.wait(10.0)
        commit(self, changes)

    await in_flight(stand, vendor)
    assert stand.fleet.broken == []
    monkeypatch.setattr(StateFile, "commit", commit_slowly)
    change = asyncio.create_task(stand.fleet.apply([CHANGED]))
    await until(lambda: not stand.fleet.berths)
    vendor.may_answer.set()

    await until(lambda: stand.fleet.broken == ["ledger down: a write of the state hangs"])
    assert not stand.fleet.berths

    may_write.set()
    await asyncio.wait({change})
    await until(lambda: "down" in stand.fleet.berths)
    assert stand.fleet.broken == []


async def test_who_waits_for_a_change_is_answered_when_the_fleet_ends(
    stand: Stand, vendor: SlowVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that delivers was killed before its flights had landed: its server waited for the answer to a reload."""
    monkeypatch.setattr(fleet, "APPLY_S", 60.0)
    stand.clock.speed = 1.0
    await in_flight(stand, vendor)
    change = asyncio.create_task(stand.fleet.apply([CHANGED]))
    await until(lambda: not stand.fleet.berths)

    stand.fleet.end()

    await asyncio.wait_for(change, 2.0)
    assert vendor.broken_off == 0
    vendor.may_answer.set()


# --- changes that come faster than batches leave ---


async def test_no_sequence_of_changes_holds_back_for_ever_what_waits_for_its_batch_to_fill(
    stand: Stand, vendor: SlowVendor
) -> None:
    """Each change began that wait anew: with suppressions one after the other, nothing was sent before the last of them."""
    stand.clock.speed = 1.0
    vendor.may_answer.set()
    lingering = replace(DOWN, options=replace(DOWN.options, batch_wait_s=60.0))
    await stand.open(lingering)
    await stand.add(3)

    for number in range(5):
        worker = stand.fleet.berths["down"].worker
        assert worker is not None
        await until(lambda worker=worker: worker.waiting or worker.ledger.counts["delivered", ""])  # type: ignore[misc]
        await stand.fleet.apply([replace(lingering, hold_s=number + 1.0)])

    assert stand.books("down").delivered == 3
    await stand.add(3)
    worker = stand.fleet.berths["down"].worker
    assert worker is not None
    await until(lambda: worker.waiting > 0)
    assert stand.books("down").pending == 3, "it waits as configured once nothing has waited before"
