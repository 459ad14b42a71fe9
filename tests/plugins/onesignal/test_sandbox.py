"""The stand-in: each answer that OneSignal may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.onesignal import PLUGIN
from plugins.onesignal.sandbox_rules import check_event, check_properties, check_subscriptions
from router.plugin import Blocked, Dead, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.onesignal.samples import ADA, APP_ID, EMAIL, map_event

KEY = {"Authorization": "Key sandbox-key"}
UUID = "7b0c1f52-5c2f-4e0a-9a51-2f5a1d0c9e10"
ROUTES = [
    ("GET", "/segments"),
    ("POST", "/users"),
    ("PATCH", "/users/by/external_id/u-17/identity"),
    ("POST", "/custom_events"),
]


@pytest.fixture
async def onesignal() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = lambda: 1_772_620_000.0
        yield stand_in


async def upsert(onesignal: StandIn, identity: Any = None, **fields: Any) -> Response:
    body = {"identity": identity or {"external_id": "u-17"}, **fields}
    return await onesignal.request("POST", f"/apps/{APP_ID}/users", body, KEY)


async def rename(onesignal: StandIn, path: str, identity: Any) -> Response:
    return await onesignal.request("PATCH", f"/apps/{APP_ID}/users/by/{path}/identity", {"identity": identity}, KEY)


async def send(onesignal: StandIn, *events: Any) -> Response:
    return await onesignal.request("POST", f"/apps/{APP_ID}/custom_events", {"events": list(events)}, KEY)


def event(**fields: Any) -> dict[str, Any]:
    return {"name": "E", "external_id": "u-17", "timestamp": "2026-03-04T10:20:31Z", "idempotency_key": UUID, **fields}


# --- answers of all calls ---


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_wrong_key_is_a_401_another_app_a_403(onesignal: StandIn, method: str, path: str) -> None:
    wrong = await onesignal.request(method, f"/apps/{APP_ID}{path}", {}, {"Authorization": "Key another"})
    basic = await onesignal.request(method, f"/apps/{APP_ID}{path}", {}, {"Authorization": "Basic sandbox-key"})
    other = await onesignal.request(method, f"/apps/{UUID}{path}", {}, KEY)

    assert (wrong.status, basic.status, other.status) == (401, 401, 403)


async def test_the_app_itself_is_not_for_its_own_key(onesignal: StandIn) -> None:
    """That key can't be tried by it: only the organization's sees the app."""
    assert (await onesignal.request("GET", f"/apps/{APP_ID}", None, KEY)).status == 403


@pytest.mark.parametrize(("method", "path"), ROUTES[1:])
async def test_an_odd_body_is_a_400(onesignal: StandIn, method: str, path: str) -> None:
    bodies: list[Any] = [b"{", [], {}]
    answers = [await onesignal.request(method, f"/apps/{APP_ID}{path}", body, KEY) for body in bodies]

    assert [answer.status for answer in answers] == [400, 400, 400]
    assert all(answer.json()["errors"][0]["code"] for answer in answers)


async def test_over_the_rate_is_a_429_that_says_when_it_ends(onesignal: StandIn) -> None:
    onesignal.sandbox.max_requests_per_s = 1

    answers = [await upsert(onesignal) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 429]
    assert answers[1].json() == {"errors": ["API rate limit exceeded."]}
    assert answers[1].headers["retry-after"] == "1"


async def test_a_user_is_written_once_a_second(onesignal: StandIn) -> None:
    onesignal.sandbox.user_interval_s = 1.0

    statuses = [(await upsert(onesignal, {"external_id": id})).status for id in ("u-17", "u-17", "u-18")]
    onesignal.sandbox.now_s = lambda: 1_772_620_001.0
    statuses.append((await upsert(onesignal)).status)

    assert statuses == [201, 429, 201, 200]


async def test_too_large_a_body_is_a_413(onesignal: StandIn) -> None:
    assert onesignal.sandbox.max_request_bytes == 1_000_000
    onesignal.sandbox.max_request_bytes = 10

    assert (await upsert(onesignal)).status == 413


@pytest.mark.parametrize("status", [500, 503])
async def test_a_fault_speaks_for_the_vendor(onesignal: StandIn, status: int) -> None:
    onesignal.sandbox.fail(Fault(status=status, times=1))

    assert [(await upsert(onesignal)).status for _ in range(2)] == [status, 201]


@pytest.mark.parametrize(("key", "is_good"), [("sandbox-key", True), ("another", False)])
async def test_a_key_is_tried_by_looking_at_the_app(onesignal: StandIn, key: str, is_good: bool) -> None:
    check = PLUGIN.credential_check
    assert check is not None
    request = check.request(onesignal.settings)
    path = request.url.removeprefix(onesignal.url)

    answer = await onesignal.request(request.method, path, None, {"Authorization": f"Key {key}"})

    assert check.is_good(answer) is is_good


# --- users ---


async def test_a_user_is_made_and_then_updated(onesignal: StandIn) -> None:
    made = await upsert(onesignal, properties={"tags": {"plan": "gold", "gone": "1"}, "country": "GB"})
    updated = await upsert(onesignal, properties={"tags": {"gone": "", "tier": "2"}})

    assert (made.status, updated.status) == (201, 200)
    assert set(made.json()) == {"identity", "properties", "tags", "subscriptions"}
    [user] = onesignal.sandbox.users
    assert (user["tags"], user["properties"]) == ({"plan": "gold", "tier": "2"}, {"country": "GB"})


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"identity": {"external_id": ""}}, id="empty id"),
        pytest.param({"identity": {"external_id": 7}}, id="number for an id"),
        pytest.param({"properties": []}, id="properties that are no object"),
        pytest.param({"properties": {"langauge": "en"}}, id="unknown property"),
        pytest.param({"properties": {"language": "en-GB"}}, id="locale"),
        pytest.param({"properties": {"country": "France"}}, id="country by its name"),
        pytest.param({"properties": {"lat": "51"}}, id="place as text"),
        pytest.param({"properties": {"tags": []}}, id="tags that are no object"),
        pytest.param({"properties": {"tags": {"n": 1}}}, id="number for a tag"),
        pytest.param({"properties": {"tags": {"a b": "1"}}}, id="tag with a blank"),
        pytest.param({"properties": {"tags": {"message": "1"}}}, id="reserved tag"),
        pytest.param({"properties": {"tags": {f"t{n}": "1" for n in range(100)}}}, id="101 changes"),
        pytest.param({"subscriptions": {}}, id="subscriptions that are no list"),
        pytest.param({"subscriptions": [{"type": "SMS", "token": "020"}]}, id="phone"),
        pytest.param({"subscriptions": [{"type": "Email", "token": "ada"}]}, id="email"),
        pytest.param({"subscriptions": [{"type": "Fax", "token": "1"}]}, id="unknown channel"),
        pytest.param({"subscriptions": [{"type": "Email", "token": EMAIL}] * 21}, id="21 subscriptions"),
    ],
)
async def test_a_bad_user_is_a_400(onesignal: StandIn, fields: Any) -> None:
    assert (await upsert(onesignal, **fields)).status == 400
    assert onesignal.accepted() == []


async def test_two_users_are_not_made_one(onesignal: StandIn) -> None:
    await upsert(onesignal, {"external_id": "u-17"})
    await upsert(onesignal, {"anonymous_id": "anon-5"})

    response = await upsert(onesignal, {"external_id": "u-17", "anonymous_id": "anon-5"})

    [error] = response.json()["errors"]
    assert (response.status, set(error["meta"]["conflicting_aliases"])) == (409, {"external_id", "anonymous_id"})


async def test_more_tags_than_the_plan_has_are_a_409(onesignal: StandIn) -> None:
    onesignal.sandbox.max_tags = 2

    statuses = [(await upsert(onesignal, properties={"tags": {name: "1"}})).status for name in ("a", "b", "c", "a")]

    assert statuses == [201, 200, 409, 200]


@pytest.mark.parametrize(
    ("path", "identity", "status"),
    [
        pytest.param("anonymous_id/anon-5", {"external_id": "u-99"}, 200, id="given"),
        pytest.param("anonymous_id/anon-5", {"external_id": "u-17"}, 409, id="another user's"),
        pytest.param("external_id/u-17", {"external_id": "u-17"}, 200, id="its own"),
        pytest.param("external_id/u-0", {"external_id": "u-1"}, 404, id="unknown"),
        pytest.param("external_id/u-17", {"external_id": ""}, 400, id="empty"),
    ],
)
async def test_a_user_gets_another_id(onesignal: StandIn, path: str, identity: Any, status: int) -> None:
    await upsert(onesignal, {"external_id": "u-17"})
    await upsert(onesignal, {"anonymous_id": "anon-5"})

    assert (await rename(onesignal, path, identity)).status == status


# --- events ---


async def test_an_event_is_taken_once_in_four_hours(onesignal: StandIn) -> None:
    await upsert(onesignal)
    answers = [await send(onesignal, event()) for _ in range(2)]
    onesignal.sandbox.now_s = lambda: 1_772_620_000.0 + 4 * 3_600

    await send(onesignal, event())

    assert [(answer.status, answer.json()) for answer in answers] == [(202, {})] * 2
    assert onesignal.accepted("event") == [event()] * 2


async def test_an_event_of_somebody_unknown_is_named_in_a_202(onesignal: StandIn) -> None:
    await upsert(onesignal)

    response = await send(onesignal, event(), event(external_id="u-18"))

    assert response.status == 202
    [error] = response.json()["errors"]
    assert (error["event_user_id"], error["event_id"], error["error"]["code"]) == ("u-18", UUID, "not found")
    assert onesignal.accepted("event") == [event()]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("x", id="no object"),
        pytest.param(event(name=""), id="no name"),
        pytest.param(event(name="x" * 129), id="long name"),
        pytest.param(event(external_id=None), id="nobody"),
        pytest.param(event(idempotency_key="m-1"), id="a key that is no UUID"),
        pytest.param(event(timestamp="yesterday"), id="no time"),
        pytest.param(event(properties=[]), id="properties that are no object"),
        pytest.param(event(properties={"a": "x" * 2_000}), id="more than 2024 bytes"),
    ],
)
async def test_a_bad_event_refuses_the_request(onesignal: StandIn, bad: Any) -> None:
    await upsert(onesignal)

    assert (await send(onesignal, event(), bad)).status == 400
    assert onesignal.accepted("event") == []


# --- from a call and back ---


async def test_a_user_s_story_is_taken() -> None:
    async with open_stand_in(PLUGIN, anonymous_alias="anonymous_id", email_subscription=True) as onesignal:
        for each in (
            make_event("identify", anonymousId="anon-5", traits={"plan": "free"}),
            make_event("identify", anonymousId="anon-5", **ADA, traits={"email": EMAIL, "firstName": "Ada"}),
            make_event("track", **ADA, event="E"),
            make_event("group", **ADA, groupId="acme-1"),
            make_event("alias", userId="u-18", previousId="u-17"),
        ):
            await onesignal.deliver(each)

        [user] = onesignal.sandbox.users
        assert user["identity"]["external_id"] == "u-18"
        assert user["tags"] == {"plan": "free", "first_name": "Ada", "group_id": "acme-1"}
        assert user["subscriptions"] == [{"type": "Email", "token": EMAIL}]
        assert len(onesignal.accepted("event")) == 1


async def test_an_alias_from_a_server_joins_the_anonymous_person() -> None:
    """It has no anonymousId beside the previousId that tells whether this is one."""
    async with open_stand_in(PLUGIN, anonymous_alias="anonymous_id") as onesignal:
        await onesignal.deliver(make_event("identify", anonymousId="anon-5", traits={"plan": "free"}))
        judgements = await onesignal.deliver(make_event("alias", **ADA, previousId="anon-5"))
        await onesignal.deliver(make_event("identify", **ADA, traits={"firstName": "Ada"}))

        assert [user["tags"] for user in onesignal.sandbox.users] == [{"plan": "free", "first_name": "Ada"}]
        assert judgements == {"rename user": [[Delivered()], [Delivered()]]}


@pytest.mark.parametrize(
    "join", [{"call": "identify"}, {"call": "alias", "previousId": "anon-5"}], ids=["identify", "alias"]
)
async def test_who_signs_in_on_the_device_of_another_does_not_become_that_one(join: dict[str, Any]) -> None:
    """OneSignal overwrites an external id: messages to Bob would go to Ada's address."""
    async with open_stand_in(PLUGIN, anonymous_alias="anonymous_id", email_subscription=True) as onesignal:
        await onesignal.deliver(make_event("identify", anonymousId="anon-5", traits={"plan": "free"}))
        await onesignal.deliver(make_event("identify", anonymousId="anon-5", **ADA, traits={"email": EMAIL}))
        await onesignal.deliver(make_event(**join, anonymousId="anon-5", userId="u-18"))
        await onesignal.deliver(make_event("identify", anonymousId="anon-5", userId="u-18", traits={"name": "Bob"}))

        ada, bob = onesignal.sandbox.users
        assert (ada["identity"]["external_id"], ada["tags"]) == ("u-17", {"plan": "free"})
        assert (bob["identity"]["external_id"], bob["tags"]) == ("u-18", {"name": "Bob"})
        assert [len(user["subscriptions"]) for user in (ada, bob)] == [1, 0]


