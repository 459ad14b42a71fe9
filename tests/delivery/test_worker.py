"""One destination at work, over a real state file, against a scripted vendor."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.delivery import reader
from router.delivery.conduct import DEAD_IN_A_ROW
from router.delivery.flight import TRIES
from router.delivery.jobs.spec import ReplaySpec
from router.delivery.options import DeliveryOptions
from router.delivery.reader import SHED
from router.delivery.state.changes import Changes, ParkedUser
from router.destination import Destination
from router.event import Document, Event
from router.origin import UrlTooLong
from router.plugin import Again, Dead, Delivered, Judgement, Later, Payload, Request, Response, Verdict, judge_by_status
from router.suppressed import Person, Suppressed
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, Settings, Vendor, batches, plugin
from tests.delivery.simulated import SimulatedClock, simulate

UNSENDABLE: Answer = UrlTooLong("a URL of more than 65536 characters")
DAY_S = 86_400.0
WINDOW_S = 36_000.0
"""Less than a write of the state may take by the clock of the tests."""


async def replay(harness: Harness) -> None:
    """Have the first event replayed."""
    spec = ReplaySpec(last=1).model_dump(exclude_none=True)
    await harness.worker.ledger.ask(lambda state: state.add_job("replay", spec, 1, 0.0))
    harness.worker.jobs.wake()


def count_dead(harness: Harness) -> int:
    return harness.books.dead + harness.worker.ledger.counts["replayed", "dead"]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.close()


async def test_events_are_delivered_and_the_books_balance(harness: Harness) -> None:
    for number in range(50):
        harness.log.add(f"u{number % 7}")
    await harness.open()

    await harness.until_settled()

    assert harness.books.delivered == 50
    assert sorted(harness.vendor.ids()) == sorted(f"m{number + 1}" for number in range(50))


async def test_a_skipped_event_is_booked_with_its_reason(harness: Harness) -> None:
    harness.log.add("u1", "Nothing")
    harness.log.add("u1", integrations={"All": False})
    harness.log.add("u1", type="page")
    await harness.open()

    await harness.until_settled()

    assert harness.books.skipped == 3
    assert {"action", "flags", "no action"} == {
        reason for name, reason in harness.worker.ledger.counts if name == "skipped"
    }


async def test_a_plugin_that_raises_costs_one_event_its_delivery_and_nobody_else(harness: Harness) -> None:
    harness.log.add("u1")
    harness.log.add("u1", "Raise")
    harness.log.add("u1")
    await harness.open()

    await harness.until_settled()

    assert harness.books.dead == 1
    assert harness.vendor.ids() == ["m1", "m3"]
    [letter] = await harness.letters()
    assert "a bug in the plugin" in letter.reason
    assert letter.record.message_id == "m2"


@pytest.mark.parametrize("words", ["gone", "no product {endpoint}", "{endpoint}" + "x" * 1_500])
async def test_the_line_about_a_dead_letter_says_what_the_letter_says(harness: Harness, words: str) -> None:
    """An event may have thousands of payloads, and a vendor may refuse them all in the same words."""

    def judge_of(endpoint: str) -> Any:
        return lambda response, payloads, settings: [Dead(words.format(endpoint=endpoint))] * len(payloads)

    harness.plugin = plugin(*(batches(name, judge=judge_of(name)) for name in ("tracks", "users", "orders")))
    harness.log.add("u1")
    with capture_logs() as lines:
        await harness.open()
        await harness.until_settled()

    [letter] = await harness.letters()
    assert [line["reason"] for line in lines if "dead letter" in line["event"]] == [letter.reason]


async def test_what_the_log_lost_is_a_dead_letter(harness: Harness) -> None:
    harness.log.add("u1")
    harness.log.lose(5)
    harness.log.add("u1")
    await harness.open()

    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (2, 5)
    [letter] = await harness.letters()
    assert (letter.record.sequence, letter.events, letter.attempts) == (2, 5, 0)
    assert letter.reason == "log damaged: events 2 to 6"


async def test_an_outage_stops_the_reader_and_loses_nothing(harness: Harness) -> None:
    answers: list[Answer] = [NETWORK_DOWN] * 12 + [Response(503)] * 12
    harness.vendor.script = lambda request: answers.pop() if answers else Response(200)
    for _ in range(30):
        harness.log.add("u1")
    await harness.open()

    await harness.until_settled()

    assert harness.vendor.ids() == [f"m{number + 1}" for number in range(30)]


async def test_a_worker_that_stops_reads_no_more_while_its_flights_land(harness: Harness) -> None:
    """What it would make of a backlog is thrown away, and all flights would wait for that work."""
    harness.vendor.open.clear()
    harness.log.add("u1")
    worker = await harness.open()
    await harness.until(lambda: harness.vendor.hanging == 1)

    stop = asyncio.create_task(worker.stop(5_000.0))
    await asyncio.sleep(0)
    for _ in range(30):
        harness.log.add("u1")
    for _ in range(100):
        await asyncio.sleep(0)
    read = worker.ledger.windows[0].read
    harness.vendor.open.set()
    await stop

    assert (read, harness.vendor.ids()) == (1, ["m1"])


async def test_a_bad_item_that_fails_its_batch_is_narrowed_down(harness: Harness) -> None:
    harness.vendor.script = lambda request: Response(413 if any(item.get("bad") for item in request.json) else 200)
    for number in range(20):
        harness.log.add(f"u{number}", properties={"bad": number == 7})
    await harness.open()

    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (19, 1)


def test_an_event_the_vendor_chokes_on_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    """A 500 for one event alone must not hold the destination for days."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        harness.options = replace(harness.options, retry_for_s=3_000.0)
        harness.vendor.script = lambda request: Response(500 if any(item.get("bad") for item in request.json) else 200)
        for number in range(20):
            harness.log.add(f"u{number % 5}", properties={"bad": number == 7})
        await harness.open()

        await clock.sleep(600.0)
        assert (harness.books.delivered, harness.books.dead) == (17, 0), "all but those of its user"
        await clock.sleep(3_000.0)
        await harness.until_settled()

        assert (harness.books.delivered, harness.books.dead) == (19, 1)
        assert harness.vendor.ids("u2") == ["m3", "m13", "m18"]
        await harness.close()

    simulate(play)


