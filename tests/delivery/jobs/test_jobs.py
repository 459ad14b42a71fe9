"""Replays and retries beside live traffic: what they send, what they leave alone, and what a crash repeats."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from router.delivery.flight import TRIES
from router.delivery.jobs import course
from router.delivery.jobs.spec import ReplaySpec, RetrySpec
from router.delivery.order import IN_LANE, WAITED
from router.delivery.state.changes import Job, Place
from router.delivery.state.state import State
from router.delivery.suspects import PROOFS
from router.plugin import Dead, Judgement, Payload, Request, Response, Skip, judge_by_status
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, batches, plugin
from tests.delivery.simulated import SimulatedClock, simulate

EVENTS = 60


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.close()


async def add_job(harness: Harness, kind: Literal["replay", "retry"] = "replay", **chosen: Any) -> int:
    """Note a job, as an operator's command does; returns its number."""

    def add(state: State) -> Job:
        if kind == "retry":
            spec: Any = RetrySpec(**{"up_to": state.letters.last(), **chosen})
        else:
            spec = ReplaySpec(**{"last": harness.log.end(0), **chosen})
        return state.add_job(kind, spec.model_dump(exclude_none=True), 0, 0.0)

    await harness.worker.ledger.flushed()
    job = await harness.worker.ledger.ask(add)
    harness.worker.jobs.wake()
    return job.id


async def job_of(harness: Harness, id: int) -> Job:
    await harness.worker.ledger.flushed()
    [job] = await harness.worker.ledger.ask(lambda state: [job for job in state.jobs() if job.id == id])
    return job


async def finish(harness: Harness, id: int) -> Job:
    """Wait for the end of a job."""
    while (job := await job_of(harness, id)).state == "running":
        assert not harness.worker.broken, harness.worker.broken
    return job


async def deliver(harness: Harness, count: int = EVENTS, users: int = 7, **fields: Any) -> None:
    for number in range(count):
        harness.log.add(f"u{number % users}", **fields)
    await harness.open()
    await harness.until_settled()


async def send_one_by_one(harness: Harness) -> None:
    """From now on an event a request. Of those before it is not known how long they took: on a busy machine their latencies
    rise enough, by the fast clock, for the pace to allow fewer requests at once."""
    await harness.close()
    harness.plugin = plugin(max_events=1)
    await harness.open()


def again(harness: Harness) -> Counter[str]:
    """How often the vendor took each event, the first time not counted."""
    return Counter(harness.vendor.ids()) - Counter(set(harness.vendor.ids()))


# --- what is sent ---


async def test_a_replay_sends_each_event_once_more_and_keeps_books_of_its_own(harness: Harness) -> None:
    await deliver(harness)
    books = harness.books

    job = await finish(harness, await add_job(harness))

    assert again(harness) == {f"m{number + 1}": 1 for number in range(EVENTS)}
    assert (job.state, job.counts, job.cursor) == ("done", {"delivered": EVENTS}, EVENTS)
    assert harness.books == books
    assert harness.worker.ledger.counts["replayed", "delivered"] == EVENTS
    replayed = await harness.worker.ledger.ask(lambda state: state.replayed(Place(0, 7)))
    assert replayed is not None
    assert (replayed.job, replayed.kind) == (job.id, "delivered")


