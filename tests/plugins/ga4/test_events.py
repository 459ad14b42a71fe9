"""Track, page and screen calls: names, parameters, shops, ids, context."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.ga4 import PLUGIN
from plugins.ga4.names import event_name, param_name
from router.event import Event
from router.plugin import Delivered
from router.testing import make_event, open_stand_in
from tests.plugins.ga4.mapped import MICROS, body_of, event_of, params_of, payload_of, rehearse, skipped

APP_INSTANCE = "0123456789abcdef0123456789abcdef"
APP = {"firebase_app_id": "1:123:android:0a1b2c"}


def track(event: str = "E", /, properties: dict[str, Any] | None = None, **fields: Any) -> Event:
    return make_event("track", userId="u-17", event=event, properties=properties or {}, **fields)


def commerce(event: str, properties: dict[str, Any]) -> dict[str, Any]:
    return params_of(track(event, properties), "track commerce event")


# --- names ---


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Report Exported", "report_exported"),
        ("  Report -- Exported! ", "report_exported"),
        ("generate_lead", "generate_lead"),
        ("Café Visité", "cafe_visite"),
        ("2FA Enabled", "event_2fa_enabled"),
        ("ga_event", "event_ga_event"),
        ("Google Login", "event_google_login"),
        ("_private", "private"),
        ("x" * 50, "x" * 40),
    ],
)
def test_an_event_is_named_as_google_takes_it(text: str, name: str) -> None:
    assert event_name(text) == name


@pytest.mark.parametrize("text", ["Заказ", "!!!"])
def test_an_event_without_a_letter_is_skipped(text: str) -> None:
    assert "neither a letter" in skipped(track(text), "track event")


@pytest.mark.parametrize("name", ["Session Start", "error", "First Visit", "screen_view"])
def test_an_event_that_google_would_drop_is_skipped(name: str) -> None:
    assert "drops without a word" in skipped(track(name), "track event")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("plan tier", "plan_tier"),
        ("planTier", "planTier"),
        ("größe", "große".replace("ß", "_")),
        ("x" * 50, "x" * 40),
        ("x" * 300, "x" * 40),
        ("", None),
        ("_x", None),
        ("2fa", None),
        ("ga_x", None),
        ("Google_x", None),
        ("firebase_conversion", None),
        ("gtag.x", "gtag_x"),
        ("имя", None),
    ],
)
def test_a_parameter_is_named_as_google_takes_it(key: str, name: str | None) -> None:
    assert param_name(key) == name


@pytest.mark.parametrize(
    ("spec", "google"), [("Signed Up", "sign_up"), ("Signed In", "login"), ("Product Shared", "share"), ("E", "e")]
)
def test_events_of_the_spec_have_google_s_names(spec: str, google: str) -> None:
    for spelling in spellings_of(spec):
        assert event_of(track(spelling), "track event")["name"] == google


@pytest.mark.parametrize(
    ("spec", "google"),
    [
        ("Products Searched", "search"),
        ("Product List Viewed", "view_item_list"),
        ("Product Clicked", "select_item"),
        ("Product Viewed", "view_item"),
        ("Product Added", "add_to_cart"),
        ("Product Removed", "remove_from_cart"),
        ("Product Added to Wishlist", "add_to_wishlist"),
        ("Cart Viewed", "view_cart"),
        ("Checkout Started", "begin_checkout"),
        ("Checkout Step Completed", "add_shipping_info"),
        ("Payment Info Entered", "add_payment_info"),
        ("Order Completed", "purchase"),
        ("Completed Order", "purchase"),
        ("Order Refunded", "refund"),
        ("Promotion Viewed", "view_promotion"),
        ("Promotion Clicked", "select_promotion"),
    ],
)
def test_events_of_a_shop_are_one_action_s_alone(spec: str, google: str) -> None:
    """In every spelling: an ``orderCompleted`` was an event of that name, and no purchase."""
    for spelling in spellings_of(spec):
        event = track(spelling)

        assert event_of(event, "track commerce event")["name"] == google
        assert "track commerce event" in skipped(event, "track event")


def spellings_of(name: str) -> tuple[str, ...]:
    joined = name.title().replace(" ", "")
    return (
        name,
        name.upper(),
        name.replace(" ", "_").lower(),
        name.replace(" ", "-"),
        joined,
        joined[0].lower() + joined[1:],
    )


# --- time, key and ids ---


def test_an_event_has_its_own_time_in_microseconds_and_its_message_id_as_its_key() -> None:
    payload = payload_of(track("Report Exported", {"pages": 2}), "track event")

    assert payload.key == "m-1"
    assert payload.body["events"] == [
        {"name": "report_exported", "timestamp_micros": MICROS, "params": {"engagement_time_msec": 1, "pages": 2}}
    ]


@pytest.mark.parametrize(
    ("timestamp", "is_sent"),
    [
        pytest.param("2026-03-01T10:20:31Z", True, id="72 hours old when it came"),
        pytest.param("2026-03-01T10:20:30Z", False, id="older"),
    ],
)
def test_an_event_that_google_would_count_at_another_time_is_skipped(timestamp: str, is_sent: bool) -> None:
    [made] = [each for each in rehearse().map(track(timestamp=timestamp)) if each.action.name == "track event"]

    assert bool(made.payloads) == is_sent
    assert is_sent or "72 hours" in made.skipped


HASHED = "1644102727.156966954"


@pytest.mark.parametrize(
    ("ids", "settings", "expected"),
    [
        pytest.param({"anonymousId": "anon-5"}, {}, {"client_id": HASHED}, id="anonymous"),
        pytest.param(
            {"userId": "u-17", "anonymousId": "anon-5"}, {}, {"client_id": HASHED, "user_id": "u-17"}, id="both"
        ),
        pytest.param({"userId": "anon-5"}, {"send_user_id": False}, {"client_id": HASHED}, id="userId alone, not sent"),
        pytest.param(
            {"userId": "u-17", "anonymousId": "anon-5"},
            {"client_id_source": "anonymous_id"},
            {"client_id": "anon-5", "user_id": "u-17"},
            id="the anonymousId raw",
        ),
        pytest.param(
            {"userId": "u-17", "anonymousId": "anon-5"},
            {"client_id_source": "user_id"},
            {"client_id": "u-17", "user_id": "u-17"},
            id="the userId raw",
        ),
        pytest.param(
            {"userId": "ada@example.test", "anonymousId": "anon-5"}, {}, {"client_id": HASHED}, id="an email as userId"
        ),
        pytest.param(
            {"userId": "ada@example.test", "anonymousId": "anon-5"},
            {"pii_guard": False},
            {"client_id": HASHED, "user_id": "ada@example.test"},
            id="an email as userId, without the guard",
        ),
        pytest.param({"userId": "x" * 257, "anonymousId": "anon-5"}, {}, {"client_id": HASHED}, id="a long userId"),
        pytest.param(
            {"anonymousId": "a", "integrations": {"Google Analytics 4": {"client_id": "GA1.1.12.34"}}},
            {},
            {"client_id": "12.34"},
            id="the site's cookie",
        ),
        pytest.param(
            {"anonymousId": "a", "integrations": {"GA4": {"clientId": "12.34"}}},
            {},
            {"client_id": "12.34"},
            id="its id",
        ),
        pytest.param(
            {"anonymousId": "anon-5", "integrations": {"GA4": {"clientId": "0.34"}}},
            {},
            {"client_id": HASHED},
            id="none",
        ),
        pytest.param(
            {"userId": "u-17", "integrations": {"ga4": {"app_instance_id": APP_INSTANCE.upper()}}},
            APP,
            {"app_instance_id": APP_INSTANCE, "user_id": "u-17"},
            id="an app",
        ),
    ],
)
def test_who_it_was(ids: dict[str, Any], settings: dict[str, Any], expected: dict[str, Any]) -> None:
    body = body_of(make_event("track", event="E", **ids), "track event", **settings)

    assert {key: item for key, item in body.items() if key != "events"} == expected


def test_an_app_s_instance_can_t_be_made_up() -> None:
    assert "app_instance_id" in skipped(track(), "track event", **APP)


def test_only_what_says_the_same_of_one_client_travels_together() -> None:
    def group(**fields: Any) -> str:
        return payload_of(make_event("track", event="E", **{"anonymousId": "a-1", **fields}), "track event").group

    assert group() == group(messageId="m-2", timestamp="2026-03-04T09:00:00Z", properties={"a": 1})
    others: list[dict[str, Any]] = [{"anonymousId": "a-2"}, {"userId": "u-17"}, {"context": {"ip": "203.0.113.7"}}]
    assert len({group(), *(group(**fields) for fields in others)}) == 4


def test_a_context_of_any_length_is_sent() -> None:
    event = track(context={"userAgent": "x" * 20_000, "os": {"name": "y" * 20_000}})

    assert body_of(event, "track event")["user_agent"] == "x" * 20_000


# --- parameters ---


def test_a_list_within_an_object_is_told_to_be_left_out() -> None:
    payload = payload_of(
        make_event("track", userId="u-17", event="E", properties={"a": {"b": 1, "e": [1]}}), "track event"
    )

    assert payload.body["events"][0]["params"] == {"engagement_time_msec": 1, "a_b": 1}
    assert payload.notes == ("Google Analytics takes no lists, nor any within an object; left out: a_e",)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"a": 1, "b": "x", "c": True, "d": 0.5}, {"a": 1, "b": "x", "c": True, "d": 0.5}, id="scalars"),
        pytest.param({"a": None, "b": [1], "c": []}, {}, id="null and lists"),
        pytest.param({"a": {"b": {"c d": 1}, "e": [1], "f": None}}, {"a_b_c_d": 1}, id="objects become flat"),
        pytest.param({"a": "x" * 200}, {"a": "x" * 100}, id="long text is cut"),
        pytest.param({"who": "ada@example.test", "email": "x", "phone": 7, "first_name": "Ada"}, {}, id="personal"),
        pytest.param({"a": {"who": "ada@example.test", "n": 1}}, {"a_n": 1}, id="personal, inside an object"),
        pytest.param(
            {
                "customer": {
                    "first_name": "Ada",
                    "phone": "+15550100",
                    "shipping": {"street": "1 Main St", "city": "Porto"},
                }
            },
            {"customer_shipping_city": "Porto"},
            id="personal by its name, inside an object",
        ),
        pytest.param(
            {"First Name": "Ada", "LAST-NAME": "L", "Phone Number": "1", "Phone": "1"},
            {},
            id="personal, spelled otherwise",
        ),
        pytest.param(
            {"full_name": "A B", "surname": "B", "dob": "1990-12-10", "Telephone": "1", "address_line_1": "1 Main St"},
            {},
            id="personal, in other words",
        ),
        pytest.param({"revenue": "$19.99"}, {"value": 19.99, "currency": "USD"}, id="money in major units"),
        pytest.param({"value": 5, "currency": "eur"}, {"value": 5, "currency": "EUR"}, id="value and currency"),
        pytest.param({"revenue": 5, "currency": "euro"}, {}, id="a currency that is none"),
        pytest.param({"revenue": "much"}, {}, id="money that is none"),
    ],
)
def test_parameters(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert params_of(track("E", properties), "track event") == expected


EMAIL = "ada@example.test"


@pytest.mark.parametrize(
    ("event", "action", "expected"),
    [
        pytest.param(
            make_event(
                "page",
                userId="u-17",
                properties={"url": f"https://a.test/x?e={EMAIL}", "title": f"Mail to {EMAIL}", "search": f"?e={EMAIL}"},
                context={"page": {"referrer": f"https://a.test/{EMAIL}"}},
            ),
            "track page",
            {"page_location": "https://a.test/x", "page_referrer": "https://a.test/"},
            id="a page",
        ),
        pytest.param(
            make_event(
                "page",
                userId="u-17",
                properties={"url": "https://a.test/x?first_name=Ada&utm_source=s", "search": "?Phone=1", "path": "/x"},
                context={"page": {"referrer": "https://a.test/?phone=1"}},
            ),
            "track page",
            {"page_location": "https://a.test/x?utm_source=s", "page_referrer": "https://a.test/", "path": "/x"},
            id="a page to which a form was sent",
        ),
        pytest.param(
            track("E", {"note": f"from {EMAIL}", "a": {"url": "/?e=ada%40example.test"}}), "track event", {}, id="texts"
        ),
        pytest.param(
            track(
                "Cart Viewed",
                {"products": [{"sku": "S1", "name": f"Gift for {EMAIL}", "to": f"<{EMAIL}>", "Phone": 1}]},
            ),
            "track commerce event",
            {"items": [{"item_id": "S1"}]},
            id="products",
        ),
        pytest.param(
            track("Product Viewed", {"sku": "S1", "name": f"Gift for {EMAIL}"}),
            "track commerce event",
            {"items": [{"item_id": "S1"}]},
            id="a product",
        ),
    ],
)
def test_no_email_is_sent_wherever_it_is(event: Event, action: str, expected: dict[str, Any]) -> None:
    """Google forbids them, and most come in the address of a page."""
    assert params_of(event, action) == expected


@pytest.mark.parametrize("beside", ["email", "Phone Number", "last_name"])
def test_a_name_beside_what_tells_the_person_is_a_person_s(beside: str) -> None:
    """The name of somebody who filled in a form was sent in clear."""
    payload = payload_of(track("Lead", {"name": "Ada Lovelace", beside: "x", "plan": "gold"}), "track event")

    assert payload.body["events"][0]["params"] == {"engagement_time_msec": 1, "plan": "gold"}
    assert ["it is a person's" in note for note in payload.notes] == [True]


@pytest.mark.parametrize("event", ["Order Completed", "Checkout Started", "Checkout Step Completed"])
@pytest.mark.parametrize(
    "products", [{}, {"products": [{"product_id": "p-1", "name": "Cup"}]}], ids=["alone", "products"]
)
def test_the_name_of_a_buyer_is_no_product_s(event: str, products: dict[str, Any]) -> None:
    told = {"name": "Ada Lovelace", "email": "ada@example.test", "total": 9, **products}
    payload = payload_of(track(event, told), "track commerce event")

    assert "Ada" not in str(payload.body)
    assert ["it is a person's" in note for note in payload.notes] == [True]


@pytest.mark.parametrize(
    ("event", "told"),
    [("Product Added", {}), ("Promotion Viewed", {}), ("Order Completed", {"product_id": "p-1"})],
)
def test_the_name_of_a_product_is_sent_whoever_buys_it(event: str, told: dict[str, Any]) -> None:
    assert "Cup" in str(commerce(event, {"name": "Cup", "email": "ada@example.test", **told}))


def test_any_other_name_is_sent() -> None:
    assert params_of(track("Report Exported", {"name": "Sales", "page": 1}), "track event") == {
        "name": "Sales",
        "page": 1,
    }


def test_without_the_guard_personal_parameters_are_sent() -> None:
    properties = {"email": "ada@example.test", "who": "a@b.test"}

    assert params_of(track("E", properties), "track event", pii_guard=False) == properties


def test_of_too_many_parameters_those_that_google_knows_stay() -> None:
    properties = {**{f"p{number:02}": number for number in range(40)}, "revenue": 5, "currency": "EUR"}
    context = {"sessionId": 1772619600, "page": {"url": "https://example.test/a"}}
    event = track("E", properties, context=context)

    payload = payload_of(event, "track event")

    params = payload.body["events"][0]["params"]
    assert len(params) == 25
    [note] = payload.notes
    assert note.startswith("more than 25 parameters; left out: p20, p21")
    assert params.keys() >= {"session_id", "engagement_time_msec", "value", "currency", "page_location", "p00", "p19"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"value": 5}, {"value": 5, "currency": "USD"}, id="without a currency"),
        pytest.param({"value": "$5", "currency": "eur"}, {"value": 5, "currency": "EUR"}, id="in a currency"),
        pytest.param({"value": "much"}, {}, id="that is none"),
    ],
)
@pytest.mark.parametrize(
    ("call", "source", "action"),
    [
        ("page", "properties", "track page"),
        ("screen", "properties", "track screen"),
        ("group", "traits", "join group"),
    ],
)
def test_a_value_of_any_call_goes_with_its_currency(
    call: str, source: str, action: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Google counts no event that has a value and no currency."""
    others = {f"p{number:02}": number for number in range(40)}
    event = make_event(call, userId="u-17", groupId="g-1", **{source: {**others, **given}})

    params = params_of(event, action, send_screens=True)

    assert {name: params[name] for name in ("value", "currency") if name in params} == expected