def test_row_16_a_wait_that_the_vendor_names_is_for_all_though_an_event_has_failed_before(tmp_path: Path) -> None:
    """Away once, then well for one request, and then closed for ten minutes."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        harness.plugin = plugin(max_events=1)
        harness.options = replace(harness.options, concurrency=1)
        answers = [*[Response(503)] * 10 * TRIES, Response(200)]
        closed: list[float] = []

        def script(request: Request) -> Response:
            if answers:
                return answers.pop(0)
            if not closed or clock.monotonic() < closed[0] + 600.0:
                closed.append(clock.monotonic())
                return Response(503, headers={"retry-after": "600"})
            return Response(200)

        harness.vendor.script = script
        for number in range(10):
            harness.log.add(f"u{number}")
        await harness.open()
        await clock.sleep(900.0)

        assert len(closed) == 1
        assert harness.books.delivered == 10
        await harness.close()

    simulate(play)


def test_an_event_for_which_the_vendor_always_names_a_wait_waits_by_itself_after_a_while(tmp_path: Path) -> None:
    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        harness.plugin = plugin(max_events=1)
        harness.options = replace(harness.options, concurrency=1)
        harness.vendor.script = lambda request: (
            Response(503, headers={"retry-after": "600"}) if request.json[0]["user"] == "bad" else Response(200)
        )
        harness.log.add("bad")
        await harness.open()
        for _ in range(400):
            harness.log.add("others")
            await clock.sleep(10.0)

        assert (harness.worker.pace.state, harness.worker.ledger.parked_events) == ("going", 1)
        assert harness.books.delivered == 400
        await harness.close()

    simulate(play)


@pytest.mark.parametrize("jump_s", [-3_600.0, 3_600.0], ids=["back", "forward"])
async def test_row_24_an_outage_after_the_clock_was_set_is_no_fault_of_the_events(
    harness: Harness, jump_s: float
) -> None:
    """What was delivered by the old time says nothing of whether others get through now."""
    harness.plugin = plugin(max_events=1)
    harness.log.add("ada")
    await harness.open()
    await harness.until_settled()

    harness.clock.wall_s += jump_s
    harness.vendor.script = lambda request: Response(503)
    for number in range(30):
        harness.log.add(f"u{number}")
    await harness.until(lambda: harness.worker.ledger.counts["outages", ""] >= 3)

    assert harness.worker.ledger.parked == {}
    harness.vendor.script = lambda request: Response(200)
    await harness.until_settled()
    assert harness.books.delivered == 31


async def test_later_parks_the_user_and_keeps_its_order(harness: Harness) -> None:
    refusals = {"m2": 3, "m5": 2}

    def script(request: Request) -> Response:
        for item in request.json:
            if refusals.get(item["id"], 0):
                refusals[item["id"]] -= 1
                return Response(404)
        return Response(200)

    harness.plugin = plugin(
        max_events=1,
        judge=lambda response, payloads, settings: judge_by_status(response, payloads, later=(404,)),
    )
    harness.vendor.script = script
    for number in range(12):
        harness.log.add(f"u{number % 3}")
    await harness.open()

    await harness.until_settled()

    for user in range(3):
        assert harness.vendor.ids(f"u{user}") == [f"m{number + 1}" for number in range(user, 12, 3)]
    assert harness.worker.ledger.parked == {}


async def test_what_a_payload_had_to_leave_out_is_a_warning_of_its_delivery(harness: Harness) -> None:
    made = plugin()
    build = made.actions[0].build

    def build_with_note(event: Event, fields: Document, settings: Any) -> Any:
        built = build(event, fields, settings)
        if event.event != "Large":
            return built
        assert isinstance(built, Payload)
        return replace(built, notes=("too many properties",))

    harness.plugin = replace(made, actions=(replace(made.actions[0], build=build_with_note),))
    harness.log.add("u1")
    harness.log.add("u1", "Large")
    await harness.open()

    with capture_logs() as logs:
        await harness.until_settled()

    warned = [(each["message_id"], each["warning"]) for each in logs if "warning" in each]
    assert warned == [("m2", "too many properties")]
    assert harness.worker.ledger.counts["warnings", ""] == 1


async def test_what_a_refusal_is_not_about_is_sent_again_at_once_in_order(harness: Harness) -> None:
    """The vendor keeps nothing of a request with something wrong in it, and says what that is."""
    is_busy = True

    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        if response.status == 200:
            return [Delivered()] * len(payloads)
        named: dict[str, Verdict] = {"bad": Dead("bad"), "busy": Later("busy")}
        return [named.get(payload.body.get("is"), Again()) for payload in payloads]

    def script(request: Request) -> Response:
        nonlocal is_busy
        refused = [item for item in request.json if item.get("is") in (("bad", "busy") if is_busy else ("bad",))]
        is_busy = is_busy and not refused
        return Response(400 if refused else 200)

    harness.plugin = plugin(max_events=100, judge=judge)
    harness.options = replace(harness.options, concurrency=1)
    harness.vendor.script = script
    for user, kind in (("u1", ""), ("u1", "busy"), ("u2", ""), ("u1", ""), ("u2", "bad"), ("u3", "")):
        harness.log.add(user, properties={"is": kind})
    await harness.open()

    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (5, 1)
    assert [harness.vendor.ids(user) for user in ("u1", "u2", "u3")] == [["m1", "m2", "m4"], ["m3"], ["m6"]]
    first, second = ([item["id"] for item in items] for items in harness.vendor.requests[:2])
    assert (len(first), second[:3]) == (6, ["m1", "m3", "m6"])


async def test_what_the_vendor_refuses_a_part_of_is_sent_again_without_it_in_order_with_its_key(
    harness: Harness,
) -> None:
    """The vendor takes the others, and says which field it refuses: one at a time."""
    keys: list[tuple[Any, str]] = []

    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        keys.extend((payload.body["id"], payload.key) for payload in payloads)
        return [_without_first_bad(payload) for payload in payloads]

    def _without_first_bad(payload: Payload) -> Verdict:
        bad = next((name for name in payload.body if name.startswith("bad")), None)
        if bad is None:
            return Delivered()
        rest = {name: value for name, value in payload.body.items() if name != bad}
        return Again(replace(payload, body=rest, key="another", notes=(*payload.notes, f"{bad} was refused")))

    harness.plugin = plugin(max_events=100, judge=judge)
    harness.options = replace(harness.options, concurrency=1)
    for user, more in (("u1", {"bad1": 1, "bad2": 2}), ("u2", {}), ("u1", {}), ("u2", {"bad3": 3})):
        harness.log.add(user, properties=more)
    await harness.open()

    with capture_logs() as logs:
        await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (4, 0)
    assert [[item["id"] for item in items] for items in harness.vendor.requests] == [
        ["m1", "m2", "m3", "m4"],
        ["m1", "m4"],
        ["m1"],
    ]
    assert set(harness.vendor.requests[-1][0]) == set(harness.vendor.requests[0][1])
    assert len(set(keys)) == 4
    warned = [(each["message_id"], each["warning"]) for each in logs if "warning" in each]
    assert warned == [("m4", "bad3 was refused"), ("m1", "bad1 was refused"), ("m1", "bad2 was refused")]


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        pytest.param({}, "parts of it were refused 11 times, one after another: left out: x", id="for ever"),
        pytest.param({"x": "x" * 500_000}, "500044 bytes, the vendor takes 200000", id="too large"),
    ],
)
async def test_what_is_left_of_a_payload_is_dead_if_it_can_not_be_sent(
    harness: Harness, left: dict[str, Any], reason: str
) -> None:
    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        return [Again(Payload({**payload.body, **left}, notes=("left out: x",))) for payload in payloads]

    harness.plugin = plugin(max_events=100, max_bytes=200_000, judge=judge)
    harness.log.add("u1")
    harness.log.add("u1")
    await harness.open()

    await harness.until_settled()

    assert [letter.reason for letter in await harness.letters()] == [reason] * 2


async def test_a_limit_that_comes_with_a_200_makes_the_destination_wait_and_parks_nobody(harness: Harness) -> None:
    limited = [True, True, True, True]

    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        return [Later("ratelimited", is_outage=True) if limited and limited.pop() else Delivered()] * len(payloads)

    harness.plugin = plugin(max_events=1, judge=judge)
    harness.options = replace(harness.options, concurrency=1)
    harness.log.add("u1")
    harness.log.add("u2")
    await harness.open()

    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (2, 0)
    counts = harness.worker.ledger.counts
    assert (counts["outages", ""], counts["parked", ""]) == (1, 0)
    assert [items[0]["id"] for items in harness.vendor.requests] == ["m1"] * 5 + ["m2"]


async def test_tries_in_an_outage_leave_an_event_all_the_attempts_of_its_own(harness: Harness) -> None:
    """A contact that is not indexed yet must not cost its events their delivery because the vendor was away before."""
    told = ["away"] * 12 + ["not yet", "not yet", "taken", "not yet", "not yet", "not yet"]

    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        return [Later("not indexed yet", None, 3) if response.status == 404 else Delivered()] * len(payloads)

    def script(request: Request) -> Answer:
        return {"away": NETWORK_DOWN, "not yet": Response(404), "taken": Response(200)}[told.pop(0)]

    harness.plugin = plugin(max_events=1, judge=judge)
    harness.vendor.script = script
    harness.log.add("u1")
    await harness.open()
    await harness.until_settled()
    harness.log.add("u1")
    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (1, 1)
    [letter] = await harness.letters()
    assert (letter.record.message_id, letter.attempts) == ("m2", 3)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["", "and the router was restarted"])
def test_a_parked_event_has_all_its_attempts_though_the_vendor_was_away_meanwhile(
    tmp_path: Path, is_restarted: bool
) -> None:
    """Others got through before, so that it waits by itself: once for each flight that finds the vendor away."""

    async def play(clock: SimulatedClock) -> None:
        told = ["not yet", *["away"] * 12, "not yet"]

        def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
            return [Later("not indexed yet", None, 3) if response.status == 404 else Delivered()] * len(payloads)

        def script(request: Request) -> Answer:
            is_late = request.json[0]["user"] == "late" and told
            return {"away": NETWORK_DOWN, "not yet": Response(404)}[told.pop(0)] if is_late else Response(200)

        harness = Harness(tmp_path, clock=clock)
        harness.plugin = plugin(max_events=1, judge=judge)
        harness.vendor.script = script
        harness.log.add("late")
        await harness.open()
        while len(told) > 1:
            harness.log.add("other")
            await clock.sleep(0.1)
        if is_restarted:
            await harness.close()
            await harness.open()
        await clock.sleep(100.0)

        assert (harness.books.pending, harness.books.dead, told) == (0, 0, [])
        await harness.close()

    simulate(play)


async def test_blocked_waits_and_goes_on_where_it_was(harness: Harness) -> None:
    revoked = True
    harness.vendor.script = lambda request: Response(401 if revoked else 200)
    for _ in range(10):
        harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: harness.worker.pace.is_blocked)
    await harness.close()

    revoked = False
    await harness.open()
    await harness.until_settled()

    assert harness.books.delivered == 10
    assert harness.vendor.ids() == [f"m{number + 1}" for number in range(10)]


async def test_what_can_not_be_sent_tells_nothing_of_a_vendor_that_refuses_everything(harness: Harness) -> None:
    """By a 414 of the router's own, anybody with long ids ended the block, and the log said that the destination delivers."""
    harness.plugin = plugin(max_events=1)
    harness.vendor.script = lambda request: UNSENDABLE if request.json[0]["user"].startswith("long") else Response(401)
    for number in range(3):
        harness.log.add("u1")
        harness.log.add(f"long{number}")

    with capture_logs() as lines:
        await harness.open()
        await harness.until(lambda: harness.books.dead == 3)

    assert harness.worker.pace.is_blocked
    assert [letter.reason for letter in await harness.letters()] == ["a URL of more than 65536 characters"] * 3
    assert not [line for line in lines if line["event"] == "destination delivers again"]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_an_event_that_a_firewall_refuses_does_not_block_all_others_for_good(
    harness: Harness, concurrency: int
) -> None:
    """A 403 blocks, since it is about the credentials. That of a firewall may be about what stands in one event."""
    is_on = True

    def script(request: Request) -> Answer:
        return Response(403 if is_on and any(item.get("is") == "<script>" for item in request.json) else 200)

    harness.options = replace(harness.options, concurrency=concurrency)
    harness.vendor.script = script
    for number in range(40):
        harness.log.add(f"u{number % 20}", properties={"is": "<script>" if number == 3 else ""})
    await harness.open()

    await harness.until(lambda: harness.books.delivered == 38)
    assert (harness.books.pending, harness.books.dead) == (2, 0), "it waits, and its user's next one behind it"
    is_on = False
    await harness.until_settled()

    assert harness.books.delivered == 40
    assert harness.vendor.ids("u3") == ["m4", "m24"]