async def test_what_waits_in_a_replay_is_not_counted_again(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    harness.plugin = plugin(batches("contacts"), batches("lists"))
    for name in ("lists", "contacts", "lists"):
        harness.log.add("ada", properties={"only": name})
    harness.options = type(harness.options)(concurrency=1, batch_wait_s=1.0)
    await harness.open()
    await harness.until_settled()
    waited = harness.worker.ledger.counts[WAITED, IN_LANE]

    await finish(harness, await add_job(harness))

    assert harness.vendor.ids("ada") == ["m1", "m2", "m3"] * 2
    assert harness.worker.ledger.counts[WAITED, IN_LANE] == waited == 1
    await harness.close()


async def test_a_replay_keeps_the_order_of_each_user(harness: Harness) -> None:
    """It is not promised, but an identify that overtook a later one would leave old traits behind."""
    harness.options = replace(harness.options, concurrency=8)
    await deliver(harness, 300, users=20)
    began = len(harness.vendor.taken)

    await finish(harness, await add_job(harness))

    came: dict[str, list[int]] = {}
    for item in harness.vendor.taken[began:]:
        came.setdefault(item["user"], []).append(int(item["id"][1:]))
    assert len(came) == 20
    assert all(numbers == sorted(numbers) for numbers in came.values())


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param({"first": 3, "last": 4}, ["m3", "m4"], id="a span"),
        pytest.param({"type": ["identify"]}, ["m2"], id="a type"),
        pytest.param({"user": ["ada", "nobody"]}, ["m1", "m2"], id="users"),
        pytest.param({"event": ["Paid"]}, ["m3"], id="a name"),
        pytest.param({"source": ["app"]}, [], id="another source"),
        pytest.param({"outcome": ["skipped"], "type": ["track"]}, [], id="what was skipped before"),
        pytest.param({"outcome": ["delivered", "none"]}, ["m1", "m2", "m3", "m4"], id="what was delivered before"),
        pytest.param({"since_s": 1.0}, [], id="after it all"),
    ],
)
async def test_a_replay_sends_what_is_chosen(harness: Harness, chosen: dict[str, Any], expected: list[str]) -> None:
    harness.log.add("ada")
    harness.log.add("ada", type="identify")
    harness.log.add("bob", "Paid")
    harness.log.add("cyn")
    harness.log.add("cyn", integrations={"All": False})
    await harness.open()
    await harness.until_settled()

    await finish(harness, await add_job(harness, **chosen))

    assert sorted(again(harness)) == expected


async def test_what_is_refused_today_is_told_by_its_reason(harness: Harness) -> None:
    """Flags decide as they did; the plugin says what it does with old events."""
    harness.log.add("u1", integrations={"All": False})
    harness.log.add("u1", "Nothing")
    harness.log.add("u1", type="page")
    harness.log.add("u1")
    await harness.open()
    await harness.until_settled()
    await harness.close()
    harness.plugin = replace(harness.plugin, historical=Skip("mails would go out"))
    await harness.open()

    old = await finish(harness, await add_job(harness))
    new = await finish(harness, await add_job(harness, is_historical=False))

    assert old.counts == {"skipped": 4}
    assert old.reasons == {"skipped: flags": 1, "skipped: historical": 2, "skipped: no action": 1}
    assert new.counts == {"skipped": 3, "delivered": 1}
    assert new.reasons == {"skipped: flags": 1, "skipped: action": 1, "skipped: no action": 1}
    assert again(harness) == {"m4": 1}


async def test_what_is_pending_or_a_dead_letter_is_left_to_others(harness: Harness) -> None:
    """Nothing is sent twice: the one is delivered anyway, the other waits for a retry."""
    refused = {"m2": Response(400), "m3": Response(404)}
    harness.plugin = plugin(max_events=1, judge=later_at_404)
    harness.vendor.script = lambda request: refused.get(request.json[0]["id"], Response(200))
    harness.log.add("ada")
    harness.log.add("bob")
    harness.log.add("cyn")
    await harness.open()
    await harness.until(lambda: harness.books.delivered == 1 and harness.worker.ledger.parked_events == 1)

    job = await finish(harness, await add_job(harness))

    assert again(harness) == {"m1": 1}
    assert job.counts == {"delivered": 1, "left": 2}
    assert job.reasons == {"still pending, delivered anyway": 1, "dead letters, for dead-letters retry": 1}
    refused.clear()
    await harness.until_settled()