@pytest.mark.parametrize(("session", "expected"), [(1772619600, 1772619600), ("1772619600", 1772619600)])
def test_a_session_is_a_number(session: Any, expected: int) -> None:
    assert params_of(track(context={"sessionId": session}), "track event") == {"session_id": expected}


@pytest.mark.parametrize("session", ["0195c1a2-7b3c", -1, 0, {}])
def test_a_session_of_another_kind_is_left_out(session: Any) -> None:
    assert params_of(track(context={"sessionId": session}), "track event") == {}
    assert params_of(track("E", {"session_id": session, "session id": "x"}), "track event") == {}
    group = make_event("group", userId="u-17", groupId="g", traits={"session_id": "x", "engagement_time_msec": "y"})
    assert params_of(group, "join group") == {"group_id": "g"}


def test_a_property_may_name_the_session_and_how_long_somebody_was_engaged() -> None:
    properties = {"session_id": "1772619600", "engagement_time_msec": 250}

    assert event_of(track("E", properties), "track event")["params"] == {
        "session_id": 1772619600,
        "engagement_time_msec": 250,
    }


@pytest.mark.parametrize("time", [0, -5, "long", None, True])
def test_no_property_takes_the_time_without_which_an_event_makes_nobody_active(time: Any) -> None:
    sent = event_of(track("E", {"engagement_time_msec": time}), "track event")

    assert sent["params"] == {"engagement_time_msec": 1}


