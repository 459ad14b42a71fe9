"""What operators ask of a running router costs it little: it answers between deliveries."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.admin.hole import without_holes
from router.admin.operations import Operations
from router.delivery.ledger import Ledger
from router.delivery.state import file as state_file
from router.delivery.state.changes import Changes
from router.delivery.state.directory import StateDirectory
from router.delivery.state.file import StateFile
from router.delivery.state.outcome_table import ERASED
from router.delivery.state.state import StateUnusable
from router.delivery.worker import Worker
from router.errors import OperatorError
from router.log.record import Record
from tests.delivery.harness import until
from tests.delivery.stand import DOWN, UP, Stand, assignment
from tests.delivery.state.contract import make_letter, make_record


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    await stand.open(DOWN, UP)
    yield stand
    await stand.close()


async def test_a_status_goes_to_the_thread_of_each_state_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four ways there and back for each of 200 destinations took a tenth of a second of the router's CPU."""
    asked: Counter[str] = Counter()
    ask = Ledger.ask

    async def count(ledger: Ledger, question: Any) -> Any:
        asked[ledger.name] += asyncio.current_task() not in theirs  # and not what the destination itself wants to know
        return await ask(ledger, question)

    await stand.add(10)
    operations = Operations(stand.log, stand.states, [DOWN, UP], stand.clock, stand.fleet)
    theirs = asyncio.all_tasks() - {asyncio.current_task()}
    monkeypatch.setattr(Ledger, "ask", count)

    status = await operations.status()

    assert dict(asked) == {"down": 1, "up": 1}
    assert [each["destination"] for each in status["destinations"]] == ["down", "up"]


