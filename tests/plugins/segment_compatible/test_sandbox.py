"""The stand-in answers as each of the family does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

import base64
import gzip
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
import pytest

from plugins.segment_compatible import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Later, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.segment_compatible.mapped import FLAVOURS

NOW_S = 1772619631.0
SENT_AN_HOUR_AGO = "2026-03-04T09:20:31Z"


def serve(flavour: str, **settings: Any) -> AbstractAsyncContextManager[StandIn]:
    return open_stand_in(PLUGIN, flavour=flavour, **settings)


@pytest.fixture(params=FLAVOURS)
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    async with serve(request.param) as opened:
        opened.sandbox.now_s = lambda: NOW_S
        yield opened


def item(id: str = "m-1", **fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": id,
        "userId": "u-17",
        "event": "E",
        "timestamp": "2026-03-04T10:20:30+00:00",
        **fields,
    }


async def post(vendor: StandIn, body: Any, key: str = "sandbox-key:") -> Response:
    headers = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()} if key else {}
    return await vendor.request("POST", "/v1/batch", body, headers)


async def batch(vendor: StandIn, *items: Any, **fields: Any) -> Response:
    return await post(vendor, {"batch": list(items), **fields})


def reasons(vendor: StandIn) -> list[str]:
    return [entry["reason"] for entry in vendor.sandbox.accepted if entry["kind"] == "dropped"]


# --- answers ---

GOOD = {
    "segment": {"success": True},
    "rudderstack": None,
    "customerio": {"success": True},
    "jitsu": {"ok": True, "receivedEvents": 2, "okEvents": 2},
    "trait_router": {"success": True, "accepted": 2, "duplicate": 0, "rejected": 0, "rejections": []},
}


async def test_a_batch_is_taken(vendor: StandIn) -> None:
    response = await batch(vendor, item("m-1"), item("m-2"))

    assert response.status == 200
    good = GOOD[vendor.sandbox.flavour]
    assert response.body == b"OK" if good is None else response.json() == good
    assert [kept["messageId"] for kept in vendor.accepted("event")] == ["m-1", "m-2"]


async def test_a_batch_may_be_compressed(vendor: StandIn) -> None:
    authorization = "Basic " + base64.b64encode(b"sandbox-key:").decode()
    data = gzip.compress(orjson.dumps({"batch": [item()]}))

    response = await vendor.request(
        "POST", "/v1/batch", data, {"Content-Encoding": "gzip", "Authorization": authorization}
    )

    assert response.status == 200


@pytest.mark.parametrize("key", ["another:", ""])
async def test_a_wrong_key_is_401_and_at_segment_and_customerio_200(vendor: StandIn, key: str) -> None:
    response = await post(vendor, {"batch": [item()]}, key)

    assert response.status == (200 if vendor.sandbox.flavour in ("segment", "customerio") else 401)
    assert vendor.accepted("event") == []


async def test_customerio_says_what_is_wrong_in_strict_mode_alone() -> None:
    async with serve("customerio") as vendor:
        vendor.sandbox.max_event_bytes = 1_000
        large = make_event("track", userId="u-17", event="x" * 1_000)
        refused = await vendor.deliver(large)
        vendor.sandbox.settings["write_key"] = "another"
        [blocked] = (await vendor.deliver(make_event("track", userId="u-17", event="Done")))["forward track"]

    assert "the event is too large" in str(refused["forward track"])
    assert isinstance(blocked, Blocked)


async def test_what_is_no_json_is_400(vendor: StandIn) -> None:
    assert (await post(vendor, b"{")).status == 400


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "bad", [item(userId=None), {"messageId": "m-9", "userId": "u-17"}], ids=["without an id", "no event"]
)
async def test_one_bad_item_costs_itself_and_at_rudderstack_the_batch(flavour: str, bad: Any) -> None:
    async with serve(flavour) as vendor:
        response = await batch(vendor, item("m-0"), bad)

        assert response.status == (400 if flavour == "rudderstack" else 200)
        assert [kept["messageId"] for kept in vendor.accepted("event")] == ([] if flavour == "rudderstack" else ["m-0"])


async def test_jitsu_names_what_it_refuses() -> None:
    async with serve("jitsu") as vendor:
        response = await batch(vendor, item("m-0"), item("m-1", userId=""))

        assert response.json() == {
            "ok": False,
            "receivedEvents": 2,
            "okEvents": 1,
            "errors": ["Message ID: m-1: no userId and no anonymousId"],
        }


async def test_jitsu_wants_json_by_name() -> None:
    async with serve("jitsu") as vendor:
        headers = {"Content-Type": "text/plain", "Authorization": "Basic " + base64.b64encode(b"sandbox-key").decode()}

        assert (await vendor.request("POST", "/v1/batch", {"batch": [item()]}, headers)).status == 400


async def test_rudderstack_refuses_an_empty_batch() -> None:
    async with serve("rudderstack") as vendor:
        assert (await batch(vendor)).status == 400


# --- limits ---


@pytest.mark.parametrize(
    ("flavour", "limit", "status"),
    [
        ("segment", 500_000, 400),
        ("rudderstack", 4_096_000, 413),
        ("customerio", 500_000, 413),
        ("jitsu", 1_000_000, 413),
        ("trait_router", 10_000_000, 413),
    ],
)
async def test_a_request_has_a_largest_size(flavour: str, limit: int, status: int) -> None:
    async with serve(flavour) as vendor:
        assert vendor.sandbox.max_request_bytes == limit
        vendor.sandbox.max_request_bytes = 50

        assert (await batch(vendor, item())).status == status


@pytest.mark.parametrize(
    ("flavour", "limit"),
    [
        ("segment", 32_000),
        ("rudderstack", None),
        ("customerio", 32_000),
        ("jitsu", None),
        ("trait_router", 1_000_000),
    ],
)
async def test_an_event_that_is_too_large_is_answered_as_good(flavour: str, limit: int | None) -> None:
    async with serve(flavour) as vendor:
        assert vendor.sandbox.max_event_bytes == limit
        vendor.sandbox.max_event_bytes = limit and 200

        assert (await batch(vendor, item("m-0"), item("m-1", event="x" * 200))).status == 200
        assert len(vendor.accepted("event")) == (2 if limit is None else 1)


@pytest.mark.parametrize("flavour", ["segment", "trait_router"])
async def test_events_beyond_2500_are_dropped_with_a_200(flavour: str) -> None:
    async with serve(flavour) as vendor:
        assert vendor.sandbox.max_events == 2_500
        vendor.sandbox.max_events = 1

        assert (await batch(vendor, item("m-1"), item("m-2"))).status == 200
        assert reasons(vendor) == ["too many events"]


async def test_segment_takes_a_thousand_requests_a_second() -> None:
    async with serve("segment") as vendor:
        assert vendor.sandbox.requests_per_s == 1_000
        vendor.sandbox.requests_per_s, vendor.sandbox.now_s = 1, lambda: NOW_S

        responses = [await batch(vendor, item(f"m-{number}")) for number in range(2)]
        vendor.sandbox.now_s = lambda: NOW_S + 1
        responses.append(await batch(vendor, item("m-3")))

        assert [response.status for response in responses] == [200, 429, 200]
        assert {responses[1].headers[name] for name in ("retry-after", "x-ratelimit-reset")} == {"1"}


async def test_segment_wants_ids_below_100_characters() -> None:
    async with serve("segment") as vendor:
        await batch(vendor, item("x" * 99), item("x" * 100))

        assert (len(vendor.accepted("event")), reasons(vendor)) == (1, ["the messageId is too long"])


async def test_jitsu_cuts_ids_and_changes_odd_characters() -> None:
    async with serve("jitsu") as vendor:
        await batch(vendor, item("a.b" + "x" * 100))

        assert vendor.accepted("event")[0]["messageId"] == "a_b" + "x" * 61


@pytest.mark.parametrize(
    ("flavour", "remembers_s"), [("segment", 86_400), ("trait_router", 7 * 86_400), ("rudderstack", 0), ("jitsu", 0)]
)
async def test_a_message_sent_again_is_known_for_a_while(flavour: str, remembers_s: float) -> None:
    async with serve(flavour) as vendor:
        kept = []
        for later_s in (0.0, max(0.0, remembers_s - 1), remembers_s):
            vendor.sandbox.now_s = lambda later_s=later_s: NOW_S + later_s
            await batch(vendor, item())
            kept.append(len(vendor.accepted("event")))

        assert kept == ([1, 1, 2] if remembers_s else [1, 2, 3])


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_the_time_of_sending_corrects_the_event_s_time(flavour: str) -> None:
    async with serve(flavour) as vendor:
        vendor.sandbox.now_s = lambda: NOW_S
        await batch(vendor, item("m-1"), sentAt=SENT_AN_HOUR_AGO)
        await batch(vendor, item("m-2"))

        assert [kept["timestamp"] for kept in vendor.accepted("event")] == [
            "2026-03-04T11:20:30+00:00",
            "2026-03-04T10:20:30+00:00",
        ]


# --- the plugin and the stand-in together ---


async def test_every_call_arrives_once_at_its_own_time(vendor: StandIn) -> None:
    calls: dict[str, dict[str, Any]] = {
        "identify": {"traits": {"first_name": "Ada"}},
        "track": {"event": "Paid"},
        "page": {},
        "screen": {"name": "Home"},
        "group": {"groupId": "c9"},
        "alias": {"previousId": "u-16"},
    }
    for number, (call, fields) in enumerate(calls.items()):
        sent = make_event(call, userId="u-17", messageId=f"m-{number}", sentAt=SENT_AN_HOUR_AGO, **fields)
        assert await vendor.deliver(sent) == {f"forward {call}": [[Delivered()]]}

    kept = vendor.accepted("event")
    assert [each["type"] for each in kept] == list(calls)
    assert {each["timestamp"] for each in kept} == {"2026-03-04T10:20:31.000Z"}
    assert reasons(vendor) == []


@pytest.mark.parametrize(
    ("flavour", "prepare", "expected"),
    [
        pytest.param("rudderstack", {"settings": {"write_key": "another"}}, Blocked, id="wrong key"),
        pytest.param("rudderstack", {"is_disabled": True}, Blocked, id="disabled"),
        pytest.param("rudderstack", {"max_request_bytes": 9}, Split, id="too large"),
        pytest.param("segment", {"max_request_bytes": 9}, Split, id="too large, with a 400"),
        pytest.param("segment", {"requests_per_s": 0}, [Later, Later], id="throttled"),
        pytest.param("jitsu", {"has_destination": False}, Blocked, id="nothing attached"),
        pytest.param("trait_router", {"max_events": 1}, [Delivered, Dead], id="one rejected"),
    ],
)
async def test_refusals_are_read_rightly(flavour: str, prepare: dict[str, Any], expected: Any) -> None:
    async with serve(flavour) as vendor:
        for name, value in prepare.items():
            setattr(vendor.sandbox, name, value)

        made = await vendor.deliver(
            *(make_event("screen", anonymousId=f"a-{number}", messageId=f"m-{number}") for number in (1, 2))
        )

        [judgement] = made["forward screen"]
        if isinstance(expected, type):
            assert isinstance(judgement, expected)
        else:
            assert [type(each) for each in judgement] == expected  # type: ignore[union-attr]


async def test_a_repeat_is_known_by_its_id() -> None:
    async with serve("segment") as vendor:
        sent = make_event("track", userId="u-17", event="Paid")
        vendor.sandbox.fail(Fault(status=502, after=True, times=1))

        assert [await vendor.deliver(sent) for _ in range(2)] == [
            {"forward track": [[Later("502")]]},
            {"forward track": [[Delivered()]]},
        ]
        assert len(vendor.accepted("event")) == 1
