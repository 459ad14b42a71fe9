"""Replays: events of the log sent again, booked apart, behind live traffic, resumed after a crash (row 34 of the battery)."""

from __future__ import annotations

import random
import sqlite3
import statistics
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import Interruption, check_books, check_delivered, check_repeats_straddle, interruption
from tests.system.evidence import find_changed_keys
from tests.system.harness import Router, Stage, Vendor, until
from tests.system.history import fill_log
from tests.system.test_dead_letters import jobs_are_done

DAY_S = 86_400.0
STILL_S = 0.5


def sent_after(vendor: Vendor, begin: int) -> list[str]:
    return sorted(sighting.label for sighting in vendor.arrivals()[begin:])


def call_of(label: str, **changes: Any) -> dict[str, Any]:
    facts = {"label": label}
    return {
        "type": "track",
        "userId": label.rpartition("-")[0],
        "event": "Step Done",
        "messageId": label,
        "properties": facts,
        **changes,
    }


@pytest.mark.timeout(60)
def test_a_replay_sends_what_its_filters_choose_and_the_flags_still_decide(stage: Stage) -> None:
    """By source, type, name, user, outcome and time of receipt; an event whose flags say no is skipped again. The books
    don't move."""
    [vendor] = stage.vendors("customerio")
    router = stage.router(
        {"customerio": vendor.destination()},
        sources={"website": {"write_key": "demo"}, "app": {"write_key": "app-key"}},
    )
    router.post(call_of("user001-00001"))
    router.post(call_of("user001-00002", integrations={"All": False}))
    router.post(call_of("user002-00001", event="Paid"), key="app-key")
    router.post(
        {"type": "identify", "userId": "user002", "messageId": "user002-00005", "traits": {"label": "user002-00005"}}
    )
    router.until_settled()
    between = datetime.now(UTC).isoformat()
    router.post(call_of("user001-00003"))
    router.until_settled()
    books = router.books("customerio")

    def replay(*options: str) -> tuple[list[str], dict[str, int]]:
        begin = len(vendor.arrivals())
        [job] = stage.command("replay", "customerio", "--live", "--json", *options).json
        assert job["state"] == "done"
        return sent_after(vendor, begin), job["counts"]

    assert replay("--source", "app") == (["user002-00001"], {"delivered": 1})
    assert replay("--type", "identify", "--type", "group") == (["user002-00005"], {"delivered": 1})
    assert replay("--event", "Paid") == (["user002-00001"], {"delivered": 1})
    assert replay("--user", "user001") == (["user001-00001", "user001-00003"], {"delivered": 2, "skipped": 1})
    assert replay("--outcome", "skipped") == ([], {"skipped": 1})
    assert replay("--since", between) == (["user001-00003"], {"delivered": 1})
    assert replay("--until", between, "--user", "user001") == (["user001-00001"], {"delivered": 1, "skipped": 1})
    assert replay("--since", "2020-01-01", "--until", "2020-01-02") == ([], {})
    assert router.books("customerio") == books
    assert router.destination("customerio")["replayed"] == {"delivered": 7, "skipped": 3}
    assert find_changed_keys(vendor.arrivals()) == {}
    traced = stage.command("trace", "user001-00003", "--json").json["events"][0]["destinations"][0]
    assert (traced["outcome"], traced["replay"]["outcome"]) == ("delivered", "delivered")
    check_books(router, customerio=5)


