"""Events: their names, ids, times and places, what they are worth, and what is not sent because Meta would refuse it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.facebook_conversions import PLUGIN
from plugins.facebook_conversions.sandbox_rules import faults_of
from router.explain import explain
from router.plugin import camel_case, snake_case
from router.testing import Rehearsal, make_event
from tests.plugins.facebook_conversions.mapped import (
    CONTEXT,
    SECONDS,
    body_of,
    make_settings,
    payloads_of,
    rehearse,
    skipped,
)


def track(event: str = "E", **fields: Any) -> Any:
    return make_event("track", **{"userId": "u-17", "event": event, "context": CONTEXT, **fields})


def data_of(properties: dict[str, Any], event: str = "E", **settings: Any) -> Any:
    """``custom_data`` of an event."""
    body = body_of(track(event, properties=properties), "track event", **settings)
    return body.get("custom_data", {})


AD_ID = "7A3CBBA0-BDF5-11E4-8DFC-AA07A5B093DB"

# --- names ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Product Viewed", "ViewContent"),
        ("Product List Viewed", "ViewContent"),
        ("Product Added", "AddToCart"),
        ("Product Added to Wishlist", "AddToWishlist"),
        ("Products Searched", "Search"),
        ("Checkout Started", "InitiateCheckout"),
        ("Payment Info Entered", "AddPaymentInfo"),
        ("Order Completed", "Purchase"),
        ("Completed Order", "Purchase"),
    ],
)
def test_events_of_the_spec_become_standard_events_in_every_spelling(name: str, expected: str) -> None:
    """An ``order_completed`` was a custom event: for Meta's ads nobody had bought anything."""
    spellings = (
        name,
        name.upper(),
        name.replace(" ", "_").lower(),
        name.replace(" ", "-"),
        name.title().replace(" ", ""),
    )

    for spelling in spellings:
        event = track(spelling, properties={"revenue": 1})
        assert body_of(event, "track event")["event_name"] == expected


@pytest.mark.parametrize(
    ("name", "event_map", "expected"),
    [
        pytest.param("Signed Up", {}, "Signed Up", id="a custom event"),
        pytest.param("  Signed Up ", {"signed up": "CompleteRegistration"}, "CompleteRegistration", id="of the map"),
        pytest.param("Product Viewed", {"Product Viewed": "Seen"}, "Seen", id="the map before the spec"),
        pytest.param("product_viewed", {"Product Viewed": "Seen"}, "Seen", id="also in another spelling"),
        pytest.param("signed_up", {"Signed Up": "Joined"}, "signed_up", id="a custom event has one spelling"),
        pytest.param("Order Completed 2", {}, "Order Completed 2", id="a name that only begins like one"),
        pytest.param(
            "Product Viewed", {"product viewed": ""}, "ViewContent", id="called nothing, it is called by the spec"
        ),
    ],
)
def test_names_of_events(name: str, event_map: dict[str, str], expected: str) -> None:
    [mapped] = Rehearsal(PLUGIN, make_settings(event_map=event_map)).map(track(name))

    assert mapped.payloads[0].body["event_name"] == expected


@pytest.mark.parametrize("fields", [{}, {"name": "Pricing", "category": "Shop"}], ids=["no name", "a name"])
def test_a_page_is_a_page_view_whatever_it_is_called(fields: dict[str, str]) -> None:
    event = make_event("page", userId="u-17", context=CONTEXT, **fields)

    assert body_of(event, "track page")["event_name"] == "PageView"


@pytest.mark.parametrize("call", ["identify", "group", "alias"])
def test_calls_that_meta_has_no_place_for_are_not_sent(call: str) -> None:
    event = make_event(call, userId="u-17", groupId="c9", previousId="a-1", traits={"email": "a@b.test"})

    assert list(rehearse().payloads(event)) == []


# --- ids and times ---


def test_the_time_is_the_event_s_and_the_key_its_message_id() -> None:
    [payload] = payloads_of(track(), "track event")

    assert (payload.body["event_time"], payload.body["event_id"], payload.key) == (SECONDS, "m-1", "m-1")


