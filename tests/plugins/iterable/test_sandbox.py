"""The stand-in: each answer that Iterable may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.iterable import PLUGIN
from plugins.iterable.sandbox_rules import check_event, check_items, check_profile, check_purchase
from router.plugin import Again, Blocked, Dead, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.iterable.samples import ADA, EMAIL, map_event

KEY = {"Api-Key": "sandbox-key"}
ALL_PATHS = (
    "/api/users/update",
    "/api/users/bulkUpdate",
    "/api/events/track",
    "/api/events/trackBulk",
    "/api/commerce/trackPurchase",
    "/api/commerce/updateCart",
    "/api/users/registerDeviceToken",
    "/api/users/merge",
)


@pytest.fixture
async def iterable() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = lambda: 1_772_620_000.5
        yield stand_in


async def post(iterable: StandIn, path: str, body: Any, headers: dict[str, str] = KEY) -> Response:
    return await iterable.request("POST", "/api/" + path, body, headers)


async def write(iterable: StandIn, data: dict[str, Any], **fields: Any) -> Response:
    return await post(iterable, "users/update", {**ADA, "mergeNestedObjects": True, "dataFields": data, **fields})


def event(**fields: Any) -> dict[str, Any]:
    return {**ADA, "eventName": "E", "id": "m-1", "createdAt": 1767225600, **fields}


ITEM = {"id": "S1", "name": "Cup", "price": 21.25, "quantity": 2}


def purchase(**fields: Any) -> dict[str, Any]:
    return {"id": "A-1", "user": ADA, "total": 42.5, "createdAt": 1767225600, "items": [ITEM], **fields}


# --- answers of all calls ---


@pytest.mark.parametrize("path", ALL_PATHS)
async def test_a_wrong_key_is_a_401_and_one_for_jwt_a_403(iterable: StandIn, path: str) -> None:
    wrong = await iterable.request("POST", path, {}, {"Api-Key": "another"})
    iterable.sandbox.needs_jwt = True
    unsuitable = await iterable.request("POST", path, {}, KEY)

    assert (wrong.status, wrong.json()["code"]) == (401, "BadApiKey")
    assert (unsuitable.status, unsuitable.json()["code"]) == (403, "Forbidden")


@pytest.mark.parametrize("path", ALL_PATHS)
async def test_an_odd_body_is_a_400(iterable: StandIn, path: str) -> None:
    bodies: list[Any] = [b"{", [], {}]
    codes = [(await iterable.request("POST", path, body, KEY)).json()["code"] for body in bodies]

    assert codes == ["BadJsonBody", "BadParams", "BadParams"]


async def test_too_large_a_body_says_so(iterable: StandIn) -> None:
    iterable.sandbox.max_request_bytes = 10

    response = await write(iterable, {"a": 1})

    assert (response.status, response.json()["code"]) == (413, "BatchTooLarge")


@pytest.mark.parametrize(
    ("path", "rate"),
    [
        ("/api/users/update", 500),
        ("/api/users/bulkUpdate", 5),
        ("/api/events/track", 2_000),
        ("/api/events/trackBulk", 10),
        ("/api/users/merge", 50),
    ],
)
async def test_over_the_rate_is_a_429_without_headers(iterable: StandIn, path: str, rate: int) -> None:
    assert iterable.sandbox.rates[path] == rate
    iterable.sandbox.rates[path] = 1

    statuses = [(await iterable.request("POST", path, {}, KEY)).status for _ in range(2)]
    refused = await iterable.request("POST", path, {}, KEY)

    assert statuses == [400, 429]
    assert refused.json()["code"] == "RateLimitExceeded"
    assert not [name for name in refused.headers if "limit" in name or "retry" in name]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_fault_speaks_for_the_vendor(iterable: StandIn, status: int) -> None:
    iterable.sandbox.fail(Fault(status=status, times=1))

    assert [(await write(iterable, {})).status for _ in range(2)] == [status, 200]


async def test_an_unknown_path_is_a_404_without_a_code(iterable: StandIn) -> None:
    assert (await post(iterable, "users/upsert", {})).status == 404


# --- users ---


async def test_a_good_update_is_a_success(iterable: StandIn) -> None:
    response = await write(iterable, {"plan": "gold"})

    assert (response.status, response.json()["code"]) == (200, "Success")
    assert iterable.sandbox.users == {("userId", "u-17"): {"plan": "gold"}}


@pytest.mark.parametrize(
    ("user", "status", "code"),
    [
        pytest.param({}, 400, "BadParams", id="nobody"),
        pytest.param({**ADA, "email": EMAIL}, 400, "BadParams", id="two ids"),
        pytest.param({"email": "ada"}, 400, "InvalidEmailAddressError", id="email"),
        pytest.param({"userId": "u 17 "}, 400, "InvalidUserIdError", id="blank at the end"),
        pytest.param({"userId": "ключ"}, 400, "InvalidUserIdError", id="not ASCII"),
        pytest.param({"userId": "gone"}, 409, "ForgottenUserError", id="forgotten"),
        pytest.param({"userId": "taken"}, 409, "UserIdAlreadyExists", id="conflict"),
        pytest.param({"email": "taken@example.test"}, 409, "EmailAlreadyExists", id="conflict of emails"),
        pytest.param({**ADA, "dataFields": {"plan": 7}}, 400, "RequestFieldsTypesMismatched", id="another type"),
        pytest.param({**ADA, "dataFields": {"a": {"b": 1}}}, 400, "RequestFieldsTypesMismatched", id="nested type"),
        pytest.param({**ADA, "dataFields": {"phoneNumber": "020"}}, 400, "BadParams", id="phone"),
        pytest.param({**ADA, "dataFields": {"signupDate": "x"}}, 400, "BadParams", id="system field"),
        pytest.param({**ADA, "dataFields": []}, 400, "BadParams", id="no object"),
        pytest.param(
            {**ADA, "dataFields": {f"f{n}": 1 for n in range(1_000)}},
            400,
            "UniqueFieldsLimitExceeded",
            id="1003 fields",
        ),
    ],
)
async def test_a_bad_user_is_refused(iterable: StandIn, user: Any, status: int, code: str) -> None:
    await write(iterable, {"plan": "gold", "a": {"b": "text"}})
    iterable.sandbox.forgotten.add("gone")
    iterable.sandbox.conflicting |= {"taken", "taken@example.test"}

    response = await post(iterable, "users/update", user)

    assert (response.status, response.json()["code"]) == (status, code)
    assert len(iterable.accepted("user")) == 1


async def test_refusals_may_come_with_a_200(iterable: StandIn) -> None:
    iterable.sandbox.refuses_with_200 = True

    response = await post(iterable, "users/update", {"email": "ada"})

    assert (response.status, response.json()["code"]) == (200, "InvalidEmailAddressError")


@pytest.mark.parametrize(
    ("identity", "user", "is_made"),
    [
        pytest.param("hybrid", ADA, True, id="hybrid, userId"),
        pytest.param("hybrid", {"email": EMAIL}, True, id="hybrid, email"),
        pytest.param("userId", ADA, True, id="userId"),
        pytest.param("userId", {"email": EMAIL}, False, id="userId, by email"),
        pytest.param("email", {"email": EMAIL}, True, id="email"),
        pytest.param("email", ADA, False, id="email, by userId"),
        pytest.param("email", {**ADA, "preferUserId": True}, True, id="email, by a preferred userId"),
    ],
)
async def test_a_project_s_type_decides_who_is_made(identity: str, user: Any, is_made: bool) -> None:
    async with open_stand_in(PLUGIN, identity=identity) as iterable:
        response = await post(iterable, "users/update", user)

        assert (response.status == 200) is is_made
        assert bool(iterable.sandbox.users) is is_made


async def test_a_batch_tells_of_each_id_it_refuses(iterable: StandIn) -> None:
    await write(iterable, {"plan": "gold"})
    iterable.sandbox.forgotten |= {"gone"}
    iterable.sandbox.conflicting |= {"taken@example.test"}
    users = [
        {"userId": "u-1"},
        {"userId": "u 9 "},
        {"email": "ada"},
        {"userId": "gone"},
        {"email": "taken@example.test"},
        {**ADA, "dataFields": {"plan": 7}},
        {},
    ]

    response = await post(iterable, "users/bulkUpdate", {"users": users})

    answer = response.json()
    assert (response.status, answer["successCount"], answer["failCount"]) == (200, 1, 6)
    assert {name: ids for name, ids in answer["failedUpdates"].items() if ids} == {
        "invalidUserIds": ["u 9 "],
        "invalidEmails": ["ada"],
        "forgottenUserIds": ["gone"],
        "conflictEmails": ["taken@example.test"],
        "invalidDataUserIds": ["u-17"],
    }


async def test_a_project_by_email_finds_a_user_by_the_user_id_too() -> None:
    """A call without the email was of a second user, or of nobody."""
    async with open_stand_in(PLUGIN, identity="email") as iterable:
        await iterable.deliver(make_event("identify", **ADA, traits={"email": EMAIL}))

        group = await iterable.deliver(make_event("group", **ADA, groupId="g-1"))
        track = await iterable.deliver(make_event("track", **ADA, event="Looked"))

        assert (group["write group to user"], track["track event"]) == ([[Delivered()]], [[Delivered()]])
        assert iterable.sandbox.users == {("email", EMAIL): {"userId": "u-17", "company": {"id": "g-1"}}}


@pytest.mark.parametrize("use_bulk", [True, False], ids=["in batches", "one by one"])
async def test_an_email_that_is_another_users_costs_an_identify_nothing_else(use_bulk: bool) -> None:
    """A hybrid project has each email once: of the newsletter's reader, or of another account."""
    async with open_stand_in(PLUGIN, use_bulk=use_bulk) as iterable:
        iterable.sandbox.now_s = lambda: 1_772_620_000.5
        await iterable.deliver(make_event("identify", traits={"email": EMAIL}))

        judged = await iterable.deliver(make_event("identify", **ADA, traits={"email": EMAIL, "plan": "gold"}))
        [[again]] = judged["update user"]  # type: ignore[misc]

        assert isinstance(again, Again)
        assert again.instead is not None
        assert again.instead.notes[0].endswith("left out: dataFields.email")
        assert await iterable.send("users", again.instead) == [Delivered()]
        assert iterable.sandbox.users["userId", "u-17"] == {"plan": "gold"}


