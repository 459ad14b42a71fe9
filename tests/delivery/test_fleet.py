"""All destinations together, over a real log: where each begins, what of the log is held for it, and what it gives up."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.admin.operations import Operations
from router.clock import PATIENCE_S
from router.delivery.assignment import Assignment
from router.delivery.fleet import Fleet
from router.delivery.ledger import Books, Ledger
from router.delivery.sending.http_send import HttpSend
from router.delivery.state.changes import Changes, Place, Tries
from router.delivery.state.directory import StateDirectory
from router.delivery.state.file import StateFile
from router.delivery.state.state import StateUnusable
from router.delivery.watchdog import Watchdog
from router.delivery.way import Ways
from router.delivery.worker import Worker
from router.errors import OperatorError
from router.plugin import Response
from router.source_choice import SourceChoice
from tests.delivery.harness import until
from tests.delivery.stand import DAY_S, DOWN, MANY, UP, Stand, assignment


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    await stand.close()


def choosing(**choice: frozenset[str]) -> Assignment:
    return replace(DOWN, destination=replace(DOWN.destination, sources=SourceChoice(**choice)))


WEBSITE = frozenset({"website"})
NOBODY: frozenset[str] = frozenset()


# --- whose events it takes ---


async def test_a_source_that_is_gone_still_leaves_out_whom_it_left_out(stand: Stand) -> None:
    """What is pending of it goes where it said, over a restart too; and where it says otherwise, once it is back."""
    await stand.open(choosing(never=WEBSITE, known=WEBSITE))

    await stand.fleet.apply([choosing(known=NOBODY)])
    await stand.add(3)
    await until(lambda: stand.books("down").skipped == 3)
    await stand.close()
    await stand.open(choosing(known=NOBODY))
    await stand.add(2)
    await until(lambda: stand.books("down").skipped == 5)
    assert stand.fleet.unknown_sources.names == ["website"]
    operations = Operations(stand.log, stand.states, [choosing(known=NOBODY)], stand.clock)
    operations.set_fleet(stand.fleet)
    [plan] = await operations.calls()["plan-replay"]("down")
    told = await operations.calls()["rehearse"]("down", plan["kind"], plan["spec"])
    assert list(told["outlook"]["skip"]) == [
        "source: website is left out, by its own `destinations` or by `sources` of down"
    ]

    await stand.fleet.apply([choosing(known=WEBSITE)])
    await stand.add(4)
    await stand.fleet.apply([choosing(known=NOBODY)])
    assert (stand.books("down").skipped, stand.books("down").pending) == (5, 4)


async def test_partitions_that_remember_different_sources_share_the_limits_of_a_destination_all_the_same(
    tmp_path: Path,
) -> None:
    stands = [Stand(tmp_path / "0"), Stand(tmp_path / "1")]
    await stands[0].open(choosing(never=WEBSITE, known=WEBSITE))
    await stands[0].fleet.stop()
    await stands[1].open()
    ways = Ways(stands[0].clock, random.Random(7))
    for stand in stands:
        stand.fleet = Fleet(stand.log, stand.states, stand.clock, random.Random(7), ways=ways)
        await stand.fleet.apply([choosing(known=NOBODY)])

    one, other = (stand.fleet.berths["down"] for stand in stands)

    assert one.destination != other.destination
    assert one.way is other.way
    for stand in stands:
        await stand.close()


# --- where a destination begins ---


@pytest.mark.parametrize(
    ("options", "pending"),
    [
        pytest.param({}, 0, id="now"),
        pytest.param({"starts_at_beginning": True}, 30, id="beginning"),
    ],
)
async def test_a_new_destination_begins_now_or_with_all_there_is(
    stand: Stand, options: dict[str, Any], pending: int
) -> None:
    await stand.open()
    await stand.add(30)

    await stand.fleet.apply([assignment("down", **options)])

    assert stand.books("down") == Books(accepted=pending, delivered=0, skipped=0, dead=0, pending=pending)


async def test_start_beginning_counts_from_what_the_log_still_has(stand: Stand) -> None:
    """Not as dead letters what retention took before anybody asked for it."""
    await stand.open()
    await stand.add(MANY)
    start = await stand.trim()
    assert 1 < start <= MANY

    await stand.fleet.apply([assignment("up", is_opt_in=True, starts_at_beginning=True)])
    await until(stand.has_kept_up("up"))

    kept = MANY - start + 1
    assert stand.books("up") == Books(accepted=kept, delivered=0, skipped=kept, dead=0, pending=0)


async def test_a_state_that_is_gone_makes_a_destination_new(stand: Stand) -> None:
    """What the message about a state that can't be used advises: it begins anew from the end of the log."""
    await stand.open(DOWN)
    await stand.add(30)
    await stand.close()
    for file in stand.directory.glob("destinations/down.sqlite*"):
        file.unlink()

    await stand.open(DOWN)
    await stand.add(5)

    assert stand.books("down").accepted == 5