@pytest.mark.parametrize(
    ("properties", "setting", "expected"),
    [
        pytest.param({"event_id": "pixel-7"}, "event_id", "pixel-7", id="the pixel's"),
        pytest.param({"event_id": 7}, "event_id", "7", id="a number"),
        pytest.param({"event_id": " "}, "event_id", "m-1", id="a blank"),
        pytest.param({"event_id": ["x"]}, "event_id", "m-1", id="a list"),
        pytest.param({"event_id": "x" * 20_000}, "event_id", "m-1", id="a whole page"),
        pytest.param({"fb_id": "pixel-7"}, "fb_id", "pixel-7", id="another property"),
        pytest.param({"event_id": "pixel-7"}, "", "m-1", id="none"),
    ],
)
def test_the_event_id_is_the_pixel_s_where_it_has_one(properties: dict[str, Any], setting: str, expected: str) -> None:
    body = body_of(track(properties=properties), "track event", event_id_property=setting)

    assert body["event_id"] == expected


@pytest.mark.parametrize(
    ("timestamp", "source", "is_sent"),
    [
        pytest.param("2026-02-25T10:20:32Z", "other", True, id="7 days"),
        pytest.param("2026-02-25T10:20:29Z", "other", False, id="more than 7 days"),
        pytest.param("2026-02-25T10:20:29Z", "physical_store", True, id="more than 7 days, in a shop"),
        pytest.param("2026-01-01T10:20:29Z", "physical_store", False, id="more than 62 days"),
    ],
)
def test_what_was_too_old_when_it_came_is_not_sent(timestamp: str, source: str, is_sent: bool) -> None:
    """One event that is too old fails all that travel with it."""
    event = track(timestamp=timestamp, properties={"action_source": source})

    [mapped] = rehearse().map(event)

    assert (bool(mapped.payloads), "too old" in mapped.skipped) == (is_sent, not is_sent)


# --- where it happened ---

PHONE = {"device": {"type": "Android"}, "os": {"version": "16"}}


@pytest.mark.parametrize(
    ("context", "properties", "setting", "expected"),
    [
        pytest.param(CONTEXT, {}, "auto", "website", id="auto, on the web"),
        pytest.param(PHONE, {}, "auto", "app", id="auto, on a phone"),
        pytest.param({"os": {"name": "iPadOS", "version": "19"}}, {}, "auto", "app", id="auto, on a tablet"),
        pytest.param({**CONTEXT, **PHONE, "channel": "web"}, {}, "auto", "website", id="auto, in a phone's browser"),
        pytest.param(CONTEXT, {}, "phone_call", "phone_call", id="as set"),
        pytest.param(CONTEXT, {"action_source": "Chat"}, "email", "chat", id="as the event says"),
        pytest.param(CONTEXT, {"action_source": "moon"}, "email", "email", id="as the event says, wrongly"),
    ],
)
def test_where_an_event_happened(
    context: dict[str, Any], properties: dict[str, Any], setting: str, expected: str
) -> None:
    body = body_of(track(context=context, properties=properties), "track event", action_source=setting)

    assert body["action_source"] == expected
    assert ("app_data" in body) == (expected == "app")


@pytest.mark.parametrize(
    ("context", "missing"),
    [
        pytest.param({}, "context.userAgent and context.page.url", id="neither"),
        pytest.param({"userAgent": "x"}, "needs context.page.url", id="no page"),
        pytest.param({"page": CONTEXT["page"]}, "needs context.userAgent;", id="no browser"),
    ],
)
def test_a_website_event_without_browser_or_page_is_not_sent(context: dict[str, Any], missing: str) -> None:
    assert missing in skipped(track(context=context), "track event")


@pytest.mark.parametrize(
    ("context", "missing"),
    [
        pytest.param({}, "context.device.type (ios or android) and context.os.version", id="nothing known"),
        pytest.param({"os": {"name": "iOS"}}, "needs context.os.version", id="no version"),
        pytest.param(
            {"device": {"type": "tv"}, "os": {"version": "1"}}, "needs context.device.type", id="a television"
        ),
    ],
)
def test_a_screen_of_a_device_unknown_to_meta_is_not_sent(context: dict[str, Any], missing: str) -> None:
    assert missing in skipped(make_event("screen", userId="u-17", context=context), "track screen")


def test_an_older_name_of_apple_s_system_makes_an_app_event() -> None:
    context = {"device": {"type": "phone"}, "os": {"name": "iPhone OS", "version": "17"}}

    body = body_of(track(context=context), "track event")

    assert (body["action_source"], body["app_data"]["extinfo"][0]) == ("app", "i2")


