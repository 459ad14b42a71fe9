"""Promise 2: no destination hurts another, nor the gateway."""

from __future__ import annotations

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.harness import Stage, until


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_a_hanging_vendor_keeps_nobody_waiting(stage: Stage) -> None:
    """While one vendor hangs, the healthy one gets everything and the gateway answers; nothing is lost for the other."""
    healthy, hanging = vendors = stage.vendors("mixpanel", "customerio")
    hanging.fail(hang_s=30)
    router = stage.router(
        {
            "mixpanel": healthy.destination(),
            "customerio": hanging.destination(delivery={"timeout": "300ms"}),
        }
    )

    acked = stage.generator(router, users=20, events=20).finish()
    router.until_settled("mixpanel")
    check_delivered(acked, healthy)
    until(lambda: router.destination("customerio")["state"] == "throttled", "the hanging one is throttled")

    assert hanging.kept() == []
    assert router.books("customerio")["pending"] == len(acked)
    # Not at each try: a busy machine may take longer than half of the time for the connection alone.
    until(lambda: "no answer within 0.3 s" in router.destination("customerio")["reason"], "it is told why")
    code, _ = router.post({"type": "track", "userId": "user000", "event": "Asked", "messageId": "late-00001"})
    assert code == 200
    hanging.heal()
    router.until_settled()
    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked) + 1, customerio=len(acked) + 1)


@pytest.mark.timeout(60)
def test_vendors_that_fail_always_keep_nobody_waiting(stage: Stage) -> None:
    """Errors, refusals and broken connections at three destinations; the fourth gets everything meanwhile."""
    healthy, *failing = vendors = stage.vendors(
        "mixpanel", errors="customerio", too_many="customerio", unreachable="mixpanel"
    )
    errors, too_many, unreachable = failing
    errors.fail(status=500, body="<html>sorry</html>")
    too_many.fail(status=429, headers={"Retry-After": "1"})
    unreachable.fail(reset=True)
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})

    acked = stage.generator(router, users=10, events=10).finish()
    router.until_settled("mixpanel")
    check_delivered(acked, healthy)
    for vendor in failing:
        assert vendor.kept() == []
        assert router.books(vendor.name)["pending"] == len(acked)
        vendor.heal()
    router.until_settled()

    check_delivered(acked, *vendors)
    check_books(router, **{vendor.name: len(acked) for vendor in vendors})