@pytest.mark.timeout(60)
def test_old_events_start_nothing_and_the_dry_run_says_so(stage: Stage) -> None:
    """Of a person known for days Customer.io gets the events and not the person; a new destination is filled from the log."""
    labels = [f"user{number:03d}-{day:05d}" for number in range(3) for day in (1, 2)]
    calls = [call_of(label) for label in labels]
    identify = {
        "type": "identify",
        "userId": "user000",
        "messageId": "user000-00009",
        "traits": {"label": "user000-00009"},
    }
    fill_log(
        stage.folder / "var",
        [*calls, identify, call_of("user009-00001", integrations={"All": False})],
        time.time() - 4 * DAY_S,
    )
    [customerio, posthog] = stage.vendors("customerio", "posthog")
    router = stage.router({"customerio": customerio.destination(), "posthog": posthog.destination()})
    router.post(call_of("user001-00007"))
    router.until_settled()

    expected: dict[str, dict[str, dict[str, int]]] = {
        "customerio": {"send": {"none": 6}, "skip": {"historical": 2, "flags": 1}},
        "posthog": {"send": {"none": 7, "delivered": 1}, "skip": {"flags": 1}, "marked": {"historical_migration": 8}},
    }
    for outlook in stage.command("replay", "customerio", "posthog", "--all", "--dry-run", "--json").json:
        told = {key: by_code(counts) for key, counts in outlook.items() if key != "destination" and counts}
        assert told == expected[outlook["destination"]]
    in_words = stage.command("replay", "customerio", "--all", "--dry-run").out
    assert "may start a campaign" in in_words
    assert "younger than 72 hours" in in_words
    assert len(customerio.arrivals()) == len(posthog.arrivals()) == 1, "nothing was sent"

    jobs = stage.command("replay", "customerio", "posthog", "--all", "--json").json

    assert {job["destination"]: job["counts"] for job in jobs} == {
        "customerio": {"delivered": 6, "skipped": 3},
        "posthog": {"delivered": 8, "skipped": 1},
    }
    assert sent_after(customerio, 1) == sorted(labels)
    assert sent_after(posthog, 1) == sorted([*labels, "user001-00007"])  # an identify has its label elsewhere
    assert {line["body"]["historical_migration"] for line in posthog.requests()[1:]} == {True}
    check_books(router, customerio=1, posthog=1)


def by_code(counts: dict[str, int]) -> dict[str, int]:
    """Reasons cut to their codes."""
    added: dict[str, int] = {}
    for reason, count in counts.items():
        code = reason.partition(":")[0]
        added[code] = added.get(code, 0) + count
    return added


@pytest.mark.timeout(60)
def test_a_replay_can_be_watched_and_stopped(stage: Stage) -> None:
    fill_log(stage.folder / "var", [call_of(f"user{n:03d}-00001") for n in range(300)], time.time() - 4 * DAY_S)
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})

    noted = stage.command("replay", "mixpanel", "--all", "--rate", "20/s", "--no-wait", "--json").json
    until(lambda: len(vendor.arrivals()) >= 10, "some of it is sent")
    [shown] = stage.command("jobs", "list", "--json").json
    assert (shown["job"], shown["state"], shown["total"]) == (noted[0]["job"], "running", 300)
    assert "replay 1" in stage.command("status").out
    assert "mixpanel" in stage.command("jobs", "list").out
    stopped = stage.command("jobs", "cancel", "mixpanel", "1")
    assert (stopped.code, stopped.err) == (0, "")
    until(lambda: jobs_are_done(router, "mixpanel"), "the replay has stopped")

    def job() -> Any:
        [job] = stage.command("jobs", "list", "--all", "--json").json
        return job

    until(lambda: job()["counts"] == {"delivered": len(vendor.arrivals())}, "what had left is noted")
    assert job()["state"] == "cancelled"
    assert len(vendor.arrivals()) < 300
    again = stage.command("jobs", "cancel", "mixpanel", "1")
    assert (again.code, "no job 1 is running" in again.err) == (2, True)
    check_books(router, mixpanel=0)


