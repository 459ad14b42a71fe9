"""From track, page and screen calls to events."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import Event
from router.testing import make_event
from tests.plugins.klaviyo.samples import EMAIL, body_of, map_event, payloads_of, track

PROFILE = {"external_id": "u-17"}


def test_a_track_call_is_an_event_at_its_own_time() -> None:
    event = track("Signed Up", timestamp="2026-01-01T01:00:00+01:00", properties={"source": "web", "gone": None})

    assert body_of(event) == {
        "metric": "Signed Up",
        "profile": PROFILE,
        "event": {"time": "2026-01-01T00:00:00.000Z", "unique_id": "m-1", "properties": {"source": "web"}},
    }


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"revenue": 19.99, "currency": "eur"}, (19.99, "EUR"), id="revenue"),
        pytest.param({"revenue": "$1,234.50"}, (1234.5, None), id="revenue as text"),
        pytest.param({"total": 12, "value": 3}, (12, None), id="total before value"),
        pytest.param({"revenue": "", "total": 12}, (12, None), id="a total beside an empty revenue"),
        pytest.param({"value": 3, "currency": "euro"}, (None, None), id="no currency: it would be booked in another"),
        pytest.param({"value": 3, "currency": " "}, (3, None), id="a currency of blanks is none"),
        pytest.param({"currency": "EUR"}, (None, None), id="no currency without a value"),
        pytest.param({"revenue": {"a": 1}}, (None, None), id="no number"),
    ],
)
def test_money_is_the_value_and_stays_a_property(properties: Any, expected: Any) -> None:
    event = body_of(track(properties=properties))["event"]

    assert (event.get("value"), event.get("value_currency")) == expected
    assert event["properties"] == properties


def test_a_text_beyond_100_kb_does_not_cost_the_event() -> None:
    properties = {"page": "x" * 100_001, "all": ["é" * 50_001], "kept": "é" * 50_000}

    assert body_of(track(properties=properties))["event"]["properties"] == {"kept": "é" * 50_000}


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"userId": "u-17"}, {}, PROFILE, id="userId"),
        pytest.param(
            {"userId": "u-17", "anonymousId": "a-1", "context": {"traits": {"email": EMAIL, "phone": "ask"}}},
            {},
            {**PROFILE, "email": EMAIL, "anonymous_id": "a-1"},
            id="all that is known",
        ),
        pytest.param(
            {"userId": "u-17", "context": {"traits": {"phone": "+15555550100"}}},
            {},
            PROFILE,
            id="no phone beside a userId: Klaviyo refuses many a number, and the event with it",
        ),
        pytest.param(
            {"anonymousId": "a-1", "context": {"traits": {"phone": "+442079460000"}}},
            {},
            {"anonymous_id": "a-1", "phone_number": "+442079460000"},
            id="a phone where there is nothing else",
        ),
        pytest.param({"userId": EMAIL}, {"send_external_id": False}, {"email": EMAIL}, id="a userId that is an email"),
        pytest.param(
            {"anonymousId": "a-1", "context": {"ip": "203.0.113.7"}},
            {"anonymous_events": True},
            {"anonymous_id": "a-1", "location": {"ip": "203.0.113.7"}},
            id="somebody anonymous, where the operator wants",
        ),
        pytest.param(
            {"anonymousId": "a-1", "context": {"traits": {"email": EMAIL}}},
            {},
            {"anonymous_id": "a-1", "email": EMAIL},
            id="an email and an anonymousId: the way that Klaviyo joins them",
        ),
    ],
)
def test_whose_event_it_is(call: Any, settings: Any, expected: Any) -> None:
    assert body_of(make_event("track", event="E", **call), **settings)["profile"] == expected


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(make_event("track", event="E", anonymousId="a-1"), "anonymous_events", id="anonymous"),
        pytest.param(make_event("page", userId="u-17", name="Pricing"), "track_views", id="page"),
        pytest.param(make_event("screen", userId="u-17", name="Home"), "track_views", id="screen"),
    ],
)
def test_what_is_not_sent_by_default_names_its_setting(event: Event, reason: str) -> None:
    [mapped] = map_event(event).values()

    assert f"setting {reason}" in mapped.skipped


@pytest.mark.parametrize(
    ("call", "metric"),
    [
        pytest.param({"type": "page", "name": "Pricing"}, "Viewed Pricing Page", id="page"),
        pytest.param(
            {"type": "page", "name": "Pricing", "category": "Docs"}, "Viewed Docs Pricing Page", id="category"
        ),
        pytest.param({"type": "screen", "name": "Home"}, "Viewed Home Screen", id="screen"),
        pytest.param({"type": "page"}, "Loaded a Page", id="a page without a name"),
        pytest.param({"type": "page", "name": " "}, "Loaded a Page", id="a page with a blank name"),
    ],
)
def test_views_are_events_where_the_operator_wants_them(call: Any, metric: str) -> None:
    kind = call["type"]
    fields = {name: value for name, value in call.items() if name != "type"}

    assert body_of(make_event(kind, userId="u-17", **fields), track_views=True)["metric"] == metric


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"context": {"page": {"url": "https://example.test/", "title": "T", "search": "?a"}}}, {"title": "T"}),
        ({"properties": {"url": "https://example.test/"}, "context": {"page": {"url": "https://x.test"}}}, {}),
    ],
    ids=["a browser's", "a server's"],
)
def test_a_page_call_tells_of_the_page(fields: Any, expected: Any) -> None:
    properties = body_of(make_event("page", userId="u-17", **fields), track_views=True)["event"]["properties"]

    assert properties == {"url": "https://example.test/", **expected}


def test_reserved_names_of_properties_are_left_out() -> None:
    body = body_of(track(properties={"$event_id": "x", "$value": 1, "ok": 1}))

    assert body["event"]["properties"] == {"ok": 1}


def test_an_event_has_no_more_properties_than_klaviyo_takes() -> None:
    [payload] = payloads_of(track("E" * 200, properties={f"p{number:03}": number for number in range(402)}))

    body = payload.body
    assert len(body["event"]["properties"]) == 400
    assert payload.notes == ("more than 400 properties; left out: p000, p001",)
    assert body["metric"] == "E" * 127


def test_of_too_many_properties_those_that_templates_read_stay() -> None:
    """And so do those that speak of the page."""
    properties = {"order_id": "A-1", **{f"p{number:03}": number for number in range(400)}}
    [order] = payloads_of(track("Order Completed", properties=properties), ecommerce=True)
    page = make_event("page", userId="u-17", properties={**properties, "url": "https://example.test/"})
    [view] = payloads_of(page, track_views=True)

    assert order.body["event"]["properties"]["OrderId"] == "A-1"
    assert view.body["event"]["properties"]["url"] == "https://example.test/"


@pytest.mark.parametrize(
    ("timestamp", "after_h", "expected"),
    [
        pytest.param("2026-03-03T10:20:30Z", 24, True, id="older than a day"),
        pytest.param("2026-03-03T10:20:32Z", 24, False, id="just a day old"),
        pytest.param("2012-12-02T00:00:00Z", None, False, id="only where the operator wants"),
    ],
)
def test_old_events_are_stored_without_starting_flows(timestamp: str, after_h: Any, expected: bool) -> None:
    """The samples are received at 2026-03-04T10:20:31Z."""
    event = body_of(track(timestamp=timestamp), backfill_after_h=after_h)["event"]

    assert event.get("backfill", False) is expected


ORDER: dict[str, Any] = {
    "order_id": "A-1",
    "revenue": 59.98,
    "currency": "EUR",
    "products": [
        {
            "product_id": "p-1",
            "sku": "S1",
            "name": "Cup",
            "price": 19.99,
            "quantity": 3,
            "url": "https://example.test/cup",
            "image_url": "https://example.test/cup.png",
            "category": "Kitchen",
            "colour": "red",
        },
        {"name": "Gift"},
        "not a product",
    ],
}


@pytest.mark.parametrize("ecommerce", [False, True])
@pytest.mark.parametrize(
    ("name", "properties", "value"),
    [
        pytest.param("Order Completed", {"revenue": 0, "total": 12.5}, 12.5, id="no revenue but a total"),
        pytest.param("Order Completed", {"revenue": 0}, 0, id="nothing paid"),
        pytest.param("order_completed", {"products": [{"price": "19.99", "quantity": 3}]}, 59.97, id="products alone"),
        pytest.param("Order Refunded", {"revenue": 0, "total": 12.5}, 12.5, id="a total of what was given back"),
        pytest.param("Order Refunded", {"products": [{"price": 5, "quantity": 2}]}, 10, id="products given back"),
        pytest.param("Order Refunded", {"revenue": -12.5}, 12.5, id="given back, with a sign"),
        pytest.param("order_refunded", {"total": "-12.50"}, 12.5, id="given back, with a sign in a text"),
        pytest.param("Order Refunded", {"products": [{"price": 5, "quantity": -2}]}, 10, id="a quantity given back"),
        pytest.param("Order Completed", {"revenue": -12.5}, -12.5, id="an order with a sign"),
        pytest.param("Order Completed", {"products": [{"price": 5}, {"name": "Cup"}]}, None, id="no price of one"),
        pytest.param("Order Completed", {"products": [{"price": 5}], "currency": "euro"}, None, id="an odd currency"),
        pytest.param("Checkout Started", {"products": [{"price": 5}]}, None, id="nothing sold"),
    ],
)
def test_an_order_is_worth_what_it_tells_in_any_place(
    name: str, properties: dict[str, Any], value: float | None, ecommerce: bool
) -> None:
    """Klaviyo reports the revenue of orders by their value: without one it was an order of nothing."""
    order, *_ = payloads_of(track(name, properties=properties), ecommerce=ecommerce)

    assert order.body["event"].get("value") == value


def test_an_order_is_an_order_and_its_lines() -> None:
    order, cup, gift = payloads_of(track("Order Completed", properties=ORDER), ecommerce=True)

    assert order.body["metric"] == "Placed Order"
    assert order.body["event"]["properties"] == {**ORDER, "OrderId": "A-1", "ItemNames": ["Cup", "Gift"]}
    assert cup.body == {
        "metric": "Ordered Product",
        "profile": PROFILE,
        "event": {
            "time": "2026-03-04T10:20:30.123Z",
            "unique_id": "m-1:0",
            "value": 59.97,
            "value_currency": "EUR",
            "properties": {
                **ORDER["products"][0],
                "OrderId": "A-1",
                "ProductID": "p-1",
                "SKU": "S1",
                "ProductName": "Cup",
                "Quantity": 3,
                "ItemPrice": 19.99,
                "RowTotal": 59.97,
                "ProductURL": "https://example.test/cup",
                "ImageURL": "https://example.test/cup.png",
                "ProductCategories": ["Kitchen"],
            },
        },
    }
    assert gift.body["event"] == {
        "time": "2026-03-04T10:20:30.123Z",
        "unique_id": "m-1:1",
        "properties": {"name": "Gift", "OrderId": "A-1", "ProductName": "Gift"},
    }
    assert [order.key, cup.key, gift.key] == ["m-1", "m-1:0", "m-1:1"]


@pytest.mark.parametrize(
    ("quantity", "total"), [(3, 59.97), ("1.5", 29.99), (None, 19.99), ("many", 19.99), ("", 19.99)]
)
def test_a_line_is_worth_its_price_by_its_quantity_and_that_of_one_without(quantity: Any, total: float) -> None:
    """A quantity of null, which some shops send for one, took the money off the line."""
    product = {"name": "Cup", "price": 19.99, "quantity": quantity}

    _, line = payloads_of(track("Order Completed", properties={"products": [product]}), ecommerce=True)

    assert (line.body["event"]["value"], line.body["event"]["properties"]["RowTotal"]) == (total, total)


@pytest.mark.parametrize("quantity", [0, "0", -1])
def test_a_product_of_which_there_is_none_is_no_line(quantity: Any) -> None:
    """Flows ask people how they like what they ordered, and templates list it."""
    gone = {"name": "Gone", "price": 5, "quantity": quantity}
    properties = {**ORDER, "products": [gone, *ORDER["products"]]}

    order, *lines = payloads_of(track("Order Completed", properties=properties), ecommerce=True)

    assert order.body["event"]["properties"]["ItemNames"] == ["Cup", "Gift"]
    assert [line.body["event"]["properties"]["ProductName"] for line in lines] == ["Cup", "Gift"]


def test_an_order_is_one_event_under_its_own_name_by_default() -> None:
    assert body_of(track("Order Completed", properties=ORDER))["metric"] == "Order Completed"


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("Product Viewed", "Viewed Product"),
        ("Product Clicked", "Viewed Product"),
        ("product added", "Added to Cart"),
        ("Checkout Started", "Started Checkout"),
        ("Order Completed", "Placed Order"),
        ("Order Cancelled", "Cancelled Order"),
        ("Order Refunded", "Refunded Order"),
        ("Order Fulfilled", "Fulfilled Order"),
        ("order_completed", "Placed Order"),
        ("orderCompleted", "Placed Order"),
        ("Completed Order", "Placed Order"),
        ("Product Removed", "Product Removed"),
    ],
)
def test_ecommerce_events_get_the_names_that_templates_expect(name: str, metric: str) -> None:
    assert body_of(track(name), ecommerce=True)["metric"] == metric


def test_products_and_orders_may_be_told_in_camel_case() -> None:
    product = {"productId": "p-1", "imageUrl": "https://e.test/1.png"}
    properties = {"orderId": "A-1", "products": [product]}

    order, line = payloads_of(track("Order Completed", properties=properties), ecommerce=True)

    assert order.body["event"]["properties"] == {**properties, "OrderId": "A-1"}
    assert line.body["event"]["properties"] == {
        **product,
        "OrderId": "A-1",
        "ProductID": "p-1",
        "ImageURL": "https://e.test/1.png",
    }


def test_a_product_that_was_viewed_has_the_keys_that_templates_expect() -> None:
    properties = {"product_id": "p-1", "name": "Cup", "price": "$19.99", "ProductName": "Their own"}

    body = body_of(track("Product Viewed", properties=properties), ecommerce=True)

    assert body["event"]["properties"] == {
        **properties,
        "ProductID": "p-1",
        "ItemPrice": 19.99,
        "RowTotal": 19.99,
    }