@pytest.mark.parametrize(("told", "flag"), [(True, 1), (False, 0), ("true", 1), (None, 0), ("perhaps", 0)])
def test_tracking_counts_as_refused_unless_it_is_allowed(told: Any, flag: int) -> None:
    context = {**PHONE, "device": {"type": "android", "adTrackingEnabled": told}}

    app = body_of(track(context=context), "track event")["app_data"]

    assert (app["advertiser_tracking_enabled"], app["application_tracking_enabled"]) == (flag, flag)
    assert (app["extinfo"][0], app["extinfo"][4], len(app["extinfo"])) == ("a2", "16", 16)


@pytest.mark.parametrize(
    ("device", "is_sent"),
    [
        pytest.param({"advertisingId": AD_ID}, True, id="nothing said of tracking"),
        pytest.param({"advertisingId": AD_ID, "adTrackingEnabled": True}, True, id="allowed"),
        pytest.param({"advertisingId": AD_ID, "adTrackingEnabled": False}, False, id="refused"),
        pytest.param({"advertisingId": "00000000-0000-0000-0000-000000000000"}, False, id="the id of nobody"),
        pytest.param({"advertisingId": " "}, False, id="blanks"),
    ],
)
def test_a_device_is_found_by_its_advertising_id_unless_it_is_not_to_be(device: dict[str, Any], is_sent: bool) -> None:
    context = {**PHONE, "device": {"type": "ios", **device}}

    user = body_of(track(context=context), "track event")["user_data"]

    assert user.get("madid") == (AD_ID if is_sent else None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://example.test/a?b=1", "https://example.test/a?b=1", id="as it is"),
        pytest.param("https://example.test/a?e=ada%40example.test", "https://example.test/a", id="in the query"),
        pytest.param("https://example.test/ada@example.test/edit", "https://example.test/", id="in the path"),
        pytest.param(
            "https://example.test/a?first_name=Ada&Phone=1&city=Porto&b=1",
            "https://example.test/a?city=Porto&b=1",
            id="a person in the query",
        ),
    ],
)
def test_nobody_is_told_of_in_an_address(url: str, expected: str) -> None:
    event = track(context={"userAgent": "x", "page": {"url": url}})

    assert body_of(event, "track event")["event_source_url"] == expected


def test_limited_data_use_marks_every_event() -> None:
    body = body_of(track(), "track event", limited_data_use=True)

    assert body["data_processing_options"] == ["LDU"]
    assert (body["data_processing_options_country"], body["data_processing_options_state"]) == (0, 0)


