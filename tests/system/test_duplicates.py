"""Promise 4: at least once, harmlessly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_repeats
from tests.system.harness import Stage

COPIES = 10
DROPS = 5
DAY_S = 86_400


def track(label: str, name: str = "Order Completed") -> dict[str, Any]:
    user = label.rpartition("-")[0]
    return {"type": "track", "userId": user, "event": name, "messageId": label, "properties": {"label": label}}


@pytest.mark.timeout(60)
def test_an_answer_that_gets_lost_makes_a_repeat_with_the_same_key(stage: Stage) -> None:
    """The vendor takes a request and the connection drops before the reply, N times: at most N requests are repeated."""
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(after=True, reset=True, times=DROPS)
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})

    acked = stage.generator(router, users=20, events=10).finish()
    router.until_settled()

    check_delivered(acked, *vendors)
    for vendor in vendors:
        repeated = {first.request for first, _ in find_repeats(vendor.arrivals())}
        assert 0 < len(repeated) <= DROPS
    check_books(router, mixpanel=len(acked), customerio=len(acked))


@pytest.mark.timeout(60)
def test_a_message_id_posted_ten_times_in_parallel_is_delivered_once(stage: Stage) -> None:
    """One answer takes it, nine say that it is a duplicate; so do later ones, also after a crash."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors})
    event = track("user001-00001")

    with ThreadPoolExecutor(COPIES) as pool:
        answers = list(pool.map(lambda _: router.post(event), range(COPIES)))
    router.kill()
    router.start()
    again = router.post(event)
    code, batch = router.post([event, track("user001-00002"), track("user001-00002")])
    router.until_settled()

    assert [status for status, _ in answers] == [200] * COPIES
    assert sorted("duplicate" in receipt for _, receipt in answers) == [False] + [True] * (COPIES - 1)
    assert {receipt["messageId"] for _, receipt in answers} == {"user001-00001"}
    assert again == (200, {"success": True, "messageId": "user001-00001", "duplicate": True})
    assert (code, batch["accepted"], batch["duplicate"], batch["rejected"]) == (200, 1, 2, 0)
    check_delivered(["user001-00001", "user001-00002"], *vendors)
    for vendor in vendors:
        assert vendor.kept() == ["user001-00001", "user001-00002"]
    check_books(router, mixpanel=2, customerio=2)


@pytest.mark.timeout(60)
def test_row_30_a_message_id_that_comes_again_six_days_later_is_a_duplicate(stage: Stage) -> None:
    """Also for a router that was started again meanwhile; after more than the seven days of the window it is an event."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.faulty_router({"mixpanel": vendor.destination()})
    event = track("user001-00001")
    duplicate = (200, {"success": True, "messageId": "user001-00001", "duplicate": True})

    first = router.post(event)
    router.suffer(clock_s=6 * DAY_S)
    after_six_days = router.post(event)
    router.until_settled()  # what was in flight at a kill comes twice
    router.kill()
    router.start()
    after_a_restart = router.post(event)
    router.suffer(clock_s=8 * DAY_S)
    after_eight_days = router.post(event)
    router.until_settled()

    assert first == after_eight_days == (200, {"success": True, "messageId": "user001-00001"})
    assert after_six_days == after_a_restart == duplicate
    assert [sighting.label for sighting in vendor.arrivals()] == ["user001-00001"] * 2
    check_delivered(["user001-00001"], vendor)
    check_books(router, mixpanel=2)


@pytest.mark.timeout(60)
def test_a_message_id_from_two_sources_is_two_events(stage: Stage) -> None:
    """Deduplication across sources would swallow a copy that somebody meant."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router(
        {vendor.name: vendor.destination() for vendor in vendors},
        sources={"website": {"write_key": "demo"}, "app": {"write_key": "app-key"}},
    )
    event = track("user001-00001")

    first, second = router.post(event), router.post(event, key="app-key")
    repeated = router.post(event, key="app-key")
    router.until_settled()

    assert first == second == (200, {"success": True, "messageId": "user001-00001"})
    assert repeated == (200, {"success": True, "messageId": "user001-00001", "duplicate": True})
    for vendor in vendors:
        assert [sighting.label for sighting in vendor.arrivals()] == ["user001-00001"] * 2
    events = stage.command("trace", "user001-00001", "--json").json["events"]
    assert [each["source"] for each in events] == ["website", "app"]
    check_books(router, mixpanel=2, customerio=2)