def later_at_404(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
    return judge_by_status(response, payloads, later=(404,))


async def test_what_the_log_lost_is_counted(harness: Harness) -> None:
    harness.log.add("ada")
    harness.log.lose(5)
    harness.log.add("ada")
    await harness.open()
    await harness.until_settled()

    job = await finish(harness, await add_job(harness))

    assert job.counts == {"delivered": 2, "lost": 5}


# --- what is refused ---


async def test_what_a_replay_is_refused_is_a_dead_letter_of_its_own(harness: Harness) -> None:
    """The line's books don't move, whatever becomes of it; a retry brings it through."""
    await deliver(harness, 3)
    books = harness.books
    harness.vendor.script = lambda request: Response(400, b"no thanks")
    replay = await finish(harness, await add_job(harness))

    letters = await harness.letters()
    assert replay.counts == {"dead": 3}
    assert replay.reasons == {"dead: 400 no thanks": 3}
    assert [(letter.record.message_id, letter.is_replayed, letter.job) for letter in letters] == [
        (f"m{number}", True, replay.id) for number in (1, 2, 3)
    ]
    harness.vendor.script = lambda request: Response(200)
    retry = await finish(harness, await add_job(harness, "retry"))

    assert retry.counts == {"delivered": 3}
    assert await harness.letters() == []
    assert harness.books == books
    assert +harness.worker.ledger.counts == Counter(
        {("delivered", ""): 3, ("replayed", "delivered"): 3, ("retried", "replayed"): 3}
    )


async def test_words_that_no_database_takes_stop_no_replay(harness: Harness) -> None:
    """A plugin that reads a vendor's JSON by itself may find half a surrogate pair in it."""

    def refuse(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        return [Dead("400 \ud83d is no name") for _ in payloads]

    await deliver(harness, 3)
    await harness.close()
    harness.plugin = plugin(batches(judge=refuse))
    await harness.open()

    job = await finish(harness, await add_job(harness))

    assert job.reasons == {"dead: 400 ? is no name": 3}


async def test_a_retry_tries_each_letter_once_and_brings_through_what_it_can(harness: Harness) -> None:
    harness.vendor.script = lambda request: Response(400)
    harness.plugin = plugin(max_events=1)
    await deliver(harness, 10)
    harness.vendor.script = lambda request: Response(400 if request.json[0]["id"] == "m4" else 200)
    began = len(harness.vendor.requests)

    job = await finish(harness, await add_job(harness, "retry"))

    assert len(harness.vendor.requests) - began == 10
    assert job.counts == {"delivered": 9, "dead": 1}
    [left] = await harness.letters()
    assert (left.record.message_id, left.attempts, left.job) == ("m4", 2, job.id)
    assert (harness.books.delivered, harness.books.dead) == (9, 1)


async def test_a_retry_of_a_cause_leaves_the_others(harness: Harness) -> None:
    harness.plugin = plugin(max_events=1)
    harness.vendor.script = lambda request: Response(400, b"odd" if int(request.json[0]["id"][1:]) % 2 else b"even")
    await deliver(harness, 10)
    harness.vendor.script = lambda request: Response(200)
    [odd, even] = await harness.worker.ledger.ask(lambda state: state.letters.groups())
    assert (odd.cause, odd.letters, even.letters) == ("400 odd", 5, 5)

    await finish(harness, await add_job(harness, "retry", cause=odd.cause))

    assert [each.cause for each in await harness.worker.ledger.ask(lambda state: state.letters.groups())] == [
        "400 even"
    ]
    assert harness.books.delivered == 5


# --- crashes, stops and troubles ---


def flaky(chance: random.Random, share: float) -> Callable[[Request], Answer]:
    """A vendor that fails a *share* of its requests, as a whole."""

    def script(request: Request) -> Answer:
        return chance.choice([Response(503), NETWORK_DOWN]) if chance.random() < share else Response(200)

    return script


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 12))])
@pytest.mark.parametrize("kind", ["replay", "retry"])
async def test_after_crashes_each_event_is_sent_once_but_for_what_was_in_flight(
    tmp_path: Path, seed: int, kind: Literal["replay", "retry"]
) -> None:
    """The counts of the job, the books of replays, and what the vendor has: all tell the same story."""
    chance = random.Random(f"{kind} {seed}")
    harness = Harness(tmp_path)
    harness.plugin = plugin(batches("events", max_events=chance.choice([1, 7])), batches("profiles", max_events=3))
    harness.options = replace(harness.options, concurrency=chance.choice([1, 4]))
    if kind == "retry":
        harness.vendor.script = lambda request: Response(400)
    await deliver(harness, 200, users=30)
    harness.vendor.script = flaky(chance, 0.1)
    began = len(harness.vendor.taken)
    id = await add_job(harness, kind)
    for _ in range(5):
        target = len(harness.vendor.taken) + chance.randrange(60)
        await harness.until(lambda target=target: len(harness.vendor.taken) >= target or harness.worker.jobs.is_idle)  # type: ignore[misc]
        await harness.crash()
        await harness.open()
    job = await finish(harness, id)

    taken = Counter((item["id"], item["at"]) for item in harness.vendor.taken[began:])
    assert {id for id, _ in taken} == {f"m{number + 1}" for number in range(200)}
    lanes = max(1, harness.options.concurrency // 2)
    # In a request, or with its other payload on its way: at each crash, a batch of each endpoint in each lane.
    assert sum(count - 1 for count in taken.values()) <= 5 * lanes * (7 + 3) * 2
    assert job.counts == {"delivered": 200}
    assert harness.books.delivered == 200
    assert harness.worker.ledger.counts["replayed", "delivered"] == (200 if kind == "replay" else 0)
    assert harness.books.unaccounted == 0
    await harness.close()


async def test_an_outage_holds_a_replay_and_loses_nothing_of_it(harness: Harness) -> None:
    await deliver(harness)
    answers: list[Answer] = [NETWORK_DOWN] * 12 + [Response(503)] * 12
    harness.vendor.script = lambda request: answers.pop() if answers else Response(200)

    job = await finish(harness, await add_job(harness))

    assert job.counts == {"delivered": EVENTS}
    assert set(again(harness).values()) == {1}


@pytest.mark.parametrize(
    "is_away",
    [
        pytest.param(lambda at, number: number < 2_000 and number % 100 < 60, id="again and again"),
        pytest.param(lambda at, number: number < 2_000 and at == "people", id="for one of two endpoints"),
    ],
)
def test_what_fails_in_a_replay_while_the_vendor_is_away_is_not_taken_for_the_fault_of_its_events(
    tmp_path: Path, is_away: Callable[[str, int], bool]
) -> None:
    """That others get through shows nothing: the vendor was there meanwhile, or they are for another of its endpoints."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        harness.plugin = plugin(batches("events", max_events=1), batches("people", max_events=1))
        await deliver(harness)
        first = len(harness.vendor.requests)
        harness.vendor.script = lambda request: Response(
            503 if is_away(request.json[0]["at"], len(harness.vendor.requests) - first) else 200
        )

        job = await add_job(harness)
        await clock.sleep(10_000.0)

        assert (await job_of(harness, job)).counts == {"delivered": EVENTS}
        await harness.close()

    simulate(play)


def test_what_got_through_in_one_replay_is_no_suspect_in_the_next(tmp_path: Path) -> None:
    """A vendor that is away for a moment in each of them."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, clock=clock)
        harness.plugin = plugin(max_events=1)
        await deliver(harness, 5, users=5)
        answers: list[Answer] = []
        harness.vendor.script = lambda request: (
            answers.pop() if answers and request.json[0]["id"] == "m1" else Response(200)
        )

        for _ in range(PROOFS + 1):
            answers = [NETWORK_DOWN] * TRIES
            job = await add_job(harness)
            await clock.sleep(100.0)
            assert (await job_of(harness, job)).counts == {"delivered": 5}
        await harness.close()

    simulate(play)


async def test_a_replayed_event_that_the_vendor_chokes_on_is_a_dead_letter_and_the_others_go_on(
    harness: Harness,
) -> None:
    """Where it fails again and again, and others get through each time."""
    await deliver(harness)
    await send_one_by_one(harness)

    def answer(request: Request) -> Response:
        if request.json[0]["id"] != "m7":
            return Response(200)
        harness.log.add("somebody else")  # who goes first
        return Response(500)

    harness.vendor.script = answer

    job = await finish(harness, await add_job(harness))

    assert job.counts == {"delivered": EVENTS - 1, "dead": 1}
    [letter] = await harness.letters()
    assert (letter.record.message_id, letter.reason) == ("m7", "not now: 500")


async def test_a_job_that_cannot_be_understood_is_cancelled_and_the_next_one_runs(harness: Harness) -> None:
    await deliver(harness, 3)
    broken = await harness.worker.ledger.ask(lambda state: state.add_job("replay", {"nonsense": 1}, 1, 0.0))
    next_id = await add_job(harness)

    assert (await finish(harness, broken.id)).state == "cancelled"
    assert (await finish(harness, next_id)).counts == {"delivered": 3}


async def test_jobs_run_one_after_the_other(harness: Harness) -> None:
    await deliver(harness, 20)
    first, second = [await add_job(harness) for _ in range(2)]

    await finish(harness, second)

    assert (await job_of(harness, first)).state == "done"
    assert set(again(harness).values()) == {2}


# --- an operator's hand ---


async def test_a_cancelled_replay_sends_no_more_than_what_was_in_a_request(harness: Harness) -> None:
    await deliver(harness, 50)
    await send_one_by_one(harness)
    began = len(harness.vendor.requests)
    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 2)

    assert harness.worker.jobs.cancel(id) is True
    harness.vendor.open.set()
    await harness.until(lambda: harness.worker.jobs.is_idle)
    job = await job_of(harness, id)

    assert len(harness.vendor.requests) - began == 2
    assert (job.state, job.counts) == ("cancelled", {"delivered": 2})
    assert harness.worker.jobs.cancel(id) is False
    await finish(harness, await add_job(harness))
    assert sum(again(harness).values()) == 52, "the next replay is not hindered"


