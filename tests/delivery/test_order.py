"""``order: strict`` and ``none``: who waits for whom, what it costs in events that wait, and what a change of mind keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.delivery.order import BEHIND_PARKED, IN_LANE, WAITED, in_line, line_of, out_of_line
from router.destination import Destination
from router.log.record import Record
from router.plugin import Request, Response, judge_by_status
from tests.delivery.harness import Harness, Settings, batches, plugin


def record(user_key: str, sequence: int = 7) -> Record:
    return Record(0, sequence, "website", "m1", user_key, "track", 0.0, b"{}")


def test_a_line_is_a_user_or_one_event() -> None:
    assert line_of(record("ada", 1), True) == line_of(record("ada", 2), True) == "ada"
    assert len({line_of(record(user, n), False) for user in ("ada", "bob", "") for n in (1, 2)}) == 6


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize(
    "user_key",
    [
        pytest.param("ada", id="plain"),
        pytest.param("", id="empty"),
        pytest.param("ada\x1f0:5", id="that looks like the line of another event"),
        pytest.param(line_of(record("ada"), False)[:-1], id="that is nearly that of this one"),
    ],
)
def test_what_is_parked_comes_out_under_its_user(user_key: str, is_ordered: bool) -> None:
    event = record(user_key)

    parked = in_line(event, line_of(event, is_ordered))

    assert out_of_line(parked) == event


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """A vendor that puts off events one by one while they are in ``put_off``."""
    harness = Harness(tmp_path)
    harness.plugin = plugin(
        max_events=1,
        judge=lambda response, payloads, settings: judge_by_status(response, payloads, later=(404,)),
    )
    return harness


def put_off(harness: Harness, *ids: str) -> None:
    harness.vendor.script = lambda request: Response(404 if request.json[0]["id"] in ids else 200)


def order(harness: Harness, is_ordered: bool) -> None:
    harness.destination = Destination("fake", harness.plugin, Settings(), is_ordered=is_ordered)


async def test_without_order_a_parked_event_holds_nothing_of_its_user(harness: Harness) -> None:
    order(harness, False)
    put_off(harness, "m1", "m3")
    for _ in range(5):
        harness.log.add("ada")
    await harness.open()
    await harness.until_taken(3)

    assert sorted(harness.vendor.ids()) == ["m2", "m4", "m5"]
    await harness.until(lambda: harness.worker.ledger.parked_events == 2)
    assert harness.worker.ledger.counts[WAITED, BEHIND_PARKED] == 0
    put_off(harness)
    await harness.until_settled()

    assert sorted(harness.vendor.ids()) == [f"m{number}" for number in range(1, 6)]
    assert harness.worker.ledger.parked_users == {}
    await harness.close()


async def test_without_order_each_parked_event_has_a_turn_of_its_own(harness: Harness) -> None:
    """One that the vendor puts off for ten hours does not take another of its user along."""
    order(harness, False)
    tried: set[str] = set()

    def script(request: Request) -> Response:
        id = request.json[0]["id"]
        is_first = id not in tried
        tried.add(id)
        return Response(404, headers={"retry-after": "36000" if id == "m1" else "1"}) if is_first else Response(200)

    harness.vendor.script = script
    for _ in range(3):
        harness.log.add("ada")
    await harness.open()
    await harness.until_taken(2)

    assert sorted(harness.vendor.ids()) == ["m2", "m3"]
    assert harness.worker.ledger.parked_events == 1
    await harness.close()


async def test_one_user_alone_can_use_all_lanes_without_order(harness: Harness) -> None:
    for is_ordered, most_at_once in ((True, 1), (False, harness.options.concurrency)):
        order(harness, is_ordered)
        harness.vendor.most_at_once = 0
        harness.vendor.open.clear()
        for _ in range(60):
            harness.log.add("ada")
        await harness.open()
        await harness.until(lambda most=most_at_once: harness.vendor.hanging == most)  # type: ignore[misc]
        harness.vendor.open.set()
        await harness.until_settled()
        assert harness.vendor.most_at_once == most_at_once
        await harness.close()


@pytest.mark.parametrize("is_ordered", [True, False])
async def test_the_payloads_of_one_event_go_in_order_all_the_same(tmp_path: Path, is_ordered: bool) -> None:
    """A contact is made before it is put on a list: that is no matter between events."""
    harness = Harness(tmp_path)
    harness.plugin = plugin(batches("contacts", max_events=3), batches("lists", max_events=3))
    order(harness, is_ordered)
    for number in range(40):
        harness.log.add(f"u{number % 5}")
    await harness.open()
    await harness.until_settled()

    at = [(item["id"], item["at"]) for item in harness.vendor.taken]
    for event in harness.log.events:
        assert at.index((event.message_id, "contacts")) < at.index((event.message_id, "lists"))
    await harness.close()


async def test_each_event_that_waits_for_its_user_is_counted_once(harness: Harness) -> None:
    put_off(harness, "m1")
    for user in ("ada", "bob", "ada", "ada", "bob"):
        harness.log.add(user)
    await harness.open()
    await harness.until_taken(2)
    harness.log.add("ada")
    await harness.until(lambda: harness.worker.ledger.parked_events == 4)

    assert harness.worker.ledger.counts[WAITED, BEHIND_PARKED] == 3
    put_off(harness)
    await harness.until_settled()

    assert harness.worker.ledger.counts[WAITED, BEHIND_PARKED] == 3
    assert harness.vendor.ids("ada") == ["m1", "m3", "m4", "m6"]
    await harness.close()


async def test_what_waits_in_a_lane_for_its_user_is_counted_too(tmp_path: Path) -> None:
    """Behind an earlier event for another endpoint; not behind another payload of its own event."""
    harness = Harness(tmp_path)
    harness.plugin = plugin(batches("contacts"), batches("lists"))
    harness.log.add("ada", properties={"only": "lists"})
    harness.log.add("bob", properties={"only": "contacts"})
    harness.log.add("bob", properties={"only": "lists"})
    harness.log.add("ada")
    harness.options = type(harness.options)(concurrency=1, batch_wait_s=1.0)
    await harness.open()
    await harness.until_settled()

    assert harness.worker.ledger.counts[WAITED, IN_LANE] == 1
    await harness.close()


@pytest.mark.parametrize("is_ordered_first", [True, False], ids=["strict to none", "none to strict"])
async def test_a_change_of_mind_loses_nothing(harness: Harness, is_ordered_first: bool) -> None:
    """Parked events stay in their lines over it; what comes later stands in those of the new order."""
    put_off(harness, "m1", "m3", "m11")
    order(harness, is_ordered_first)
    for number in range(10):
        harness.log.add(f"u{number % 2}")
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == (5 if is_ordered_first else 2))
    await harness.close()

    order(harness, not is_ordered_first)
    for number in range(10):
        harness.log.add(f"u{number % 2}")
    await harness.open()
    await harness.until_taken(14 if is_ordered_first else 13)
    put_off(harness)
    await harness.until_settled()

    ids = harness.vendor.ids()
    assert sorted(ids) == sorted(f"m{number}" for number in range(1, 21))
    strict = range(1, 11) if is_ordered_first else range(11, 21)
    in_order = [id for id in harness.vendor.ids("u0") if int(id[1:]) in strict]
    assert in_order == [f"m{number}" for number in strict if number % 2]
    assert harness.worker.ledger.parked_users == {}
    await harness.close()
