"""The stand-in: each answer that Vero may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.vero import PLUGIN
from plugins.vero.sandbox import VeroSandbox
from router.plugin import Blocked, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.vero.samples import ADA, EMAIL, MAPPER

TOKEN = {"auth_token": "sandbox-token"}
ROUTES = [
    ("POST", "/users/track"),
    ("POST", "/users/unsubscribe"),
    ("POST", "/users/resubscribe"),
    ("PUT", "/users/reidentify"),
    ("PUT", "/users/tags/edit"),
    ("POST", "/events/track"),
]
LONG = "x" * 255
EVENT: dict[str, Any] = {"identity": {"id": "u-17"}, "event_name": "E"}


@pytest.fixture
async def vero() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = lambda: 1_772_620_000.0
        yield stand_in


async def send(vero: StandIn, path: str, method: str = "POST", **body: Any) -> Response:
    return await vero.request(method, path, {**TOKEN, **body})


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_wrong_token_is_a_401_wherever_it_stands(vero: StandIn, method: str, path: str) -> None:
    answers = [
        await vero.request(method, path, {"id": "u-17"}),
        await vero.request(method, path, {"id": "u-17", "auth_token": "another"}),
        await vero.request(method, f"{path}?auth_token=another", {"id": "u-17"}),
    ]

    assert [answer.status for answer in answers] == [401] * 3
    assert vero.accepted() == []


async def test_a_token_in_the_query_is_as_good(vero: StandIn) -> None:
    answer = await vero.request("POST", "/users/track?auth_token=sandbox-token", {"id": 5})

    assert (answer.status, answer.json()) == (200, {"status": 200, "message": "Success."})
    assert vero.accepted("user") == [{"id": 5}]


@pytest.mark.parametrize("body", [b"{", b"[]"])
async def test_an_odd_body_is_a_400(vero: StandIn, body: bytes) -> None:
    assert (await vero.request("POST", "/users/track?auth_token=sandbox-token", body)).status == 400


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"id": ""},
        {"id": LONG},
        {"id": True},
        {"id": "u-17", "email": "ada"},
        {"id": "u-17", "email": LONG + "@example.test"},
        {"id": "u-17", "phone_number": "020 7946"},
        {"id": "u-17", "data": []},
        {"id": "u-17", "channels": {}},
        {"id": "u-17", "channels": [{"type": "push", "address": "t", "platform": "windows"}]},
    ],
)
async def test_a_bad_user_is_a_400(vero: StandIn, user: Any) -> None:
    assert (await send(vero, "/users/track", **user)).status == 400
    assert vero.sandbox.users == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"identity": None},
        {"identity": {}},
        {"identity": {"id": LONG}},
        {"event_name": ""},
        {"event_name": LONG},
        {"data": []},
        {"extras": []},
        {"extras": {"created_at": "yesterday"}},
    ],
)
async def test_a_bad_event_is_a_400(vero: StandIn, fields: Any) -> None:
    assert (await send(vero, "/events/track", **{**EVENT, **fields})).status == 400
    assert vero.accepted() == []


@pytest.mark.parametrize(
    ("more", "is_repeat"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"event_name": "SIGNED UP"}, True, id="the name spelt otherwise"),
        pytest.param({"extras": {"check_id": 2}}, True, id="data goes before check_id"),
        pytest.param({"data": {"a": 2}}, False, id="other data"),
        pytest.param({"identity": {"id": "u-18"}}, False, id="another user"),
    ],
)
async def test_a_repeat_within_five_minutes_is_dropped(vero: StandIn, more: Any, is_repeat: bool) -> None:
    event: dict[str, Any] = {**EVENT, "event_name": "signed_up", "data": {"a": 1}}
    statuses = [(await send(vero, "/events/track", **each)).status for each in (event, {**event, **more})]
    taken = len(vero.accepted("event"))
    vero.sandbox.now_s = lambda: 1_772_620_000.0 + 300

    await send(vero, "/events/track", **event)

    assert (statuses, taken) == ([200, 200], 1 if is_repeat else 2)
    assert len(vero.accepted("event")) == taken + 1


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/users/unsubscribe", {}),
        ("POST", "/users/resubscribe", {}),
        ("PUT", "/users/reidentify", {"new_id": "u-18"}),
        ("PUT", "/users/tags/edit", {"add": ["a"], "remove": []}),
    ],
)
async def test_what_needs_a_user_is_a_404_without(vero: StandIn, method: str, path: str, more: Any) -> None:
    body = {"id": "u-17", **more}
    missing = await send(vero, path, method, **body)
    await send(vero, "/users/track", id="u-17")

    there = await send(vero, path, method, **body)
    nobody = await send(vero, path, method, **more)

    assert (missing.status, there.status, nobody.status) == (404, 200, 400)
    assert missing.json()["message"]


@pytest.mark.parametrize("tags", [{"add": "a"}, {"remove": [1]}])
async def test_bad_tags_are_a_400(vero: StandIn, tags: Any) -> None:
    await send(vero, "/users/track", id="u-17")

    assert (await send(vero, "/users/tags/edit", "PUT", id="u-17", **tags)).status == 400


async def test_a_user_s_story_is_taken() -> None:
    async with open_stand_in(PLUGIN, send_anonymous_id=True) as vero:
        tags = {"Vero": {"tags": {"add": ["a", "b"], "remove": ["b"]}}}
        for each in (
            make_event("track", anonymousId="anon-5", event="Viewed"),
            make_event("alias", **ADA, previousId="anon-5", anonymousId="anon-5"),
            make_event("identify", **ADA, traits={"email": EMAIL, "phone": "+44 20 7946 0958"}, integrations=tags),
            make_event("track", **ADA, event="Order Completed", properties={"total": 5}),
            make_event("group", **ADA, groupId="acme-1", traits={"name": "Acme"}),
            make_event("track", **ADA, event="Unsubscribe"),
        ):
            await vero.deliver(each)

        assert vero.sandbox.users == {
            "u-17": {
                "id": "u-17",
                "email": EMAIL,
                "phone_number": "+442079460958",
                "data": {"phone": "+44 20 7946 0958", "group": {"id": "acme-1", "name": "Acme"}},
                "channels": [],
                "tags": ["a"],
                "is_subscribed": False,
            }
        }
        assert [event["event_name"] for event in vero.accepted("event")] == ["Viewed", "Order Completed"]


async def test_an_event_whose_answer_is_lost_is_there_once(vero: StandIn) -> None:
    vero.sandbox.fail(Fault(status=503, after=True, times=1))
    event = make_event("track", **ADA, event="E")

    first, again = [(await vero.deliver(event))["track event"] for _ in range(2)]

    assert (type(first[0][0]), again) == (Later, [[Delivered()]])  # type: ignore[index]
    assert len(vero.accepted("event")) == 1


async def test_two_events_that_are_alike_are_two(vero: StandIn) -> None:
    for message_id in ("m-1", "m-2"):
        await vero.deliver(make_event("track", **ADA, event="E", properties={"a": 1}, messageId=message_id))

    assert len(vero.accepted("event")) == 2


async def test_whoever_is_not_there_is_not_unsubscribed_in_silence(vero: StandIn) -> None:
    [judgement] = (await vero.deliver(make_event("track", **ADA, event="Unsubscribe")))["change subscription"]

    assert isinstance(judgement, list)
    assert isinstance(judgement[0], Later)


async def test_a_wrong_token_blocks_the_destination(vero: StandIn) -> None:
    vero.sandbox.settings["auth_token"] = "another"

    [judgement] = (await vero.deliver(make_event("identify", **ADA)))["update user"]

    assert isinstance(judgement, Blocked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(
    ["email", "phone", "address", "company", "createdAt", "language", "message_id"]
)


@given(
    st.dictionaries(names, json_values, max_size=6),
    st.dictionaries(st.sampled_from(["locale", "timezone", "device", "os", "userAgent"]), json_values),
    st.booleans(),
)
def test_whatever_comes_vero_finds_nothing_wrong(bag: dict[str, Any], context: dict[str, Any], flat: bool) -> None:
    vero = VeroSandbox({})
    calls = [
        make_event("identify", **ADA, traits=bag, context=context),
        make_event("group", **ADA, groupId="g-1", traits=bag),
        make_event("track", **ADA, event="E", properties=bag, context=context),
    ]
    for call in calls:
        [(_, endpoint, payload)] = MAPPER.rehearse(flatten_objects=flat).payloads(call)
        (vero.track_event if endpoint.name == "events" else vero.track_user)(payload.body)

    assert [entry["kind"] for entry in vero.accepted] == ["user", "user", "event"]
