"""Replays: events of the log sent again, booked apart, resumed after a crash."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_changed_keys, find_repeats
from tests.system.harness import Stage, Vendor, until
from tests.system.test_dead_letters import CHUNK, jobs_are_done, kill_within


def sent_after(vendor: Vendor, begin: int) -> list[str]:
    return sorted(sighting.label for sighting in vendor.arrivals()[begin:])


def call_of(label: str, **changes: Any) -> dict[str, Any]:
    facts = {"label": label}
    return {
        "type": "track",
        "userId": label.rpartition("-")[0],
        "event": "Step Done",
        "messageId": label,
        "properties": facts,
        **changes,
    }


@pytest.mark.timeout(60)
def test_a_replay_sends_what_its_filters_choose_and_the_flags_still_decide(stage: Stage) -> None:
    """By source, type, user and time of receipt; an event whose flags say no is skipped again. The books don't move."""
    [vendor] = stage.vendors("customerio")
    router = stage.router(
        {"customerio": vendor.destination()},
        sources={"website": {"write_key": "demo"}, "app": {"write_key": "app-key"}},
    )
    router.post(call_of("user001-00001"))
    router.post(call_of("user001-00002", integrations={"All": False}))
    router.post(call_of("user002-00001"), key="app-key")
    router.post(
        {"type": "identify", "userId": "user002", "messageId": "user002-00005", "traits": {"label": "user002-00005"}}
    )
    router.until_settled()
    between = datetime.now(UTC).isoformat()
    router.post(call_of("user001-00003"))
    router.until_settled()
    books = router.books("customerio")

    def replay(*options: str) -> tuple[list[str], dict[str, int]]:
        begin = len(vendor.arrivals())
        [job] = stage.command("replay", "customerio", "--json", *options).json
        assert job["state"] == "done"
        return sent_after(vendor, begin), job["counts"]

    assert replay("--source", "app") == (["user002-00001"], {"delivered": 1})
    assert replay("--type", "identify") == (["user002-00005"], {"delivered": 1})
    assert replay("--user", "user001") == (["user001-00001", "user001-00003"], {"delivered": 2, "skipped": 1})
    assert replay("--since", between) == (["user001-00003"], {"delivered": 1})
    assert replay("--until", between, "--user", "user001") == (["user001-00001"], {"delivered": 1, "skipped": 1})
    assert replay("--since", "2020-01-01", "--until", "2020-01-02") == ([], {})
    assert router.books("customerio") == books
    assert router.destination("customerio")["replayed"] == {"delivered": 6, "skipped": 2}
    assert find_changed_keys(vendor.arrivals()) == {}
    check_books(router, customerio=5)


@pytest.mark.timeout(90)
def test_a_replay_goes_on_after_a_crash_beside_live_traffic(stage: Stage) -> None:
    """Each event is sent again once, but for the chunk that was in flight; live events are delivered all the same."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})
    acked = stage.generator(router, users=20, events=20, batch=30).finish()
    router.until_settled()
    vendor.fail(hang_s=0.2, after=True)
    begin = len(vendor.arrivals())

    kill_within(router, vendor, stage.begin("replay", "mixpanel"))
    vendor.heal()
    router.start()
    router.post(call_of("late-00001"))
    until(lambda: jobs_are_done(router, "mixpanel"), "the replay is done")
    router.until_settled()

    again = [sighting for sighting in vendor.arrivals()[begin:] if sighting.label != "late-00001"]
    assert {sighting.label for sighting in again} == set(acked)
    assert len(find_repeats(again)) <= CHUNK
    check_delivered([*acked, "late-00001"], vendor)
    check_books(router, mixpanel=len(acked) + 1)
    [job] = router.ask("jobs", destination="mixpanel")
    assert job["counts"] == {"delivered": len(acked)}
    assert router.destination("mixpanel")["replayed"]["delivered"] - len(acked) in range(CHUNK)
