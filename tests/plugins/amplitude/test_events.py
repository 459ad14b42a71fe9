"""Track, page and screen calls: names, revenue, context, groups and where a visitor came from."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.amplitude import PLUGIN
from plugins.amplitude.context import to_session_id
from router.event import Event
from router.testing import make_event
from tests.plugins.amplitude.mapped import MILLIS, body_of, payloads_of, skipped

MONEY = ("revenue", "price", "quantity", "currency", "productId", "revenueType")


def track(event: str = "E", /, properties: dict[str, Any] | None = None, **fields: Any) -> Event:
    return make_event("track", userId="u-17", event=event, properties=properties or {}, **fields)


def money_of(event: Event) -> dict[str, Any]:
    body = body_of(event, "track event")
    return {name: body[name] for name in MONEY if name in body}


def test_an_event_has_its_own_time_and_the_message_id_as_its_key() -> None:
    [payload] = payloads_of(track("Signed Up", {"plan": "gold", "none": None, "$x": 1}), "track event")

    assert payload.key == "m-1"
    assert payload.body == {
        "event_type": "Signed Up",
        "user_id": "u-17",
        "time": MILLIS,
        "insert_id": "m-1",
        "event_properties": {"plan": "gold"},
    }


@pytest.mark.parametrize("name", ["$identify", "$groupidentify", "revenue_amount", "[Amplitude] Start Session"])
def test_an_event_type_that_means_something_to_amplitude_is_not_sent(name: str) -> None:
    assert "reserves" in skipped(track(name), "track event")


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        pytest.param(
            "Paid",
            {"revenue": 19.99, "currency": "eur"},
            {"revenue": 19.99, "currency": "EUR"},
            id="major units, as they are",
        ),
        pytest.param("Paid", {"revenue": "$19.99"}, {"revenue": 19.99}, id="text with a sign"),
        pytest.param("Refunded", {"revenue": -5}, {"revenue": -5}, id="a refund"),
        pytest.param("Paid", {"revenue": 42.5, "price": 1, "quantity": 2}, {"revenue": 42.5}, id="price would win"),
        pytest.param("Product Added", {"price": 9, "quantity": 1, "product_id": "S1"}, {}, id="a price is no revenue"),
        pytest.param("Order Completed", {"total": 12.5}, {"revenue": 12.5}, id="total of an order"),
        pytest.param("completed order", {"total": "12.5"}, {"revenue": 12.5}, id="total of an order, the old name"),
        pytest.param("Order Completed", {"revenue": 0, "total": 12.5}, {"revenue": 12.5}, id="no revenue but a total"),
        pytest.param("Cart Viewed", {"total": 12.5}, {}, id="total of anything else"),
        pytest.param(
            "Paid",
            {"revenue": 5, "product_id": "S1", "revenue_type": "purchase"},
            {"revenue": 5, "productId": "S1", "revenueType": "purchase"},
            id="product and type beside a revenue",
        ),
        pytest.param("Paid", {"currency": "EUR", "productId": "S1"}, {}, id="neither without a revenue"),
        pytest.param("Paid", {"revenue": 5, "currency": "euro"}, {}, id="no currency: it would be booked in another"),
        pytest.param("Order Completed", {"total": 5, "currency": 978}, {}, id="a total in no currency"),
        pytest.param("Paid", {"revenue": 5, "currency": " "}, {"revenue": 5}, id="a currency of blanks is none"),
        pytest.param("Paid", {"revenue": {"a": 1}}, {}, id="no number"),
    ],
)
def test_revenue(name: str, properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert money_of(track(name, properties)) == expected


def test_what_is_revenue_is_an_event_property_too() -> None:
    properties = {"revenue": "$19.99", "currency": "eur", "product_id": "S1", "price": 1}

    assert body_of(track("Paid", properties), "track event")["event_properties"] == properties


PRICED = [{"product_id": "S1", "price": "19.99", "quantity": 3}, {"product_id": "S2", "price": 0.01}]


@pytest.mark.parametrize(
    ("name", "properties", "money"),
    [
        pytest.param("Order Completed", {"products": PRICED}, [{"revenue": 59.98}], id="all have a price"),
        pytest.param("Order Completed", {"products": [*PRICED, {"sku": "S3"}]}, [{}], id="one has no price"),
        pytest.param("Order Completed", {"products": [*PRICED, "S3"]}, [{}], id="one is none"),
        pytest.param("Order Completed", {"products": PRICED, "revenue": 0}, [{}], id="paid with a voucher"),
        pytest.param("Order Completed", {"products": PRICED, "total": 0}, [{}], id="a total of nothing"),
        pytest.param("Order Completed", {"products": PRICED, "currency": "euro"}, [{}], id="in no currency"),
        pytest.param("Order Completed", {"products": [{"price": 1e300, "quantity": 10**12}]}, [{}], id="no number"),
        pytest.param("Cart Viewed", {"products": PRICED}, [{}], id="nobody has bought them"),
    ],
)
def test_an_order_that_tells_of_its_money_in_its_products_alone_has_revenue(
    name: str, properties: dict[str, Any], money: list[dict[str, Any]]
) -> None:
    """It was booked as an order of nothing."""
    made = payloads_of(track(name, properties), "track event")

    assert [{key: payload.body[key] for key in MONEY if key in payload.body} for payload in made] == money


def test_the_products_of_such_an_order_are_purchases_where_they_are_wanted() -> None:
    made = payloads_of(track("Order Completed", {"products": PRICED}), "track event", product_events=True)

    assert [{key: payload.body[key] for key in MONEY if key in payload.body} for payload in made] == [
        {},
        {"price": 19.99, "quantity": 3, "productId": "S1"},
        {"price": 0.01, "quantity": 1, "productId": "S2"},
    ]


@pytest.mark.parametrize(
    ("product", "product_id"),
    [({"sku": "S1"}, "S1"), ({"product_id": " ", "id": "S1"}, "S1"), ({"product_id": 7, "productId": "S1"}, "7")],
)
def test_a_product_of_an_order_is_known_by_any_of_its_ids(product: dict[str, Any], product_id: str) -> None:
    event = track("Order Completed", {"products": [{**product, "price": 30}]})

    _, made = payloads_of(event, "track event", product_events=True)

    assert made.body["productId"] == product_id


def test_half_a_product_is_one_of_half_the_price() -> None:
    """Amplitude counts whole ones: half a kilogram was booked as one."""
    products = [{"product_id": "S1", "price": 30, "quantity": 0.5}, {"product_id": "S2", "price": 1, "quantity": 2.0}]
    made = payloads_of(track("Order Completed", {"products": products}), "track event", product_events=True)

    assert [{key: payload.body[key] for key in MONEY if key in payload.body} for payload in made[1:]] == [
        {"price": 15, "quantity": 1, "productId": "S1"},
        {"price": 1, "quantity": 2, "productId": "S2"},
    ]
    assert type(made[2].body["quantity"]) is int


def test_what_was_given_back_has_a_price_below_0_and_what_was_not_bought_is_no_purchase() -> None:
    """Amplitude knows money that is given back by the sign of its price. A product of which there are none was a purchase."""
    products = [
        {"product_id": "S1", "price": 30, "quantity": 2},
        {"product_id": "S2", "price": 5, "quantity": 0},
        {"product_id": "S3", "price": 5, "quantity": -2},
        {"product_id": "S4", "price": 4, "quantity": -1.5},
    ]
    _, *made = payloads_of(track("Order Completed", {"products": products}), "track event", product_events=True)

    assert [(each.body["productId"], each.body["price"], each.body["quantity"]) for each in made] == [
        ("S1", 30, 2),
        ("S3", -5, 2),
        ("S4", -6, 1),
    ]


PRODUCTS = [
    {"product_id": "S1", "price": "9.99", "quantity": "2"},
    {"productId": "S2", "price": 0.01},
    {"sku": "S3"},
    "S4",
]


def test_an_order_may_be_sent_as_one_event_a_product_and_never_counts_twice() -> None:
    event = track("Order Completed", {"revenue": 19.99, "currency": "EUR", "products": PRODUCTS})

    main, *products = payloads_of(event, "track event", product_events=True)

    assert not set(MONEY) & main.body.keys()
    assert [payload.key for payload in (main, *products)] == ["m-1", "m-1-1", "m-1-2", "m-1-3"]
    assert [{name: payload.body[name] for name in MONEY if name in payload.body} for payload in products] == [
        {"price": 9.99, "quantity": 2, "currency": "EUR", "productId": "S1"},
        {"price": 0.01, "quantity": 1, "currency": "EUR", "productId": "S2"},
        {},
    ]
    assert {payload.body["event_type"] for payload in products} == {"Product Purchased"}


def test_an_order_of_which_one_price_is_missing_keeps_its_revenue_and_has_its_products_besides() -> None:
    """The products would tell of 9.99 of 100."""
    products = [{"product_id": "S1", "price": 9.99}, {"product_id": "S2"}]
    event = track("Order Completed", {"revenue": 100, "currency": "EUR", "products": products})

    made = payloads_of(event, "track event", product_events=True)

    assert [{name: payload.body[name] for name in MONEY if name in payload.body} for payload in made] == [
        {"revenue": 100, "currency": "EUR"},
        {},
        {},
    ]
    assert [payload.body["event_properties"] for payload in made[1:]] == products


@pytest.mark.parametrize(
    ("name", "properties", "money"),
    [
        pytest.param("Order Refunded", {"revenue": -9.99}, {"revenue": -9.99}, id="a refund"),
        pytest.param("Order Refunded", {"total": 9.99}, {"revenue": -9.99}, id="a refund told by its total"),
        pytest.param(
            "Order Refunded", {"revenue": 0, "total": "-9.99"}, {"revenue": -9.99}, id="no revenue but a total"
        ),
        pytest.param("Order Refunded", {"revenue": 9.99}, {"revenue": -9.99}, id="a refund told without a sign"),
        pytest.param("order_refunded", {"revenue": "9.99"}, {"revenue": -9.99}, id="a refund spelled otherwise"),
        pytest.param("Order Cancelled", {"revenue": 9.99}, {"revenue": 9.99}, id="an order called off"),
        pytest.param("Checkout Started", {"revenue": 9.99}, {"revenue": 9.99}, id="a checkout"),
        pytest.param("Cart Viewed", {"total": 9.99}, {}, id="a cart"),
    ],
)
def test_what_is_no_completed_order_makes_no_purchases_of_its_products(
    name: str, properties: dict[str, Any], money: dict[str, Any]
) -> None:
    event = track(name, {**properties, "products": [{"product_id": "S1", "price": 9.99}]})

    [main] = payloads_of(event, "track event", product_events=True)

    assert {key: main.body[key] for key in MONEY if key in main.body} == money


def test_products_of_an_order_in_a_currency_that_cannot_be_read_have_no_price() -> None:
    event = track("Order Completed", {"revenue": 19.99, "currency": "euro", "products": PRODUCTS})

    main, *products = payloads_of(event, "track event", product_events=True)

    assert len(products) == 3
    assert not any(set(MONEY) & payload.body.keys() for payload in (main, *products))
    assert products[0].body["event_properties"] == PRODUCTS[0]


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param({"revenue": 5, "products": [{"sku": "S3"}]}, id="no product has a price"),
        pytest.param({"revenue": 5, "products": {"price": 5}}, id="products that are no list"),
    ],
)
def test_an_order_whose_products_have_no_price_keeps_its_revenue(properties: dict[str, Any]) -> None:
    [main] = payloads_of(track("Order Completed", properties), "track event", product_events=True)

    assert main.body["revenue"] == 5


def test_a_product_view_with_products_but_no_revenue_is_one_event() -> None:
    assert len(payloads_of(track("Products Viewed", {"products": PRODUCTS}), "track event", product_events=True)) == 1


# --- pages and screens ---


@pytest.mark.parametrize(
    ("call", "fields", "expected"),
    [
        pytest.param("page", {"name": "Home"}, "Viewed Home Page", id="page"),
        pytest.param("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page", id="page with a category"),
        pytest.param("page", {}, "Loaded a Page", id="page without a name"),
        pytest.param("page", {"name": " "}, "Loaded a Page", id="page with a blank name"),
        pytest.param("screen", {"name": "Home"}, "Viewed Home Screen", id="screen"),
        pytest.param("screen", {}, "Loaded a Screen", id="screen without a name"),
    ],
)
def test_a_view_is_named(call: str, fields: dict[str, Any], expected: str) -> None:
    body = body_of(make_event(call, anonymousId="a-1", **fields), f"track {call}")

    assert body["event_type"] == expected


def test_a_page_tells_its_address_from_its_properties_else_from_its_context() -> None:
    event = make_event(
        "page",
        anonymousId="a-1",
        name="Home",
        properties={"url": "https://example.test/a", "extra": 1},
        context={"page": {"url": "https://example.test/b", "path": "/b"}},
    )

    assert body_of(event, "track page")["event_properties"] == {
        "extra": 1,
        "name": "Home",
        "url": "https://example.test/a",
        "path": "/b",
    }


# --- context ---


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"ip": "203.0.113.7"}, {"ip": "203.0.113.7"}, id="ip"),
        pytest.param({"ip": "unknown"}, {}, id="no ip"),
        pytest.param({"userAgent": "Mozilla/5.0"}, {"user_agent": "Mozilla/5.0"}, id="user agent"),
        pytest.param({"os": {"name": "iOS", "version": 18}}, {"os_name": "iOS", "os_version": "18"}, id="os"),
        pytest.param({"device": {"type": "ios"}}, {"platform": "iOS"}, id="platform"),
        pytest.param(
            {"device": {"type": "android", "advertisingId": "ad"}}, {"platform": "Android", "adid": "ad"}, id="android"
        ),
        pytest.param(
            {"device": {"id": "d", "type": "browser"}, "os": {"name": "iOS"}},
            {"os_name": "iOS", "platform": "Web", "device_id": "d"},
            id="a browser, whose system is that of a phone",
        ),
        pytest.param(
            {"channel": "browser", "device": {"id": "d"}, "os": {"name": "iOS"}},
            {"os_name": "iOS", "platform": "Web", "device_id": "d"},
            id="a page in it",
        ),
        pytest.param(
            {"device": {"advertisingId": "ad"}, "os": {"name": "iPadOS"}},
            {"os_name": "iPadOS", "idfa": "ad"},
            id="a platform that the system tells",
        ),
        pytest.param(
            {"device": {"type": "ios", "advertisingId": " ad "}}, {"platform": "iOS", "idfa": "ad"}, id="blanks"
        ),
        pytest.param(
            {"device": {"type": "iOS", "advertisingId": "ad", "adTrackingEnabled": "false"}},
            {"platform": "iOS"},
            id="tracking refused in a text",
        ),
        pytest.param(
            {"device": {"type": "iOS", "advertisingId": "ad", "adTrackingEnabled": False}},
            {"platform": "iOS"},
            id="not to be tracked",
        ),
        pytest.param(
            {"device": {"type": "iOS", "advertisingId": "00000000-0000-0000-0000-000000000000"}},
            {"platform": "iOS"},
            id="the advertising id of nobody",
        ),
        pytest.param(
            {"device": {"brand": "b", "manufacturer": "m", "model": "n"}},
            {"device_brand": "b", "device_manufacturer": "m", "device_model": "n"},
            id="device",
        ),
        pytest.param({"network": {"carrier": "T"}}, {"carrier": "T"}, id="carrier"),
        pytest.param({"locale": "pt-PT"}, {"language": "pt-PT"}, id="locale"),
        pytest.param({"app": {"version": "2.1.3"}}, {"app_version": "2.1.3"}, id="app"),
        pytest.param(
            {"location": {"city": "Porto", "region": "P", "country": "PT", "latitude": 41.1, "longitude": -8.6}},
            {"city": "Porto", "region": "P", "country": "PT", "location_lat": 41.1, "location_lng": -8.6},
            id="location",
        ),
        pytest.param({"library": {"name": "lib", "version": "1"}}, {"library": "lib/1"}, id="library"),
        pytest.param(
            {"library": {"name": "analytics.js"}},
            {"library": "analytics.js", "platform": "Web"},
            id="a browser's library",
        ),
        pytest.param({"library": {"name": "", "version": "1"}}, {}, id="a library without a name"),
        pytest.param({"library": {"name": "lib", "version": ""}}, {"library": "lib"}, id="a library without a version"),
        pytest.param({"device": {"type": "ios", "id": ""}}, {"platform": "iOS"}, id="an app's device without an id"),
        pytest.param({"groupId": 9}, {"groups": {"company": "9"}}, id="group"),
        pytest.param({"groupId": " g "}, {"groups": {"company": " g "}}, id="a group as its own call names it"),
        pytest.param({"groupId": " "}, {}, id="a blank group"),
        pytest.param({"sessionId": 1772619600}, {"session_id": 1772619600000}, id="session"),
        pytest.param({"os": "x", "device": [], "page": 7, "library": None, "locale": {}}, {}, id="nothing usable"),
    ],
)
def test_the_context_of_an_event(context: dict[str, Any], expected: dict[str, Any]) -> None:
    body = body_of(track(context=context), "track event")

    assert {name: body[name] for name in body.keys() - {"event_type", "user_id", "time", "insert_id"}} == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, -1), (1772619600, 1772619600000), ("1772619600123", 1772619600123), (1772619600123, 1772619600123)],
)
def test_a_session_is_known_by_its_start(value: Any, expected: int) -> None:
    assert to_session_id(value) == expected


@pytest.mark.parametrize("value", [7, "3f2c", 10**15, 0, None, {}])
def test_a_random_session_id_is_left_out(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        to_session_id(value)


@pytest.mark.parametrize("name", ["Actions Amplitude", "Amplitude (Actions)", "Amplitude"])
def test_the_session_may_come_with_the_integrations(name: str) -> None:
    event = track(integrations={name: {"session_id": 1772619600123}})

    assert body_of(event, "track event")["session_id"] == 1772619600123


# --- origin ---

SEARCH = "https://search.example.test/?q=a"
FROM_SEARCH = {"referrer": SEARCH, "referring_domain": "search.example.test"}


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen"])
def test_campaign_and_referrer_are_remembered_as_latest_and_as_first(call: str) -> None:
    context = {"campaign": {"name": "spring", "source": "mail", "term": "", "x": 1}, "page": {"referrer": SEARCH}}
    event = make_event(call, anonymousId="a-1", event="E", context=context)

    [payload] = payloads_of(event, "remember origin")

    expected = {"utm_source": "mail", "utm_campaign": "spring", **FROM_SEARCH}
    assert payload.key == "m-1-origin"
    assert payload.body["event_type"] == "$identify"
    assert payload.body["user_properties"] == {
        "$set": expected,
        "$setOnce": {f"initial_{name}": value for name, value in expected.items()},
    }


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"url": "https://example.test/a", "referrer": "https://example.test/b"}, id="the same site"),
        pytest.param({"url": "https://example.test/a"}, id="no referrer"),
        pytest.param({"referrer": "x"}, id="a referrer without a host"),
        pytest.param({"referrer": 7}, id="a referrer that is none"),
    ],
)
@pytest.mark.parametrize("where", ["context", "properties"])
def test_a_visitor_from_nowhere_new_has_no_origin(page: dict[str, Any], where: str) -> None:
    event = make_event("page", anonymousId="a-1", **{where: {"page": page} if where == "context" else page})

    assert skipped(event, "remember origin") == "neither a campaign nor a referrer from elsewhere"


def test_a_server_s_page_call_tells_where_the_visitor_came_from() -> None:
    """It has no ``context.page``."""
    event = make_event("page", userId="u-17", properties={"url": "https://example.test/a", "referrer": SEARCH})

    [payload] = payloads_of(event, "remember origin")

    first = {f"initial_{name}": value for name, value in FROM_SEARCH.items()}
    assert payload.body["user_properties"] == {"$set": FROM_SEARCH, "$setOnce": first}


def test_a_referrer_that_is_a_property_of_something_done_is_no_origin() -> None:
    event = make_event("track", userId="u-17", event="Invited", properties={"referrer": SEARCH})

    assert skipped(event, "remember origin") == "neither a campaign nor a referrer from elsewhere"


def test_an_origin_is_told_before_the_event_that_it_belongs_to() -> None:
    """A property of the user counts for later events only."""
    assert [action.name for action in PLUGIN.actions if "page" in action.on] == ["remember origin", "track page"]