# --- shops ---

CUP = {"product_id": "S1", "name": "Cup", "price": "21.25", "quantity": 2, "position": 3, "colour": "red"}
CUP_ITEM = {"colour": "red", "item_id": "S1", "item_name": "Cup", "price": 21.25, "quantity": 2, "index": 3}


def test_an_order_has_its_transaction_its_value_and_its_items() -> None:
    properties = {"order_id": "A-1", "total": 49.7, "revenue": 42.5, "currency": "eur", "tax": 3.2, "products": [CUP]}

    assert commerce("Order Completed", properties) == {
        "transaction_id": "A-1",
        "value": 42.5,
        "currency": "EUR",
        "items": [CUP_ITEM],
        "tax": 3.2,
    }


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"revenue": 0, "total": 12.5}, 12.5),
        ({"revenue": 0, "total": 0, "products": [CUP]}, 0),
        ({"revenue": 0, "total": "much"}, 0),
    ],
)
def test_a_revenue_of_nothing_is_none_where_there_is_a_total(properties: dict[str, Any], value: float) -> None:
    assert commerce("Order Completed", properties)["value"] == value


@pytest.mark.parametrize("revenue", [30, -30, "-30"])
def test_what_is_given_back_has_no_sign(revenue: Any) -> None:
    """Amplitude wants one: of two refunds, one with a sign, nothing was given back at Google."""
    assert commerce("Order Refunded", {"order_id": "A-1", "revenue": revenue})["value"] == 30