async def test_a_replay_is_cancelled_while_the_vendor_is_down(harness: Harness) -> None:
    await deliver(harness, 30)
    harness.vendor.script = lambda request: Response(401)
    id = await add_job(harness)
    await harness.until(lambda: harness.worker.pace.is_blocked)

    harness.worker.jobs.cancel(id)

    assert (await finish(harness, id)).state == "cancelled"
    assert not harness.worker._lanes.waiting
    assert await harness.letters() == []


async def test_what_of_a_cancelled_replay_fails_in_its_request_is_not_sent_again(harness: Harness) -> None:
    """Neither by this run nor by the next: an operator who cancels a replay because of an outage means the outage too."""
    await deliver(harness, 50)
    await send_one_by_one(harness)
    harness.vendor.open.clear()
    harness.vendor.script = lambda request: Response(503)
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 2)

    harness.worker.jobs.cancel(id)
    harness.vendor.open.set()
    await harness.until(lambda: harness.worker.jobs.is_idle)

    assert (await job_of(harness, id)).state == "cancelled"
    harness.vendor.script = lambda request: Response(200)
    harness.log.add("ada")
    await harness.until_settled()
    assert harness.vendor.ids()[50:] == ["m51"]


async def test_a_replay_is_cancelled_at_the_moment_at_which_it_begins(harness: Harness) -> None:
    """By an operator's command, which asks whether it runs, and if it does not has it cancelled in the state."""
    await deliver(harness, 10)
    ledger, jobs = harness.worker.ledger, harness.worker.jobs
    ask = ledger.ask
    found: list[Any] = []

    async def ask_and_cancel(question: Callable[[State], Any]) -> Any:
        answer = await ask(question)
        task = asyncio.current_task()
        if task is not None and task.get_name() == "fake jobs" and (answer or found):
            found.append(answer)
            if len(found) == 2 and not jobs.cancel(answer[0].id):
                await ask(lambda state: state.cancel_job(answer[0].id))
        return answer

    ledger.ask = ask_and_cancel  # type: ignore[method-assign]
    id = await add_job(harness)
    await harness.until(lambda: bool(found) and not found[-1])

    assert (await job_of(harness, id)).state == "cancelled"
    assert not again(harness)