async def test_a_position_past_the_end_of_the_log_stops_the_start_up(stand: Stand) -> None:
    """The log came from an older backup: its numbers would be given out again, and those events never be delivered."""
    await stand.open(UP)
    await stand.add(30)
    await until(stand.has_kept_up("up"))
    await stand.close()
    state = StateFile.open(stand.states.path("up"), stand.log.id)
    state._connection.execute("UPDATE positions SET position = 31")
    state.close()

    with pytest.raises(OperatorError, match=r"up\.sqlite: the position 31 is past the end of the log \(30\).*backup"):
        await stand.open(UP, DOWN)

    assert list(stand.fleet.berths) == ["down"]


async def test_promise_2_a_plugin_that_cannot_be_loaded_just_now_stops_none_of_the_others(stand: Stand) -> None:
    """Its destination is named, has its place from now on, and starts once the plugin can be used. Until then nothing is
    sent again, for what would be sent is not known."""
    bad = assignment("bad")
    absent = replace(bad, obstacle="plugin fake: SyntaxError")
    await stand.open(absent, UP)
    operations = Operations(stand.log, stand.states, [absent, UP], stand.clock, stand.fleet)
    await stand.add(10)
    await until(stand.has_kept_up("up"))

    assert stand.fleet.problems == {"bad": "plugin fake: SyntaxError"}
    with pytest.raises(OperatorError, match="bad could not start: plugin fake: SyntaxError"):
        await operations.calls()["plan-replay"]("bad")
    [event] = (await operations.trace("m1"))["events"]
    assert event["destinations"][0]["reason"] == "the destination is unusable: plugin fake: SyntaxError"
    up = stand.fleet.berths["up"]
    await stand.fleet.retry([bad, UP])

    assert stand.fleet.problems == {}
    assert stand.fleet.berths["up"] is up
    assert stand.books("bad").pending == 10


async def test_promise_2_a_state_that_cannot_be_used_stops_none_of_the_others(stand: Stand) -> None:
    """Those that are well are at work; the bad ones are named, and start when they can, from the end of the log."""
    (stand.directory / "destinations").mkdir()
    for name in ("bad", "worse"):
        (stand.directory / "destinations" / f"{name}.sqlite").write_text("no database" * 1_000)

    with capture_logs() as logs:
        await stand.open(assignment("bad"), UP, assignment("worse"))
        await stand.add(3)
        await until(stand.has_kept_up("up"))
        await stand.fleet.retry()

    assert sorted(stand.fleet.problems) == ["bad", "worse"]
    assert "bad.sqlite: the state of this destination can't be read" in stand.fleet.problems["bad"]
    told = [line["destination"] for line in logs if line["event"].startswith("destination can't start")]
    assert told == ["bad", "worse"]

    stand.states.path("bad").unlink()
    await stand.fleet.retry()
    assert list(stand.fleet.problems) == ["worse"]
    assert stand.books("bad").accepted == 0


