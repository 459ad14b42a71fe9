"""What the workers of one destination have in common: concurrency, rates, the pace; and that nothing leaves without a claim."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from router.delivery.options import DeliveryOptions
from router.delivery.outlet import Outlet
from router.delivery.sharing.claim import Claim, Claimed
from router.delivery.way import Ways
from router.destination import Destination
from router.plugin import Credential, Request, Response
from tests.delivery.harness import FastClock, Settings, batches, plugin

REQUEST = Request("POST", "https://vendor.test/events", [])


class StepClock(FastClock):
    """Its time passes in sleeps alone."""

    def __init__(self) -> None:
        super().__init__()
        self.s = 0.0

    def monotonic(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += seconds


async def test_workers_share_the_concurrency() -> None:
    outlet = Outlet({"events": batches()}, DeliveryOptions(concurrency=2), FastClock(), random.Random(7))
    passed, at_once = 0, []

    async def request() -> None:
        nonlocal passed
        async with outlet.gate.passed("events"):
            at_once.append(outlet.pace.under_way)
            await asyncio.sleep(0.01)
            passed += 1

    await asyncio.gather(*(request() for _ in range(5)))

    assert (passed, max(at_once)) == (5, 2)


def test_each_router_keeps_to_its_part_of_the_rates() -> None:
    endpoints = {"events": batches(rate_limit_per_s=5.0)}
    pace = Outlet(endpoints, DeliveryOptions(rate_limit_per_s=10.0), FastClock(), random.Random(7)).pace
    pace.share(0.25, 0.0)

    pace.request_left("events", 0.0)

    assert (pace.request_wait_s(0.0), pace.rate_wait_s("events", 0.0)) == (0.4, 0.8)
    assert pace.spacing_s == 0.8


@pytest.mark.parametrize(
    ("share", "destination_s", "endpoint_s"),
    [
        pytest.param(0.5, 40.0, 90.0, id="it grows"),
        pytest.param(0.125, 160.0, 360.0, id="it shrinks"),
        pytest.param(0.25, 80.0, 180.0, id="it stays"),
    ],
)
def test_a_wait_goes_on_by_the_share_of_the_present(share: float, destination_s: float, endpoint_s: float) -> None:
    """A router that has just begun has one partition of many, and a moment later as many as the others."""
    endpoints = {"events": batches(rate_limit_per_s=0.02)}
    pace = Outlet(endpoints, DeliveryOptions(rate_limit_per_s=0.04), FastClock(), random.Random(7)).pace
    pace.share(0.25, 0.0)
    pace.request_left("events", 0.0)  # the next one may leave after 100 s, of this endpoint after 200 s

    pace.share(share, 20.0)

    assert (pace.request_wait_s(20.0), pace.rate_wait_s("events", 20.0)) == (destination_s, endpoint_s)


async def test_a_request_that_waits_leaves_when_a_greater_share_lets_it() -> None:
    ways = Ways(FastClock(), random.Random(7))
    ways.share(0.0001)
    way = ways.take(Destination("fake", plugin(rate_limit_per_s=0.1), Settings()), DeliveryOptions(), 10.0, 5.0)

    async def request() -> None:
        async with way.outlet.gate.passed("events"):
            pass

    await request()
    second = asyncio.create_task(request())  # by this share it waits for 100,000 s of the clock, which are 100 s
    await asyncio.sleep(0.01)
    ways.share(1.0)

    await asyncio.wait_for(second, 20.0)
    await ways.give_back(way)


@pytest.mark.parametrize(
    ("name", "rate", "waits_s"),
    [
        pytest.param("fake", 0.1, (3.0, 6.0), id="its own rate stays"),
        pytest.param("fake", 1.0, (1.0, 6.0), id="its own rate becomes higher"),
        pytest.param("fake", 0.01, (3.0, 6.0), id="its own rate becomes lower"),
        pytest.param("fake", None, (0.0, 6.0), id="its own rate is gone"),
        pytest.param("other", 0.1, (0.0, 0.0), id="of another destination"),
    ],
)
async def test_limits_hold_over_changes_of_a_destination(
    name: str, rate: float | None, waits_s: tuple[float, float]
) -> None:
    """Each change let a request leave at once. Whoever suppresses hundreds of people one by one changes as often."""
    clock = StepClock()
    ways, vendor = Ways(clock, random.Random(7)), plugin(rate_limit_per_s=1 / 13)
    first = ways.take(Destination("fake", vendor, Settings()), DeliveryOptions(rate_limit_per_s=0.1), 10.0, 5.0)
    first.outlet.pace.request_left("events", 0.0)
    await ways.give_back(first)
    clock.s = 5.0
    between = ways.take(Destination("fake", vendor, Settings()), DeliveryOptions(rate_limit_per_s=0.1), 11.0, 5.0)
    await ways.give_back(between)  # which sends nothing
    clock.s = 7.0

    way = ways.take(Destination(name, vendor, Settings()), DeliveryOptions(rate_limit_per_s=rate), 12.0, 5.0)

    pace = way.outlet.pace
    assert (pace.request_wait_s(7.0), pace.rate_wait_s("events", 7.0)) == waits_s
    await ways.give_back(way)


async def test_endpoints_of_one_limit_keep_to_it_together() -> None:
    """A vendor that takes ten requests a second of an app counts contacts and companies alike."""
    endpoints = {
        name: batches(name, rate_limit_per_s=rate, shared_rate=shared)
        for name, rate, shared in (("contacts", 10.0, "app"), ("companies", 5.0, "app"), ("events", 100.0, ""))
    }
    clock = StepClock()
    outlet = Outlet(endpoints, DeliveryOptions(concurrency=8), clock, random.Random(7))
    left_at = []

    for name in ("contacts", "companies", "contacts", "events"):
        async with outlet.gate.passed(endpoints[name].rate_name) as at:
            left_at.append(at)

    assert left_at == [0.0, 0.2, 0.4, 0.4]


class Recorder:
    def __init__(self) -> None:
        self.sent = 0

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        self.sent += 1
        return Response(200)


async def test_nothing_is_sent_once_the_claim_may_be_gone() -> None:
    clock, vendor = StepClock(), Recorder()
    send = Claimed(vendor, Claim(3, until_s=5.0, clock=clock))
    await send.send(REQUEST, (), "id")

    clock.s = 5.0
    late = asyncio.ensure_future(send.send(REQUEST, (), "id"))
    done, _ = await asyncio.wait({late}, timeout=0.05)

    assert not done
    assert vendor.sent == 1
    late.cancel()
