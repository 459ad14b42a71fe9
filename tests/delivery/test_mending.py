"""Payloads that are sent again without what the vendor refuses of them, where something else happens in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.delivery.state.changes import Job
from router.destination import Destination
from router.plugin import Again, Dead, Delivered, Judgement, Later, Payload, Response, Verdict, without
from tests.delivery.harness import Harness, Settings, batches, plugin
from tests.delivery.jobs.test_jobs import add_job, finish


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    harness.options = replace(harness.options, concurrency=1)
    yield harness
    await harness.close()


def body_of(payload: Payload) -> Any:
    return orjson.loads(orjson.dumps(payload.body))


def mending(**options: Any) -> Any:
    """An endpoint whose vendor refuses what is named "bad", and has no time for "late" once."""
    late: set[str] = set()

    def judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
        return [_verdict(payload) for payload in payloads]

    def _verdict(payload: Payload) -> Verdict:
        body = body_of(payload)
        if "late" in body and body["id"] not in late:
            late.add(body["id"])
            return Later("not now", 1.0)
        left = without(payload, [("bad",)], "no good")
        return Again(left) if left else Delivered()

    return batches(judge=judge, **options)


def hang_from_the_next_on(harness: Harness) -> Response:
    harness.vendor.open.clear()
    return Response(200)


def sent(harness: Harness) -> list[list[tuple[str, bool]]]:
    return [[(item["id"], "bad" in item) for item in items] for items in harness.vendor.requests]


async def test_a_body_that_is_written_already_is_mended(harness: Harness) -> None:
    harness.plugin = plugin(mending(are_bodies_opaque=True))
    harness.log.add("u1", properties={"bad": 1, "good": 2})
    await harness.open()

    await harness.until_settled()

    assert sent(harness) == [[("m1", True)], [("m1", False)]]
    assert harness.vendor.requests[1][0]["good"] == 2
    assert harness.books.delivered == 1


@pytest.mark.parametrize(
    ("is_ordered", "then"),
    [
        pytest.param(True, [("m1", False), ("m2", True), ("m2", False)], id="in order"),
        pytest.param(False, [("m2", False), ("m1", False)], id="in any order"),
    ],
)
async def test_behind_one_that_is_parked_it_waits_and_is_mended_anew(
    harness: Harness, is_ordered: bool, then: list[Any]
) -> None:
    harness.plugin = plugin(mending())
    harness.destination = Destination("fake", harness.plugin, Settings(), is_ordered=is_ordered)
    harness.log.add("u1", properties={"late": 1})
    harness.log.add("u1", properties={"bad": 1})
    await harness.open()

    await harness.until_settled()

    first, *others = sent(harness)
    assert first == [("m1", False), ("m2", True)]
    assert [item for items in others for item in items] == then
    assert (harness.books.delivered, harness.books.dead) == (2, 0)


async def test_after_a_crash_it_is_sent_whole_and_mended_anew(harness: Harness) -> None:
    harness.plugin = plugin(mending())
    harness.log.add("u1", properties={"bad": 1})
    harness.vendor.script = lambda request: hang_from_the_next_on(harness)
    await harness.open()
    await harness.until(lambda: len(harness.vendor.requests) == 2)
    await harness.crash()
    harness.vendor.script = lambda request: Response(200)
    harness.vendor.open.set()
    await harness.open()

    await harness.until_settled()

    assert sent(harness) == [[("m1", True)], [("m1", False)]] * 2
    assert (harness.books.delivered, harness.books.dead) == (1, 0)


async def test_a_retry_of_a_dead_letter_mends_it(harness: Harness) -> None:
    harness.plugin = plugin(batches(judge=lambda response, payloads, settings: [Dead("no good")] * len(payloads)))
    for _ in range(2):
        harness.log.add("u1", properties={"bad": 1})
    await harness.open()
    await harness.until_settled()
    await harness.close()
    harness.plugin = plugin(mending())
    await harness.open()

    job = await finish(harness, await add_job(harness, "retry"))

    assert job.counts == {"delivered": 2}
    assert (harness.books.delivered, harness.books.dead) == (2, 0)


async def test_a_replay_that_is_cancelled_does_not_send_it_again(harness: Harness) -> None:
    harness.plugin = plugin(mending())
    harness.log.add("u1", properties={"bad": 1})
    await harness.open()
    await harness.until_settled()
    began = len(harness.vendor.requests)
    harness.vendor.open.clear()
    id = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 1)

    harness.worker.jobs.cancel(id)
    harness.vendor.open.set()
    job: Job = await finish(harness, id)

    assert job.state == "cancelled"
    assert len(harness.vendor.requests) - began == 1
    await harness.until(lambda: harness.worker.jobs.is_idle)
    assert await harness.letters() == []


async def test_a_replay_mends(harness: Harness) -> None:
    harness.plugin = plugin(mending())
    for number in range(30):
        harness.log.add(f"u{number % 3}", properties={"bad": 1} if number % 2 else {})
    await harness.open()
    await harness.until_settled()

    job = await finish(harness, await add_job(harness))

    assert job.counts == {"delivered": 30}
    assert (harness.books.delivered, harness.books.dead) == (30, 0)
