"""Counting what requests are like: by how they ended, how many events they held, and how long events were on their way."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.sending.send import SendFailed
from router.delivery.tally import Histogram, Tallied, Tally, status_class
from router.plugin import Request, Response
from tests.delivery.harness import NETWORK_DOWN, Harness, Vendor, plugin

REQUEST = Request("POST", "https://vendor.test/events", [])


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, "2xx"), (204, "2xx"), (302, "3xx"), (400, "4xx"), (429, "429"), (499, "4xx"), (503, "5xx"), (999, "9xx")],
)
def test_statuses_are_counted_by_class(status: int, expected: str) -> None:
    assert status_class(status) == expected


async def test_every_attempt_is_counted_once_and_is_under_way_while_it_is() -> None:
    tally = Tally()
    seen = []

    class Script:
        answers: ClassVar[list[Response | Exception]] = [
            Response(200),
            SendFailed("no answer"),
            Response(429),
            ValueError("no URL"),
        ]

        async def send(self, *arguments: object) -> Response:
            seen.append(tally.under_way)
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    send = Tallied(Script(), tally)
    for expected in (None, SendFailed, None, ValueError):
        if expected is None:
            await send.send(REQUEST, [], "id")
        else:
            with pytest.raises(expected):
                await send.send(REQUEST, [], "id")

    assert seen == [1, 1, 1, 1]
    assert tally.under_way == 0
    assert tally.attempts == {"2xx": 1, "no answer": 1, "429": 1}


def histogram(*values: float) -> Histogram:
    made = Histogram((1.0, 10.0, 100.0))
    made.observe(*values)
    return made


def test_a_histogram_counts_in_its_buckets() -> None:
    made = histogram(0.5, 1.0, 1.1, 10.0, 1_000.0)

    assert made.counts == [2, 2, 0, 1]
    assert (made.count, made.sum, made.mean) == (5, 1_012.6, 202.52)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([], 0.5, None, id="nothing"),
        pytest.param([0.5] * 10, 0.5, 0.5, id="all alike"),
        pytest.param([0.5] * 9 + [50.0], 0.9, 1.0, id="most of them small, to their bound"),
        pytest.param([0.5] * 9 + [50.0], 1.0, 50.0, id="the largest"),
        pytest.param([50.0] * 9 + [99.0], 0.5, 74.5, id="half-way between the least and the most"),
        pytest.param([1_000.0], 0.95, 1_000.0, id="beyond all bounds"),
        pytest.param([20.0] * 2 + [1_000.0] * 2, 0.75, 550.0, id="beyond them, from the last one on"),
    ],
)
def test_a_quantile_is_told_by_the_bucket_it_lies_in(values: list[float], share: float, expected: float | None) -> None:
    assert histogram(*values).quantile(share) == (expected if expected is None else pytest.approx(expected))


async def test_a_worker_tells_how_its_requests_went(tmp_path: Path) -> None:
    """Two batches of ten, after a failure; an event's latency is from its acceptance on, waits included."""
    answers = [NETWORK_DOWN, Response(503)]
    vendor = Vendor(lambda request: answers.pop() if answers else Response(200))
    harness = Harness(
        tmp_path, vendor, DeliveryOptions(concurrency=1, backoff=Backoff(0.5, 4.0, 4.0), batch_wait_s=1.0)
    )
    harness.plugin = plugin(max_events=10)
    for _ in range(20):
        harness.log.add("ada")
    await harness.open()
    await harness.until_settled()
    tally = harness.worker.ledger.tally
    await harness.close()

    assert tally.attempts == {"5xx": 1, "no answer": 1, "2xx": 2}
    assert tally.batch_sizes.count == 4
    assert tally.batch_sizes.mean == 10
    assert tally.latencies_s.count == 20