@pytest.mark.timeout(60)
def test_a_replay_that_is_cancelled_does_not_go_on_after_a_crash(stage: Stage) -> None:
    """Whoever has begun the wrong one cancels it and kills the router: it went on with the next start."""
    fill_log(stage.folder / "var", [call_of(f"user{n:03d}-00001") for n in range(60)], time.time() - 4 * DAY_S)
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})
    [job] = router.ask("replay", destination="mixpanel", rate_per_s=20)
    until(lambda: vendor.arrivals(), "it is under way")

    router.ask("cancel", destination="mixpanel", job=job["job"])
    router.kill()
    router.start()

    assert [each["state"] for each in router.ask("jobs", destination="mixpanel")] == ["cancelled"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "options", [(), pytest.param(("--processes", "1"), marks=pytest.mark.full)], ids=["one process", "two processes"]
)
@pytest.mark.parametrize("operation", ["replay", "retry"])
def test_of_an_event_that_was_sent_in_part_a_kill_repeats_nothing(
    stage: Stage, operation: str, options: tuple[str, ...]
) -> None:
    """Mixpanel gets a group call at two addresses, and the second is down."""
    [vendor] = stage.vendors("mixpanel")
    if operation == "retry":
        vendor.fail(status=400, body="no")
    router = stage.router({"mixpanel": vendor.destination()}, *options)
    router.post({"type": "group", "userId": "u1", "groupId": "g1", "messageId": "m1", "traits": {"name": "Acme"}})
    router.until_settled()
    vendor.heal()
    vendor.fail(status=503, path="/engage")
    begin = len(vendor.requests())

    def sent(path: str) -> int:
        return sum(request["path"].startswith(path) for request in vendor.requests()[begin:])

    router.ask(operation, destination="mixpanel")
    until(lambda: noted_payloads(router, "mixpanel") and sent("/engage"), "half of it is delivered and noted")
    router.kill()
    vendor.heal()
    tries = sent("/engage")
    router.start()
    until(lambda: jobs_are_done(router, "mixpanel"), "it is done")

    assert (sent("/groups"), sent("/engage")) == (1, tries + 1)
    [job] = router.ask("jobs", destination="mixpanel")
    assert job["counts"] == {"delivered": 1}
    assert noted_payloads(router, "mixpanel") == 0
    assert router.ask("dead-letters", destination="mixpanel") == []
    check_books(router, mixpanel=1)


def noted_payloads(router: Router, name: str) -> int:
    """How many settled payloads of events under way the destination's state, or the view of it here, knows of."""
    [path] = (router.folder / "var/destinations").rglob(f"{name}.sqlite")
    with closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM settled_payloads").fetchone()
    return int(count)


# --- row 34 ---


@dataclass
class Live:
    """Posts an event every few milliseconds, and remembers when the router had it."""

    router: Router
    pause_s: float
    taken_at: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Live:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        for label in _labels("live"):
            if self._stop.is_set():
                return
            while not self._post(label):  # as an SDK does: until it is taken
                time.sleep(0.05)
            time.sleep(self.pause_s)

    def _post(self, label: str) -> bool:
        try:
            status, _ = self.router.post(call_of(label))
        except (OSError, ValueError):
            return False
        if status == 200:
            self.taken_at[label] = time.time()
        return status == 200


def _labels(user: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{user}{number % 50:03d}-{number:05d}"


@dataclass
class Course:
    """What a replay with crashes left behind."""

    router: Router
    vendor: Vendor
    labels: list[str]
    kills: list[Interruption]
    live: Live


def replay_through_crashes(stage: Stage, events: int, kills: int, *options: str) -> Course:
    """Replay *events* of days ago, with *options*, while live ones come in, and kill the router so often on the way."""
    labels = [f"user{number % 500:03d}-{number:07d}" for number in range(events)]
    fill_log(stage.folder / "var", map(call_of, labels), time.time() - 4 * DAY_S)
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination(delivery={"concurrency": 4})})
    chance = random.Random(34)
    interruptions: list[Interruption] = []
    noted = stage.command("replay", "mixpanel", "--all", "--no-wait", "--json", *options)
    assert noted.code == 0
    with Live(router, pause_s=0.02) as live:
        seen = Seen(vendor.arrived, b'"label":"user')
        for kill in range(1, kills + 1):
            target = events * kill // (kills + 1)
            until(lambda target=target: seen.count() >= target, f"{target} are sent", 600.0)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.05))  # anywhere between two looks
            began_s = time.time()
            router.kill()
            interruptions.append(interruption(began_s, vendor))
            router.start()
        until(lambda: jobs_are_done(router, "mixpanel"), "the replay is done", 600.0)
        router.until_settled()
    router.until_settled()
    return Course(router, vendor, labels, interruptions, live)


