"""A vendor that wants few large requests lets a batch wait for long: what must not wait for it, and that nothing is lost by it.

The clock runs as fast as ours, so that a test which waited for a batch to fill would not end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.watchdog import STALL_S
from router.event import Document, Event
from router.plugin import ConversationEndpoint, Endpoint, Payload, Plugin, Response
from tests.delivery.harness import Harness, Settings, batches, plugin
from tests.delivery.jobs.test_jobs import add_job, finish
from tests.delivery.simulated import SimulatedClock, simulate
from tests.delivery.test_watchdog import watch

LONG_S = 60.0


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path, options=DeliveryOptions(backoff=Backoff(0.5, 4.0, 4.0), concurrency=2))
    harness.plugin = plugin(batches(max_events=1_000, batch_wait_s=LONG_S))
    harness.clock.speed = 1.0
    yield harness
    await harness.close()


def add(harness: Harness, count: int) -> None:
    for number in range(count):
        harness.log.add(f"u{number}")


async def reopen_at_once(harness: Harness) -> None:
    """Open again, for an operator who lets no batch wait."""
    harness.options = DeliveryOptions(batch_wait_s=0.0, backoff=harness.options.backoff)
    await harness.open()


def all_once(harness: Harness) -> bool:
    return sorted(harness.vendor.ids()) == sorted(event.message_id for event in harness.log.events)


@pytest.mark.parametrize(
    ("given_s", "endpoint", "wait_s"),
    [
        pytest.param(None, batches(), 0.1, id="as usual"),
        pytest.param(None, batches(batch_wait_s=30.0), 30.0, id="as the plugin says"),
        pytest.param(0.0, batches(batch_wait_s=30.0), 0.0, id="as the operator says"),
        pytest.param(5.0, ConversationEndpoint(name="people", converse=lambda *_: None), 0.0, id="alone"),  # type: ignore[arg-type]
    ],
)
def test_how_long_a_batch_waits(given_s: float | None, endpoint: Endpoint, wait_s: float) -> None:
    assert DeliveryOptions(batch_wait_s=given_s).batch_wait_of(endpoint) == wait_s


async def test_a_full_batch_does_not_wait(harness: Harness) -> None:
    harness.plugin = plugin(batches(max_events=10, batch_wait_s=LONG_S))
    harness.options = DeliveryOptions(concurrency=1)
    await harness.open()
    add(harness, 25)

    await harness.until_taken(20)

    assert [len(request) for request in harness.vendor.requests] == [10, 10]


@pytest.mark.parametrize(
    "bound",
    [pytest.param({"max_in_flight": 20}, id="events"), pytest.param({"max_in_flight_bytes": 5_000}, id="bytes")],
)
async def test_a_batch_waits_for_nobody_whom_the_window_has_no_room_for(
    harness: Harness, bound: dict[str, Any]
) -> None:
    """Else the window's size in a minute would be all that a destination gets. The last twenty or so have room, and wait."""
    harness.options = DeliveryOptions(concurrency=2, **bound)
    await harness.open()
    add(harness, 200)

    await harness.until_taken(150)

    assert len(harness.vendor.requests) < 100