@pytest.mark.parametrize("is_revoked", [False, True], ids=["a firewall", "then a revoked key"])
def test_an_event_refused_alone_while_others_get_through_waits_by_itself_and_dies_of_it_but_none_of_a_revoked_key(
    tmp_path: Path, is_revoked: bool
) -> None:
    """Else it would block all others for a minute at each of its turns, for ever."""

    async def play(clock: SimulatedClock) -> None:
        can_anybody, window_s = True, 7_200.0
        harness = Harness(tmp_path, options=DeliveryOptions(retry_for_s=window_s), clock=clock)
        harness.vendor.script = lambda request: Response(
            200 if can_anybody and all(item.get("is") != "<script>" for item in request.json) else 403
        )
        await harness.open()

        async def go_on(seconds: float) -> int:
            """Others send events, one every ten seconds. Returns for how long the destination was blocked."""
            blocked_s = 0
            for second in range(0, int(seconds), 10):
                harness.log.add(f"u{second % 70}")
                await clock.sleep(10.0)
                blocked_s += 10 * harness.worker.pace.is_blocked
            return blocked_s

        harness.log.add("mallory", properties={"is": "<script>"})
        harness.log.add("mallory")
        assert 100 < await go_on(3_000.0) < 1_500, "until others have got through three times"
        assert await go_on(3_000.0) < 300, "only where nobody got through since its last try"
        assert (harness.books.pending, harness.worker.ledger.parked_events) == (2, 2)

        if is_revoked:
            can_anybody = False
            assert await go_on(2 * window_s) > 2 * window_s - 1_000
            assert harness.books.dead == 0
            can_anybody = True
        await go_on(window_s)
        [letter] = await harness.letters()
        assert (letter.record.message_id, letter.reason.endswith(": 403")) == ("m1", True)
        assert "m2" in harness.vendor.ids("mallory")
        await harness.close()

    simulate(play)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(Response(401), "destination is blocked: "), (Response(503), "destination is failing, ")],
    ids=["blocked", "throttled"],
)
async def test_each_run_tells_once_that_its_destination_waits(harness: Harness, answer: Response, told: str) -> None:
    """Whoever restarts a router because of a wrong key looks for the word of it in the new log."""
    harness.vendor.script = lambda request: answer
    harness.log.add("u1")

    async def run() -> list[bool]:
        with capture_logs() as logs:
            await harness.open()
            before = len(harness.vendor.requests)
            await harness.until(lambda: len(harness.vendor.requests) > before + 5)
        return [line["event"].startswith(told) for line in logs if line["event"].startswith("destination")]

    assert await run() == [True]
    await harness.close()
    assert await run() == [True]