@pytest.mark.parametrize("event", ["Order Refunded", "Product Removed"])
def test_how_many_items_there_are_takes_the_place_of_none(event: str) -> None:
    """Nobody was told of such a refund, which became a dead letter, and such a product was left out."""
    params = commerce(event, {"sku": "s-1", "price": 15, "items": 2})

    assert (params["value"], params["items"]) == (15, [{"item_id": "s-1", "price": 15}])


@pytest.mark.parametrize("key", ["quantíty", "príce"])
def test_a_word_of_the_caller_s_is_not_what_google_counts(key: str) -> None:
    """Without its accent it was one of Google's fields, and a refund with a text in that became a dead letter."""
    params = commerce("Order Refunded", {"order_id": "A-1", "products": [{"sku": "s-1", key: "some", "size": "L"}]})

    assert params["items"] == [{"size": "L", "item_id": "s-1"}]


@pytest.mark.parametrize(("quantity", "sent"), [(2, 2), (-2, 2), (-1.5, 1)])
def test_neither_has_a_product_of_which_so_many_are_given_back(quantity: float, sent: int) -> None:
    """Google multiplies it by the price: the refund was of 30 and its products came to -30."""
    products = [{"sku": "s-1", "price": 15, "quantity": quantity}, {"name": "Cup"}]

    params = commerce("Order Refunded", {"order_id": "A-1", "products": products})

    assert [item.get("quantity") for item in params["items"]] == [sent, None]


