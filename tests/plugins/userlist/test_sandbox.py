"""The stand-in: each answer that Userlist may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.userlist import PLUGIN
from plugins.userlist.sandbox import UserlistSandbox
from router.plugin import Blocked, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.userlist.samples import ADA, EMAIL, MAPPER

KEY = {"Authorization": "Push sandbox-key"}
PATHS = ["/users", "/companies", "/events"]
USER = {"identifier": "u-17"}


@pytest.fixture
async def userlist() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = lambda: 1_772_620_000.0
        yield stand_in


async def push(userlist: StandIn, path: str, body: Any) -> Response:
    return await userlist.request("POST", path, body, KEY)


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_key_or_scheme_is_a_401(userlist: StandIn, path: str) -> None:
    answers = [
        await userlist.request("POST", path, USER, {"Authorization": given})
        for given in ("Push another", "Bearer sandbox-key", "")
    ]

    assert [answer.status for answer in answers] == [401] * 3
    assert answers[0].json() == {"status": 401, "code": "unauthorized", "errors": ["Invalid push key"]}


@pytest.mark.parametrize("body", [b"{", b"[]"])
async def test_an_odd_body_is_a_422(userlist: StandIn, body: bytes) -> None:
    assert (await push(userlist, "/users", body)).status == 422


async def test_too_large_a_body_is_a_413(userlist: StandIn) -> None:
    statuses = [
        (await push(userlist, "/users", b'{"identifier": "u-17"}'.ljust(size))).status for size in (100_000, 100_001)
    ]

    assert statuses == [202, 413]


async def test_over_the_rate_is_a_429(userlist: StandIn) -> None:
    assert userlist.sandbox.max_requests_per_minute == 1_000
    userlist.sandbox.max_requests_per_minute = 1

    statuses = [(await push(userlist, path, USER)).status for path in ("/users", "/companies")]
    userlist.sandbox.now_s = lambda: 1_772_620_061.0
    statuses.append((await push(userlist, "/companies", USER)).status)

    assert statuses == [202, 429, 202]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {}),
        ("/users", {"identifier": 17}),
        ("/users", {**USER, "email": ""}),
        ("/users", {**USER, "signed_up_at": 1724508922}),
        ("/users", {**USER, "last_seen_at": "yesterday"}),
        ("/users", {**USER, "properties": []}),
        ("/users", {**USER, "company": {"name": "Acme"}}),
        ("/users", {**USER, "relationships": [{"company": "c9"}]}),
        ("/companies", {"name": "Acme"}),
        ("/companies", {"identifier": "c9", "relationships": {}}),
        ("/companies", {"identifier": "c9", "relationships": [{"user": "u-99"}]}),
        ("/events", {"name": "e"}),
        ("/events", {"user": USER}),
        ("/events", {"name": "e", "user": "u-99"}),
        ("/events", {"name": "e", "user": USER, "company": "c9"}),
        ("/events", {"name": "e", "user": USER, "occurred_at": "now"}),
        ("/events", {"name": "e", "user": USER, "properties": "x"}),
    ],
)
async def test_what_is_wrong_is_a_422(userlist: StandIn, path: str, body: Any) -> None:
    answer = await push(userlist, path, body)

    assert (answer.status, answer.json()["code"]) == (422, "unprocessable_content")
    assert userlist.accepted() == []


async def test_a_plan_without_companies_is_a_403(userlist: StandIn) -> None:
    userlist.sandbox.has_companies = False

    statuses = [
        (await push(userlist, path, body)).status
        for path, body in [("/companies", USER), ("/users", {**USER, "company": USER}), ("/users", USER)]
    ]

    assert statuses == [403, 403, 202]


async def test_what_is_not_told_stays_and_a_null_removes(userlist: StandIn) -> None:
    told = [
        {"email": EMAIL, "properties": {"a": 1, "b": 1, "c": 1}},
        {**USER, "email": EMAIL, "properties": {"b": 2}},
        {**USER, "properties": {"c": None}},
    ]
    for body in told:
        await push(userlist, "/users", body)

    assert userlist.sandbox.users == [{**USER, "email": EMAIL, "properties": {"a": 1, "b": 2}}]


async def test_a_user_s_story_is_taken(userlist: StandIn) -> None:
    for each in (
        make_event("group", **ADA, groupId="c9"),
        make_event("identify", **ADA, traits={"email": EMAIL, "firstName": "Ada", "company": {"id": "c8"}}),
        make_event("group", **ADA, groupId="c9", traits={"name": "Acme", "plan": "gold"}),
        make_event("track", **ADA, event="Order Completed", context={"groupId": "c10"}),
        make_event("track", userId="u-18", event="Viewed"),
    ):
        await userlist.deliver(each)

    sandbox = userlist.sandbox
    assert sandbox.users == [
        {**USER, "email": EMAIL, "properties": {"first_name": "Ada"}},
        {"identifier": "u-18", "properties": {}},
    ]
    assert sandbox.companies[0] == {"identifier": "c9", "name": "Acme", "properties": {"plan": "gold"}}
    assert [company["identifier"] for company in sandbox.companies] == ["c9", "c8", "c10"]
    assert set(sandbox.relationships) == {("u-17", "c8"), ("u-17", "c9")}
    assert [event["name"] for event in userlist.accepted("event")] == ["order_completed", "viewed"]


async def test_an_outage_loses_nothing(userlist: StandIn) -> None:
    userlist.sandbox.fail(Fault(status=503, times=1))
    event = make_event("track", **ADA, event="E")

    first, again = [(await userlist.deliver(event))["track event"] for _ in range(2)]

    assert (type(first[0][0]), again) == (Later, [[Delivered()]])  # type: ignore[index]


async def test_a_wrong_key_blocks_the_destination(userlist: StandIn) -> None:
    userlist.sandbox.settings["push_key"] = "another"

    [judgement] = (await userlist.deliver(make_event("identify", **ADA)))["update user"]

    assert isinstance(judgement, Blocked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(["email", "address", "company", "createdAt", "last_seen_at", "name"])
companies = st.fixed_dictionaries({}, optional={"id": json_values, "name": json_values, "createdAt": json_values})


@given(st.dictionaries(names, json_values | companies, max_size=6), json_values, st.booleans())
def test_whatever_comes_userlist_finds_nothing_wrong(bag: dict[str, Any], told: Any, has_companies: bool) -> None:
    userlist = UserlistSandbox({})
    userlist.has_companies = has_companies
    take = {"users": userlist.push_user, "companies": userlist.push_company, "events": userlist.push_event}
    calls = [
        make_event("identify", **ADA, traits=bag),
        make_event("group", **ADA, groupId="g-1", traits=bag),
        make_event("track", **ADA, event="E", properties=bag, context={"groupId": told, "traits": bag}),
    ]
    for call in calls:
        for _, endpoint, payload in MAPPER.rehearse(companies=has_companies).payloads(call):
            take[endpoint.name](payload.body)

    assert [entry["kind"] for entry in userlist.accepted if entry["kind"] != "company"] == ["user", "event"]