def test_row_16_a_wait_that_the_vendor_asks_for_is_kept_whatever_other_requests_bring_meanwhile(tmp_path: Path) -> None:
    """One that had left before is answered after it, and well."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        is_limited = asyncio.Event()
        answer = harness.vendor.send

        async def send(request: Request, *rest: Any) -> Response:
            if not is_limited.is_set() and request.json[0]["user"] == "ada":
                await is_limited.wait()
            elif not is_limited.is_set():
                is_limited.set()
                return Response(429, headers={"retry-after": "3000"})
            return await answer(request, *rest)

        harness.vendor.send = send  # type: ignore[method-assign, assignment]
        harness.plugin = plugin(max_events=1)
        for user in ("ada", "eve", "eve"):  # in two lanes
            harness.log.add(user)
        await harness.open()
        await harness.until_taken(1)
        assert harness.worker.state[0] == "throttled"

        await clock.sleep(2_990.0)
        assert harness.vendor.ids() == ["m1"]
        await clock.sleep(1_000.0)
        await harness.until_settled()

        assert harness.vendor.ids() == ["m1", "m2", "m3"]
        await harness.close()

    simulate(play)


async def test_what_is_in_a_request_when_the_backlog_is_shed_is_left_to_it(harness: Harness) -> None:
    """It may be delivered already; what waits behind it dies."""
    harness.options = replace(harness.options, concurrency=1)
    harness.vendor.open.clear()
    for _ in range(40):
        harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: harness.vendor.hanging == 1)

    harness.worker.shed(0, 30)
    await harness.until(lambda: harness.books.dead == 20)
    harness.vendor.open.set()
    await harness.until_settled()

    assert (harness.books.delivered, harness.books.dead) == (20, 20)
    assert harness.vendor.ids() == [f"m{number}" for number in [*range(1, 11), *range(31, 41)]]
    assert [letter.record.sequence for letter in await harness.letters()] == list(range(11, 31))


@pytest.mark.parametrize("stored_as", ["dead letters", "parked"])
async def test_nothing_of_a_suppressed_person_is_put_by(harness: Harness, stored_as: str) -> None:
    """It may have been read before it was erased from the log, and nobody looks for it in a state a second time."""
    ada = Suppressed.of([Person("userId", "ada")])
    harness.destination = Destination("fake", harness.plugin, Settings(), suppressed=ada)
    waits, *_ = [harness.log.add(user) for user in ("ada", "bob") * 5]
    if stored_as == "parked":
        state = harness.open_state()
        state.add_partition(0, 0)
        asked_for = ParkedUser(harness.clock.now() + DAY_S, 1)
        parked = Changes(park=[(waits, "later")], parked_users={"ada": asked_for}, positions={0: 1})
        parked.meta["longest_turn_s"] = str(DAY_S)
        state.commit(parked)
        state.close()
    worker = await harness.open()
    if stored_as == "dead letters":
        worker.shed(0, 8)

    await harness.until(lambda: worker.ledger.windows[0].position == 10)

    await worker.ledger.flushed()
    assert [letter.record.user_key for letter in await harness.letters()] == ["bob"] * harness.books.dead
    assert harness.books.dead == (4 if stored_as == "dead letters" else 0)
    parked_events = await worker.ledger.ask(lambda state: state.parked.first_of("ada", 10))
    assert parked_events == ([waits] if stored_as == "parked" else [])


async def test_what_is_delivered_of_an_event_that_is_shed_is_not_sent_again(harness: Harness) -> None:
    """Before a restart the vendor had one of its two payloads."""
    answer = harness.vendor.send

    async def send(request: Request, *rest: Any) -> Response:
        if request.json[0]["at"] == "b":
            await asyncio.Event().wait()
        return await answer(request, *rest)

    harness.vendor.send = send  # type: ignore[method-assign, assignment]
    harness.plugin = plugin(batches("a"), batches("b"))
    harness.log.add("ada")
    await harness.open()
    await harness.until(lambda: bool(harness.worker.ledger.settled_payloads))
    await harness.worker.ledger.flushed()
    await harness.crash()

    worker = await harness.open()
    worker.shed(0, 1)
    await harness.until_settled()

    [letter] = await harness.letters()
    assert (letter.reason, letter.settled) == (SHED, ("send to a",))


async def test_time_spent_blocked_does_not_count_for_the_retry_window(harness: Harness) -> None:
    """An outage, then a credential revoked for longer than the window, then an outage again: nothing is given up."""
    harness.options = replace(harness.options, retry_for_s=3 * DAY_S)
    status = 503
    harness.vendor.script = lambda request: Response(status)
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: bool(harness.worker.ledger.tries))
    status = 401
    await harness.until(lambda: harness.worker.pace.is_blocked)

    harness.clock.wall_s += 5 * DAY_S
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 2)
    assert harness.books.pending == 1
    status = 503
    await harness.until(lambda: harness.worker.pace.state == "throttled")
    assert harness.books.pending == 1
    status = 200
    await harness.until_settled()

    assert harness.books.delivered == 1


@pytest.mark.parametrize("failure", [Response(503), Response(401)], ids=["throttled", "blocked"])
async def test_a_retry_window_that_is_over_is_a_dead_letter_unless_blocked(harness: Harness, failure: Response) -> None:
    harness.options = replace(harness.options, retry_for_s=600.0)
    harness.vendor.script = lambda request: failure
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: len(harness.vendor.requests) > 4)  # more than one flight makes

    harness.clock.passed_s += 3_600.0
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10 or harness.books.pending == 0)

    assert harness.books.dead == (failure.status == 503)
    if harness.books.dead:
        [letter] = await harness.letters()
        assert letter.reason.startswith("gave up after")


@pytest.mark.parametrize("jump_s", [-30 * DAY_S, 30 * DAY_S], ids=["back", "ahead"])
@pytest.mark.parametrize("is_replay", [False, True], ids=["live", "a replay"])
async def test_row_24_a_clock_that_is_set_ends_no_retry_window_and_makes_none_longer(
    harness: Harness, jump_s: float, is_replay: bool
) -> None:
    """It is the time that has passed that counts, whatever the clock says."""
    harness.options = replace(harness.options, retry_for_s=WINDOW_S)
    harness.log.add("u1")
    await harness.open()
    if is_replay:
        await harness.until_settled()
        await replay(harness)
    harness.vendor.script = lambda request: Response(503)
    await harness.until(lambda: len(harness.vendor.requests) > 4)

    harness.clock.wall_s += jump_s
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10)
    assert count_dead(harness) == 0
    harness.clock.passed_s += WINDOW_S
    await harness.until(lambda: count_dead(harness) == 1)


@pytest.mark.parametrize("jump_s", [-30 * DAY_S, 30 * DAY_S], ids=["back", "ahead"])
async def test_row_24_a_clock_that_is_set_while_the_plugin_is_halted_ends_no_retry_window(
    harness: Harness, jump_s: float
) -> None:
    harness.options = replace(harness.options, retry_for_s=WINDOW_S)
    harness.vendor.script = lambda request: Response(503)
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: bool(harness.worker.ledger.tries))

    for _ in range(DEAD_IN_A_ROW):
        harness.worker.halt.failed("sending", "a bug")
    harness.clock.wall_s += jump_s
    harness.worker.halt.end()
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10 or harness.books.pending == 0)

    assert harness.books.dead == 0


@pytest.mark.parametrize("jump_s", [-30 * DAY_S, 30 * DAY_S], ids=["back", "ahead"])
async def test_row_24_a_clock_that_was_set_while_the_router_was_stopped_leaves_an_hour_for_more_tries(
    harness: Harness, jump_s: float
) -> None:
    """Nobody can tell it from a long stop, after which the network may take a while to be there again."""
    harness.options = replace(harness.options, retry_for_s=WINDOW_S)
    harness.vendor.script = lambda request: Response(503)
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: bool(harness.worker.ledger.tries))
    await harness.close()

    harness.clock.wall_s += jump_s
    await harness.open()
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10)
    assert harness.books.pending == 1
    harness.clock.passed_s += WINDOW_S
    await harness.until(lambda: harness.books.dead == 1)


@pytest.mark.parametrize("jump_s", [-30 * DAY_S, 30 * DAY_S], ids=["back", "ahead"])
@pytest.mark.parametrize("is_replay", [False, True], ids=["live", "a replay"])
async def test_a_retry_window_that_begins_in_a_block_is_as_long_as_others(
    harness: Harness, jump_s: float, is_replay: bool
) -> None:
    """A probe that gets no answer is a first try. The clock may be set meanwhile."""
    harness.options = replace(harness.options, retry_for_s=WINDOW_S)
    status = 200 if is_replay else 401
    harness.vendor.script = lambda request: Response(status)
    harness.log.add("u1")
    await harness.open()
    if is_replay:
        await harness.until_settled()
        await replay(harness)
        status = 401
    await harness.until(lambda: harness.worker.pace.is_blocked)
    harness.clock.wall_s += jump_s
    status = 503
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10)
    assert harness.worker._windows.still_since_s, "a probe without an answer does not end the block"
    assert count_dead(harness) == 0, "that an event got through before the block does not make this one to blame"

    harness.worker._outages.end()
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 4)
    assert count_dead(harness) == 0
    harness.clock.passed_s += WINDOW_S
    await harness.until(lambda: count_dead(harness) == 1)


async def test_time_spent_blocked_does_not_count_for_replays_either(harness: Harness) -> None:
    """Two outages with a long block between them; that it is over shows in an event that gets through."""
    harness.options = replace(harness.options, retry_for_s=3 * DAY_S)
    harness.log.add("u1")
    await harness.open()
    await harness.until_settled()
    status = 429
    harness.vendor.script = lambda request: Response(200 if request.json[0]["id"] == "m2" else status)
    await replay(harness)
    await harness.until(lambda: harness.worker.pace.state == "throttled")
    status = 401
    await harness.until(lambda: harness.worker.pace.is_blocked)

    harness.clock.wall_s += 5 * DAY_S
    status = 429
    harness.log.add("u2")
    await harness.until(lambda: harness.books.delivered == 2)
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 10)
    status = 200
    await harness.until(lambda: any(name == "replayed" for name, _ in harness.worker.ledger.counts))

    assert harness.worker.ledger.counts["replayed", "delivered"] == 1


async def test_at_the_bound_of_parked_events_the_reader_stops(harness: Harness) -> None:
    """What is parked is a copy: it must not become the queue. Then it goes on where it was."""
    is_refusing = True
    harness.plugin = plugin(
        max_events=1,
        judge=lambda response, payloads, settings: judge_by_status(response, payloads, later=(404,)),
    )
    harness.options = replace(harness.options, max_parked=5, max_in_flight=3)
    harness.vendor.script = lambda request: Response(404 if is_refusing else 200)
    for number in range(40):
        harness.log.add(f"u{number}")
    await harness.open()

    await harness.until(lambda: harness.worker.ledger.parked_events >= 5)
    before = len(harness.vendor.requests)
    await harness.until(lambda: len(harness.vendor.requests) > before + 20)
    assert harness.worker.ledger.parked_events <= 5 + 3
    assert harness.worker.ledger.windows[0].read <= 5 + 3
    is_refusing = False
    await harness.until_settled()

    assert harness.books.delivered == 40


async def test_a_lane_sends_nothing_more_before_what_came_of_its_last_request_is_on_disk(harness: Harness) -> None:
    """So a crash repeats no more than what was under way."""
    harness.options = replace(harness.options, concurrency=1)
    for _ in range(40):
        harness.log.add("u1")
    await harness.open()
    disk = threading.Event()
    standing_still = asyncio.create_task(harness.worker.ledger.ask(lambda state: disk.wait(10)))

    await harness.until_taken(1)
    first = len(harness.vendor.requests)
    await harness.clock.sleep(50.0)
    meanwhile = len(harness.vendor.requests)
    disk.set()
    await standing_still
    await harness.until_settled()

    assert (first, meanwhile) == (1, 1)
    assert len(harness.vendor.requests) > 1


async def test_promise_8_what_is_settled_behind_an_event_that_hangs_is_bounded(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position stays before it, and each event beyond is kept in memory."""
    monkeypatch.setattr(reader, "MAX_SPAN", 100)
    harness.options = replace(harness.options, max_in_flight=20)
    harness.is_repeat = lambda record: record.sequence > 1
    harness.vendor.open.clear()
    for number in range(1_000):
        harness.log.add(f"u{number}")
    await harness.open()
    [window] = harness.worker.ledger.windows.values()

    await harness.until(lambda: window.span >= 100)
    await harness.clock.sleep(50.0)
    span = window.span
    harness.vendor.open.set()
    await harness.until_settled()

    assert span < 100 + 20
    assert (harness.books.delivered, harness.books.skipped) == (1, 999)


