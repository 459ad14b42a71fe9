"""What the workers of one destination have in common: slots, rates and the pace; and that nothing leaves without a claim."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from router.delivery.claim import Claim, Claimed
from router.delivery.limit import Rate
from router.delivery.outlet import Outlet
from router.delivery.pace import Backoff
from router.plugin import Credential, Request, Response
from tests.delivery.harness import FastClock, Vendor, batches, until

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


async def test_workers_share_the_slots() -> None:
    vendor = Vendor()
    vendor.open.clear()
    endpoint = batches()
    outlet = Outlet({"events": endpoint}, 2, None, Backoff(), FastClock(), random.Random(7))
    sends = [outlet.limit(vendor)["events"] for _ in range(3)]

    tasks = [asyncio.ensure_future(send.send(REQUEST, (), "id")) for send in sends]
    await until(lambda: vendor.hanging == 2)
    vendor.open.set()
    await asyncio.gather(*tasks)

    assert (vendor.most_at_once, len(vendor.requests)) == (2, 3)


async def test_workers_share_the_rate_and_routers_each_have_their_part() -> None:
    clock = StepClock()
    rate = Rate(10.0, clock)
    for _ in range(11):
        await rate.turn()
    whole_s = clock.s
    rate.share(0.25)
    for _ in range(10):
        await rate.turn()

    assert round(whole_s, 3) == 1.0
    assert round(clock.s - whole_s, 1) in (3.7, 4.0)


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