@pytest.mark.parametrize(
    ("project", "call", "left_out"),
    [
        pytest.param(True, {}, [], id="made"),
        pytest.param(False, {}, ["tier"], id="not made"),
        pytest.param(False, {"createNewFields": True}, [], id="made for this call"),
        pytest.param(True, {"createNewFields": False}, ["tier"], id="not made for this call"),
    ],
)
async def test_fields_that_a_project_does_not_know(iterable: StandIn, project: bool, call: Any, left_out: Any) -> None:
    await write(iterable, {"plan": "gold"})
    iterable.sandbox.makes_new_fields = project

    body = {"users": [{**ADA, "dataFields": {"plan": "free", "tier": 1}}], **call}
    answer = (await post(iterable, "users/bulkUpdate", body)).json()

    assert answer["filteredOutFields"] == left_out
    assert iterable.sandbox.users["userId", "u-17"]["plan"] == "free"


async def test_an_object_adds_or_replaces_and_a_null_clears(iterable: StandIn) -> None:
    await write(iterable, {"address": {"city": "Porto", "zip": "1"}, "gone": 1})
    await write(iterable, {"address": {"zip": "2"}, "gone": None})
    added = iterable.sandbox.users["userId", "u-17"]
    await write(iterable, {"address": {"zip": "3"}}, mergeNestedObjects=False)

    assert added == {"address": {"city": "Porto", "zip": "2"}}
    assert iterable.sandbox.users["userId", "u-17"] == {"address": {"zip": "3"}}