async def test_promise_8_what_waits_for_the_disk_is_bounded(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not for the vendor is settled as fast as it is read, and kept in memory until it is written."""
    monkeypatch.setattr(reader, "MAX_UNWRITTEN", 100)
    harness.options = replace(harness.options, max_in_flight=50)
    harness.is_repeat = lambda record: True
    for number in range(1_000):
        harness.log.add(f"u{number}")
    await harness.open()
    ledger, disk = harness.worker.ledger, threading.Event()
    standing_still = asyncio.create_task(ledger.ask(lambda state: disk.wait(10)))

    await harness.until(lambda: ledger.unwritten > 100)
    await harness.clock.sleep(50.0)
    unwritten = ledger.unwritten
    disk.set()
    await standing_still
    await harness.until_settled()

    assert unwritten <= 100 + 50
    assert harness.books.skipped == 1_000


async def test_parked_events_whose_turn_comes_at_one_time_are_not_all_in_memory(harness: Harness) -> None:
    is_refusing, most = True, 50_000
    harness.plugin = plugin(
        max_events=1,
        judge=lambda response, payloads, settings: judge_by_status(response, payloads, later=(404,)),
    )
    harness.options = replace(harness.options, max_in_flight_bytes=most)
    harness.vendor.script = lambda request: Response(404 if is_refusing else 200, headers={"retry-after": "2000"})
    for number in range(100):
        harness.log.add(f"u{number}", properties={"text": "x" * 2_000})
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == 100)
    is_refusing = False
    harness.vendor.open.clear()
    last_turn = max(harness.worker._parking._turns.values())
    await harness.until(lambda: harness.worker._under_way.bytes > most / 2)
    await harness.until(lambda: harness.clock.monotonic() > last_turn + 300.0)

    assert harness.worker._under_way.bytes < most + 5_000
    harness.vendor.open.set()
    await harness.until_settled()
    assert harness.books.delivered == 100


async def test_what_is_left_of_a_parked_event_takes_no_room_from_others(harness: Harness) -> None:
    """One payload of it was refused for now; the other, in a request meanwhile, is delivered."""
    is_answered = asyncio.Event()
    answer = harness.vendor.send

    async def send(request: Request, *rest: Any) -> Response:
        if request.json[0]["at"] == "b":
            await is_answered.wait()
        return await answer(request, *rest)

    harness.vendor.send = send  # type: ignore[method-assign, assignment]
    harness.vendor.script = lambda request: Response(
        404 if request.json[0] == {"at": "a", "user": "ada", "id": "m1"} else 200, headers={"retry-after": "80000"}
    )
    endpoints = [
        batches(
            name,
            is_independent=True,
            judge=lambda response, payloads, _: judge_by_status(response, payloads, later=(404,)),
        )
        for name in "ab"
    ]
    harness.plugin = plugin(*endpoints)
    harness.options = replace(harness.options, max_in_flight_bytes=1)
    harness.log.add("ada")
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == 1)
    is_answered.set()
    await harness.until_taken(1)

    harness.log.add("bob")

    await harness.until(lambda: harness.books.delivered == 1, seconds=10.0)
    assert sorted(harness.vendor.ids()) == ["m1", "m2", "m2"]


def test_an_event_has_all_its_attempts_however_many_endpoints_ask_for_it_later(tmp_path: Path) -> None:
    """Two that are independent are asked side by side: they tell it twice to wait, and once is as often as it waits."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        left = {"a": 2, "b": 2}

        def script(request: Request) -> Response:
            at = request.json[0]["at"]
            left[at] -= 1
            return Response(404 if left[at] >= 0 else 200)

        def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
            return [Delivered() if response.status == 200 else Later("not yet", max_attempts=3)] * len(payloads)

        harness.vendor.script = script
        harness.plugin = plugin(*(batches(name, is_independent=True, judge=judge) for name in left))
        harness.log.add("ada")
        await harness.open()
        await clock.sleep(600.0)

        assert (harness.books.delivered, harness.books.dead) == (1, 0)
        await harness.close()

    simulate(play)


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(12) if seed != 3)])
async def test_promise_3_order_per_user_survives_failures_and_restarts(tmp_path: Path, seed: int) -> None:
    """50 users x 40 events, a third of all requests fail in every way there is, three restarts."""
    chance = random.Random(seed)
    kinds: list[Answer] = [NETWORK_DOWN, Response(500), Response(429), Response(503), Response(413), Response(404)]

    def script(request: Request) -> Answer:
        return chance.choice(kinds) if chance.random() < 0.3 else Response(200)

    harness = Harness(tmp_path, Vendor(script))

    harness.plugin = plugin(
        max_events=1 + seed * 3,
        judge=lambda response, payloads, settings: judge_by_status(response, payloads, later=(404, 413), split=()),
    )
    order: dict[str, list[str]] = {}
    for _ in range(2_000):
        user = f"u{chance.randrange(50)}"
        order.setdefault(user, []).append(harness.log.add(user).message_id)
    for _ in range(3):
        await harness.open()
        await harness.until_taken(len(harness.vendor.taken) + 300)
        await harness.close()
        await asyncio.sleep(0)
    await harness.open()
    await harness.until_settled()
    await harness.close()

    assert harness.books.delivered == 2_000
    for user, ids in order.items():
        assert harness.vendor.ids(user) == ids