@pytest.mark.parametrize(
    "products",
    [
        pytest.param([(15, 2), (-5, 1)], id="without a sign"),
        pytest.param([(15, -2), (5, 1)], id="in the quantity"),
        pytest.param([(-15, 2), (5, 1)], id="in the price"),
        pytest.param([(-15, -2), (-5, 1)], id="in both of one"),
    ],
)
def test_the_products_of_a_refund_come_to_what_is_given_back(products: list[tuple[int, int]]) -> None:
    """30 less a fee of 5 or a voucher: with the sign in the price -30 was given back, and a fee came on top."""
    told = [{"sku": "s-1", "price": price, "quantity": quantity} for price, quantity in products]

    params = commerce("Order Refunded", {"order_id": "A-1", "products": told})

    assert params["value"] == 25
    assert [(item["price"], item["quantity"]) for item in params["items"]] == [(15, 2), (-5, 1)]


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (track("Order Completed", {"total": 5, "currency": "euro"}), "track commerce event"),
        (track("Report Exported", {"value": 5, "currency": "euro"}), "track event"),
        (make_event("page", userId="u-17", properties={"value": "high"}), "track page"),
    ],
    ids=["an order", "an event", "a page"],
)
def test_a_value_that_stays_behind_is_reported(event: Event, action: str) -> None:
    """Explain said that it was sent."""
    payload = payload_of(event, action)

    assert payload.notes == ("no amount of a currency that can be read; left out: value",)
    assert "value" not in payload.body["events"][0]["params"]


@pytest.mark.parametrize("name", ["Order Completed", "Order Refunded"])
def test_an_order_without_a_total_is_worth_its_products(name: str) -> None:
    """Google counts what was sold and given back by the value: without one it was nothing."""
    products = [{"sku": "s-1", "price": "19.99", "quantity": 3}, {"name": "Cup", "price": 0.01}]

    sent = commerce(name, {"order_id": "A-1", "products": products, "currency": "eur"})

    assert (sent["value"], sent["currency"]) == (59.98, "EUR")


@pytest.mark.parametrize(
    ("products", "value"),
    [
        pytest.param([{"sku": "s-1", "price": 5}] * 201, 1_005, id="more than are sent"),
        pytest.param([{"sku": "s-1", "price": 5}, {"price": 4}], 9, id="one without an id"),
        pytest.param([{"sku": "s-1", "price": 30, "quantity": 0.5}], 15, id="half of one"),
    ],
)
def test_an_order_is_worth_all_of_its_products(products: list[dict[str, Any]], value: float) -> None:
    assert commerce("Order Completed", {"products": products})["value"] == value


