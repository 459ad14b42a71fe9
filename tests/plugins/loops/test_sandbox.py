"""The stand-in: each answer that Loops may give, drawn over a socket; and what the plugin makes of a call is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.loops import PLUGIN
from plugins.loops.sandbox import LoopsSandbox
from router.plugin import Again, Blocked, Delivered, Event, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.loops.samples import ADA, EMAIL, MAPPER

KEY = {"Authorization": "Bearer sandbox-key"}
CONTACT = {"email": EMAIL, "userId": "u-17"}
EVENT = {**CONTACT, "eventName": "e"}
UPDATE, SEND = "/v1/contacts/update", "/v1/events/send"


@pytest.fixture
async def loops() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as stand_in:
        stand_in.sandbox.now_s = count(1_772_620_000).__next__
        yield stand_in


async def send(loops: StandIn, path: str, body: Any, **headers: str) -> Response:
    return await loops.request("PUT" if path == UPDATE else "POST", path, body, KEY | headers)


async def only_verdict(loops: StandIn, event: Event) -> Any:
    """On the only payload that is made of *event*."""
    judgements: Any = (await loops.deliver(event)).values()
    [[[verdict]]] = judgements
    return verdict


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/api-key"), ("PUT", UPDATE), ("POST", SEND)])
async def test_a_wrong_key_is_a_401(loops: StandIn, method: str, path: str) -> None:
    answer = await loops.request(method, path, EVENT, {"Authorization": "Bearer another"})

    assert (answer.status, answer.json()) == (401, {"error": "Invalid API key"})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (UPDATE, b"{"),
        (UPDATE, b"[]"),
        (UPDATE, {"firstName": "Ada"}),
        (UPDATE, {"userId": "u-99"}),
        (UPDATE, {"email": "ada"}),
        (UPDATE, {"userId": 17}),
        (UPDATE, {**CONTACT, "teamId": "x"}),
        (UPDATE, {**CONTACT, "tags": ["a"]}),
        (UPDATE, {**CONTACT, "bio": "x" * 499}),
        (UPDATE, {**CONTACT, "x" * 499: 1}),
        (UPDATE, {**CONTACT, "subscribed": "yes"}),
        (UPDATE, {**CONTACT, "mailingLists": {"a1": "yes"}}),
        (SEND, CONTACT),
        (SEND, {"userId": "u-99", "eventName": "e"}),
        (SEND, {**EVENT, "eventProperties": []}),
        (SEND, {**EVENT, "eventProperties": {"a": {}}}),
        (SEND, {**EVENT, "eventProperties": {"a": None}}),
    ],
)
async def test_what_is_wrong_is_a_400(loops: StandIn, path: str, body: Any) -> None:
    answer = await send(loops, path, body)

    assert (answer.status, answer.json()["success"]) == (400, False)
    assert loops.accepted() == []


async def test_a_list_that_is_not_there_is_a_404(loops: StandIn) -> None:
    loops.sandbox.lists = {"a1"}

    statuses = [(await send(loops, UPDATE, {**CONTACT, "mailingLists": {id: True}})).status for id in ("b2", "a1")]

    assert statuses == [404, 200]


async def test_over_the_rate_is_a_429(loops: StandIn) -> None:
    assert loops.sandbox.max_requests_per_s == 10
    loops.sandbox.max_requests_per_s = 1
    loops.sandbox.now_s = lambda: 1.0

    assert [(await send(loops, path, EVENT)).status for path in (SEND, UPDATE)] == [200, 429]


async def test_a_contact_is_found_by_either_and_the_other_is_written_and_null_clears(loops: StandIn) -> None:
    for told in ({**CONTACT, "a": 1, "b": 1}, {"userId": "u-17", "email": "new@example.test"}, {**ADA, "a": None}):
        answer = await send(loops, UPDATE, told)

    assert answer.json() == {"success": True, "id": "contact-1"}
    assert loops.sandbox.contacts == [{"userId": "u-17", "email": "new@example.test", "b": 1}]


async def test_an_idempotency_key_is_taken_once_in_a_day(loops: StandIn) -> None:
    times = iter([0, 0, 86_000, 86_000, 87_000, 87_000, 87_000])
    loops.sandbox.now_s = times.__next__

    statuses = [(await send(loops, SEND, EVENT, **{"Idempotency-Key": "k"})).status for _ in range(2)]

    assert statuses == [200, 409]
    assert (await send(loops, SEND, EVENT, **{"Idempotency-Key": "k" * 101})).status == 400


async def test_a_person_s_story_is_taken(loops: StandIn) -> None:
    for each in (
        make_event("identify", **ADA, traits={"email": EMAIL, "name": "Ada Lovelace", "mailingLists": {"a1": True}}),
        make_event("group", **ADA, groupId="c9", traits={"name": "Engine Ltd", "plan": "gold"}),
        make_event("track", **ADA, event="Invoice Paid", properties={"amount": 12.5, "cart": {"total": 1}}),
        make_event(
            "identify", **ADA, traits={"email": "new@example.test", "lastName": None, "mailingLists": {"b2": False}}
        ),
    ):
        assert await only_verdict(loops, each) == Delivered()

    assert loops.sandbox.contacts == [
        {
            "userId": "u-17",
            "email": "new@example.test",
            "firstName": "Ada",
            "mailingLists": {"a1": True, "b2": False},
            "companyId": "c9",
            "companyName": "Engine Ltd",
            "companyPlan": "gold",
        }
    ]
    assert [event["eventName"] for event in loops.accepted("event")] == ["Invoice Paid"]


async def test_a_user_id_that_is_an_email_makes_a_contact_and_never_changes_one(loops: StandIn) -> None:
    event = make_event("track", userId=EMAIL, event="E")

    first = await only_verdict(loops, event)
    assert isinstance(first, Again)
    assert first.instead is not None
    await send(loops, SEND, first.instead.body)
    await loops.deliver(make_event("identify", userId=EMAIL, traits={"email": "new@example.test"}))
    assert await only_verdict(loops, event) == Delivered()

    assert loops.sandbox.contacts == [{"userId": EMAIL, "email": "new@example.test"}]


async def test_an_answer_that_was_lost_starts_no_second_mail(loops: StandIn) -> None:
    loops.sandbox.fail(Fault(status=503, after=True, times=1, path=SEND))
    event = make_event("track", **ADA, event="E", context={"traits": {"email": EMAIL}})

    first, again = [(await loops.deliver(event))["send event"] for _ in range(2)]

    assert (type(first[0][0]), again) == (Later, [[Delivered()]])  # type: ignore[index]
    assert len(loops.accepted("event")) == 1


async def test_a_wrong_key_blocks_the_destination(loops: StandIn) -> None:
    loops.sandbox.settings["api_key"] = "another"

    [judgement] = (await loops.deliver(make_event("identify", **ADA, traits={"email": EMAIL})))["update contact"]

    assert isinstance(judgement, Blocked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.sampled_from(['"' * 260]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=8) | st.sampled_from(
    ["email", "user_id", "user", "mailing", "mailingLists", "subscribed", "address", "company", "team", "createdAt"]
)
parts = st.dictionaries(st.sampled_from(["id", "lists", "Id", "name"]), json_values, max_size=2)


@given(st.dictionaries(names, json_values | parts, max_size=6), st.sampled_from(["camel", "as_is"]))
def test_whatever_comes_loops_finds_nothing_wrong(bag: dict[str, Any], custom_case: str) -> None:
    loops = LoopsSandbox({})
    loops.contacts.append(dict(CONTACT))
    take = {"contacts": loops.update_contact, "events": loops.send_event}
    calls = [
        make_event("identify", **ADA, traits={**bag, "kept": 1}),
        make_event("group", **ADA, groupId="g-1", traits=bag),
        make_event("track", **ADA, event="E", properties=bag, context={"traits": bag}),
    ]
    for call in calls:
        for _, endpoint, payload in MAPPER.rehearse(custom_case=custom_case).payloads(call):
            take[endpoint.name](payload.body, payload.key)

    assert [entry["kind"] for entry in loops.accepted] == ["contact", "contact", "event"]
    assert loops.contacts[0]["userId"] == "u-17"
