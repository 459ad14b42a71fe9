"""Track, page and screen calls: events, purchases and carts."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.iterable.events import build_event
from router.plugin import Skip
from router.testing import make_event
from tests.plugins.iterable.samples import ADA, ANON, EMAIL, SECONDS, body_of, make_settings, map_event

CUP = {
    "product_id": "S1",
    "sku": "K1",
    "name": "Cup",
    "category": "Home",
    "price": "$21.25",
    "quantity": "2",
    "url": "https://shop.example.test/S1",
    "image_url": "https://shop.example.test/S1.png",
    "color": "red",
    "gone": None,
}
CUP_ITEM = {
    "id": "S1",
    "name": "Cup",
    "price": 21.25,
    "quantity": 2,
    "sku": "K1",
    "categories": ["Home"],
    "url": "https://shop.example.test/S1",
    "imageUrl": "https://shop.example.test/S1.png",
    "dataFields": {"color": "red"},
}
PREFERRED = {"userId": "u-17", "preferUserId": True}


def order(name: str = "Order Completed", /, **properties: Any) -> Any:
    return make_event("track", **ADA, event=name, properties={"order_id": "A-1", **properties})


def sent(made: dict[str, Any]) -> list[str]:
    return [action for action, bodies in made.items() if isinstance(bodies, list)]


# --- events ---


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (make_event("track", **ADA, event="Signed Up", properties={"campaign_id": "spring"}), "track event"),
        (order(products=[CUP], campaign_id="spring"), "track purchase"),
    ],
)
def test_a_campaign_of_the_application_s_own_stays_a_property(event: Any, action: str) -> None:
    """Iterable's are numbers; one in text was in neither place."""
    body = body_of(event, action)

    assert (body["dataFields"]["campaign_id"], "campaignId" in body) == ("spring", False)


def test_a_track_call_becomes_an_event_with_the_message_id() -> None:
    properties = {"source": "web", "campaignId": "123", "template_id": 7, "n": None, "at": "2024-08-24T00:00:00Z"}
    event = make_event("track", **ADA, event="Signed Up", properties=properties)

    assert body_of(event, "track event") == {
        "userId": "u-17",
        "eventName": "Signed Up",
        "id": "m-1",
        "createdAt": SECONDS,
        "campaignId": 123,
        "templateId": 7,
        "dataFields": {"source": "web", "at": "2024-08-24 00:00:00 +00:00"},
    }


def test_the_name_of_an_event_has_no_blanks_around_it() -> None:
    assert body_of(make_event("track", **ADA, event=" Signed Up "), "track event")["eventName"] == "Signed Up"


def test_an_event_happened_when_it_happened_and_not_when_it_came() -> None:
    event = make_event("track", **ADA, event="E", timestamp="2012-12-02T00:00:00.999Z")

    assert body_of(event, "track event")["createdAt"] == 1354406400


def test_an_event_of_somebody_known_by_email_is_theirs() -> None:
    event = make_event("track", **ANON, event="E", context={"traits": {"email": "Ada@example.test"}})

    assert body_of(event, "track event")["email"] == EMAIL


def test_an_event_of_somebody_anonymous_is_skipped() -> None:
    assert "anonymous" in map_event(make_event("track", **ANON, event="E"))["track event"]


def test_an_event_whose_name_is_mapped_away_is_skipped() -> None:
    assert build_event(make_event("track", **ADA, event="E"), {}, make_settings()) == Skip("the event has no name")


@pytest.mark.parametrize(("setting", "expected"), [("project", None), ("yes", True), ("no", False)])
def test_new_fields_are_made_as_the_operator_says(setting: str, expected: bool | None) -> None:
    event = make_event("track", **ADA, event="E")

    assert body_of(event, "track event", create_new_fields=setting).get("createNewFields") is expected
    purchase = body_of(order(products=[CUP]), "track purchase", create_new_fields=setting)
    assert purchase.get("createNewFields") is expected


@pytest.mark.parametrize(
    ("call", "fields", "name", "data"),
    [
        pytest.param("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page", {}, id="page"),
        pytest.param("page", {}, "Loaded a Page", {}, id="page without a name"),
        pytest.param("page", {"category": "Docs"}, "Loaded a Page", {}, id="page with a category alone"),
        pytest.param(
            "screen", {"name": "Home", "properties": {"tab": 2}}, "Viewed Home Screen", {"tab": 2}, id="screen"
        ),
    ],
)
def test_a_view_is_an_event_where_the_operator_wants_it(call: str, fields: Any, name: str, data: Any) -> None:
    body = body_of(make_event(call, **ADA, **fields), "track view", track_pages=True)

    told = {key: fields[key] for key in ("name", "category") if key in fields}
    assert (body["eventName"], body.get("dataFields", {}), body["id"]) == (name, {**told, **data}, "m-1")


def test_views_are_skipped_by_default() -> None:
    assert "track_pages" in map_event(make_event("screen", **ADA, name="Home"))["track view"]


# --- purchases ---


def test_an_order_becomes_a_purchase_with_the_order_s_id() -> None:
    event = order(products=[CUP], total=42.5, revenue=40, currency="EUR", campaign_id=5, coupon=None)

    made = map_event(event)

    assert made["track purchase"] == [
        {
            "user": PREFERRED,
            "id": "A-1",
            "createdAt": SECONDS,
            "total": 42.5,
            "campaignId": 5,
            "items": [CUP_ITEM],
            "dataFields": {"currency": "EUR", "revenue": 40},
        }
    ]
    assert sent(made) == ["track purchase"]