@pytest.mark.parametrize(
    ("product", "item"),
    [
        pytest.param({"id": "p-1", "price": 3}, {"item_id": "p-1", "price": 3}, id="of the oldest kind"),
        pytest.param({"product_id": " ", "id": 7}, {"item_id": "7"}, id="a blank one beside it"),
        pytest.param({"sku": "S1", "id": 7}, {"item_id": "S1", "id": 7}, id="an id of its own"),
    ],
)
def test_a_product_of_an_order_is_known_by_any_of_its_ids(product: dict[str, Any], item: dict[str, Any]) -> None:
    """An order of products with an ``id`` and no name had no items."""
    assert commerce("Completed Order", {"products": [product], "revenue": 3})["items"] == [item]


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (2, {"price": 3, "quantity": 2}),
        ("2.0", {"price": 3, "quantity": 2}),
        (1.5, {"price": 4.5, "quantity": 1}),
        ("0.4", {"price": 1.2, "quantity": 1}),
        (-1, {"price": 3, "quantity": -1}),
        (-1.5, {"price": 4.5, "quantity": -1}),
        (1e19, {"price": 3}),
        ("many", {"price": 3}),
    ],
)
def test_a_part_of_a_product_is_one_of_its_whole_price(quantity: Any, expected: dict[str, Any]) -> None:
    """Google multiplies the two, and 1.5 m of cloth were sold as two."""
    product = {"product_id": "p-1", "price": 3, "quantity": quantity}

    assert commerce("Product Added", product)["items"] == [{"item_id": "p-1", **expected}]
    assert commerce("Order Completed", {"products": [product]})["items"] == [{"item_id": "p-1", **expected}]


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        pytest.param("Order Completed", {"products": [{"sku": "s-1", "price": 5}, {"sku": "s-2"}]}, id="no price"),
        pytest.param("Order Completed", {"products": [CUP], "currency": "euro"}, id="an odd currency"),
        pytest.param("Product List Viewed", {"products": [CUP]}, id="nothing sold"),
    ],
)
def test_an_order_is_worth_nothing_by_a_part_of_its_products(name: str, properties: dict[str, Any]) -> None:
    assert "value" not in commerce(name, properties)


def test_an_order_without_an_id_is_counted_once_by_its_message_id() -> None:
    assert commerce("Completed Order", {"total": 5}) == {"transaction_id": "m-1", "value": 5, "currency": "USD"}