async def test_what_waits_of_one_user_is_one_request(onesignal: StandIn) -> None:
    onesignal.sandbox.user_interval_s = 1.0
    calls = [make_event("identify", **ADA, traits={"n": n}, messageId=f"m-{n}") for n in range(5)]

    judgements = (await onesignal.deliver(*calls))["update user"]

    assert judgements == [[Delivered()] * 5]
    assert onesignal.accepted("user") == [{"identity": {"external_id": "u-17"}, "properties": {"tags": {"n": "4"}}}]


async def test_an_event_before_its_user_is_tried_again_and_the_others_are_not(onesignal: StandIn) -> None:
    await onesignal.deliver(make_event("identify", **ADA))
    calls = [make_event("track", userId=id, event="E", messageId=id) for id in ("u-17", "u-18")]

    [judgement] = (await onesignal.deliver(*calls))["track event"]

    assert isinstance(judgement, list)
    assert [type(verdict) for verdict in judgement] == [Delivered, Later]


async def test_more_tags_than_the_plan_has_are_a_dead_letter(onesignal: StandIn) -> None:
    onesignal.sandbox.max_tags = 1

    [judgement] = (await onesignal.deliver(make_event("identify", **ADA, traits={"a": 1, "b": 2})))["update user"]

    assert isinstance(judgement, list)
    assert isinstance(judgement[0], Dead)


