"""The stand-in answers as Meta does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.facebook_conversions import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Later, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.facebook_conversions.mapped import CONTEXT, SECONDS, sha256

PATH = "/v25.0/123456789/events"
TOKEN = {"Authorization": "Bearer sandbox-token"}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: float(SECONDS)
        opened.sandbox.checks_age = True
        yield opened


def event(**fields: Any) -> dict[str, Any]:
    return {
        "event_name": "Purchase",
        "event_time": SECONDS,
        "event_id": "m-1",
        "action_source": "other",
        "user_data": {"em": [sha256("ada@example.test")], "external_id": "u-17"},
        "custom_data": {"value": 5, "currency": "EUR"},
        **fields,
    }


async def post(vendor: StandIn, *events: Any, path: str = PATH, headers: Any = None, **more: Any) -> Response:
    return await vendor.request("POST", path, {"data": list(events), **more}, TOKEN if headers is None else headers)


def refusal(response: Response) -> tuple[int, int, int | None]:
    error = response.json()["error"]
    return response.status, error["code"], error.get("error_subcode")


async def test_what_is_taken_is_counted(vendor: StandIn) -> None:
    response = await post(vendor, event(), event(event_id="m-2"), test_event_code="T1")

    assert (response.status, response.json()["events_received"]) == (200, 2)
    assert [entry["is_test"] for entry in vendor.sandbox.accepted] == [True, True]


async def test_long_texts_are_looked_through_at_once(vendor: StandIn) -> None:
    """The stand-in runs in the router's own process: while it looks for an email address, nothing else happens."""
    response = await post(vendor, event(custom_data={**event()["custom_data"], "note": "x" * 200_000}))

    assert response.status == 200


@pytest.mark.parametrize("way", ["header", "query", "body"])
async def test_the_token_is_taken_in_three_places(vendor: StandIn, way: str) -> None:
    response = await post(
        vendor,
        event(),
        path=PATH + ("?access_token=sandbox-token" if way == "query" else ""),
        headers=TOKEN if way == "header" else {},
        **({"access_token": "sandbox-token"} if way == "body" else {}),
    )

    assert response.status == 200


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        pytest.param(PATH, {}, (401, 190, 463), id="no token"),
        pytest.param(PATH, {"Authorization": "Bearer other"}, (401, 190, 463), id="another token"),
        pytest.param("/v25.0/7/events", TOKEN, (400, 100, 33), id="another pixel"),
    ],
)
async def test_credentials(vendor: StandIn, path: str, headers: Any, expected: Any) -> None:
    assert refusal(await post(vendor, event(), path=path, headers=headers)) == expected


WEBSITE = {"action_source": "website", "event_source_url": "https://example.test"}
APP = {
    "advertiser_tracking_enabled": 0,
    "application_tracking_enabled": 0,
    "extinfo": ["i2", *[""] * 3, "19", *[""] * 11],
}
BROAD = {"client_user_agent": "x", "country": sha256("gb")}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"event_name": ""}, "event_name", id="no name"),
        pytest.param({"event_time": "now"}, "event_time", id="no time"),
        pytest.param({"event_time": SECONDS + 61}, "future", id="in the future"),
        pytest.param({"action_source": "moon"}, "action_source", id="no source"),
        pytest.param(WEBSITE, "client_user_agent", id="a website event without a browser"),
        pytest.param(
            {"action_source": "website", "user_data": {"client_user_agent": "x", "external_id": "u"}},
            "event_source_url",
            id="a website event without a page",
        ),
        pytest.param({"action_source": "app"}, "app_data", id="an app event without an app"),
        pytest.param({"action_source": "app", "app_data": APP | {"extinfo": ["i2"]}}, "16 texts", id="a short extinfo"),
        pytest.param(
            {"action_source": "app", "app_data": {"extinfo": APP["extinfo"]}}, "tracking_enabled", id="no consent told"
        ),
        pytest.param({"user_data": {}}, "user_data", id="nobody"),
        pytest.param({"user_data": {"em": "ada@example.test"}}, "em must be hashed", id="not hashed"),
        pytest.param({"user_data": {"ph": [sha256("1"), "1"]}}, "ph must be hashed", id="one not hashed"),
        pytest.param({"user_data": {"name": "x"}}, "name is unknown", id="an unknown key"),
        pytest.param({"user_data": {"client_ip_address": "x"}}, "no address", id="no IP address"),
        pytest.param({"user_data": BROAD}, "not enough", id="a country and a browser"),
        pytest.param({"user_data": {"client_user_agent": "x"}}, "not enough", id="a browser"),
        pytest.param({"custom_data": {"value": 5}}, "value and currency", id="a purchase without a currency"),
        pytest.param({"custom_data": {"value": "5", "currency": "EUR"}}, "a number", id="a value as text"),
        pytest.param({"event_name": "E", "custom_data": {"currency": "euro"}}, "ISO 4217", id="no currency"),
        pytest.param({"event_name": "E", "custom_data": {"contents": [{}]}}, "with an id", id="contents without an id"),
        pytest.param({"event_name": "E", "custom_data": {"a": {"b": 1}}}, "nested", id="nested"),
        pytest.param({"event_name": "E", "custom_data": {"a": "ada@example.test"}}, "personal", id="an email"),
    ],
)
async def test_one_bad_event_rejects_all(vendor: StandIn, fields: dict[str, Any], words: str) -> None:
    response = await post(vendor, event(), event(**fields))

    assert refusal(response) == (400, 100, 2804001)
    assert words in response.json()["error"]["error_user_msg"]
    assert vendor.accepted() == []