async def test_a_replay_that_is_cancelled_in_the_middle_of_a_reload_does_not_go_on_after_it(harness: Harness) -> None:
    """While flights land nobody but the state itself can be told."""
    harness.plugin = plugin(max_events=1)
    harness.options = replace(harness.options, concurrency=1)
    await deliver(harness, 5)
    harness.vendor.open.clear()
    job = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 1)
    stop = asyncio.create_task(harness.worker.stop(5_000.0))
    await asyncio.sleep(0)

    with closing(harness.open_state()) as state:
        assert state.cancel_job(job)
    harness.vendor.open.set()
    await stop
    await harness.worker.ledger.close()
    await harness.open()
    await harness.until(lambda: harness.worker.jobs.is_idle)

    assert (await job_of(harness, job)).state == "cancelled"
    assert again(harness).total() == 1


async def test_a_cancelled_replay_stays_cancelled_after_a_crash(harness: Harness) -> None:
    """Also where it came before what was in a request has landed."""
    await deliver(harness, 50)
    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging > 0)

    harness.worker.jobs.cancel(id)
    await harness.worker.ledger.flushed()
    await harness.crash()
    harness.vendor.open.set()
    await harness.open()

    assert (await job_of(harness, id)).state == "cancelled"
    assert harness.worker.jobs.is_idle