# --- what it was about ---


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"revenue": "$19.99"}, {"value": 19.99, "currency": "USD"}, id="money in text, no currency"),
        pytest.param(
            {"revenue": 5, "value": 6, "total": 7, "currency": "eur"},
            {"value": 5, "currency": "EUR"},
            id="revenue first",
        ),
        pytest.param({"total": 12.5}, {"value": 12.5, "currency": "USD"}, id="a total"),
        pytest.param(
            {"revenue": "", "total": 5}, {"value": 5, "currency": "USD"}, id="a total beside an empty revenue"
        ),
        pytest.param({"revenue": {"a": 1}, "currency": 7}, {}, id="odd money"),
        pytest.param({"revenue": 20, "currency": "euro"}, {}, id="money that would be booked in dollars"),
        pytest.param(
            {"revenue": 20, "currency": " "}, {"value": 20, "currency": "USD"}, id="an empty currency is none"
        ),
        pytest.param({"revenue": None, "coupon": None}, {}, id="null"),
        pytest.param({"query": "cogs"}, {"search_string": "cogs"}, id="a search"),
        pytest.param(
            {"plan": "gold", "n": 1, "ok": True, "note": ""},
            {"plan": "gold", "n": 1, "ok": True, "note": ""},
            id="plain",
        ),
        pytest.param({"a": {"b": 1}, "tags": ["x"]}, {}, id="objects and lists"),
        pytest.param(
            {"email": "x", "first_name": "A", "LastName": "B", "postal_code": "1", "City": "L", "phone": "1"},
            {},
            id="what speaks of a person",
        ),
        pytest.param(
            {"First Name": "A", "last-name": "B", "E-Mail": "x", "phone.number": "1", "Postal  Code": "1"},
            {},
            id="what does in other spellings",
        ),
        pytest.param(
            {
                "full_name": "A B",
                "surname": "B",
                "dob": "1990-12-10",
                "Telephone": "1",
                "zipcode": "1",
                "address_line_1": "x",
            },
            {},
            id="what does in other words",
        ),
        pytest.param(
            {"a": "ada@example.test", "b": "Ada <ada@example.test>", "c": "a?e=ada%40example.test", "d": "@ada"},
            {"d": "@ada"},
            id="what looks like an email",
        ),
    ],
)
def test_properties(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert data_of(properties) == expected


@pytest.mark.parametrize("event", ["Product Viewed", "Product Added", "Product Added to Wishlist"])
def test_a_single_product_has_contents_and_what_they_come_to_for_a_value(event: str) -> None:
    """Three of 9.99 were worth 9.99 to Meta, and 29.97 to Google."""
    data = data_of({"sku": "s-1", "price": "9.99", "quantity": 3, "id": "not a product"}, event)

    assert data["contents"] == [{"id": "s-1", "quantity": 3, "item_price": 9.99}]
    assert (data["content_ids"], data["content_type"], data["num_items"]) == (["s-1"], "product", 3)
    assert (data["value"], data["currency"]) == (29.97, "USD")


@pytest.mark.parametrize("quantity", [0, "-1"])
def test_a_product_of_which_there_is_none_is_worth_what_one_is(quantity: object) -> None:
    """It is looked at all the same: one viewed before any was bought had a value of 0, and one counted down one below 0."""
    data = data_of({"sku": "s-1", "price": 9.99, "quantity": quantity}, "Product Viewed")

    assert (data["value"], data["currency"]) == (9.99, "USD")


def test_of_several_products_those_with_an_id_are_sent() -> None:
    products = [
        {"product_id": "p-1", "price": 9.99, "quantity": 2},
        {"productId": 7, "price": "much"},
        {"price": 1},
        "p-3",
    ]
    data = data_of({"products": products, "content_type": "product_group"}, "Checkout Started")

    assert data["contents"] == [{"id": "p-1", "quantity": 2, "item_price": 9.99}, {"id": "7", "quantity": 1}]
    assert (data["content_ids"], data["content_type"], data["num_items"]) == (["p-1", "7"], "product_group", 3)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ({"price": 3, "quantity": "2.0"}, {"quantity": 2, "item_price": 3}),
        ({"price": 3, "quantity": 1.5}, {"quantity": 1, "item_price": 4.5}),
        ({"price": "3", "quantity": "0.4"}, {"quantity": 1, "item_price": 1.2}),
        ({"item_price": 3, "quantity": 0.4}, {"quantity": 1, "item_price": 1.2}),
        ({"quantity": 0.4}, {"quantity": 1}),
        ({"price": 3, "quantity": "many"}, {"quantity": 1, "item_price": 3}),
    ],
)
def test_a_part_of_a_product_is_one_of_its_whole_price(product: dict[str, Any], expected: dict[str, Any]) -> None:
    """1.5 m of cloth were two at the price of one metre, beside the value of 1.5; 0.4 m were none."""
    data = data_of({"products": [{"product_id": "p-1", **product}]}, "Checkout Started")

    assert data["contents"] == [{"id": "p-1", **expected}]
    assert data["num_items"] == expected["quantity"]


@pytest.mark.parametrize("quantity", [0, "0", -1, -0.4])
def test_what_was_not_bought_is_no_content_of_a_purchase(quantity: Any) -> None:
    """Meta takes whom it finds there for somebody who has the product, and a number below 0 for none of things."""
    products = [{"product_id": "p-1", "price": 9}, {"product_id": "p-2", "price": 5, "quantity": quantity}]

    data = data_of({"products": products}, "Order Completed")

    assert (data["content_ids"], data["num_items"]) == (["p-1"], 1)
    assert data_of({"revenue": 9, "products": products[1:]}, "Order Completed") == {"value": 9, "currency": "USD"}