@dataclass
class Seen:
    """Counts what is written into a file: to ask the router instead would cost it more than the replay."""

    path: Path
    what: bytes
    _offset: int = 0
    _found: int = 0

    def count(self) -> int:
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole)
        self._found += whole.count(self.what)
        return self._found


def waited_s(taken_s: float, came_s: float, arrivals_s: Sequence[float]) -> float:
    """For how long an event waited, when *arrivals_s* are the moments at which any came, in order. When none did for a while,
    it was the machine that stood still, and no other event was ahead: of that, `STILL_S` counts."""
    between = arrivals_s[bisect_right(arrivals_s, taken_s) : bisect_left(arrivals_s, came_s)]
    return sum(min(later - earlier, STILL_S) for earlier, later in pairwise([taken_s, *between, came_s]))


def check_row_34(course: Course) -> dict[str, float]:
    """Each event once, but for what was in a request at a kill; live events as quick as ever; the books kept apart."""
    router, vendor, labels, live, kills = course.router, course.vendor, course.labels, course.live, course.kills
    arrivals = vendor.arrivals()
    replayed = [sighting for sighting in arrivals if sighting.label.startswith("user")]
    assert {sighting.label for sighting in replayed} == set(labels)
    check_repeats_straddle(replayed, kills, requests_at_once=2)
    [job] = router.ask("jobs", destination="mixpanel")
    assert job["counts"] == {"delivered": len(labels)}
    assert router.destination("mixpanel")["replayed"] == {"delivered": len(labels)}
    check_delivered(list(live.taken_at), vendor)
    check_books(router, mixpanel=len(live.taken_at))
    first: dict[str, float] = {}
    for sighting in arrivals:
        first.setdefault(sighting.label, sighting.at)
    moments = [sighting.at for sighting in arrivals]
    # A kill interrupts everybody: what it held up is no work of the replay's.
    quiet = [
        waited_s(taken, first[label], moments)
        for label, taken in live.taken_at.items()
        if not any(taken - 1.0 < kill.ended_s + 3.0 and kill.began_s < first[label] for kill in kills)
    ]
    p95 = statistics.quantiles(quiet, n=20)[-1]
    assert p95 <= 2.0
    return {"live": len(quiet), "p95_s": p95, "repeats": len(replayed) - len(labels)}


@pytest.mark.timeout(120)
def test_a_replay_killed_and_resumed_sends_each_event_once_behind_live_traffic(stage: Stage) -> None:
    """At a rate that lets live events come before the first kill: those of after a kill say nothing, and else there are two."""
    check_row_34(replay_through_crashes(stage, 3_000, 2, "--rate", "1500/s"))


@pytest.mark.full
@pytest.mark.timeout(1_800)
def test_a_long_replay_killed_and_resumed_twenty_times(stage: Stage, record_property: Any) -> None:
    figures = check_row_34(replay_through_crashes(stage, events=100_000, kills=20))
    for name, figure in figures.items():
        record_property(name, figure)


@pytest.mark.full
@pytest.mark.timeout(60)
def test_a_command_whose_router_dies_says_that_it_goes_on(stage: Stage, tmp_path: Path) -> None:
    fill_log(stage.folder / "var", [call_of(f"user{n:03d}-00001") for n in range(60)], time.time() - 4 * DAY_S)
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})
    command = stage.begin("replay", "mixpanel", "--all", "--rate", "30/s")
    until(lambda: vendor.arrivals(), "it is under way")

    router.kill()
    out, err = command.communicate(timeout=60)

    assert (command.returncode, err) == (0, "")
    assert "no router runs with it enabled any more; it goes on when one does" in out
    router.start()
    until(lambda: jobs_are_done(router, "mixpanel"), "the replay is done")
    assert {sighting.label for sighting in vendor.arrivals()} == {f"user{n:03d}-00001" for n in range(60)}