async def test_a_log_that_answers_late_is_asked_for_all_destinations_at_one_time(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after another, a hundred would keep an operator waiting for longer than a process may take to answer."""
    all_ask = asyncio.Barrier(2)

    async def late(ledger: Ledger, *given: Any) -> float:
        await all_ask.wait()
        return stand.clock.now()

    operations = Operations(stand.log, stand.states, [DOWN, UP], stand.clock, stand.fleet)
    monkeypatch.setattr(Ledger, "oldest_s", late)

    status = await operations.status()

    assert [each["oldest_pending_s"] is None for each in status["destinations"]] == [False, False]


async def test_row_53_a_job_that_runs_writes_nothing_again_of_what_was_erased(stand: Stand) -> None:
    """It counts reasons in memory, over restarts too, and writes all of them with each event that it has done."""
    words = {"bob": "422 not so", "ada": "400 no one is called Ada Lovelace"}
    letters = [
        replace(make_letter(number, words[user]), record=make_record(number, user, orjson.dumps(event)))
        for number, user in enumerate(["bob", "bob", "bob", "ada"], 4)
        for event in [{"type": "track", "messageId": f"m{number}", "userId": user, "event": "Tested"}]
    ]
    spec = {"up_to": 5, "rate_per_s": 1e-9}
    await stand.close()
    with closing(StateFile.open(stand.directory / "destinations" / "down.sqlite", stand.log.id)) as state:
        job = state.add_job("retry", spec, 4, 1.0)
        reasons = {f"dead: {words['ada']}": 1, f"dead: {words['bob']}": 2}
        state.commit(Changes(dead_letters=letters, jobs={job.id: replace(job, reasons=reasons)}))
    await stand.open(DOWN)
    operations = Operations(stand.log, stand.states, [DOWN], stand.clock, stand.fleet)
    worker = stand.fleet.berths["down"].worker
    assert worker is not None
    await until(lambda: not worker.jobs.is_idle)

    await operations.erase([("userId", "ada")], [])
    worker.jobs.cancel(job.id)
    [told] = await operations.calls()["jobs"](destination="down")

    assert told["reasons"] == {"dead: 422 not so": 2, ERASED: 1}
    for file in stand.directory.glob("destinations/down.sqlite*"):
        assert b"Lovelace" not in file.read_bytes(), file


async def test_people_are_erased_part_by_part(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is a turn of the state's thread: what is delivered meanwhile is noted between two of them."""
    monkeypatch.setattr(state_file, "ERASED_AT_ONCE", 3)
    event = orjson.dumps({"type": "track", "messageId": "m1", "userId": "ada"})
    letters = [replace(make_letter(number), record=make_record(number, event=event)) for number in range(1, 9)]
    ledger = stand.fleet.berths["down"].ledger
    await ledger.ask(lambda state: state.commit(Changes(dead_letters=letters)))
    operations = Operations(stand.log, stand.states, [DOWN, UP], stand.clock, stand.fleet)

    answer = await operations.erase([("userId", "ada")], [])

    assert answer == {"dead_letters": 8, "parked": 0, "problems": []}
    assert await stand.letters("down") == []
    assert ledger.counts["discarded", ""] == 8


async def test_a_job_that_waits_does_so_in_the_status_as_in_the_list(tmp_path: Path) -> None:
    """It was said to be under way."""
    stand, disabled = Stand(tmp_path), assignment("paused", is_enabled=False)
    await stand.open(disabled)
    operations = Operations(stand.log, stand.states, [disabled], stand.clock, stand.fleet)
    await operations.calls()["retry"](destination="paused")

    [told] = (await operations.status())["destinations"]

    assert told["jobs"] == await operations.calls()["jobs"]()
    assert [job["running"] for job in told["jobs"]] == [False]
    await stand.close()


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
async def test_a_disabled_destination_says_for_how_long_its_events_are_kept(tmp_path: Path, is_running: bool) -> None:
    """Nothing told that the hold comes to an end, nor that it had: the events just were not there when it was enabled."""
    stand, disabled = Stand(tmp_path), replace(assignment("paused", is_enabled=False), hold_s=100.0)
    stand.clock.speed = 1.0  # what the machine takes for it counts as little
    await stand.open(disabled)
    fleet = stand.fleet if is_running else None
    operations = Operations(stand.log, stand.states, [disabled], stand.clock, fleet)
    if not is_running:
        await stand.fleet.stop(5_000.0)
    left = []

    for passed_s in (40.0, 90.0):
        stand.clock.passed_s += passed_s
        [told] = (await operations.status())["destinations"]
        left.append(told["hold_left_s"])

    assert left == [pytest.approx(60, abs=20), 0]
    await stand.close()


async def test_a_job_is_under_way_while_a_reload_replaces_its_destination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who followed it was told that the router has stopped, and so was who looked at the destination."""
    stand, landed = Stand(tmp_path), asyncio.Event()
    await stand.open(UP)
    operations = Operations(stand.log, stand.states, [UP], stand.clock, stand.fleet)
    await operations.calls()["replay"](destination="up")

    stop = Worker.stop

    async def land(worker: Worker, deadline_s: float) -> None:
        await landed.wait()
        await stop(worker, deadline_s)

    monkeypatch.setattr(Worker, "stop", land)
    reload = asyncio.create_task(stand.fleet.apply([assignment("up", is_opt_in=True, timeout_s=2.0)]))
    await until(lambda: "up" not in stand.fleet.berths)

    [job] = await operations.calls()["jobs"]()
    [told] = (await operations.status())["destinations"]

    landed.set()
    await reload
    assert job["running"]
    assert (told["state"], told["reason"].partition(":")[0]) == ("stopped", "a start or a reload is under way")
    await stand.close()


async def test_a_new_destination_whose_state_opens_slowly_says_what_it_waits_for(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said that it begins when the router runs, which it did."""
    new, opens, may_open = assignment("new"), threading.Event(), threading.Event()
    take = StateDirectory.take

    def take_late(self: StateDirectory, *arguments: Any) -> Any:
        opens.set()
        may_open.wait(10.0)
        return take(self, *arguments)

    monkeypatch.setattr(StateDirectory, "take", take_late)
    operations = Operations(stand.log, stand.states, [new], stand.clock, stand.fleet)
    start = asyncio.create_task(stand.fleet.apply([new]))
    await until(opens.is_set)

    [told] = (await operations.status())["destinations"]

    may_open.set()
    await start
    assert (told["state"], told["reason"].partition(":")[0]) == ("new", "a start or a reload is under way")


async def test_a_dead_letter_says_nothing_of_today_while_its_plugin_cannot_be_loaded(stand: Stand) -> None:
    """What would be sent of it is not known then; the letter itself is."""
    away = replace(UP, obstacle="plugin fake: SyntaxError")
    stand.fleet.berths["up"].ledger.kill(
        Record(0, 1, "website", "m1", "u1", "track", 0.0, stand._entry(1, 9).event), "400 not this"
    )

    [[then], [now]] = [
        await Operations(stand.log, stand.states, [each], stand.clock, stand.fleet).calls()["dead-letters"]("up", id=1)
        for each in (UP, away)
    ]

    assert "today" in then
    assert now == {key: value for key, value in then.items() if key not in ("today", "warnings")}


async def test_dead_letters_of_a_cause_are_found_without_the_name_of_the_destination(stand: Stand) -> None:
    """The first destination that had none of the cause was the whole answer, and an error."""
    operations = Operations(stand.log, stand.states, [DOWN, UP], stand.clock, stand.fleet)
    record = Record(0, 1, "website", "m1", "u1", "track", 0.0, b"{}")
    stand.fleet.berths["up"].ledger.kill(record, "400 not this")
    [group] = await operations.calls()["causes"]()
    listed = operations.calls()["dead-letters"]

    found = await listed(cause=group["code"])

    assert [(letter["destination"], letter["reason"]) for letter in found] == [("up", "400 not this")]
    assert await listed(cause="nobody") == []
    with pytest.raises(OperatorError, match="down: no dead letter has the cause"):
        await listed("down", cause=group["code"])


async def test_a_trace_says_what_is_odd_about_the_flags_of_an_event(stand: Stand) -> None:
    """Explain did. Who asked why a destination had not got an event saw what its flags say, and not that a name is misspelt."""
    event = {"type": "track", "integrations": {"All": False, "upp": True, "down": "yes"}}
    record = Record(0, 1, "website", "m1", "u1", "track", 0.0, orjson.dumps(event))
    operations = Operations(stand.log, stand.states, [DOWN, UP], stand.clock, stand.fleet)

    traced = await operations.trace_record(record)

    assert traced["warnings"] == [
        'integrations: "down" is the text "yes", expected a boolean or an object; read as off',
        "integrations.upp: names no destination",
    ]


async def test_a_state_that_is_damaged_hides_no_other_destination_from_a_trace(tmp_path: Path) -> None:
    """The whole answer was the error of that one."""
    stand = Stand(tmp_path)
    await stand.open(assignment("hurt"), UP)
    await stand.add(1)
    await stand.close()
    stand.states.path("hurt").write_bytes(b"no database")
    await stand.open(assignment("hurt"), UP)
    operations = Operations(stand.log, stand.states, [assignment("hurt"), UP], stand.clock, stand.fleet)

    [event] = (await operations.trace("m1"))["events"]

    hurt, up = event["destinations"]
    assert hurt["outcome"] == "unusable"
    assert up["outcome"] in ("skipped", "pending")
    assert "can't be read" in hurt["reason"]
    await stand.close()


@pytest.mark.parametrize("first", [0, 8192], ids=["no database", "a page within"])
@pytest.mark.parametrize("has_router", [True, False], ids=["running", "stopped"])
async def test_a_state_that_is_damaged_hides_no_other_destination_from_a_list(
    tmp_path: Path, first: int, has_router: bool
) -> None:
    """All lists without a name were the error of that one; the status of a stopped router was a traceback."""
    stand, both = Stand(tmp_path), [assignment("hurt"), UP]
    await stand.open(*both)
    await stand.add(1)
    stand.fleet.berths["up"].ledger.kill(Record(0, 1, "website", "m1", "u1", "track", 0.0, b"{}"), "400 not this")
    await stand.close()
    path = stand.states.path("hurt")
    path.write_bytes(path.read_bytes()[:first] + b"x" * (path.stat().st_size - first))
    await stand.open(*both)
    operations = Operations(stand.log, stand.states, both, stand.clock, stand.fleet if has_router else None)
    calls = operations.calls()

    states = {each["destination"]: each["state"] for each in (await operations.status())["destinations"]}
    lists = [await calls["causes"](), await calls["dead-letters"](), await calls["dead-letters"](limit=1)]
    await calls["retry"](destination="up")
    lists.append(await calls["jobs"]())

    assert [states["hurt"], states["up"] == "unusable"] == ["unusable", False]
    for listed in lists:
        known, trouble = without_holes(listed)
        assert {each["destination"] for each in known} == {"up"}
        assert "hurt is not in this list" in str(trouble)
    with pytest.raises(StateUnusable):
        await calls["causes"](destination="hurt")
    await stand.close()


async def test_what_a_renamed_destination_takes_over_at_the_next_start_is_not_for_removal(stand: Stand) -> None:
    """Between the change of the name and the start, ``router status`` advised to remove the state that the start needs."""
    renamed = assignment("renamed", formerly="up")
    operations = Operations(stand.log, stand.states, [DOWN, renamed], stand.clock)

    status = await operations.status()
    with pytest.raises(OperatorError, match="renamed takes over the state of up"):
        await operations.forget("up")

    assert (status["removed"], status["destinations"][1]["state"]) == ([], "new")
    assert status["destinations"][1]["reason"] == "it goes on where up was, when the router runs"
    assert stand.states.has("up")


async def test_nothing_but_the_state_of_a_destination_can_be_removed(stand: Stand) -> None:
    """As a name, ``../log/segment-…`` removed a part of the log, with events that nobody had yet."""
    operations = Operations(stand.log, stand.states, [DOWN], stand.clock)
    other = stand.states.path("../other")
    other.write_bytes(b"")

    with pytest.raises(OperatorError, match="no state is kept for"):
        await operations.forget("../other")

    assert other.exists()