CONTENTS = [{"id": "p-1", "quantity": 2, "item_price": 9.99}]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param(
            {"contents": CONTENTS},
            {"contents": CONTENTS, "content_ids": ["p-1"], "num_items": 2, "content_type": "product"},
            id="contents",
        ),
        pytest.param({"content_ids": ["p-1", 7, None, {}]}, {"content_ids": ["p-1", "7"]}, id="ids alone"),
        pytest.param({"content_ids": ["p-1", "ada@example.test"]}, {"content_ids": ["p-1"]}, id="an email is no id"),
        pytest.param({"content_ids": "p-1", "num_items": "2"}, {"content_ids": ["p-1"], "num_items": 2}, id="one id"),
        pytest.param({"contents": "p-1", "content_ids": [{}], "num_items": "two"}, {}, id="what is none of it"),
        pytest.param({"contents": CONTENTS, "products": [{"sku": "s-1"}]}, None, id="the spec's own win"),
    ],
)
def test_what_comes_in_meta_s_own_words_is_taken(properties: dict[str, Any], expected: dict[str, Any] | None) -> None:
    data = data_of(properties)

    assert data["content_ids"] == ["s-1"] if expected is None else data == expected


@pytest.mark.parametrize("call", ["page", "screen"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"name": "Home", "category": "Docs"}, {"name": "Home", "category": "Docs"}, id="beside properties"
        ),
        pytest.param({"name": "Home", "properties": {"name": "Start"}}, {"name": "Start"}, id="among them"),
        pytest.param({"name": "of ada@example.test"}, None, id="with an email"),
    ],
)
def test_what_a_page_is_called_goes_where_its_properties_do(call: str, fields: dict[str, Any], expected: Any) -> None:
    """An SDK for servers puts its name and category beside the properties alone."""
    event = make_event(call, userId="u-17", context={**CONTEXT, **PHONE}, **fields)

    assert body_of(event, f"track {call}").get("custom_data") == expected


@pytest.mark.parametrize("call", ["page", "screen"])
def test_a_page_s_money_has_the_form_of_any_other(call: str) -> None:
    """One that Meta refuses would cost all that travel with it."""
    properties = {"value": "12.50", "currency": "eur", "contents": "none"}
    event = make_event(call, userId="u-17", properties=properties, context={**CONTEXT, **PHONE})

    assert body_of(event, f"track {call}")["custom_data"] == {"value": 12.5, "currency": "EUR"}


@pytest.mark.parametrize("products", [[], {}, "p-1", [{}], None, [{"product_id": " "}]], ids=repr)
def test_products_that_are_none_are_left_out(products: Any) -> None:
    assert data_of({"products": products}, "Checkout Started") == {}


@pytest.mark.parametrize("beside", ["email", "Phone Number", "last_name"])
def test_a_name_beside_what_tells_the_person_is_a_person_s(beside: str) -> None:
    """The name of somebody who filled in a form was sent in clear."""
    [payload] = payloads_of(track("Lead", properties={"name": "Ada", beside: "x", "plan": "gold"}), "track event")

    assert payload.body["custom_data"] == {"plan": "gold"}
    assert ["it is a person's" in note for note in payload.notes] == [True]


def test_the_name_of_a_buyer_is_no_product_s() -> None:
    told = {"name": "Ada", "email": "ada@example.test", "total": 9, "products": [{"product_id": "p-1", "name": "Cup"}]}

    assert "name" not in data_of(told, "Order Completed")


def test_the_name_of_a_product_is_sent_whoever_looks_at_it() -> None:
    product = {"product_id": "p-1", "name": "Cup", "email": "ada@example.test"}

    assert data_of(product, "Product Viewed")["name"] == "Cup"
    assert data_of({**product, "total": 9}, "Order Completed")["name"] == "Cup"
    assert data_of({"name": "Cup"})["name"] == "Cup"


def test_a_value_that_stays_behind_is_reported() -> None:
    """Explain said that it was sent."""
    [payload] = payloads_of(track("Lead", properties={"value": 5, "currency": "euro"}), "track event")

    assert payload.notes == ("in a currency that can't be read it would be booked in another; left out: value",)
    assert payload.body["custom_data"] == {}


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"revenue": 0, "total": 12.5}, 12.5),
        ({"revenue": 0, "products": [{"sku": "s-1", "price": 5}]}, 0),
        ({"revenue": 0, "total": "much"}, 0),
    ],
)
def test_a_revenue_of_nothing_is_none_where_there_is_a_total(properties: dict[str, Any], value: float) -> None:
    assert data_of(properties, "Order Completed")["value"] == value