async def test_of_an_event_that_was_sent_in_part_a_cancelled_replay_keeps_the_rest_as_a_dead_letter(
    harness: Harness,
) -> None:
    harness.plugin = plugin(batches("events", max_events=1), batches("profiles", max_events=1))
    await deliver(harness, 1)
    harness.vendor.script = lambda request: Response(200 if request.json[0]["at"] == "events" else 503)
    began = len(harness.vendor.taken)
    id = await add_job(harness)
    await harness.until(lambda: len(harness.vendor.taken) > began and harness.worker.pace.state == "throttled")

    harness.worker.jobs.cancel(id)
    await finish(harness, id)
    harness.vendor.script = lambda request: Response(200)
    [letter] = await harness.letters()
    await finish(harness, await add_job(harness, "retry"))

    assert (letter.settled, letter.is_replayed) == (("send to events",), True)
    assert [item["at"] for item in harness.vendor.taken[began:]] == ["events", "profiles"]


# --- events with several payloads ---


@pytest.mark.parametrize("kind", ["replay", "retry"])
@pytest.mark.parametrize("is_crash", [False, True], ids=["a stop", "a crash"])
@pytest.mark.parametrize("was_taken", [True, False], ids=["delivered", "refused"])
async def test_what_is_settled_of_an_event_before_a_stop_is_not_sent_again(
    harness: Harness, kind: Literal["replay", "retry"], is_crash: bool, was_taken: bool
) -> None:
    began, id = await send_in_part(harness, kind, 200 if was_taken else 400)
    await (harness.crash() if is_crash else harness.close())
    harness.vendor.script = lambda request: Response(200)
    await harness.open()

    job = await finish(harness, id)

    assert sent_to(harness)[began:].count("events") == 1
    assert job.counts == {"delivered" if was_taken else "dead": 1}
    assert [(letter.reason, letter.settled) for letter in await harness.letters()] == (
        [] if was_taken else [("400", ("send to profiles",))]
    )
    assert harness.books.unaccounted == 0
    assert await harness.worker.ledger.ask(lambda state: state.notes.settled_payloads(id)) == {}