@pytest.mark.parametrize("order_id", ["", "  ", None, {}, [7]], ids=repr)
def test_an_order_whose_id_is_none_is_not_taken_for_another_one(order_id: Any) -> None:
    """Google counts the purchases of one transaction_id once: those of an empty one too."""
    assert commerce("Order Completed", {"order_id": order_id})["transaction_id"] == "m-1"


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        pytest.param("Products Searched", {"query": "cup"}, {"search_term": "cup"}, id="search"),
        pytest.param(
            "Product List Viewed",
            {"list_id": "l-1", "category": "Home", "products": [{"sku": "S1"}]},
            {"items": [{"item_id": "S1"}], "item_list_id": "l-1", "category": "Home"},
            id="list",
        ),
        pytest.param(
            "Cart Viewed",
            {"discount": 5, "price": {"a": 1}, "name": "Mine", "products": [{"sku": "S1", "discount": 1}]},
            {"items": [{"item_id": "S1", "discount": 1}], "discount": 5, "name": "Mine"},
            id="what is said of all products",
        ),
        pytest.param(
            "Product Viewed",
            {"sku": "S1", "price": 9.99, "quantity": 3, "currency": "EUR"},
            {"value": 29.97, "currency": "EUR", "items": [{"item_id": "S1", "price": 9.99, "quantity": 3}]},
            id="one product, told by the event's own properties",
        ),
        pytest.param(
            "Product Viewed",
            {"sku": "S1", "price": 9.99, "quantity": 0},
            {"value": 9.99, "currency": "USD", "items": [{"item_id": "S1", "price": 9.99, "quantity": 0}]},
            id="one product of which there is none",
        ),
        pytest.param(
            "Product Clicked", {"name": "Cup"}, {"items": [{"item_name": "Cup"}]}, id="one product without a price"
        ),
        pytest.param("Product Clicked", {"position": 3}, {"position": 3}, id="no product"),
        pytest.param(
            "Order Completed",
            {"order_id": "A-1", "total": 5, "discount": 2, "category": "Home"},
            {"transaction_id": "A-1", "value": 5, "currency": "USD", "discount": 2, "category": "Home"},
            id="an order without its products",
        ),
        pytest.param(
            "Checkout Step Completed", {"shipping_method": "post"}, {"shipping_tier": "post"}, id="shipping method"
        ),
        pytest.param("Payment Info Entered", {"payment_method": "visa"}, {"payment_type": "visa"}, id="payment method"),
        pytest.param(
            "Promotion Viewed",
            {"promotion_id": "p-1", "name": "Spring", "creative": "banner", "position": "top"},
            {"promotion_id": "p-1", "creative_name": "banner", "promotion_name": "Spring", "creative_slot": "top"},
            id="promotion",
        ),
        pytest.param(
            "Promotion Clicked",
            {"name": 7, "position": 1, "products": [{"sku": "S1"}]},
            {"items": [{"item_id": "S1"}], "promotion_name": "7", "creative_slot": "1"},
            id="promotion of products, with numbers",
        ),
        pytest.param(
            "Cart Viewed", {"items": 3, "total": 5}, {"value": 5, "currency": "USD"}, id="items that are none"
        ),
        pytest.param(
            "Cart Viewed", {"revenue": "", "total": 5}, {"value": 5, "currency": "USD"}, id="beside an empty revenue"
        ),
        pytest.param("Order Refunded", {"order_id": "A-1"}, {"transaction_id": "A-1"}, id="refund"),
        pytest.param("Cart Viewed", {"products": [{"price": 1}, "x"]}, {}, id="products without id and name"),
        pytest.param("Product Viewed", {"product_id": "", "name": " "}, {}, id="one product with an empty id and name"),
        pytest.param(
            "Cart Viewed",
            {"products": [{"product_id": "", "name": " "}, {"product_id": "", "sku": "S1", "name": ""}]},
            {"items": [{"item_id": "S1"}]},
            id="products with empty ids and names",
        ),
        pytest.param(
            "Cart Viewed",
            {"products": [{"sku": 7, "price": "much", "note": "a@b.test", "tags": [1], "x" * 60: "y" * 200}]},
            {"items": [{"x" * 40: "y" * 100, "item_id": "7"}]},
            id="a product of odd shapes",
        ),
    ],
)
def test_shops(event: str, properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert commerce(event, properties) == expected


@pytest.mark.parametrize("name", ["Order Completed", "Product Added", "Report Exported"])
def test_every_track_call_tells_of_the_page_that_it_happened_on(name: str) -> None:
    page = {"url": "https://example.test/a", "referrer": "https://example.test/", "title": "A"}

    event = track(name, {"revenue": 5}, context={"page": page})

    action = "track event" if name == "Report Exported" else "track commerce event"
    expected = {"page_location": page["url"], "page_referrer": page["referrer"], "page_title": "A"}
    assert params_of(event, action).items() >= expected.items()


def test_items_and_their_own_parameters_have_an_end() -> None:
    product = {"sku": "S1", **{f"p{number:02}": number for number in range(20)}}

    event = track("Cart Viewed", {"products": [product] * 203})

    items = params_of(event, "track commerce event")["items"]

    assert len(items) == 200
    assert payload_of(event, "track commerce event").notes == (
        "beyond the 200 items of an event; left out: 3 products",
    )
    assert list(items[0]) == [*(f"p{number:02}" for number in range(10)), "item_id"]


async def test_items_that_are_too_large_for_a_request_are_left_out_and_the_purchase_counts() -> None:
    """It was dead without being sent: a request has less than 130 kB."""
    own = {f"p{number:02}": "x" * 100 for number in range(10)}
    products = [{"sku": f"S{number}", "name": "n" * 100, **own} for number in range(150)]
    event = track("Order Completed", {"order_id": "A-1", "total": 42.5, "currency": "EUR", "products": products})

    async with open_stand_in(PLUGIN) as vendor:
        judgements = (await vendor.deliver(event))["track commerce event"]
        [sent] = [item["events"][0] if "events" in item else item for item in vendor.accepted("event")]

    assert judgements == [[Delivered()]]
    assert sent["name"] == "purchase"
    assert (sent["params"]["transaction_id"], sent["params"]["value"]) == ("A-1", 42.5)
    assert "items" not in sent["params"]
    [note] = payload_of(event, "track commerce event").notes
    assert note == "beyond the 100000 bytes of an event; left out: items"


# --- pages, screens, campaigns ---


@pytest.mark.parametrize("fields", [{}, {"name": " "}, {"name": "Home"}, {"category": "Docs"}])
def test_a_page_is_a_page_view_with_a_name_or_without(fields: dict[str, Any]) -> None:
    assert event_of(make_event("page", anonymousId="a-1", **fields), "track page")["name"] == "page_view"


def test_a_page_tells_its_address_from_its_properties_else_from_its_context() -> None:
    event = make_event(
        "page",
        anonymousId="a-1",
        name="Home",
        properties={"url": "https://example.test/a", "title": "t" * 400},
        context={"page": {"url": "https://example.test/b", "referrer": "https://example.test/" + "r" * 500}},
    )

    assert params_of(event, "track page") == {
        "page_location": "https://example.test/a",
        "page_referrer": ("https://example.test/" + "r" * 500)[:420],
        "page_title": "t" * 300,
        "name": "Home",
    }


@pytest.mark.parametrize(
    ("fields", "expected"), [({"name": "Home"}, {"screen_name": "Home", "name": "Home"}), ({}, {})]
)
def test_screens_are_sent_where_the_operator_wants_them(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    event = make_event("screen", userId="u-17", **fields)

    assert "send_screens" in skipped(event, "track screen")
    assert event_of(event, "track screen", send_screens=True)["name"] == "view_screen"
    assert params_of(event, "track screen", send_screens=True) == expected


def test_a_campaign_is_told_of_its_session_before_what_the_visitor_does() -> None:
    context = {"campaign": {"name": "spring", "source": "news", "medium": "email"}, "sessionId": 1772619600}
    payload = payload_of(track(context=context), "tell campaign")

    assert payload.key == "m-1-campaign"
    assert payload.body["events"][0]["name"] == "campaign_details"
    assert payload.body["events"][0]["params"] == {
        "session_id": 1772619600,
        "engagement_time_msec": 1,
        "campaign": "spring",
        "source": "news",
        "medium": "email",
    }
    assert rehearse().plugin.actions[0].name == "tell campaign"


@pytest.mark.parametrize(
    ("context", "reason"),
    [({"sessionId": 1772619600}, "no campaign"), ({"campaign": {"name": "spring"}}, "no session")],
)
def test_a_campaign_needs_a_session(context: dict[str, Any], reason: str) -> None:
    assert reason in skipped(track(context=context), "tell campaign")


def test_no_action_takes_an_alias() -> None:
    assert not rehearse().map(make_event("alias", userId="u-17", previousId="u-16"))


# --- context ---


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"ip": "203.0.113.7"}, {"ip_override": "203.0.113.7"}, id="ip"),
        pytest.param({"ip": "unknown"}, {}, id="no ip"),
        pytest.param(
            {"userAgent": "Mozilla/5.0", "device": {"model": "A1"}},
            {"user_agent": "Mozilla/5.0"},
            id="user agent first",
        ),
        pytest.param(
            {"device": {"type": "iOS", "model": "A1", "manufacturer": "Acme"}, "os": {"name": "iOS", "version": 18}},
            {
                "device": {
                    "category": "mobile",
                    "model": "A1",
                    "brand": "Acme",
                    "operating_system": "iOS",
                    "operating_system_version": "18",
                }
            },
            id="device",
        ),
        pytest.param(
            {"locale": "pt_PT", "screen": {"width": 600, "height": 800}},
            {"device": {"language": "pt-PT", "screen_resolution": "600x800"}},
            id="locale and screen",
        ),
        pytest.param(
            {"location": {"city": "Porto", "region": "13", "country": "PT"}, "traits": {"address": {"city": "Leeds"}}},
            {"user_location": {"city": "Porto", "region_id": "PT-13", "country_id": "PT"}},
            id="where it happened before where the user lives",
        ),
        pytest.param(
            {
                "location": {"city": "London", "country": "GB"},
                "traits": {"address": {"city": "Porto", "state": "13", "country": "PT"}},
            },
            {"user_location": {"city": "London", "country_id": "GB"}},
            id="no place of two",
        ),
        pytest.param(
            {
                "location": {"region": "ENG"},
                "traits": {"address": {"city": "Porto", "state": "13", "country": "PT"}},
            },
            {},
            id="a region without its country",
        ),
        pytest.param(
            {"location": {"latitude": 51.5}, "traits": {"address": {"city": "Porto", "country": "PT"}}},
            {"user_location": {"city": "Porto", "country_id": "PT"}},
            id="a location without a place",
        ),
        pytest.param(
            {"location": {"city": " "}, "traits": {"address": {"city": "Porto"}}},
            {"user_location": {"city": "Porto"}},
            id="a location of blanks",
        ),
        pytest.param({"traits": {"address": {"city": ""}}}, {}, id="an empty city"),
        pytest.param({"os": "x", "device": [], "page": 7, "screen": 1, "locale": {}}, {}, id="nothing usable"),
    ],
)
def test_the_context_of_an_event(context: dict[str, Any], expected: dict[str, Any]) -> None:
    body = body_of(make_event("track", anonymousId="a-1", event="E", context=context), "track event")

    assert {key: item for key, item in body.items() if key not in ("client_id", "events")} == expected


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        pytest.param({"categoryPreferences": {"Ads": True}}, ["GRANTED", "GRANTED"], id="the category"),
        pytest.param({"categoryPreferences": {"Ads": False}}, ["DENIED", "DENIED"], id="the category, not granted"),
        pytest.param(
            {"categoryPreferences": {"Ads": True}, "ad_personalization": "denied"},
            ["GRANTED", "DENIED"],
            id="google's own word wins",
        ),
        pytest.param({"categoryPreferences": {"Analytics": True}}, None, id="another category"),
        pytest.param({"categoryPreferences": {"Ads": "maybe"}}, None, id="neither yes nor no"),
    ],
)
def test_consent(consent: dict[str, Any], expected: list[str] | None) -> None:
    body = body_of(track(context={"consent": consent}), "track event", advertising_category="Ads")

    wanted = dict(zip(("ad_user_data", "ad_personalization"), expected, strict=True)) if expected else None
    assert body.get("consent") == wanted