@pytest.mark.parametrize(
    ("days", "source", "status"),
    [(7, "other", 200), (7.1, "other", 400), (62, "physical_store", 200), (62.1, "physical_store", 400)],
)
async def test_events_of_seven_days_are_taken_and_of_62_from_shops(
    vendor: StandIn, days: float, source: str, status: int
) -> None:
    response = await post(vendor, event(event_time=SECONDS - int(days * 86_400), action_source=source))

    assert response.status == status
    assert status == 200 or refusal(response) == (400, 100, 2804003)


@pytest.mark.parametrize(("count", "status"), [(1_000, 200), (1_001, 400), (0, 400)])
async def test_a_thousand_events_a_request(vendor: StandIn, count: int, status: int) -> None:
    assert (await post(vendor, *[event()] * count)).status == status


@pytest.mark.parametrize("body", [b"{", b"[]"], ids=["no JSON", "no object"])
async def test_a_body_that_is_none(vendor: StandIn, body: bytes) -> None:
    assert refusal(await vendor.request("POST", PATH, body, TOKEN)) == (400, 100, None)


@pytest.mark.parametrize(("later_s", "kept"), [(0, 1), (48 * 3_600 - 1, 1), (48 * 3_600, 2)])
async def test_a_pair_of_name_and_id_counts_once_in_48_hours(vendor: StandIn, later_s: float, kept: int) -> None:
    await post(vendor, event())
    vendor.sandbox.now_s = lambda: SECONDS + later_s
    await post(vendor, event(), event(event_name="Lead"))

    assert len([each for each in vendor.accepted("event") if each["event_name"] == "Purchase"]) == kept


# --- the plugin and the stand-in together ---


def track(number: int = 1, **fields: Any) -> Any:
    return make_event(
        "track", **{"userId": "u-17", "event": "E", "messageId": f"m-{number}", "context": CONTEXT, **fields}
    )


async def test_a_purchase_an_app_s_screen_and_a_page_arrive(vendor: StandIn) -> None:
    phone = {"device": {"type": "ios"}, "os": {"version": "19.1"}}
    judged = await vendor.deliver(
        track(event="Order Completed", properties={"revenue": 19.99, "email": "ada@example.test"}),
        make_event("page", anonymousId="a-1", context={**CONTEXT, "ip": "203.0.113.9"}, messageId="m-2"),
        make_event("screen", anonymousId="a-1", context=phone, messageId="m-3"),
    )

    assert all(judgement == [[Delivered()]] for judgement in judged.values())
    assert [each["event_name"] for each in vendor.accepted("event")] == ["Purchase", "PageView", "PageView"]


async def test_an_event_sent_again_counts_once(vendor: StandIn) -> None:
    vendor.sandbox.fail(Fault(status=502, after=True, times=1))

    assert await vendor.deliver(track()) == {"track event": [[Later("502")]]}
    assert await vendor.deliver(track()) == {"track event": [[Delivered()]]}
    assert len(vendor.accepted("event")) == 1


async def test_what_has_become_too_old_dies_and_the_rest_is_found_by_halving(vendor: StandIn) -> None:
    """It was young enough when it came, and then the destination stood still."""
    vendor.sandbox.now_s = lambda: SECONDS + 6 * 86_400
    old, young = track(1, timestamp="2026-02-26T10:20:31Z"), track(2)

    [mixed] = (await vendor.deliver(old, young))["track event"]
    [alone] = (await vendor.deliver(old))["track event"]

    assert isinstance(mixed, Split)
    assert [type(each) for each in alone] == [Dead]  # type: ignore[union-attr]
    assert await vendor.deliver(young) == {"track event": [[Delivered()]]}


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"settings": {"access_token": "another"}}, Blocked, id="wrong token"),
        pytest.param({"settings": {"access_token": "sandbox-token", "pixel_id": "7"}}, Blocked, id="wrong pixel"),
        pytest.param({"error": {"code": 10}}, Blocked, id="no permission"),
        pytest.param({"error": {"code": 80003}}, [Later, Later], id="over a limit"),
        pytest.param({"error": {"code": 4, "status": 429}}, [Later, Later], id="over a limit, with a 429"),
        pytest.param({"error": {"code": 2, "is_transient": True}}, [Later, Later], id="for a moment"),
        pytest.param({"error": {"code": 1, "status": 500}}, [Later, Later], id="out"),
        pytest.param({"error": {"code": 99}}, Split, id="anything else"),
        pytest.param({"max_bytes": 9}, Split, id="too large"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: Any) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    [judgement] = (await vendor.deliver(track(1), track(2)))["track event"]

    assert (type(judgement) if isinstance(expected, type) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]