async def send_in_part(harness: Harness, kind: Literal["replay", "retry"], status: int) -> tuple[int, int]:
    """Begin a job that sends one event: at "events" it is answered with *status*, at "profiles" there is no answer. Returns how
    many requests there were before, and the number of the job."""
    harness.plugin = plugin(batches("events", max_events=1), batches("profiles", max_events=1))
    harness.vendor.script = lambda request: Response(400 if kind == "retry" else 200)
    await deliver(harness, 1)
    harness.vendor.script = lambda request: Response(status) if request.json[0]["at"] == "events" else NETWORK_DOWN
    began = len(harness.vendor.requests)
    id = await add_job(harness, kind)
    await harness.until(lambda: harness.worker.pace.state == "throttled" and "events" in sent_to(harness)[began:])
    await harness.worker.ledger.flushed()
    return began, id


def sent_to(harness: Harness) -> list[str]:
    """Where each request went."""
    return [request[0]["at"] for request in harness.vendor.requests]


async def test_what_an_earlier_run_sent_in_part_is_a_dead_letter_if_the_replay_is_cancelled_now(
    harness: Harness,
) -> None:
    began, id = await send_in_part(harness, "replay", 200)
    await harness.close()
    await harness.open()
    await harness.until(lambda: harness.worker.pace.state == "throttled")

    harness.worker.jobs.cancel(id)
    await finish(harness, id)

    [letter] = await harness.letters()
    assert (letter.settled, letter.is_replayed) == (("send to events",), True)
    assert sent_to(harness)[began:].count("events") == 1


async def test_what_a_cancelled_replay_has_delivered_the_next_one_sends_again(harness: Harness) -> None:
    began, id = await send_in_part(harness, "replay", 200)
    await harness.close()
    with closing(harness.open_state()) as state:
        assert state.cancel_job(id)
    harness.vendor.script = lambda request: Response(200)
    await harness.open()

    await finish(harness, await add_job(harness))

    assert sent_to(harness)[began:].count("events") == 2


@pytest.mark.parametrize("is_at_work", [True, False], ids=["at work", "while the router stands"])
async def test_what_a_cancelled_retry_has_delivered_the_next_one_does_not_send_again(
    harness: Harness, is_at_work: bool
) -> None:
    began, id = await send_in_part(harness, "retry", 200)
    if is_at_work:
        harness.worker.jobs.cancel(id)
        await finish(harness, id)
    await harness.close()
    with closing(harness.open_state()) as state:
        assert state.cancel_job(id) is not is_at_work
    harness.vendor.script = lambda request: Response(200)
    await harness.open()
    [letter] = await harness.letters()

    await finish(harness, await add_job(harness, "retry"))

    assert letter.settled == ("send to events",)
    assert sent_to(harness)[began:].count("events") == 1
    assert await harness.letters() == []


async def test_a_rate_is_kept(harness: Harness) -> None:
    """Of what is sent: what is skipped costs the vendor nothing."""
    harness.options = replace(harness.options, batch_wait_s=0.0)
    for number in range(20):
        harness.log.add("u1", integrations={} if number % 2 else {"All": False})
    await harness.open()
    await harness.until_settled()
    began = harness.clock.monotonic()

    job = await finish(harness, await add_job(harness, rate_per_s=0.05))

    assert job.counts == {"delivered": 10, "skipped": 10}
    assert harness.clock.monotonic() - began >= 9 * 20.0


# --- live traffic first ---