async def test_a_list_id_changes_what_a_user_is_sent(iterable: StandIn) -> None:
    await write(iterable, {"emailListIds": [1]})

    assert len(iterable.accepted("subscription")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"sourceUserId": "u-17", "destinationUserId": "u-18"}, 200, id="good"),
        pytest.param({"sourceUserId": "unknown", "destinationUserId": "u-18"}, 404, id="unknown source"),
        pytest.param({"sourceEmail": "a@example.test", "destinationEmail": EMAIL}, 404, id="unknown email"),
        pytest.param({"sourceUserId": "u-17"}, 400, id="no destination"),
    ],
)
async def test_a_merge_needs_two(iterable: StandIn, body: Any, status: int) -> None:
    await write(iterable, {"plan": "gold"})

    assert (await post(iterable, "users/merge", body)).status == status


# --- events ---


async def test_an_event_with_a_known_id_is_updated(iterable: StandIn) -> None:
    await write(iterable, {})

    answers = [await post(iterable, "events/track", event(dataFields={"n": n})) for n in (1, 2)]

    assert [answer.json()["params"] for answer in answers] == [{"id": "m-1"}] * 2
    assert len(iterable.accepted("event")) == 1
    assert iterable.sandbox.events["m-1"]["dataFields"] == {"n": 2}