async def test_a_replay_waits_for_nobody_once_all_of_it_is_on_its_way(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.delivery.jobs.course.MAX_UNDER_WAY", 20)
    add(harness, 60)
    await reopen_at_once(harness)
    await harness.until_settled()
    await harness.close()
    harness.options = DeliveryOptions(concurrency=2)
    await harness.open()

    job = await finish(harness, await add_job(harness))

    assert job.counts["delivered"] == 60
    assert len(harness.vendor.taken) == 120


async def test_a_stop_does_not_wait_for_a_batch_to_fill_and_the_next_start_sends_it(harness: Harness) -> None:
    await harness.open()
    add(harness, 5)
    await harness.until(lambda: harness.worker._lanes.waiting == 5)

    await harness.close()

    assert harness.vendor.taken == []
    await reopen_at_once(harness)
    await harness.until_settled()
    assert all_once(harness)


async def test_promise_1_a_kill_loses_nothing_that_waits_for_a_batch_to_fill(harness: Harness) -> None:
    await harness.open()
    add(harness, 5)
    await harness.until(lambda: harness.worker._lanes.waiting == 5)

    await harness.crash()

    await reopen_at_once(harness)
    await harness.until_settled()
    assert all_once(harness)


@pytest.mark.parametrize(
    ("status", "state"),
    [pytest.param(403, "blocked", id="a wrong key"), pytest.param(503, "throttled", id="a wrong host")],
)
async def test_a_restart_tries_at_once_whether_the_destination_is_well(
    harness: Harness, status: int, state: str
) -> None:
    """Who has put the settings right and sees it wait for minutes takes the new ones for wrong, too."""
    harness.options = DeliveryOptions(backoff=Backoff(600.0, 600.0, 600.0))
    harness.vendor.script = lambda request: Response(status)
    add(harness, 5)
    await reopen_at_once(harness)
    await harness.until(lambda: harness.worker.pace.state == state)
    await harness.close()
    harness.vendor.script = lambda request: Response(200)
    harness.options = DeliveryOptions(backoff=harness.options.backoff)

    await harness.open()

    await harness.until(lambda: harness.worker.pace.is_going, seconds=20.0)


async def test_a_restart_cuts_no_outage_short_for_which_the_vendor_asked(harness: Harness) -> None:
    harness.vendor.script = lambda request: Response(503, b"", {"retry-after": "600"})
    add(harness, 1)
    await reopen_at_once(harness)
    await harness.until(lambda: harness.worker.pace.state == "throttled")

    for _ in range(2):
        await harness.close()
        await harness.open()

        wait_s = harness.worker.pace.wait_s(harness.clock.monotonic())
        assert wait_s is not None
        assert 500.0 < wait_s <= 600.0


async def test_a_worker_that_begins_cuts_no_wait_of_the_pace_that_it_shares(harness: Harness) -> None:
    """In a cluster the worker of another partition may come, and what it has noted is a back-off of its own."""
    await harness.open()
    harness.worker.pace.outage(harness.clock.monotonic(), "503", 600.0)

    harness.worker._outages._restore({"next_try_s": str(harness.clock.now() + 300.0), "wait_s": "0.0", "reason": "503"})

    wait_s = harness.worker.pace.wait_s(harness.clock.monotonic())
    assert wait_s is not None
    assert 500.0 < wait_s <= 600.0


async def test_a_batch_that_fills_is_not_what_is_stuck(harness: Harness) -> None:
    harness.clock.speed = 100.0
    harness.vendor.script = lambda request: pytest.fail("the batch left before its time")
    await harness.open()
    add(harness, 1)
    await harness.until(lambda: harness.worker._lanes.waiting == 1)

    assert await watch(harness, STALL_S + 20.0) == []


def hour_of(event: Event, fields: Document, settings: Settings) -> Payload:
    return Payload({"user": event.user_id, "id": event.message_id}, key=event.message_id, group=str(event.user_id))


def taken_by_the_hour() -> Plugin:
    """A vendor that wants few large requests, each with the events of one hour: every user has an hour of their own."""
    made = plugin(batches(max_events=1_000, batch_wait_s=LONG_S))
    return replace(made, actions=tuple(replace(action, build=hour_of) for action in made.actions))


def test_what_has_waited_as_long_as_it_may_does_not_wait_anew_for_each_batch_before_it(tmp_path: Path) -> None:
    """Else after a night's outage each hour of it would take another minute, although nothing more can come for it."""

    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, options=DeliveryOptions(concurrency=1), clock=clock)
        harness.plugin = taken_by_the_hour()
        add(harness, 10)
        await harness.open()

        await clock.sleep(LONG_S - 1.0)
        assert harness.vendor.requests == []
        await clock.sleep(10.0)
        assert [len(request) for request in harness.vendor.requests] == [1] * 10
        await harness.close()

    simulate(play)


def test_a_try_that_is_due_does_not_wait_for_the_batch_to_fill_once_more(tmp_path: Path) -> None:
    async def play(clock: SimulatedClock) -> None:
        harness = Harness(tmp_path, options=DeliveryOptions(backoff=Backoff(0.5, 4.0, 4.0), concurrency=1), clock=clock)
        harness.plugin = taken_by_the_hour()
        harness.vendor.script = lambda request: Response(200 if len(harness.vendor.requests) > 3 else 429)
        add(harness, 1)
        await harness.open()

        await clock.sleep(LONG_S - 1.0)
        assert harness.vendor.requests == []
        await clock.sleep(20.0)
        assert len(harness.vendor.requests) == 4
        assert harness.books.delivered == 1
        await harness.close()

    simulate(play)
