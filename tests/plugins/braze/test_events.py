"""Track, page and screen calls: events, purchases and recommended events."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.braze import PLUGIN
from plugins.braze.events import build_event
from router.destination import Destination
from router.plugin import Delivered, Skip
from router.testing import make_event, open_stand_in
from tests.plugins.braze.samples import ADA, ALIAS, ANON, TIME, bodies_of, item_of, make_settings, map_event, trace_of

LEGACY = "track purchase"
SHOP = "track shop event"


def order(name: str = "Order Completed", /, **properties: Any) -> Any:
    return make_event("track", **ADA, event=name, properties={"order_id": "A-1", **properties})


# --- events ---


def test_a_track_call_becomes_an_event() -> None:
    event = make_event("track", **ADA, event=" Signed Up ", properties={"source": "mobile", "trial": True, "n": None})

    assert item_of(event, "track event", app_id="app_example") == {
        "external_id": "u-17",
        "app_id": "app_example",
        "name": "Signed Up",
        "time": TIME,
        "properties": {"source": "mobile", "trial": True},
    }


def test_an_event_happened_when_it_happened_and_not_when_it_came() -> None:
    event = make_event("track", **ADA, event="E", timestamp="2012-12-02T01:00:00+01:00")

    assert item_of(event, "track event")["time"] == "2012-12-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"a": "x" * 300}, {"a": "x" * 255}, id="long text is cut"),
        pytest.param({"$set": 1, " ": 2, "x" * 256: 3, "kept": 4}, {"kept": 4}, id="names that Braze does not take"),
        pytest.param({"a": {"b": [1, None]}, "c": [{"d": None}]}, {"a": {"b": [1]}, "c": [{}]}, id="lists and objects"),
    ],
)
def test_properties_are_as_braze_takes_them(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert (
        item_of(make_event("track", **ADA, event="E", properties=properties), "track event")["properties"] == expected
    )


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        pytest.param({"n": 1, "lines": [{"id": n, "name": "x" * 100} for n in range(500)]}, "lines", id="a list"),
        pytest.param({"n": 1, "a" * 255: ["x" * 255] * 100, "b": ["x" * 255] * 150}, "b", id="the larger of two"),
        pytest.param({"n": 1, **{f"p{n}": "x" * 255 for n in range(250)}}, "", id="50 KB of plain ones"),
    ],
)
def test_what_an_event_has_no_room_for_is_left_out_and_told(properties: dict[str, Any], left: str) -> None:
    """Braze refuses an event of more than 50 KB with lists or objects, an order of many products as a whole."""
    event = make_event("track", **ADA, event="E", properties=properties)
    mapped = Destination("braze", PLUGIN, make_settings()).map(event)
    [[payload]] = [part.payloads for part in mapped if part.payloads]

    assert payload.body["events"]["properties"].keys() == properties.keys() - {left}
    assert [note.partition("left out: ")[2] for note in payload.notes] == ([left] if left else [])


def test_names_that_braze_does_not_take_are_reported() -> None:
    assert trace_of(make_event("track", **ADA, event="E", properties={"$set": 1}), "track event").unmapped == [
        "properties.$set"
    ]


def test_a_long_event_name_is_cut() -> None:
    assert item_of(make_event("track", **ADA, event="é" * 300), "track event")["name"] == "é" * 255


def test_an_event_whose_name_is_mapped_away_is_skipped() -> None:
    assert build_event(make_event("track", **ADA, event="E"), {}, make_settings()) == Skip("the event has no name")


def test_an_anonymous_event_belongs_to_the_alias_profile() -> None:
    assert item_of(make_event("track", **ANON, event="E"), "track event") == {"name": "E", "time": TIME, **ALIAS}


def test_an_anonymous_event_is_skipped_when_anonymous_profiles_are_off() -> None:
    made = map_event(make_event("track", **ANON, event="E"), send_anonymous=False)

    assert "send_anonymous" in made["track event"]


def test_an_event_of_somebody_known_by_email_is_theirs() -> None:
    event = make_event("track", **ANON, event="E", context={"traits": {"email": "Ada@example.test"}})

    item = item_of(event, "track event", send_anonymous=False)

    assert item == {"email": "ada@example.test", "_update_existing_only": False, "name": "E", "time": TIME}


@pytest.mark.parametrize(
    ("call", "fields", "name", "properties"),
    [
        pytest.param("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page", {}, id="page"),
        pytest.param("page", {}, "Loaded a Page", {}, id="page without a name"),
        pytest.param("page", {"category": "Docs"}, "Loaded a Page", {}, id="page with a category alone"),
        pytest.param(
            "screen", {"name": "Home", "properties": {"tab": 2}}, "Viewed Home Screen", {"tab": 2}, id="screen"
        ),
        pytest.param("screen", {"name": "  "}, "Loaded a Screen", {}, id="screen with a blank name"),
    ],
)
def test_a_view_is_an_event_where_the_operator_wants_it(call: str, fields: Any, name: str, properties: Any) -> None:
    item = item_of(make_event(call, **ADA, **fields), "track view", track_pages=True)

    told = {key: fields[key] for key in ("name", "category") if key in fields}
    assert (item["name"], item.get("properties", {})) == (name, {**told, **properties})


def test_views_are_skipped_by_default() -> None:
    assert "track_pages" in map_event(make_event("page", **ADA, name="Home"))["track view"]


# --- purchases ---


def test_an_order_becomes_a_purchase_of_each_product() -> None:
    products = [
        {"product_id": "S1", "name": "Cup", "price": 21.25, "quantity": 2, "colour": "red"},
        {"sku": "S2", "price": "$5"},
    ]
    event = order(currency="eur", revenue=47.5, total="52", products=products, coupon=None, time="x", event_name="y")
    of_the_order = {"order_id": "A-1", "revenue": 47.5, "total": "52"}

    assert bodies_of(event, LEGACY, app_id="app") == [
        {
            "purchases": {
                "external_id": "u-17",
                "app_id": "app",
                "product_id": "S1",
                "price": 21.25,
                "quantity": 2,
                "currency": "EUR",
                "time": TIME,
                "properties": {**of_the_order, "name": "Cup", "colour": "red"},
            }
        },
        {
            "purchases": {
                "external_id": "u-17",
                "app_id": "app",
                "product_id": "S2",
                "price": 5,
                "quantity": 1,
                "currency": "EUR",
                "time": TIME,
                "properties": {**of_the_order, "sku": "S2"},
            }
        },
    ]


WHOLE = {"product_id": "Completed Order", "quantity": 1, "currency": "USD"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"revenue": 19.99}, {**WHOLE, "price": 19.99}, id="revenue"),
        pytest.param({"revenue": "$19.99"}, {**WHOLE, "price": 19.99}, id="revenue as text"),
        pytest.param({"revenue": "", "total": 5}, {**WHOLE, "price": 5}, id="a total beside an empty revenue"),
        pytest.param({"total": 12.5}, {**WHOLE, "price": 12.5}, id="total"),
        pytest.param({"revenue": 0, "total": 12.5}, {**WHOLE, "price": 12.5}, id="a total beside a revenue of nothing"),
        pytest.param({"revenue": 0}, {**WHOLE, "price": 0}, id="nothing paid"),
        pytest.param({"revenue": 1, "currency": " "}, {**WHOLE, "price": 1}, id="an empty currency"),
        pytest.param(
            {"revenue": 9, "products": [{"product_id": "a", "price": 4}, {"product_id": "b"}]},
            {**WHOLE, "price": 9},
            id="a product without a price",
        ),
        pytest.param({"revenue": 9, "products": "two"}, {**WHOLE, "price": 9}, id="products that are no list"),
        pytest.param({"revenue": 9, "products": [7]}, {**WHOLE, "price": 9}, id="a product that is no object"),
        pytest.param(
            {"products": [{"price": 1}]},
            {"product_id": "Completed Order", "price": 1, "quantity": 1, "currency": "USD"},
            id="a product without an id",
        ),
        pytest.param(
            {"products": [{"id": "a", "price": 1, "quantity": "none"}]},
            {"product_id": "a", "price": 1, "quantity": 1, "currency": "USD"},
            id="a quantity that is none",
        ),
        pytest.param(
            {"products": [{"id": "a", "price": 1}, {"id": "b", "price": 9, "quantity": 0}]},
            {"product_id": "a", "price": 1, "quantity": 1, "currency": "USD"},
            id="a product that was not bought",
        ),
        pytest.param(
            {"products": [{"id": "cloth", "price": 19.9, "quantity": 1.5}]},
            {"product_id": "cloth", "price": 29.85, "quantity": 1, "currency": "USD"},
            id="a length of cloth",
        ),
        pytest.param(
            {"products": [{"product_id": "a" * 300, "price": 0.1, "quantity": 250}]},
            {"product_id": "a" * 255, "price": 25.0, "quantity": 1, "currency": "USD"},
            id="more than a hundred",
        ),
        pytest.param(
            {"products": [{"id": "a", "price": 5, "quantity": -2}]},
            {"product_id": "a", "price": -5, "quantity": 2, "currency": "USD"},
            id="given back",
        ),
        pytest.param(
            {"products": [{"id": "a", "price": 5, "quantity": -101}]},
            {"product_id": "a", "price": -505, "quantity": 1, "currency": "USD"},
            id="more than a hundred given back",
        ),
    ],
)
def test_an_order_of_an_odd_shape_tells_of_the_right_money(
    properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    item = item_of(order(**properties), LEGACY)

    assert {key: item[key] for key in expected} == expected
    assert item["properties"]["order_id"] == "A-1"


@pytest.mark.parametrize("name", ["Order Completed", "order_completed", "Completed Order"])
def test_an_order_is_purchases_and_no_event_besides(name: str) -> None:
    made = map_event(order(name, revenue=1))

    assert [action for action, bodies in made.items() if isinstance(bodies, list)] == [LEGACY]


@pytest.mark.parametrize(
    ("event", "settings"),
    [
        pytest.param(order(), {}, id="no money in it"),
        pytest.param(order(revenue=1e300), {}, id="money of no sensible size"),
        pytest.param(order(revenue=1, currency="euros"), {}, id="money that would be booked in dollars"),
        pytest.param(order(currency=978, products=[{"id": "a", "price": 1}]), {}, id="products of such money"),
        pytest.param(order("Order Refunded", revenue=1), {}, id="another event"),
        pytest.param(order(revenue=1), {"purchases": "off"}, id="off"),
        pytest.param(order(revenue=1), {"purchases": "recommended"}, id="no products for the recommended form"),
    ],
)
def test_what_is_no_purchase_stays_an_event(event: Any, settings: Any) -> None:
    made = map_event(event, **settings)

    assert [action for action, bodies in made.items() if isinstance(bodies, list)] == ["track event"]


def test_an_order_of_somebody_anonymous_is_skipped_when_those_are_off() -> None:
    event = make_event("track", **ANON, event="Order Completed", properties={"revenue": 1})

    assert "send_anonymous" in map_event(event, send_anonymous=False)[LEGACY]


# --- recommended events ---

CUP = {"product_id": "S1", "name": "Cup", "variant": "red", "price": 21.25, "quantity": 2, "url": "https://e.test/S1"}
CUP_ITEM = {
    "product_id": "S1",
    "product_name": "Cup",
    "variant_id": "red",
    "quantity": 2,
    "price": 21.25,
    "product_url": "https://e.test/S1",
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            order(
                products=[CUP], total=42.5, tax=2, shipping="3", discount=1, subtotal=40, currency="EUR", source="web"
            ),
            {
                "name": "ecommerce.order_placed",
                "properties": {
                    "order_id": "A-1",
                    "currency": "EUR",
                    "source": "web",
                    "total_value": 42.5,
                    "tax": 2,
                    "shipping": 3,
                    "total_discounts": 1,
                    "subtotal_value": 40,
                    "products": [CUP_ITEM],
                },
            },
            id="order placed",
        ),
        pytest.param(
            order("Order Cancelled", products=[CUP], revenue=42.5, coupon="SPRING"),
            {
                "name": "ecommerce.order_cancelled",
                "properties": {
                    "order_id": "A-1",
                    "currency": "USD",
                    "source": "server",
                    "total_value": 42.5,
                    "products": [{**CUP_ITEM, "metadata": {"coupon": "SPRING"}}],
                },
            },
            id="what the schema does not know is metadata",
        ),
        pytest.param(
            order("Order Refunded", products=[CUP, {"id": "a", "price": 2.5, "quantity": -1}], currency="EUR"),
            {
                "name": "ecommerce.order_refunded",
                "properties": {
                    "order_id": "A-1",
                    "currency": "EUR",
                    "source": "server",
                    "total_value": 40,
                    "products": [CUP_ITEM],
                },
            },
            id="without a total it is worth its products",
        ),
        pytest.param(
            order("Order Refunded", total=-42.5, products=[{**CUP, "quantity": -2}]),
            {
                "name": "ecommerce.order_refunded",
                "properties": {
                    "order_id": "A-1",
                    "currency": "USD",
                    "source": "server",
                    "total_value": 42.5,
                    "products": [CUP_ITEM],
                },
            },
            id="a refund whose money and quantities have a sign",
        ),
        pytest.param(
            order("Order Refunded", products=[{**CUP, "price": -21.25}, {"id": "fee", "price": 2.5}]),
            {
                "name": "ecommerce.order_refunded",
                "properties": {
                    "order_id": "A-1",
                    "currency": "USD",
                    "source": "server",
                    "total_value": 40,
                    "products": [CUP_ITEM],
                },
            },
            id="a refund whose prices have a sign, less a fee",
        ),
        pytest.param(
            make_event("track", **ADA, event="Product Added", properties={"cart_id": "c-1", **CUP}),
            {
                "name": "ecommerce.cart_updated",
                "properties": {
                    "action": "add",
                    "cart_id": "c-1",
                    "currency": "USD",
                    "source": "server",
                    "total_value": 42.5,
                    "products": [CUP_ITEM],
                },
            },
            id="cart updated",
        ),
        pytest.param(
            make_event(
                "track",
                **ADA,
                event="Checkout Started",
                properties={"cart_id": "c-1", "value": 42.5, "products": [CUP]},
                context={"page": {"url": "https://e.test/cart"}},
            ),
            {
                "name": "ecommerce.checkout_started",
                "properties": {
                    "cart_id": "c-1",
                    "currency": "USD",
                    "source": "https://e.test/cart",
                    "total_value": 42.5,
                    "products": [CUP_ITEM],
                },
            },
            id="checkout started",
        ),
    ],
)
def test_a_shop_event_takes_the_recommended_form(event: Any, expected: dict[str, Any]) -> None:
    made = map_event(event, purchases="recommended")

    assert made[SHOP] == [{"events": {"external_id": "u-17", "time": TIME, **expected}}]
    assert isinstance(made["track event"], str)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(order(revenue=1, products=[{"product_id": "a"}]), id="a product without a price"),
        pytest.param(order(products=[CUP], total=42.5, currency="euros"), id="a total that would be in dollars"),
        pytest.param(order("Checkout Started", products=[CUP], value=1), id="no cart"),
        pytest.param(order("Order Refunded"), id="no products"),
        pytest.param(order("Product Viewed", **CUP), id="no schema is known"),
    ],
)
def test_what_the_schema_would_not_have_stays_an_event(event: Any) -> None:
    made = map_event(event, purchases="recommended")

    assert [action for action, bodies in made.items() if isinstance(bodies, list)] == ["track event"]


async def test_an_order_too_large_for_the_recommended_form_arrives_without_its_products() -> None:
    """Braze refuses one of more than 100 KB: an order of fifteen hundred products was a dead letter."""
    event = order(total=42.5, products=[CUP] * 1_500)

    async with open_stand_in(PLUGIN, purchases="recommended") as vendor:
        delivered = await vendor.deliver(event)
        [taken] = vendor.accepted("event")

    assert [judgement for judgements in delivered.values() for judgement in judgements] == [[Delivered()]]
    assert taken["name"] == "Order Completed"
    assert taken["properties"] == {key: value for key, value in event.properties.items() if key != "products"}


@pytest.mark.parametrize(
    ("purchases", "event", "left"),
    [
        pytest.param(
            "recommended",
            order(total=5_000, gift="x" * 200, products=[{**CUP, "notes": "x" * 250} for _ in range(200)]),
            "metadata of all products",
            id="recommended",
        ),
        pytest.param("legacy", order(revenue=9, lines=[{"note": "x" * 250} for _ in range(200)]), "lines", id="legacy"),
    ],
)
async def test_an_order_that_is_too_large_goes_without_what_only_describes_it(
    purchases: str, event: Any, left: str
) -> None:
    async with open_stand_in(PLUGIN, purchases=purchases) as vendor:
        judgements = await vendor.deliver(event)
        [part] = [part for part in vendor.rehearsal.map(event) if part.payloads]

    assert list(judgements.values()) == [[[Delivered()]]]
    assert [note.partition("left out: ")[2] for payload in part.payloads for note in payload.notes] == [left]
