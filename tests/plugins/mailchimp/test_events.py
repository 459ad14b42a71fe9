"""From track, page and screen calls to events of a member."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.mailchimp.fields import event_name
from router.plugin import Event
from router.testing import make_event
from tests.plugins.mailchimp.samples import EMAIL, body_of, skips_of, track


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Order Completed", "Order_Completed"),
        ("order-completed_2", "order-completed_2"),
        ("  Zoë's / event ", "Zo_s_event"),
        ("x" * 31, "x" * 30),
        ("ab", "ab"),
        ("a", None),
        ("", None),
        ("Заказ", None),
    ],
)
def test_an_event_name_has_what_mailchimp_takes(name: str, expected: str | None) -> None:
    assert event_name(name) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"revenue": 19.99}, {"revenue": "19.99"}, id="money as it is"),
        pytest.param({"revenue": "19.99"}, {"revenue": "19.99"}, id="money as text"),
        pytest.param({"paid": True}, {"paid": "true"}, id="a boolean"),
        pytest.param({"ids": [1, "a"]}, {"ids": '[1,"a"]'}, id="a list"),
        pytest.param({"a": {"b": 1}}, {"a": '{"b":1}'}, id="an object"),
        pytest.param({"coupon": None, "note": ""}, {"note": ""}, id="null and empty"),
        pytest.param({"order.id": 7}, {"order_id": "7"}, id="a dot in a name"),
        pytest.param({"1st_order": 7, "_x": 8}, {"st_order": "7", "x": "8"}, id="names begin with a letter"),
        pytest.param({"имя": 7, "": 8}, {}, id="names without one"),
    ],
)
def test_properties_are_texts_with_names_that_begin_with_a_letter(properties: Any, expected: Any) -> None:
    assert body_of(track(properties=properties))["event"].get("properties", {}) == expected


def test_the_time_is_the_events_own() -> None:
    event = track(timestamp="2020-01-02T03:04:05.678+02:00")

    assert body_of(event)["event"]["occurred_at"] == "2020-01-02T01:04:05+00:00"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(track(userId="Ada.Lovelace@example.org"), id="a userId that is an email"),
        pytest.param(track(userId="u-17", context={"traits": {"email": EMAIL.upper()}}), id="the context's traits"),
    ],
)
def test_whose_event_it_is(event: Event) -> None:
    assert body_of(event)["email"] == EMAIL


VIEWS = {"page_event": "page_viewed", "screen_event": "screen_viewed"}


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param(track(userId="u-17"), {}, "valid email", id="a userId alone"),
        pytest.param(make_event("track", anonymousId="a-1", event="E1"), {}, "valid email", id="anonymous"),
        pytest.param(track("!"), {}, "nothing is left", id="no name"),
        pytest.param(make_event("page", userId=EMAIL, name="Home"), {}, "setting page_event", id="page"),
        pytest.param(make_event("screen", userId=EMAIL, name="Home"), {}, "setting screen_event", id="screen"),
        pytest.param(make_event("page", anonymousId="a-1"), VIEWS, "valid email", id="a page seen by nobody known"),
    ],
)
def test_what_mailchimp_has_no_place_for_is_skipped(event: Event, settings: Any, reason: str) -> None:
    assert reason in skips_of(event, **settings)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            make_event("page", userId=EMAIL, name="Pricing", category="Shop", properties={"tab": 2}),
            {"name": "page_viewed", "properties": {"tab": "2", "name": "Pricing", "category": "Shop"}},
            id="page",
        ),
        pytest.param(
            make_event("page", userId=EMAIL, context={"page": {"url": "https://example.org/a"}}),
            {"name": "page_viewed", "properties": {"url": "https://example.org/a"}},
            id="a page without a name",
        ),
        pytest.param(
            make_event("screen", userId=EMAIL, name="Home"),
            {"name": "screen_viewed", "properties": {"name": "Home"}},
            id="screen",
        ),
    ],
)
def test_a_view_is_an_event_of_one_name(event: Event, expected: Any) -> None:
    made = body_of(event, **VIEWS)["event"]

    assert made == {**expected, "occurred_at": "2026-03-04T10:20:30+00:00"}