async def test_a_wrong_key_blocks_the_destination(onesignal: StandIn) -> None:
    onesignal.sandbox.settings["api_key"] = "another"

    [judgement] = (await onesignal.deliver(make_event("identify", **ADA)))["update user"]

    assert isinstance(judgement, Blocked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(
    ["email", "phone", "address", "company", "name", "firstName", "createdAt", "birthday", "message", "user"]
)


@given(
    st.dictionaries(names, json_values, max_size=6),
    st.dictionaries(st.sampled_from(["locale", "timezone", "ip", "location"]), json_values),
)
def test_whatever_comes_onesignal_finds_nothing_wrong(bag: dict[str, Any], context: dict[str, Any]) -> None:
    calls = [
        make_event("identify", **ADA, traits=bag, context=context),
        make_event("group", **ADA, groupId="g-1", traits=bag),
        make_event("track", **ADA, event="E", properties=bag),
    ]
    made = [map_event(call, email_subscription=True, sms_subscription=True) for call in calls]
    bodies = [body for each in made for bodies in each.values() if isinstance(bodies, list) for body in bodies]
    users, events = [body for body in bodies if "identity" in body], [body for body in bodies if "name" in body]

    assert (len(users), len(events)) == (2, 1)
    assert {check_properties(body.get("properties", {})) for body in users} == {""}
    assert {check_subscriptions(body.get("subscriptions", [])) for body in users} == {""}
    assert {check_event(body) for body in events} == {""}
