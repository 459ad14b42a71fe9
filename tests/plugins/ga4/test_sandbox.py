"""The stand-in answers as Google does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.ga4 import PLUGIN
from router.plugin import Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from router.testing.samples import SAMPLES
from tests.plugins.ga4.mapped import MICROS

NOW_S = MICROS / 1_000_000
GOOD = "measurement_id=G-SANDBOX1&api_secret=sandbox-secret"


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: NOW_S
        yield opened


def event(name: Any = "e", params: Any = None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "params": params or {}, "timestamp_micros": MICROS, **fields}


def body(*events: Any, **fields: Any) -> dict[str, Any]:
    return {"client_id": "12.34", "events": list(events or [event()]), **fields}


async def post(vendor: StandIn, sent: Any, query: str = GOOD, path: str = "/mp/collect") -> Response:
    return await vendor.request("POST", f"{path}?{query}", sent)


def reasons(vendor: StandIn) -> list[str]:
    return [entry["reason"] for entry in vendor.sandbox.accepted if entry["kind"] == "dropped"]


async def codes(vendor: StandIn, sent: Any) -> list[str]:
    response = await post(vendor, sent, "", "/debug/mp/collect")
    assert response.status == 200
    return [message["validationCode"] for message in response.json()["validationMessages"]]


# --- answers ---


async def test_what_is_received_is_204_and_kept(vendor: StandIn) -> None:
    response = await post(vendor, body(event("a"), event("b")))

    assert (response.status, response.body) == (204, b"")
    assert [kept["name"] for kept in vendor.accepted("event")] == ["a", "b"]


@pytest.mark.parametrize(
    ("sent", "query", "reason"),
    [
        pytest.param(b"{", GOOD, "VALUE_INVALID ", id="no JSON"),
        pytest.param(body(), GOOD.replace("secret", "x"), "wrong api_secret", id="wrong secret"),
        pytest.param(body(), "measurement_id=G-SANDBOX1", "wrong api_secret", id="no secret"),
        pytest.param(body(), GOOD.replace("G-", "G-2"), "no such measurement_id", id="another stream"),
        pytest.param({"events": [event()]}, GOOD, "VALUE_REQUIRED client_id", id="nobody"),
        pytest.param(body(event("error")), GOOD, "NAME_RESERVED events.name", id="a reserved name"),
    ],
)
async def test_what_is_wrong_is_204_as_well_and_thrown_away(
    vendor: StandIn, sent: Any, query: str, reason: str
) -> None:
    assert (await post(vendor, sent, query)).status == 204
    assert reasons(vendor) == [reason]
    assert vendor.accepted("event") == []


async def test_a_bad_event_costs_itself_alone(vendor: StandIn) -> None:
    await post(vendor, body(event("a"), event("error"), event("b")))

    assert [kept["name"] for kept in vendor.accepted("event")] == ["a", "b"]


LONG = "x" * 101
FAULTS = [
    pytest.param({"events": []}, "VALUE_REQUIRED", id="no events"),
    pytest.param({"events": [event()] * 26}, "EXCEEDED_MAX_ENTITIES", id="26 events"),
    pytest.param({"client_id": "anon-5"}, "VALUE_INVALID", id="a client that is no two numbers"),
    pytest.param({"user_id": "x" * 257}, "VALUE_INVALID", id="a long user_id"),
    pytest.param({"events": [event("x" * 41)]}, "NAME_INVALID", id="a long event name"),
    pytest.param({"events": [event("Report Exported")]}, "NAME_INVALID", id="an event name with a blank"),
    pytest.param({"events": [event("2fa")]}, "NAME_INVALID", id="an event name with a digit first"),
    pytest.param({"events": [event("session_start")]}, "NAME_RESERVED", id="a reserved event"),
    pytest.param({"events": [event(None)]}, "VALUE_REQUIRED", id="an event without a name"),
    pytest.param(
        {"events": [event("e", {f"p{n}": 1 for n in range(26)})]}, "EXCEEDED_MAX_ENTITIES", id="26 parameters"
    ),
    pytest.param({"events": [event("e", {"x" * 41: 1})]}, "NAME_INVALID", id="a long parameter name"),
    pytest.param({"events": [event("e", {"_x": 1})]}, "NAME_RESERVED", id="a reserved prefix"),
    pytest.param({"events": [event("e", {"firebase_conversion": 1})]}, "NAME_RESERVED", id="a reserved parameter"),
    pytest.param({"events": [event("e", {"a": LONG})]}, "VALUE_OUT_OF_BOUNDS", id="a long value"),
    pytest.param({"events": [event("e", {"page_title": "x" * 301})]}, "VALUE_OUT_OF_BOUNDS", id="a long title"),
    pytest.param({"events": [event("e", {"page_referrer": "x" * 421})]}, "VALUE_OUT_OF_BOUNDS", id="a long referrer"),
    pytest.param({"events": [event("e", {"page_location": "x" * 1001})]}, "VALUE_OUT_OF_BOUNDS", id="a long address"),
    pytest.param({"events": [event("e", {"a": [1]})]}, "VALUE_INVALID", id="a list"),
    pytest.param({"events": [event("e", {"a": None})]}, "VALUE_INVALID", id="a null"),
    pytest.param({"events": [event("e", {"value": 1})]}, "VALUE_REQUIRED", id="a value without a currency"),
    pytest.param(
        {"events": [event("e", {"items": [{"item_id": "1"}] * 201})]}, "EXCEEDED_MAX_ENTITIES", id="201 items"
    ),
    pytest.param({"events": [event("e", {"items": [{"price": 1}]})]}, "VALUE_REQUIRED", id="an item without an id"),
    pytest.param(
        {"events": [event("e", {"items": [{"item_id": "1", **{f"p{n}": 1 for n in range(11)}}]})]},
        "EXCEEDED_MAX_ENTITIES",
        id="11 parameters of an item's own",
    ),
    pytest.param(
        {"user_properties": {f"p{n}": {"value": 1} for n in range(26)}}, "EXCEEDED_MAX_ENTITIES", id="26 properties"
    ),
    pytest.param({"user_properties": {"x" * 25: {"value": 1}}}, "NAME_INVALID", id="a long property name"),
    pytest.param({"user_properties": {"user_id": {"value": 1}}}, "NAME_RESERVED", id="a reserved property"),
    pytest.param({"user_properties": {"ga_x": {"value": 1}}}, "NAME_RESERVED", id="a reserved property prefix"),
    pytest.param({"user_properties": {"a": {"value": "x" * 37}}}, "VALUE_OUT_OF_BOUNDS", id="a long property"),
    pytest.param({"user_properties": {"a": "x"}}, "VALUE_INVALID", id="a property that is no object"),
    pytest.param({"consent": {"ad_user_data": True}}, "VALUE_INVALID", id="consent of another kind"),
    pytest.param({"user_location": {"country_id": "Portugal"}}, "VALUE_INVALID", id="a country in words"),
    pytest.param({"user_location": {"region_id": "13"}}, "VALUE_INVALID", id="a region without its country"),
    pytest.param({"user_data": {"sha256_email_address": ["a@b.test"]}}, "VALUE_INVALID", id="no hash"),
    pytest.param(
        {"events": [event("e", timestamp_micros=MICROS - 73 * 3_600_000_000)]}, "VALUE_OUT_OF_BOUNDS", id="too old"
    ),
]


@pytest.mark.parametrize(("fields", "code"), FAULTS)
async def test_the_validation_address_names_each_fault_and_stores_nothing(
    vendor: StandIn, fields: dict[str, Any], code: str
) -> None:
    sent = {**body(), "validation_behavior": "ENFORCE_RECOMMENDATIONS", **fields}

    assert await codes(vendor, sent) == [code]
    assert vendor.accepted() == []


async def test_the_validation_address_looks_at_no_secret(vendor: StandIn) -> None:
    assert await codes(vendor, body()) == []


# --- limits ---


async def test_a_body_is_less_than_130_kb(vendor: StandIn) -> None:
    assert vendor.sandbox.max_bytes == 130_000
    vendor.sandbox.max_bytes = 50

    assert (await post(vendor, body())).status == 204
    assert reasons(vendor) == ["too large"]


@pytest.mark.parametrize(
    ("age_s", "behavior", "expected"),
    [
        pytest.param(72 * 3_600, None, ("event", False), id="72 hours"),
        pytest.param(73 * 3_600, None, ("event", True), id="older: moved"),
        pytest.param(73 * 3_600, "ENFORCE_RECOMMENDATIONS", ("dropped", None), id="older: dropped where it is strict"),
    ],
)
async def test_an_event_is_at_most_72_hours_old(vendor: StandIn, age_s: int, behavior: Any, expected: Any) -> None:
    strict = {"validation_behavior": behavior} if behavior else {}
    await post(vendor, body(event("e", timestamp_micros=MICROS - age_s * 1_000_000), **strict))

    [entry] = vendor.sandbox.accepted
    assert (entry["kind"], entry.get("moved")) == expected


@pytest.mark.parametrize(
    ("limit", "value", "name", "params"),
    [
        ("events_per_day", 100_000, "e", {}),
        ("key_events_per_day", 10_000, "purchase", {}),
        ("sessions_per_day", 2_000, "e", {"session_id": 1}),
    ],
)
async def test_a_user_has_a_daily_quota(
    vendor: StandIn, limit: str, value: int, name: str, params: dict[str, Any]
) -> None:
    assert getattr(vendor.sandbox, limit) == value
    setattr(vendor.sandbox, limit, 1)

    await post(vendor, body(event(name, params), event(name, {key: item + 1 for key, item in params.items()})))
    await post(vendor, body(event(name, params), client_id="56.78"))
    vendor.sandbox.now_s = lambda: NOW_S + 86_400
    await post(vendor, body(event(name, params)))

    assert [entry["kind"] for entry in vendor.sandbox.accepted] == ["event", "dropped", "event", "event"]


async def test_a_purchase_counts_once_for_a_user(vendor: StandIn) -> None:
    purchase = event("purchase", {"transaction_id": "A-1"})

    await post(vendor, body(purchase, purchase))
    await post(vendor, body(purchase, client_id="56.78"))

    assert len(vendor.accepted("event")) == 2


async def test_an_app_stream_wants_the_sdk_s_instance_and_colons_as_they_are() -> None:
    async with open_stand_in(PLUGIN, firebase_app_id="1:123:ios:0a") as vendor:
        option = {"integrations": {"ga4": {"app_instance_id": "0" * 32}}}
        await vendor.deliver(make_event("track", userId="u-17", event="E", **option))
        await post(vendor, body(), "firebase_app_id=1:123:ios:0a&api_secret=sandbox-secret")

        assert [kept["app_instance_id"] for kept in vendor.accepted("event")] == ["0" * 32]
        assert "firebase_app_id=1:123:ios:0a&" in vendor.sandbox.requests[0]["path"]
        assert reasons(vendor) == ["VALUE_INVALID app_instance_id"]


# --- the plugin and the stand-in together ---


@pytest.mark.parametrize("validation", ["relaxed", "strict"])
async def test_google_throws_away_nothing_of_what_is_made_of_real_traffic(validation: str) -> None:
    async with open_stand_in(PLUGIN, validation=validation) as vendor:
        vendor.sandbox.now_s = lambda: NOW_S
        for number, sample in enumerate(SAMPLES.values()):
            sent = make_event(sample.type, **{**sample.document, "messageId": f"m-{number}", "type": sample.type})
            await vendor.deliver(sent)

        assert reasons(vendor) == []
        assert len(vendor.accepted("event")) > 40


async def test_events_of_one_client_are_one_request(vendor: StandIn) -> None:
    made = await vendor.deliver(
        *(make_event("track", userId="u-17", event=f"E {n}", messageId=f"m-{n}") for n in range(30))
    )

    assert [len(judged) for judged in made["track event"] if isinstance(judged, list)] == [25, 5]
    assert len(vendor.sandbox.requests) == 2


async def test_a_purchase_sent_again_counts_once(vendor: StandIn) -> None:
    sent = make_event("track", userId="u-17", event="Order Completed", properties={"revenue": 5})
    vendor.sandbox.fail(Fault(status=502, after=True, times=1))

    assert [await vendor.deliver(sent) for _ in range(2)] == [
        {"track commerce event": [[Later("502")]]},
        {"track commerce event": [[Delivered()]]},
    ]
    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize(("count", "expected"), [(1, "[Dead("), (2, "Split(")])
async def test_in_debug_faults_are_found_and_nothing_is_kept(count: int, expected: str) -> None:
    async with open_stand_in(PLUGIN, debug=True, client_id_source="anonymous_id") as vendor:
        vendor.sandbox.now_s = lambda: NOW_S
        events = [make_event("track", anonymousId="anon-5", event="E", messageId=f"m-{n}") for n in range(count)]
        [judged] = (await vendor.deliver(*events))["track event"]

        assert str(judged).startswith(f"{expected}reason='VALUE_INVALID client_id")
        assert vendor.accepted() == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_outage_is_tried_again(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))
    sent = make_event("page", userId="u-17")

    assert [await vendor.deliver(sent) for _ in range(2)] == [
        {"track page": [[Later(str(status))]]},
        {"track page": [[Delivered()]]},
    ]