BAD_EVENTS = [
    pytest.param(event(eventName=""), id="no name"),
    pytest.param(event(id="x" * 513), id="long id"),
    pytest.param(event(createdAt=1767225600000), id="milliseconds"),
    pytest.param(event(createdAt="2026-01-01"), id="a date"),
    pytest.param(event(campaignId="5"), id="campaign as text"),
    pytest.param(event(dataFields={"n": "text"}), id="another type"),
    pytest.param(event(dataFields={f"f{n}": 1 for n in range(8_000)}), id="8001 fields"),
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
async def test_a_bad_event_is_refused(iterable: StandIn, bad: Any) -> None:
    await write(iterable, {})
    await post(iterable, "events/track", event(id="m-0", dataFields={"n": 1}))

    single = await post(iterable, "events/track", bad)
    bulk = await post(iterable, "events/trackBulk", {"events": [bad, event(id="m-2")]})

    assert single.status == 400
    assert (bulk.json()["failCount"], bulk.json()["failedUpdates"]["invalidDataUserIds"]) == (1, ["u-17"])


async def test_an_event_of_somebody_unknown_is_not_taken(iterable: StandIn) -> None:
    single = await post(iterable, "events/track", event())
    bulk = await post(iterable, "events/trackBulk", {"events": [event()]})

    assert (single.status, single.json()["code"]) == (404, "UnknownUserIdError")
    assert bulk.json()["failedUpdates"]["notFoundUserIds"] == ["u-17"]


async def test_an_event_name_that_is_not_allowed_is_dropped(iterable: StandIn) -> None:
    await write(iterable, {})
    iterable.sandbox.disallowed_events.add("E")

    single = await post(iterable, "events/track", event())
    bulk = await post(iterable, "events/trackBulk", {"events": [event()]})

    assert single.status == 400
    assert bulk.json()["disallowedEventNames"] == ["E"]
    assert iterable.accepted("event") == []


# --- commerce and devices ---


async def test_a_purchase_empties_the_cart_and_counts_once(iterable: StandIn) -> None:
    await post(iterable, "commerce/updateCart", {"user": ADA, "items": [ITEM]})
    cart = dict(iterable.sandbox.carts)

    for _ in range(2):
        await post(iterable, "commerce/trackPurchase", purchase())

    assert (cart, iterable.sandbox.carts) == ({("userId", "u-17"): [ITEM]}, {})
    assert len(iterable.accepted("purchase")) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(purchase(user=None), id="nobody"),
        pytest.param(purchase(id="x" * 513), id="long id"),
        pytest.param(purchase(total="42.5"), id="total as text"),
        pytest.param(purchase(createdAt=1767225600000), id="milliseconds"),
        pytest.param(purchase(items=[]), id="no items"),
        pytest.param(purchase(items=[{**ITEM, "name": ""}]), id="item without a name"),
        pytest.param(purchase(items=[{**ITEM, "price": None}]), id="item without a price"),
        pytest.param(purchase(items=[{**ITEM, "quantity": 1.5}]), id="part of an item"),
    ],
)
async def test_a_bad_purchase_is_refused(iterable: StandIn, body: Any) -> None:
    assert (await post(iterable, "commerce/trackPurchase", body)).status == 400


