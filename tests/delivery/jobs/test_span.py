"""Where in the log a time lies."""

from __future__ import annotations

import random

import pytest

from router.delivery.jobs.span import MARGIN_S, span_of
from router.log.record import Gap, Record
from tests.delivery.harness import MemoryLog

DAY_S = 86_400.0


class CountingLog(MemoryLog):
    """One event an hour from Unix second 0 on; counts what is read of it."""

    def __init__(self, hours: int) -> None:
        super().__init__()
        self.reads = 0
        for hour in range(hours):
            self.put(hour * 3_600.0)

    def put(self, received_at_s: float) -> None:
        record = self.add("u1")
        self.records[-1] = Record(0, record.sequence, "website", "m", "u1", "track", received_at_s, b"{}")

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        self.reads += 1
        return (
            self.records[after : after + limit]
            if len(self.records) == self._end
            else await super().read(0, after, limit)
        )


@pytest.mark.parametrize(
    ("since_s", "until_s", "span"),
    [
        pytest.param(None, None, (1, 1_000), id="all"),
        pytest.param(10 * DAY_S, None, (9 * 24 + 1, 1_000), id="from a moment on"),
        pytest.param(None, 10 * DAY_S, (1, 11 * 24), id="before a moment"),
        pytest.param(10 * DAY_S, 11 * DAY_S, (9 * 24 + 1, 12 * 24), id="a day"),
        pytest.param(-5.0, None, (1, 1_000), id="from before it all"),
        pytest.param(1_000 * DAY_S, None, (1_001, 1_000), id="after it all"),
        pytest.param(None, -2 * DAY_S, (1, 0), id="before it all"),
    ],
)
async def test_a_span_begins_and_ends_a_day_around_its_times(
    since_s: float | None, until_s: float | None, span: tuple[int, int]
) -> None:
    log = CountingLog(1_000)

    assert await span_of(log, 0, since_s, until_s) == span
    assert log.reads <= 2 * 11, "by bisection"


async def test_an_empty_log_has_an_empty_span() -> None:
    assert await span_of(MemoryLog(), 0, 5.0, 7.0) == (1, 0)


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_that_fits_lies_outside_though_the_clock_jumped(seed: int) -> None:
    """The clock of the gateway was put forward and back by an hour now and then, and the log lost a part."""
    chance = random.Random(seed)
    log = CountingLog(0)
    clock = 0.0
    for _ in range(200):
        clock += chance.uniform(0, 2 * 3_600.0) + chance.choice([0.0] * 20 + [3_600.0, -3_600.0])
        log.put(clock)
        if chance.random() < 0.05:
            log.lose(chance.randrange(1, 30))
    since_s, until_s = sorted(chance.uniform(-DAY_S, clock + DAY_S) for _ in range(2))

    first, last = await span_of(log, 0, since_s, until_s)

    events = [record for record in log.records if isinstance(record, Record)]
    fitting = [record.sequence for record in events if since_s <= record.received_at_s < until_s]
    assert not fitting or (first <= min(fitting) and max(fitting) <= last)
    read = [record.received_at_s for record in events if first <= record.sequence <= last]
    assert not read or (since_s - 2 * MARGIN_S <= min(read) and max(read) < until_s + 2 * MARGIN_S)