def test_an_order_without_a_total_is_worth_its_products() -> None:
    """Without a value Meta takes no Purchase, so the order was not sent at all."""
    products = [{"sku": "s-1", "price": "19.99", "quantity": 3}, {"product_id": "p-1", "price": 0.01}]

    data = data_of({"products": products, "currency": "eur"}, "Order Completed")

    assert (data["value"], data["currency"]) == (59.98, "EUR")


@pytest.mark.parametrize(
    ("products", "value"),
    [
        pytest.param([{"sku": "s-1", "price": 30, "quantity": 0.5}], 15, id="half of one"),
        pytest.param([{"sku": "s-1", "price": 5}, {"price": 4}], 9, id="one without an id"),
    ],
)
def test_an_order_is_worth_all_of_its_products(products: list[dict[str, Any]], value: float) -> None:
    assert data_of({"products": products}, "Order Completed")["value"] == value


@pytest.mark.parametrize("products", [2, True, "p-1", {"sku": "s-1"}, [], None], ids=repr)
def test_an_order_is_worth_its_contents_where_its_products_are_no_list(products: Any) -> None:
    """A number of products made the event a dead letter, and 100 such events would have stopped the destination."""
    data = data_of({"products": products, "contents": [{"id": "p-1", "price": 5}]}, "Order Completed")

    assert data["value"] == 5


@pytest.mark.parametrize(
    "others",
    [
        pytest.param({"products": [{"sku": "s-1", "price": 5}, {"sku": "s-2"}]}, id="one without a price"),
        pytest.param({"products": [{"sku": "s-1", "price": 5}], "currency": "euro"}, id="of an odd currency"),
        pytest.param({"products": [{"sku": "s-1", "price": 1e300, "quantity": 10**12}]}, id="more than a number holds"),
    ],
)
def test_an_order_that_tells_of_too_little_is_not_sent(others: dict[str, Any]) -> None:
    assert "products with prices" in skipped(track("Order Completed", properties=others), "track event")


def test_a_purchase_without_a_value_is_not_sent() -> None:
    assert "needs properties.revenue" in skipped(track("Order Completed"), "track event")
    odd = track("Order Completed", properties={"revenue": 20, "currency": "euro"})
    assert "a currency that can be read" in skipped(odd, "track event")


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
def test_properties_of_orders_in_either_spelling(spell: Any) -> None:
    data = data_of({spell("orderId"): "o-1", "products": [{spell("productId"): "p-1"}]})

    assert (data["order_id"], data["content_ids"]) == ("o-1", ["p-1"])


def test_properties_that_are_left_out_are_told() -> None:
    event = track(properties={"email_2": "ada@example.test", "city": "London", "a": {"b": 1}})

    [told] = explain(event, [rehearse().destination])["destinations"]

    for name in ("email_2", "city", "a"):
        assert any(f"properties.{name}:" in each for each in told["warnings"]), name


@pytest.mark.parametrize("name", ["order_id", "orderId", "content_type", "query"])
def test_an_email_in_a_property_that_meta_knows_costs_only_that_property(name: str) -> None:
    """Meta refuses the event for it, and all that travel with it."""
    event = make_event(
        "track",
        userId="u-17",
        event="Order Completed",
        properties={"total": 5, name: "7 of ada@example.test"},
        context={**CONTEXT, **PHONE},
    )
    [payload] = [payload for mapped in rehearse().map(event) for payload in mapped.payloads]

    assert payload.body["custom_data"] == {"value": 5, "currency": "USD"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        *("products", "revenue", "currency", "query", "order_id", "content_type", "url", "note", "fbc"),
        *("contents", "content_ids", "num_items", "value", "search_string"),
    ]
)


@given(
    properties=st.dictionaries(NAMES, JSON, max_size=5),
    traits=st.dictionaries(st.sampled_from(["email", "phone", "name", "gender", "birthday", "address"]), JSON),
)
def test_whatever_it_holds_what_is_sent_is_what_meta_takes(properties: dict[str, Any], traits: dict[str, Any]) -> None:
    context = {**CONTEXT, **PHONE, "traits": traits}
    for call in ("track", "page", "screen"):
        event = make_event(call, userId="u-17", event="Order Completed", properties=properties, context=context)
        for mapped in rehearse().map(event):
            for payload in mapped.payloads:
                assert list(faults_of(payload.body, None)) == []
                assert orjson.dumps(payload.body)