async def test_no_more_than_half_of_the_slots_are_for_replays(harness: Harness) -> None:
    harness.options = replace(harness.options, concurrency=6)
    await deliver(harness, 100, users=50)
    await send_one_by_one(harness)
    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 3)

    for number in range(50):
        harness.log.add(f"live{number}")
    await harness.until(lambda: harness.vendor.hanging == 6)

    in_requests = [body[0]["user"].startswith("live") for body in harness.vendor.requests[-6:]]
    assert sorted(in_requests) == [False] * 3 + [True] * 3
    harness.vendor.open.set()
    await finish(harness, id)


async def test_no_more_than_half_of_the_slots_that_are_left_are_for_replays(harness: Harness) -> None:
    """While the vendor takes fewer requests at a time than the config allows, a replay gives way as well."""
    harness.options = replace(harness.options, concurrency=6)
    await deliver(harness, 100, users=50)
    await send_one_by_one(harness)
    harness.worker.pace._concurrency = 2.0
    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 1)

    harness.log.add("live")
    await harness.until(lambda: harness.vendor.hanging == 2)

    assert harness.vendor.requests[-1][0]["user"] == "live"
    harness.vendor.open.set()
    await finish(harness, id)


async def test_a_replay_does_not_queue_for_a_slot_that_live_traffic_has(harness: Harness) -> None:
    """It would be before those who come while it waits. (The users below are of different lanes.)"""
    harness.options = replace(harness.options, concurrency=16)
    await deliver(harness, 20)
    await send_one_by_one(harness)
    harness.worker.pace._concurrency = 2.0
    began = len(harness.vendor.requests)
    harness.vendor.open.clear()
    for user in ("live0", "live1"):
        harness.log.add(user)
        await harness.until(lambda user=user: harness.vendor.requests[-1][0]["user"] == user)  # type: ignore[misc]
    id = await add_job(harness)
    await harness.until(lambda: harness.worker._lanes.waiting > 0)

    harness.log.add("late")
    await harness.until(lambda: harness.worker._lanes._outlet.flights == 3)
    harness.vendor.open.set()
    await finish(harness, id)

    assert harness.vendor.requests[began + 2][0]["user"] == "late"


async def test_while_live_traffic_waits_a_replay_does_not_begin(harness: Harness) -> None:
    """As long as live events fill every slot, and more of them wait, nothing of a replay is sent."""
    harness.options = replace(harness.options, concurrency=2)
    await deliver(harness, 20)
    await send_one_by_one(harness)
    began = len(harness.vendor.requests)
    harness.vendor.open.clear()
    for number in range(30):
        harness.log.add(f"live{number}")
    await harness.until(lambda: harness.vendor.hanging == 2)
    id = await add_job(harness)

    harness.vendor.open.set()
    job = await finish(harness, id)

    is_live = [body[0]["user"].startswith("live") for body in harness.vendor.requests[began:]]
    assert is_live.index(False) >= 28, "the last two may be in a request still"
    assert job.counts["delivered"] >= 20


async def test_a_replay_holds_no_more_than_it_may_in_memory(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MAX_UNDER_WAY", 50)
    await deliver(harness, 150)

    def held() -> int:
        return harness.worker._lanes.waiting

    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: held() >= 30)

    assert held() <= 50
    harness.vendor.open.set()
    assert (await finish(harness, id)).counts == {"delivered": 150}


async def test_a_destination_without_jobs_leaves_its_state_alone(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty destinations over sixteen partitions asked 640 times a second whether anybody had noted a job."""
    worker = await harness.open()
    asked = 0
    ask = worker.ledger.ask

    async def count(question: Callable[[State], Any]) -> Any:
        nonlocal asked
        asked += 1
        return await ask(question)

    monkeypatch.setattr(worker.ledger, "ask", count)
    began_s = harness.clock.monotonic()
    await harness.clock.sleep(100.0)

    passed_s = harness.clock.monotonic() - began_s  # more than that on a busy machine
    assert asked <= passed_s / 10 + 1