@pytest.mark.parametrize("is_known", [True, False], ids=["its state is there", "it never was"])
async def test_a_new_name_takes_over_the_state_of_the_old_one(stand: Stand, is_known: bool) -> None:
    await stand.open(DOWN) if is_known else await stand.open()
    await stand.add(30)

    await stand.fleet.apply([assignment("new", formerly="down")])

    assert stand.books("new").pending == (30 if is_known else 0)
    assert not stand.states.path("down").exists()


async def test_a_former_name_that_comes_too_late_is_told_of(stand: Stand) -> None:
    """What was pending under it stayed where it was, without a word."""
    await stand.open(DOWN)
    await stand.add(30)
    await stand.fleet.apply([assignment("new")])
    with capture_logs() as log:
        await stand.fleet.apply([assignment("new", formerly="down")])

    assert [(line["destination"], line["formerly"]) for line in log] == [("new", "down")]
    assert stand.books("new").pending == 0

    await stand.fleet.apply([])
    stand.states.forget("new")
    with capture_logs() as log:
        await stand.fleet.apply([assignment("new", formerly="down")])
        await stand.fleet.apply([assignment("new", formerly="down", timeout_s=2.0)])

    assert [line["event"] for line in log if line.get("formerly")] == []
    assert stand.books("new").pending == 30


async def test_a_state_belongs_to_one_destination(stand: Stand) -> None:
    await stand.open(DOWN)

    with pytest.raises(OperatorError, match=r'"formerly: down" names a destination that is still in the config'):
        await stand.fleet.apply([DOWN, assignment("new", formerly="down")])


# --- what is held for it ---


async def test_what_one_destination_still_needs_is_kept_whatever_the_others_have(stand: Stand) -> None:
    await stand.open(DOWN, UP)
    await stand.add(MANY)
    await until(stand.has_kept_up("up"))

    assert await stand.trim() == 1

    await stand.fleet.apply([UP])
    assert await stand.trim() > 1


@pytest.mark.parametrize(
    ("disabled_s", "is_held"), [(6 * DAY_S, True), (8 * DAY_S, False)], ids=["within its hold", "after it"]
)
@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
async def test_a_disabled_destination_keeps_its_place_for_its_hold(
    stand: Stand, disabled_s: float, is_held: bool, is_restarted: bool
) -> None:
    """And once that is over, what it misses is a dead letter that says so, as soon as it is enabled again."""
    disabled = replace(UP, is_enabled=False, hold_s=7 * DAY_S)
    await stand.open(disabled)
    await stand.add(MANY)
    stand.clock.passed_s += disabled_s
    if is_restarted:
        await stand.close()
        await stand.open(disabled)
        stand.clock.passed_s += PATIENCE_S

    with capture_logs() as logged:
        start = await stand.trim()
        await stand.trim()
    assert (start == 1) is is_held
    told = [line["destination"] for line in logged if line["event"].startswith("the hold of a disabled destination")]
    assert told == ([] if is_held else ["up"])

    await stand.fleet.apply([UP])
    await until(stand.has_kept_up("up"))
    books = stand.books("up")
    assert (books.dead, books.skipped, books.unaccounted) == (start - 1, MANY - start + 1, 0)
    assert [letter.reason for letter in await stand.letters("up")] == (
        [] if is_held else [f"log expired: events 1 to {start - 1}"]
    )