@pytest.mark.parametrize("device", [None, {"token": "t", "platform": "iOS"}, {"token": "", "platform": "GCM"}])
async def test_a_bad_device_is_refused(iterable: StandIn, device: Any) -> None:
    await write(iterable, {})

    assert (await post(iterable, "users/registerDeviceToken", {**ADA, "device": device})).status == 400


# --- from a call and back ---


async def test_a_user_s_story_is_taken_in_batches_and_one_by_one() -> None:
    device = {"type": "ios", "token": "t"}
    story = [
        make_event("identify", **ADA, traits={"email": EMAIL, "address": "12 Main St"}, context={"device": device}),
        make_event("track", **ADA, event="Product Added", properties={"products": [{"id": "S1", "price": 2}]}),
        make_event("track", **ADA, event="Order Completed", properties={"products": [{"id": "S1", "price": 2}]}),
        make_event("group", **ADA, groupId="acme-1", traits={"name": "Acme"}),
        make_event("alias", userId="u-18", previousId="u-17"),
    ]
    kinds = []
    for use_bulk in (True, False):
        async with open_stand_in(PLUGIN, use_bulk=use_bulk, ios_app="shop", merge_users=True) as iterable:
            for each in story:
                await iterable.deliver(each)
            kinds.append([entry["kind"] for entry in iterable.sandbox.accepted])

    assert kinds == [["user", "device", "event", "cart", "purchase", "user", "merge"]] * 2


async def test_a_bad_user_among_good_ones_dies_alone(iterable: StandIn) -> None:
    iterable.sandbox.forgotten.add("u-2")
    calls = [make_event("identify", userId=f"u-{n}", traits={"plan": "gold"}) for n in (1, 2, 3)]

    [judgement] = (await iterable.deliver(*calls))["update user"]

    assert isinstance(judgement, list)
    assert [type(verdict) for verdict in judgement] == [Delivered, Dead, Delivered]


async def test_an_event_before_its_user_is_tried_again(iterable: StandIn) -> None:
    call = make_event("track", **ADA, event="E")

    [early] = (await iterable.deliver(call))["track event"]
    await iterable.deliver(make_event("identify", **ADA))
    [late] = (await iterable.deliver(call))["track event"]

    assert isinstance(early, list)
    assert (type(early[0]), late) == (Later, [Delivered()])


async def test_a_wrong_key_blocks_the_destination(iterable: StandIn) -> None:
    iterable.sandbox.settings["api_key"] = "another"

    [judgement] = (await iterable.deliver(make_event("identify", **ADA)))["update user"]

    assert isinstance(judgement, Blocked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(
    [
        *(
            "email",
            "phone",
            "phoneNumber",
            "address",
            "company",
            "name",
            "firstName",
            "avatar",
            "emailListIds",
            "userId",
        ),
        *("total", "revenue", "products", "price", "quantity", "order_id", "campaignId", "templateId"),
    ]
)


@given(st.dictionaries(names, json_values, max_size=6), st.sampled_from(["Order Completed", "Cart Viewed", "E"]))
def test_whatever_comes_iterable_finds_nothing_wrong(bag: dict[str, Any], name: str) -> None:
    products = [{"product_id": "a", "price": 1, **bag}]
    calls = [
        make_event("identify", **ADA, traits=bag),
        make_event("group", **ADA, groupId="g-1", traits=bag),
        make_event("track", **ADA, event=name, properties=bag),
        make_event("track", **ADA, event=name, properties={**bag, "products": products}),
    ]
    made = [
        (action, bodies) for call in calls for action, bodies in map_event(call).items() if isinstance(bodies, list)
    ]
    checks: dict[str, Callable[[Any], str]] = {
        "update user": lambda body: check_profile(body["dataFields"], {}),
        "write group to user": lambda body: check_profile(body["dataFields"], {}),
        "track event": lambda body: check_event(body, {}),
        "track purchase": check_purchase,
        "update cart": lambda body: check_items(body["items"]),
    }

    assert {checks[action](body) for action, bodies in made for body in bodies} == {""}
