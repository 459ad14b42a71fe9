"""Promise 2, over a long time: one of five destinations hangs for an hour, and the four others don't notice.

Row 11 of the battery. The hour is simulated (see `tests.delivery.simulated`), the workers and their states are real: what is
shared between destinations, a lock or a queue, would show in the latencies. What they take from each other's CPU does not;
``python -m bench --only isolation`` measures that, with real processes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

import pytest

from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.sending.send import ReadTimedOut
from router.plugin import Credential, Request, Response
from tests.delivery.harness import Harness, MemoryLog, Vendor
from tests.delivery.simulated import SimulatedClock, simulate

TIMEOUT_S = 10.0
EVENTS_PER_S = 1.0
USERS = 50


class SlowVendor(Vendor):
    """Takes its time for each answer, and notes when events came; or hangs, from one moment to another."""

    def __init__(self, clock: SimulatedClock, seed: int, hangs: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.came_at: dict[str, float] = {}
        self.timed_out = 0
        self._clock = clock
        self._chance = random.Random(seed)
        self._hangs = hangs

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        begin, end = self._hangs
        if begin <= self._clock.monotonic() < end:
            await asyncio.sleep(TIMEOUT_S)
            self.timed_out += 1
            raise ReadTimedOut(f"no answer within {TIMEOUT_S:g} s")
        await asyncio.sleep(0.1 + self._chance.expovariate(5.0))
        response = await super().send(request, credentials, id)
        for event in request.json:
            self.came_at[event["id"]] = self._clock.monotonic()
        return response


async def run(
    clock: SimulatedClock, directory: Path, seconds: float, hangs: bool
) -> tuple[list[SlowVendor], list[float]]:
    """Five destinations of one log for so long. Returns their vendors, of which the last one may hang, and the p95 of each,
    from the acceptance of an event to the vendor's yes."""
    log, chance = MemoryLog(), random.Random(3)
    began = clock.monotonic()
    options = DeliveryOptions(backoff=Backoff(), batch_wait_s=0.1)
    vendors = [SlowVendor(clock, seed) for seed in range(4)]
    vendors.append(SlowVendor(clock, 4, (began + 10.0, began + seconds) if hangs else (0.0, 0.0)))
    harnesses = []
    for number, vendor in enumerate(vendors):
        place = directory / f"{number}-{hangs}"
        place.mkdir()
        harness = Harness(place, vendor, options, log, clock=clock)
        await harness.open()
        harnesses.append(harness)
    accepted_at: dict[str, float] = {}
    while clock.monotonic() < began + seconds:
        record = log.add(f"u{chance.randrange(USERS)}")
        accepted_at[record.message_id] = clock.monotonic()
        await asyncio.sleep(chance.expovariate(EVENTS_PER_S))
    while any(harness.books.pending for harness in harnesses):  # noqa: ASYNC110 - the time is simulated
        await asyncio.sleep(1.0)
    for harness in harnesses:
        assert (harness.books.unaccounted, harness.books.dead) == (0, 0)
        assert len(harness.vendor.taken) == len(accepted_at)
        await harness.close()
    latencies = [[came - accepted_at[id] for id, came in vendor.came_at.items()] for vendor in vendors]
    return vendors, [quantiles(each, n=20)[-1] for each in latencies]


@pytest.mark.parametrize("seconds", [120.0, pytest.param(3_600.0, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_one_of_five_hangs_for_long_and_the_others_are_as_quick_as_ever(tmp_path: Path, seconds: float) -> None:
    _, quiet = simulate(lambda clock: run(clock, tmp_path, seconds, hangs=False))
    vendors, troubled = simulate(lambda clock: run(clock, tmp_path, seconds, hangs=True))

    assert vendors[-1].timed_out > 5
    assert troubled[-1] > 100.0, "what waited for the hanging one waited long"
    for number in range(4):
        assert troubled[number] <= quiet[number] * 1.1