@pytest.mark.parametrize(
    ("properties", "total"),
    [
        pytest.param({"total": "€42.50"}, 42.5, id="total as text"),
        pytest.param({"revenue": 40}, 40, id="revenue"),
        pytest.param({}, 42.5, id="the sum of the products"),
        pytest.param({"total": "much"}, 42.5, id="a total that is none"),
        pytest.param({"total": "", "revenue": 40}, 40, id="a revenue beside an empty total"),
    ],
)
def test_an_order_tells_of_its_total(properties: Any, total: float) -> None:
    assert body_of(order(products=[CUP], **properties), "track purchase")["total"] == total


@pytest.mark.parametrize(
    ("product", "item"),
    [
        pytest.param(
            {"sku": "K1", "price": 1}, {"id": "K1", "name": "K1", "price": 1, "quantity": 1, "sku": "K1"}, id="sku"
        ),
        pytest.param({"name": "Cup", "price": 1}, {"id": "Cup", "name": "Cup", "price": 1, "quantity": 1}, id="name"),
        pytest.param(
            {"productId": 7, "price": 0, "quantity": 2.0},
            {"id": "7", "name": "7", "price": 0, "quantity": 2},
            id="numbers",
        ),
        pytest.param(
            {"id": "cloth", "price": 19.9, "quantity": 1.5},
            {"id": "cloth", "name": "cloth", "price": 29.85, "quantity": 1, "dataFields": {"quantity": 1.5}},
            id="a length of cloth",
        ),
        pytest.param(
            {"id": "a", "price": 1, "quantity": "x"},
            {"id": "a", "name": "a", "price": 1, "quantity": 1},
            id="odd quantity",
        ),
    ],
)
def test_a_product_becomes_an_item(product: Any, item: Any) -> None:
    assert body_of(order(products=[product]), "track purchase")["items"] == [item]


@pytest.mark.parametrize("quantity", [0, "0", -1])
@pytest.mark.parametrize(
    ("event", "action"), [("Order Completed", "track purchase"), ("Product Removed", "update cart")]
)
def test_a_product_of_which_there_is_none_is_no_item(event: str, action: str, quantity: Any) -> None:
    """A cart or an order may list what was taken out of it; as one of it, it would also be booked."""
    products = [CUP, {"product_id": "gone", "price": 100, "quantity": quantity}]

    body = body_of(make_event("track", **ADA, event=event, properties={"products": products}), action)

    assert body["items"] == [CUP_ITEM]


@pytest.mark.parametrize(("quantity", "total"), [(1, 43.5), (0, 42.5), (-1, 41.5), (-1.5, 41)])
def test_an_order_without_a_total_is_worth_its_products_less_what_was_given_back(quantity: float, total: float) -> None:
    """Its money counted as if nothing had been given back."""
    body = body_of(order(products=[CUP, {"id": "a", "price": 1, "quantity": quantity}]), "track purchase")

    assert body["total"] == total


def test_an_order_without_an_id_is_known_by_its_message() -> None:
    event = make_event("track", **ADA, event="Order Completed", properties={"products": [CUP]})

    assert body_of(event, "track purchase")["id"] == "m-1"


@pytest.mark.parametrize("order_id", ["", "  ", {}, ["A-1"], None], ids=repr)
def test_an_order_whose_id_is_none_is_not_taken_for_another_one(order_id: Any) -> None:
    """Iterable updates the purchase that has the id: orders of one empty id would overwrite one another."""
    assert body_of(order(products=[CUP], order_id=order_id), "track purchase")["id"] == "m-1"


@pytest.mark.parametrize(
    ("event", "settings"),
    [
        pytest.param(order(total=1), {}, id="no products"),
        pytest.param(order(products=[]), {}, id="an empty list"),
        pytest.param(order(products=[CUP, {"product_id": "b"}]), {}, id="a product without a price"),
        pytest.param(order(products=[{"price": 1}]), {}, id="a product without an id"),
        pytest.param(order(products=[CUP, 7]), {}, id="a product that is no object"),
        pytest.param(order(products=[{**CUP, "price": 1e300}]), {}, id="money of no sensible size"),
        pytest.param(order("Order Refunded", products=[CUP]), {}, id="another event"),
        pytest.param(order(products=[CUP]), {"track_purchases": False}, id="off"),
    ],
)
def test_what_is_no_purchase_stays_an_event(event: Any, settings: Any) -> None:
    assert sent(map_event(event, **settings)) == ["track event"]


def test_a_purchase_of_somebody_anonymous_is_skipped() -> None:
    event = make_event("track", **ANON, event="Order Completed", properties={"products": [CUP]})

    assert "anonymous" in map_event(event)["track purchase"]


# --- carts ---


@pytest.mark.parametrize("name", ["Product Added", "Product Removed", "Cart Viewed"])
def test_a_whole_cart_is_written_beside_the_event(name: str) -> None:
    made = map_event(order(name, products=[CUP]))

    assert sent(made) == ["track event", "update cart"]
    assert made["update cart"] == [{"user": PREFERRED, "items": [CUP_ITEM]}]


@pytest.mark.parametrize(
    ("event", "settings"),
    [
        pytest.param(order("Product Added", **CUP), {}, id="the product alone"),
        pytest.param(order("Product Viewed", products=[CUP]), {}, id="no event of a cart"),
        pytest.param(order("Product Added", products=[CUP]), {"update_cart": False}, id="off"),
        pytest.param(
            make_event("track", **ANON, event="Cart Viewed", properties={"products": [CUP]}), {}, id="anonymous"
        ),
    ],
)
def test_no_cart_is_written_of_a_part(event: Any, settings: Any) -> None:
    """It would take the rest out of the cart that is there."""
    assert "update cart" not in sent(map_event(event, **settings))
