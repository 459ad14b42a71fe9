"""Time plays tricks on the router: the wall clock jumps, or the process stands still for a while."""

from __future__ import annotations

import signal
import time

import pytest

from tests.system.checks import check_books, check_delivered, check_repeats_straddle, interruption, lanes_of
from tests.system.generator import label_of
from tests.system.harness import Stage, call, until

HOUR_S = 3600.0
STUCK_S = 60.0
"""The battery: no event is stuck for longer."""
LANES = 4


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param((-HOUR_S,), id="an hour back", marks=pytest.mark.full),
        pytest.param((HOUR_S, 0.0, -HOUR_S, 0.0), id="there and back, both ways", marks=pytest.mark.full),
    ],
)
def test_row_24_clock_jumps_cost_no_event_no_order_and_no_time(stage: Stage, jumps: tuple[float, ...]) -> None:
    """Each jump meets a vendor that is down, one user whose event is parked at the other, and load."""
    down, odd = vendors = stage.vendors("mixpanel", "customerio")
    parked = label_of("user001", 2)
    odd.fail(status=500, contains=parked)
    router = stage.faulty_router({vendor.name: vendor.destination() for vendor in vendors})
    generator = stage.generator(router, users=20, batch=5, workers=4, pause_s=0.05)
    until(lambda: router.destination("customerio")["parked"]["events"], "a user is parked")

    for clock_s in jumps:
        down.fail(status=503)
        until(lambda: router.destination("mixpanel")["state"] != "going", "the vendor is down")
        router.suffer(clock_s=clock_s)
        before, arrivals = len(generator.acked()), len(down.arrivals())
        until(lambda before=before: len(generator.acked()) > before + 50, "events are taken")  # type: ignore[misc]
        assert call("GET", f"{router.url}/health")[0] == 200
        requests = {sighting.request for sighting in down.arrivals()[arrivals:]}
        assert len(requests) < 20, "a storm of retries"
        down.heal()
        until(lambda: router.destination("mixpanel")["state"] == "going", "it delivers again", STUCK_S)
    odd.heal()
    acked = generator.stop()
    router.until_settled(patience_s=STUCK_S)

    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))
    assert parked in odd.kept()


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(2.0, id="2 s", marks=pytest.mark.timeout(90)),
        pytest.param(60.0, id="60 s", marks=[pytest.mark.full, pytest.mark.timeout(180)]),
    ],
)
def test_row_28_a_router_that_stood_still_goes_on_where_it_was(stage: Stage, seconds: float) -> None:
    """SIGSTOP and SIGCONT: nobody gets at its directory meanwhile, and only what was in flight is repeated."""
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=0.03, after=True)
    router = stage.router({vendor.name: vendor.destination(delivery={"concurrency": LANES}) for vendor in vendors})
    generator = stage.generator(router, users=20, batch=5, workers=4)
    until(lambda: len(generator.acked()) > 100, "load")

    stopped_at = time.time()
    router.send(signal.SIGSTOP)
    second = stage.process("run")
    time.sleep(max(0.0, seconds - (time.time() - stopped_at)))
    router.send(signal.SIGCONT)
    before = len(generator.acked())
    until(lambda: len(generator.acked()) > before + 100, "events are taken again")
    standstill = interruption(stopped_at, *vendors)
    healthy = call("GET", f"{router.url}/health")[0]
    acked = generator.stop()
    router.until_settled()

    assert second.code == 2
    assert "has this log open" in second.err
    assert healthy == 200
    check_delivered(acked, *vendors)
    for vendor in vendors:
        check_repeats_straddle(vendor.arrivals(), [standstill], lanes_of(vendor, LANES))
    check_books(router, mixpanel=len(acked), customerio=len(acked))
