"""Rows 15 and 16 of the battery: a vendor that comes back is not run over, and its limit is kept to whatever waits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.harness import Stage, until

LIMIT_PER_S = 20
STEADY_PER_S = 10
WAITING = 40
"""Events that an outage leaves, so that what waits takes some seconds to drain."""


def busiest(moments: Sequence[float], length_s: float) -> int:
    """The most requests that came within so many seconds."""
    return max(sum(start <= moment < start + length_s for moment in moments) for start in moments)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_rows_15_and_16_a_vendor_that_comes_back_gets_no_more_than_its_limit(stage: Stage) -> None:
    """One event a request, so that what waited can't hide in big batches; load goes on, and the other has no outage."""
    limited, other = vendors = stage.vendors("webhook", "mixpanel")
    delivery = {"rate_limit": f"{LIMIT_PER_S}/s", "concurrency": 16}
    router = stage.router({"webhook": limited.destination(delivery=delivery), "mixpanel": other.destination()})
    generator = stage.generator(router, users=20, batch=1, workers=1, pause_s=1 / STEADY_PER_S)
    until(lambda: len(limited.kept()) > 3 * STEADY_PER_S, "steady load")

    limited.fail(status=503)
    until(lambda: router.books("webhook")["pending"] > WAITING, "events wait")
    limited.heal()
    until(lambda: router.books("webhook")["pending"] < 3, "what waited is delivered")
    acked = generator.stop()
    router.until_settled()

    taken = [sighting.at for sighting in limited.arrivals() if sighting.status == 200]
    assert busiest(taken, 5.0) <= 1.05 * 5 * LIMIT_PER_S
    assert router.destination("mixpanel")["outages"] == 0
    check_delivered(acked, *vendors)
    check_books(router, webhook=len(acked), mixpanel=len(acked))