async def test_promise_2_a_disabled_destination_holds_no_more_of_the_log_than_its_max_backlog(stand: Stand) -> None:
    """Within its hold it kept all there was, until the log was full and every source was answered 503."""
    disabled = replace(UP, is_enabled=False, hold_s=7 * DAY_S)
    await stand.open(disabled)
    await stand.add(MANY)
    assert await stand.trim() == 1

    await stand.fleet.apply([replace(disabled, max_backlog_bytes=stand.log.size_bytes // 3)])
    start = await stand.trim()

    assert MANY // 3 < start < MANY
    await stand.fleet.apply([UP])
    await until(stand.has_kept_up("up"))
    assert [letter.reason for letter in await stand.letters("up")] == [f"log expired: events 1 to {start - 1}"]
    assert stand.books("up").unaccounted == 0


async def test_row_24_a_clock_that_is_set_ahead_ends_no_hold(stand: Stand) -> None:
    """It ends when so much time has passed, by what the clock says then."""
    disabled = replace(UP, is_enabled=False, hold_s=7 * DAY_S)
    await stand.open(disabled)
    await stand.add(MANY)

    stand.clock.wall_s += 30 * DAY_S
    assert await stand.trim() == 1
    await stand.close()
    await stand.open(disabled)
    assert await stand.trim() == 1

    stand.clock.passed_s += 8 * DAY_S
    assert await stand.trim() > 1


async def test_row_24_a_clock_that_was_set_ahead_while_nothing_ran_ends_a_hold_after_an_hour(stand: Stand) -> None:
    """A machine may start with a clock that is wrong, and learn the time only then. A long stop looks the same."""
    stand.clock.speed = 10.0  # an hour is not over before the test looks
    disabled = replace(UP, is_enabled=False, hold_s=7 * DAY_S)
    await stand.open(disabled)
    await stand.add(MANY)
    await stand.close()

    stand.clock.wall_s += 30 * DAY_S
    await stand.open(disabled)
    assert await stand.trim() == 1
    stand.clock.passed_s += PATIENCE_S
    assert await stand.trim() > 1


async def tried_in_vain(stand: Stand) -> Worker:
    """That of a destination that has tried its only event."""
    await stand.open(DOWN)
    await stand.add(1)
    worker = stand.fleet.berths["down"].worker
    assert worker is not None
    await until(lambda: bool(worker.ledger.tries))
    return worker


@pytest.mark.parametrize("is_blocked", [False, True], ids=["failing", "blocked"])
async def test_time_spent_disabled_does_not_count_for_the_retry_windows_and_is_counted_once(
    stand: Stand, is_blocked: bool
) -> None:
    """A block does not count either, and goes on while the destination is disabled."""
    first = await tried_in_vain(stand)
    if is_blocked:
        first._outages.block("401")
    await stand.fleet.apply([replace(DOWN, is_enabled=False)])
    [before] = stand.fleet.berths["down"].ledger.tries.values()

    stand.clock.passed_s += DAY_S
    await stand.fleet.apply([DOWN])
    second = stand.fleet.berths["down"].worker
    assert second is not None
    second._outages.end()

    [after] = second.ledger.tries.values()
    assert DAY_S <= after.first_s - before.first_s <= stand.clock.now() - before.first_s


@pytest.mark.parametrize("jump_s", [-30 * DAY_S, 30 * DAY_S], ids=["back", "ahead"])
@pytest.mark.parametrize("is_blocked", [False, True], ids=["failing", "blocked"])
async def test_row_24_a_clock_that_is_set_while_a_destination_is_disabled_leaves_its_retry_windows_as_they_are(
    stand: Stand, jump_s: float, is_blocked: bool
) -> None:
    first = await tried_in_vain(stand)
    stand.clock.passed_s += DAY_S
    if is_blocked:
        first._outages.block("401")
    await stand.fleet.apply([replace(DOWN, is_enabled=False)])
    [tries] = stand.fleet.berths["down"].ledger.tries.values()
    tried_for_s = stand.clock.now() - tries.first_s

    stand.clock.wall_s += jump_s
    stand.fleet.needed_from()
    stand.clock.passed_s += DAY_S
    await stand.fleet.apply([DOWN])
    second = stand.fleet.berths["down"].worker
    assert second is not None
    second._outages.end()

    [tries] = second.ledger.tries.values()
    assert stand.clock.now() - tries.first_s == pytest.approx(tried_for_s, abs=3_600.0)


async def test_time_spent_disabled_is_counted_once_however_often_it_takes_to_start(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tried_in_vain(stand)
    await stand.fleet.apply([replace(DOWN, is_enabled=False)])
    stand.clock.passed_s += DAY_S
    faults = ["no memory", "no memory"]

    def open_in_the_end(*arguments: Any) -> Ledger:
        if faults:
            raise MemoryError(faults.pop())
        return Ledger(*arguments)

    monkeypatch.setattr("router.delivery.state.opening.Ledger", open_in_the_end)
    await stand.fleet.apply([DOWN])
    while stand.fleet.problems:
        await stand.fleet.retry()

    [tries] = stand.fleet.berths["down"].ledger.tries.values()
    assert tries.first_s < stand.clock.now()


@pytest.mark.parametrize("is_broken_off", [False, True], ids=["the reload goes on", "the reload is broken off"])
async def test_a_stop_lets_what_a_reload_waits_for_land_and_starts_nothing_anew(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, is_broken_off: bool
) -> None:
    is_answered = asyncio.Event()

    async def answer_later(*arguments: Any) -> Response:
        await is_answered.wait()
        return Response(200)

    monkeypatch.setattr(HttpSend, "send", answer_later)
    stand.clock.speed = 0.1  # what a reload lets land has ten seconds of this clock
    await stand.open(DOWN)
    await stand.add(10)
    tally = stand.fleet.berths["down"].ledger.tally
    await until(lambda: tally.under_way > 0)
    under_way = tally.under_way
    change = asyncio.create_task(stand.fleet.apply([replace(DOWN, timeout_s=2.0)]))
    await until(lambda: not stand.fleet.berths)

    stop = asyncio.create_task(stand.fleet.stop(60_000.0))
    await asyncio.sleep(0)
    if is_broken_off:
        change.cancel()
    is_answered.set()
    await asyncio.wait({stop, change})

    assert stand.fleet.berths == {}
    with closing(stand.states.take("down")) as state:
        assert state.counts()["delivered", ""] >= under_way


async def test_no_backlog_holds_up_the_start_of_other_destinations(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway listens once all are there. With eighty backlogs that took six times the work of opening them."""
    told: list[str] = []
    take, start = StateDirectory.take, Worker.start

    def telling_take(self: StateDirectory, name: str, *arguments: Any) -> Any:
        told.append(f"open {name}")
        return take(self, name, *arguments)

    def telling_start(self: Worker) -> None:
        told.append(f"start {self.destination.name}")
        start(self)

    monkeypatch.setattr(StateDirectory, "take", telling_take)
    monkeypatch.setattr(Worker, "start", telling_start)
    await stand.open(DOWN, UP)
    await stand.fleet.apply([DOWN, UP, assignment("new")])

    assert told == ["open down", "open up", "start down", "start up", "open new", "start new"]


async def test_a_destination_that_waits_for_others_to_be_opened_does_not_count_as_stuck(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large state of an older router may take a minute. A supervisor that kills the router then has it begin again."""
    await stand.open()
    await stand.add(3)
    take, may_go_on = StateDirectory.take, threading.Event()

    def slow_take(self: StateDirectory, name: str, *arguments: Any) -> Any:
        if name == "slow":
            may_go_on.wait(10)
        return take(self, name, *arguments)

    monkeypatch.setattr(StateDirectory, "take", slow_take)
    reload = asyncio.create_task(stand.fleet.apply([assignment("quick", starts_at_beginning=True), assignment("slow")]))
    await until(lambda: "quick" in stand.fleet.berths)
    watchdog = Watchdog(iter([0.0, 15.0, 30.0, 45.0]).__next__)
    for _ in range(4):
        watchdog.look(stand.fleet.glances())
    may_go_on.set()
    await reload

    assert watchdog.stuck == []
    assert stand.fleet.glances().keys() == {"quick", "slow"}


@pytest.mark.parametrize("end", ["stop", "abandon"])
async def test_a_fleet_that_has_ended_starts_nothing_any_more(stand: Stand, end: str) -> None:
    """Whoever retries what could not start, or reloads, may not have noticed that the partition is another router's."""
    (stand.directory / "destinations").mkdir()
    (stand.directory / "destinations" / "up.sqlite").write_bytes(b"this is no state" * 1_000)
    await stand.open(DOWN, UP)
    assert list(stand.fleet.problems) == ["up"]

    await getattr(stand.fleet, end)()
    await stand.fleet.retry()
    await stand.fleet.apply([DOWN])

    assert stand.fleet.berths == {}
    assert stand.fleet.needed_from() == {}


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(("stop", "reload"), id="a stop, then a reload"),
        pytest.param(("reload", "stop"), id="a reload, then a stop"),
        pytest.param(("stop", "abandon"), id="a stop, then the claim is lost"),
    ],
)
async def test_a_destination_that_two_want_to_stop_at_one_moment_is_stopped_once(
    stand: Stand, calls: Sequence[str]
) -> None:
    await stand.open(DOWN)
    await stand.add(10)
    fleet = stand.fleet
    all_calls = {"stop": fleet.stop, "reload": lambda: fleet.apply([]), "abandon": fleet.abandon}

    await asyncio.gather(*(all_calls[call]() for call in calls))

    assert fleet.berths == {}
    stand.states.take("down").close()  # nobody has it any more


async def test_what_a_reload_lets_land_is_broken_off_once_another_router_delivers(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would come to the vendor behind what the other one sends of the same user by then."""
    has_left, is_broken_off = asyncio.Event(), asyncio.Event()

    async def never_answer(*arguments: Any) -> Response:
        has_left.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_broken_off.set()
        raise AssertionError

    monkeypatch.setattr(HttpSend, "send", never_answer)
    stand.clock.speed = 0.1  # what lands has ten seconds of this clock: far more than is waited for below
    await stand.open(DOWN)
    await stand.add(1)
    await has_left.wait()
    change = asyncio.create_task(stand.fleet.apply([replace(DOWN, timeout_s=2.0)]))
    await until(lambda: not stand.fleet.berths)

    stand.fleet.cut()
    await asyncio.wait_for(is_broken_off.wait(), 20.0)
    await change


async def test_while_a_destination_changes_nothing_is_given_up(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a reload its place is on disk alone: what it needs must not be taken for needed by nobody."""
    await stand.open(DOWN)
    await stand.add(MANY)
    entered, may_enter = asyncio.Event(), asyncio.Event()
    enter = stand.fleet._enter

    async def enter_later(*arguments: Any) -> None:
        entered.set()
        await may_enter.wait()
        await enter(*arguments)

    monkeypatch.setattr(stand.fleet, "_enter", enter_later)
    change = asyncio.create_task(stand.fleet.apply([replace(DOWN, timeout_s=2.0)]))
    await entered.wait()

    assert await stand.trim() == 1

    may_enter.set()
    await change
    assert stand.books("down").pending == MANY


async def test_of_what_was_abandoned_nothing_is_given_up(stand: Stand) -> None:
    """Another router delivers by now, and knows what it needs; housekeeping here may not have noticed."""
    await stand.open(DOWN)
    await stand.add(MANY)
    ledger = stand.fleet.berths["down"].ledger
    await stand.fleet.abandon()
    await asyncio.to_thread(ledger._thread.shutdown)

    assert await stand.trim() == 1
    await stand.fleet.apply([DOWN])
    assert stand.fleet.berths == {}, "a reload that came too late takes nothing back"


async def test_for_a_destination_that_could_not_start_everything_is_kept(stand: Stand) -> None:
    """Until it is mended or leaves the config: nobody knows how far it was. But no more than its max_backlog: the log was
    full of what one damaged file might need, and every source was answered 503."""
    await stand.open(DOWN)
    await stand.add(MANY)
    stand.states.path("bad").write_text("no database" * 1_000)
    await stand.fleet.apply([UP, assignment("bad")])
    await until(stand.has_kept_up("up"))

    assert await stand.trim() == 1

    await stand.fleet.apply([UP, replace(assignment("bad"), max_backlog_bytes=stand.log.size_bytes // 2)])
    assert MANY // 4 < (start := await stand.trim()) < MANY

    await stand.fleet.apply([UP])
    assert await stand.trim() > start


# --- what it gives up ---


async def test_a_backlog_beyond_its_bound_dies_oldest_first_and_lets_go_of_the_log(stand: Stand) -> None:
    """Those that were read already too: a few of them, waiting for a vendor that is down, would hold all the rest."""
    await stand.open(DOWN)
    await stand.add(MANY)
    worker = stand.fleet.berths["down"].worker
    assert worker is not None
    await until(lambda: not worker.pace.is_going)

    def has_shed(last: int) -> bool:
        worker.shed(0, last)
        return stand.books("down").dead >= last

    await until(lambda: has_shed(90))

    letters = await stand.letters("down")
    assert sorted(letter.record.sequence for letter in letters) == list(range(1, 91))
    assert {letter.reason for letter in letters} == {"max_backlog: the backlog grew past what is configured"}
    assert all(letter.record.event for letter in letters)
    assert await stand.trim() > 60
    assert stand.books("down") == Books(accepted=MANY, delivered=0, skipped=0, dead=90, pending=MANY - 90)


async def test_promise_2_a_state_that_says_what_nobody_wrote_stops_none_of_the_others(stand: Stand) -> None:
    """SQLite finds nothing wrong with it. It starts as soon as that is mended."""
    await stand.open(assignment("bad"))
    await stand.fleet.apply([])
    path = stand.states.path("bad")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('disabled_since_s', '17O0.5')")

    await stand.fleet.apply([assignment("bad"), UP])
    await stand.add(3)
    await until(stand.has_kept_up("up"))
    assert "could not convert string to float" in stand.fleet.problems["bad"]
    assert stand.fleet.needed_from() == {0: 1}

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'disabled_since_s'")
    await stand.fleet.retry()
    assert (stand.fleet.problems, sorted(stand.fleet.berths)) == ({}, ["bad", "up"])


@pytest.mark.parametrize("is_written", [True, False], ids=["written, and the answer lost", "not written"])
async def test_time_spent_disabled_counts_once_however_many_tries_a_start_takes(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    await stand.open()
    await stand.add(1)
    await stand.fleet.stop()
    now = stand.clock.now()
    with closing(stand.states.take("down")) as state:
        state.commit(
            Changes(tries={Place(0, 1): Tries(now - 90.0, 2)}, meta={"disabled_since_s": str(now - 60.0)}),
        )
    commit, failures = StateFile.commit, [1]

    def fail(state: StateFile, changes: Changes) -> None:
        if not failures:
            return commit(state, changes)
        failures.pop()
        if is_written:
            commit(state, changes)
        raise StateUnusable("the cluster does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "commit", fail)
        patch.setattr(stand.clock, "now", lambda: now)
        fleet = Fleet(stand.log, stand.states, stand.clock, random.Random(7))
        await fleet.apply([DOWN])
        assert list(fleet.problems) == ["down"]
        await fleet.retry()
        firsts = [tries.first_s for tries in fleet.berths["down"].ledger.tries.values()]
        await fleet.stop()

    assert firsts == [now - 30.0]


# --- one process at a time ---


async def test_what_another_process_delivers_to_is_left_to_it_and_taken_up_when_it_lets_go(stand: Stand) -> None:
    await stand.open(DOWN)
    await stand.add(10)
    second = Fleet(stand.log, stand.states, stand.clock, random.Random(7))

    await second.apply([DOWN, UP])

    assert sorted(second.problems) == ["down"]
    assert "another process" in second.problems["down"]
    assert second.needed_from() == {0: 1}
    await stand.fleet.stop()
    await second.retry()
    assert (second.problems, second.berths["down"].ledger.books(stand.log.end).pending) == ({}, 10)
    await second.stop()


# --- what the watchdog is told ---


async def test_no_alarm_is_given_while_a_request_takes_as_long_as_its_plugin_allows(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.open(UP)
    berth = stand.fleet.berths["up"]
    asked: list[float] = []
    assert berth.way is not None
    monkeypatch.setattr(berth.worker, "glance", asked.append)

    stand.fleet.glances()
    berth.way.send.longest_s = 120.0
    stand.fleet.glances()

    assert asked == [UP.timeout_s, 120.0]
