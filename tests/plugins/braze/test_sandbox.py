"""The stand-in: each answer that Braze may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.braze import PLUGIN
from plugins.braze.sandbox_rules import check_attributes, check_event
from router.plugin import Dead, Delivered, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.braze.samples import map_event

KEY = {"Authorization": "Bearer sandbox-key"}
NOW_S = 1_772_620_000.0
ANON_5 = {"alias_name": "anon-5", "alias_label": "anonymous_id"}


@pytest.fixture
async def braze() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = lambda: NOW_S
        yield stand_in


async def track(braze: StandIn, headers: dict[str, str] = KEY, **arrays: Any) -> Response:
    return await braze.request("POST", "/users/track", arrays, headers)


def event(**fields: Any) -> dict[str, Any]:
    return {"external_id": "u-17", "name": "E", "time": "2026-01-01T00:00:00Z", **fields}


def purchase(**fields: Any) -> dict[str, Any]:
    time = "2026-01-01T00:00:00Z"
    return {"external_id": "u-17", "product_id": "S1", "currency": "EUR", "price": 2.5, "time": time, **fields}


# --- responses ---


async def test_a_good_request_is_a_201_with_counts(braze: StandIn) -> None:
    response = await track(
        braze,
        attributes=[{"external_id": "u-17", "email": "ana@example.test"}],
        events=[event(), event(name="F")],
        purchases=[purchase(quantity=2)],
    )

    assert (response.status, response.json()) == (
        201,
        {"message": "success", "attributes_processed": 1, "events_processed": 2, "purchases_processed": 1},
    )
    assert [len(braze.accepted(kind)) for kind in ("attributes", "event", "purchase")] == [1, 2, 1]


async def test_a_bad_object_among_good_ones_is_a_201_that_names_it(braze: StandIn) -> None:
    response = await track(braze, events=[event(), event(name="")])

    assert (response.status, response.json()) == (
        201,
        {
            "message": "success",
            "events_processed": 1,
            "errors": [{"type": "'name' is required", "input_array": "events", "index": 1}],
        },
    )
    assert braze.accepted("event") == [event()]


async def test_in_maintenance_all_is_queued_with_a_202(braze: StandIn) -> None:
    braze.sandbox.is_in_maintenance = True

    response = await track(braze, events=[event()])

    assert (response.status, response.json()) == (202, {"message": "queued"})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param([], id="no object"),
        pytest.param({}, id="none of the arrays"),
        pytest.param({"events": {}}, id="no array"),
        pytest.param({"events": [event()] * 76}, id="76 objects"),
        pytest.param({"events": [event()] * 40, "attributes": [{"external_id": "a"}] * 36}, id="76 objects in total"),
    ],
)
async def test_a_fatal_error_is_a_400_and_nothing_is_taken(braze: StandIn, body: Any) -> None:
    response = await braze.request("POST", "/users/track", body, KEY)

    assert response.status == 400
    assert response.json()["message"]
    assert braze.accepted() == []


async def test_some_accounts_take_50_objects() -> None:
    async with open_stand_in(PLUGIN, batch_size=50) as braze:
        braze.sandbox.settings["max_objects"] = 50
        statuses = [(await track(braze, events=[event()] * count)).status for count in (50, 51)]

    assert statuses == [201, 400]


@pytest.mark.parametrize("path", ["/users/track", "/users/identify", "/users/merge"])
async def test_a_wrong_key_is_a_401_a_missing_permission_a_403(braze: StandIn, path: str) -> None:
    wrong = await braze.request("POST", path, {}, {"Authorization": "Bearer another"})
    braze.sandbox.permissions.clear()
    forbidden = await braze.request("POST", path, {}, KEY)

    assert (wrong.status, forbidden.status) == (401, 403)


@pytest.mark.parametrize(("key", "is_good"), [("sandbox-key", True), ("another", False)])
async def test_a_key_is_tried_without_sending_anything(braze: StandIn, key: str, is_good: bool) -> None:
    check = PLUGIN.credential_check
    assert check is not None
    request = check.request(braze.settings)
    path = request.url.removeprefix(braze.url)

    answer = await braze.request(request.method, path, request.json, {"Authorization": f"Bearer {key}"})

    assert check.is_good(answer) is is_good
    assert braze.accepted() == []


async def test_an_unknown_path_is_a_404(braze: StandIn) -> None:
    assert (await braze.request("POST", "/users/track/many", {}, KEY)).status == 404


async def test_too_large_a_body_is_a_413(braze: StandIn) -> None:
    braze.sandbox.max_request_bytes = 10

    assert (await track(braze, events=[event()])).status == 413


@pytest.mark.parametrize(
    ("path", "body", "limit", "window_s"),
    [
        pytest.param("/users/track", {"events": [event()]}, "track_per_3_s", 3, id="track"),
        pytest.param("/users/merge", {"merge_updates": []}, "identity_per_min", 60, id="merge"),
        pytest.param("/users/identify", {"aliases_to_identify": []}, "identity_per_min", 60, id="identify"),
    ],
)
async def test_over_the_rate_a_429_says_when_it_ends(
    braze: StandIn, path: str, body: Any, limit: str, window_s: int
) -> None:
    setattr(braze.sandbox, limit, 1)
    await braze.request("POST", path, body, KEY)
    refused = await braze.request("POST", path, body, KEY)
    braze.sandbox.now_s = lambda: NOW_S + window_s
    again = await braze.request("POST", path, body, KEY)

    assert refused.status == 429
    assert refused.headers["x-ratelimit-limit"] == "1"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert 0 < int(refused.headers["x-ratelimit-reset"]) - NOW_S <= window_s
    assert again.status != 429


async def test_identify_and_merge_share_a_limit(braze: StandIn) -> None:
    braze.sandbox.identity_per_min = 1
    await braze.request("POST", "/users/identify", {}, KEY)

    assert (await braze.request("POST", "/users/merge", {}, KEY)).status == 429


async def test_a_fault_speaks_for_the_vendor(braze: StandIn) -> None:
    braze.sandbox.fail(Fault(status=503, times=1))

    assert [(await track(braze, events=[event()])).status for _ in range(2)] == [503, 201]


# --- what is refused in an object ---


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("x", id="no object"),
        pytest.param({"email_subscribe": "subscribed"}, id="nobody named"),
        pytest.param({"external_id": ""}, id="empty id"),
        pytest.param({"external_id": 7}, id="a number for an id"),
        pytest.param({"external_id": "a", "user_alias": ANON_5}, id="two ids"),
        pytest.param({"user_alias": {"alias_name": "a"}}, id="alias without a label"),
        pytest.param({"user_alias": {"alias_name": "", "alias_label": "l"}}, id="alias without a name"),
        pytest.param({"external_id": "a", "country": "Portugal"}, id="country by its name"),
        pytest.param({"external_id": "a", "gender": "female"}, id="gender as a word"),
        pytest.param({"external_id": "a", "dob": "1990-04-02T00:00:00Z"}, id="birthday with a time"),
        pytest.param({"external_id": "a", "phone": "020 7946"}, id="phone"),
        pytest.param({"external_id": "a", "email": "Ada@Example.test"}, id="email in capitals"),
        pytest.param({"external_id": "a", "language": "en-GB"}, id="locale for a language"),
        pytest.param({"external_id": "a", "image_url": "ada.png"}, id="picture"),
        pytest.param({"external_id": "a", "current_location": {"latitude": 1}}, id="half a location"),
        pytest.param({"external_id": "a", "email_subscribe": "yes"}, id="subscription"),
        pytest.param({"external_id": "a", "facebook": "ada"}, id="facebook"),
        pytest.param({"external_id": "a", "first_name": 7}, id="number for a name"),
        pytest.param({"external_id": "a", "x": "y" * 256}, id="long text"),
        pytest.param({"external_id": "a", "x": ["y"] * 30_000}, id="more than 100 KB"),
        pytest.param({"external_id": "a", "$x": 1}, id="name with a dollar sign"),
        pytest.param({"external_id": "blocked", "x": 1}, id="suppressed"),
    ],
)
async def test_bad_attributes_are_refused(braze: StandIn, item: Any) -> None:
    braze.sandbox.suppressed.add("blocked")

    answer = (await track(braze, attributes=[item])).json()

    [error] = answer["errors"]
    assert (error["input_array"], error["index"]) == ("attributes", 0)
    assert braze.accepted("attributes") == []


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("x", id="no object"),
        pytest.param(event(time="yesterday"), id="no time"),
        pytest.param(event(name="x" * 256), id="long name"),
        pytest.param(event(external_id=None), id="nobody"),
        pytest.param(event(app_id=7), id="app"),
        pytest.param(event(properties=[]), id="properties that are no object"),
        pytest.param(event(properties={"": 1}), id="property without a name"),
        pytest.param(event(properties={"$a": 1}), id="property with a dollar sign"),
        pytest.param(event(properties={"x" * 256: 1}), id="long property name"),
        pytest.param(event(properties={"a": None}), id="null"),
        pytest.param(event(properties={"a": "x" * 256}), id="long property"),
        pytest.param(event(properties={"a": ["x" * 200] * 260}), id="more than 50 KB with a list"),
        pytest.param(event(properties={str(n): "x" * 200 for n in range(600)}), id="more than 100 KB"),
    ],
)
async def test_bad_events_are_refused(braze: StandIn, item: Any) -> None:
    answer = (await track(braze, events=[item])).json()

    assert len(answer["errors"]) == 1
    assert braze.accepted("event") == []


SHOP: dict[str, Any] = {
    "order_id": "A-1",
    "total_value": 2.5,
    "currency": "EUR",
    "source": "web",
    "products": [{"product_id": "a", "product_name": "A", "variant_id": "a", "quantity": 1, "price": 2.5}],
}


@pytest.mark.parametrize(
    ("change", "is_taken"),
    [
        pytest.param({}, True, id="as the schema has it"),
        pytest.param({"coupon": "x"}, False, id="unknown property"),
        pytest.param({"total_value": "2.5"}, False, id="text for a number"),
        pytest.param({"order_id": 7}, False, id="number for a text"),
        pytest.param({"products": []}, False, id="no products"),
        pytest.param({"products": [{"product_id": "a"}]}, False, id="half a product"),
        pytest.param({"products": [{**SHOP["products"][0], "colour": "red"}]}, False, id="unknown field of a product"),
    ],
)
async def test_recommended_events_are_checked_against_their_schema(
    braze: StandIn, change: dict[str, Any], is_taken: bool
) -> None:
    await track(braze, events=[event(name="ecommerce.order_placed", properties={**SHOP, **change})])

    assert bool(braze.accepted("event")) is is_taken


@pytest.mark.parametrize(
    ("item", "is_taken"),
    [
        pytest.param(purchase(), True, id="good"),
        pytest.param(purchase(quantity=100), True, id="a hundred"),
        pytest.param(purchase(quantity=101), False, id="more than a hundred"),
        pytest.param(purchase(quantity=0), False, id="none"),
        pytest.param(purchase(product_id="x" * 256), False, id="long product"),
        pytest.param(purchase(currency="euro"), False, id="currency"),
        pytest.param(purchase(price="2.5"), False, id="price as text"),
        pytest.param(purchase(properties={"time": 1}), False, id="reserved property"),
        pytest.param(purchase(product_id="S3"), False, id="one product too many"),
    ],
)
async def test_purchases_are_checked(braze: StandIn, item: Any, is_taken: bool) -> None:
    braze.sandbox.product_ids = {"S1", "S2"}
    braze.sandbox.max_product_ids = 2

    await track(braze, purchases=[item])

    assert bool(braze.accepted("purchase")) is is_taken


# --- what is written ---


async def test_what_is_written_is_as_braze_keeps_it(braze: StandIn) -> None:
    person = {"external_id": "u-17"}
    await track(
        braze,
        attributes=[
            {**person, "gone": 1, "bio": "x", "tags": ["a", "a", *map(str, range(40))], "more": {"a": 1}},
            {**person, "gone": None, "more": {"a": None}, "other": {"b": 2}, "kept": 1},
        ],
    )

    assert braze.sandbox.profiles == {
        ("external_id", "u-17"): {"tags": ["a", *map(str, range(24))], "more": {"a": 1}, "kept": 1}
    }


@pytest.mark.parametrize(
    ("who", "is_there"),
    [
        pytest.param({"external_id": "u-17"}, True, id="external id"),
        pytest.param({"external_id": "u-17", "_update_existing_only": True}, False, id="external id, update only"),
        pytest.param({"user_alias": ANON_5}, False, id="alias"),
        pytest.param({"user_alias": ANON_5, "_update_existing_only": False}, True, id="alias, told to"),
        pytest.param({"email": "ada@example.test"}, False, id="email"),
        pytest.param({"email": "ada@example.test", "_update_existing_only": False}, True, id="email, told to"),
    ],
)
async def test_who_comes_into_being(braze: StandIn, who: dict[str, Any], is_there: bool) -> None:
    response = await track(braze, attributes=[{**who, "plan": "gold"}])

    assert response.status == 201
    assert bool(braze.sandbox.profiles) is is_there


async def test_of_several_with_one_email_the_identified_one_is_meant(braze: StandIn) -> None:
    people: list[dict[str, Any]] = [{"external_id": "u-17"}, {"user_alias": ANON_5, "_update_existing_only": False}]
    await track(braze, attributes=[{**person, "email": "ada@example.test"} for person in people])

    await track(braze, attributes=[{"email": "ada@example.test", "plan": "gold"}])

    assert braze.sandbox.profiles["external_id", "u-17"]["plan"] == "gold"


async def test_a_time_ahead_becomes_now(braze: StandIn) -> None:
    await track(braze, events=[event(time="2199-01-01T00:00:00Z")])

    assert braze.accepted("event")[0]["time"].startswith("2026-03-04T")


# --- joining ---


async def test_identify_moves_what_the_user_does_not_have(braze: StandIn) -> None:
    alias = {"user_alias": ANON_5, "_update_existing_only": False}
    await track(braze, attributes=[{**alias, "plan": "free", "colour": "red"}, {"external_id": "u-17", "plan": "gold"}])
    pair = {"external_id": "u-17", "user_alias": ANON_5}

    answers = [await braze.request("POST", "/users/identify", {"aliases_to_identify": [pair]}, KEY) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json() == {"aliases_processed": 1, "message": "success"}
    assert [error["index"] for error in answers[1].json()["errors"]] == [0]
    assert braze.sandbox.profiles == {("external_id", "u-17"): {"plan": "gold", "colour": "red"}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no list"),
        pytest.param({"aliases_to_identify": [{"external_id": "u", "user_alias": ANON_5}] * 51}, id="51 pairs"),
        pytest.param({"aliases_to_identify": [{"external_id": "u"}]}, id="no alias"),
        pytest.param({"aliases_to_identify": [{"user_alias": ANON_5}]}, id="no user"),
        pytest.param(
            {"aliases_to_identify": [{"external_id": "u", "user_alias": ANON_5}], "merge_behavior": "all"},
            id="behavior",
        ),
    ],
)
async def test_a_bad_pair_is_a_400(braze: StandIn, body: Any) -> None:
    assert (await braze.request("POST", "/users/identify", body, KEY)).status == 400


async def test_a_merge_leaves_one_user(braze: StandIn) -> None:
    await track(braze, attributes=[{"external_id": "old", "colour": "red"}, {"external_id": "u-17", "plan": "gold"}])
    update = {"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": {"external_id": "u-17"}}

    answers = [await braze.request("POST", "/users/merge", {"merge_updates": [update]}, KEY) for _ in range(2)]

    assert [answer.json().get("errors") is None for answer in answers] == [True, False]
    assert braze.sandbox.profiles == {("external_id", "u-17"): {"plan": "gold", "colour": "red"}}


@pytest.mark.parametrize("body", [{}, {"merge_updates": [{}]}, {"merge_updates": [1] * 51}])
async def test_a_bad_merge_is_a_400(braze: StandIn, body: Any) -> None:
    assert (await braze.request("POST", "/users/merge", body, KEY)).status == 400


# --- from a call and back ---


async def test_what_was_done_anonymously_ends_in_the_user_s_profile(braze: StandIn) -> None:
    await braze.deliver(make_event("identify", anonymousId="anon-5", traits={"colour": "red"}))
    await braze.deliver(make_event("identify", anonymousId="anon-5", userId="u-17", traits={"plan": "gold"}))
    await braze.deliver(make_event("alias", previousId="u-17", userId="u-18"))

    assert braze.sandbox.profiles == {("external_id", "u-18"): {"colour": "red", "plan": "gold"}}


async def test_a_bad_event_among_good_ones_dies_alone(braze: StandIn) -> None:
    braze.sandbox.suppressed.add("u-2")
    events = [make_event("track", userId=f"u-{n}", event="E") for n in (1, 2, 3)]

    [judgement] = (await braze.deliver(*events))["track event"]

    assert isinstance(judgement, list)
    assert [type(verdict) for verdict in judgement] == [Delivered, Dead, Delivered]
    assert [item["external_id"] for item in braze.accepted("event")] == ["u-1", "u-3"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(
    [
        *("email", "phone", "gender", "country", "dob", "address", "company", "name", "firstName", "avatar", "bio"),
        *("revenue", "total", "products", "price", "quantity", "currency", "order_id", "cart_id", "time"),
    ]
)


@given(
    st.dictionaries(names, json_values, max_size=6),
    st.sampled_from(["Order Completed", "Product Added", "Checkout Started", "E"]),
    st.sampled_from(["legacy", "recommended"]),
)
def test_whatever_comes_braze_finds_nothing_wrong(bag: dict[str, Any], name: str, purchases: str) -> None:
    cup = {"product_id": "a", "price": 1, **bag}
    calls = [
        make_event("identify", userId="u-17", traits=bag),
        make_event("group", userId="u-17", groupId="g-1", traits=bag),
        make_event("track", userId="u-17", event=name, properties=bag),
        make_event(
            "track", userId="u-17", event=name, properties={"order_id": "o", "total": 1, "products": [cup], **bag}
        ),
    ]
    bodies = [
        body
        for call in calls
        for made in map_event(call, purchases=purchases).values()
        if isinstance(made, list)
        for body in made
    ]

    objects = [(array, item) for body in bodies for array, item in body.items() if array != "external_id"]

    assert [check_attributes(item) for array, item in objects if array == "attributes"] == ["", ""]
    assert {check_event(item, array) for array, item in objects if array in ("events", "purchases")} == {""}
