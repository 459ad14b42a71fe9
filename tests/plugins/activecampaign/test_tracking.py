"""Event tracking: which events get there, what of them, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from plugins.activecampaign import PLUGIN, wire
from router.explain import explain
from router.plugin import Blocked, Dead, Delivered, Event, Judgement, Later, Payload, Response, Split, UnreadableAnswer
from router.plugin.sandbox import Fault
from router.testing import Rehearsal, StandIn, make_event, open_stand_in
from tests.plugins.activecampaign.samples import EMAIL, EVENTS, TRACKING, make_settings, map_event, skips_of, track

VISIT = f'{{"email":"{EMAIL}"}}'


def tracked(event: Event, **settings: Any) -> Any:
    """What "track event" makes of it: the payload's body, or why there is none."""
    [mapped] = [
        each for each in map_event(event, **{**TRACKING, **settings}) if each.action.endpoint == "event tracking"
    ]
    return mapped.payloads[0].body if mapped.payloads else mapped.skipped


# --- what is sent ---


@pytest.mark.parametrize(
    ("properties", "rule", "expected"),
    [
        pytest.param({"revenue": 19.99, "sizes": ["s"]}, None, '{"revenue":19.99,"sizes":["s"]}', id="all of them"),
        pytest.param({}, None, None, id="none"),
        pytest.param({"revenue": 19.99}, {"value": "revenue"}, "19.99", id="one of them"),
        pytest.param({"plan": "gold"}, {"value": "plan"}, "gold", id="a text"),
        pytest.param({"sizes": ["s"]}, {"value": "sizes"}, '["s"]', id="a list"),
        pytest.param({"on": False}, {"value": "on"}, "false", id="a boolean"),
        pytest.param({"plan": {"name": "gold"}}, {"value": "plan.name"}, "gold", id="a part of an object"),
        pytest.param({"plan": "gold"}, {"value": "revenue"}, None, id="one that there is not"),
        pytest.param({"revenue": None}, {"value": "revenue"}, None, id="null"),
        pytest.param({"plan": "gold"}, {"tags": ["vip"]}, '{"plan":"gold"}', id="a rule without a value"),
    ],
)
def test_an_event_has_one_value(properties: Any, rule: Any, expected: str | None) -> None:
    events = {"Order Completed": rule} if rule else {}

    body = tracked(track(properties=properties), events=events)

    value = {} if expected is None else {"eventdata": expected}
    assert body == {"event": "Order Completed", "visit": VISIT, **value}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param(track(" Signed Up "), "Signed Up", id="track"),
        pytest.param(track("A name that is much longer than 32"), "A name that is much longer than ", id="cut"),
        pytest.param(make_event("page", userId=EMAIL, name="Pricing"), "Viewed Pricing Page", id="page"),
        pytest.param(make_event("page", userId=EMAIL), "Loaded a Page", id="a page without a name"),
        pytest.param(make_event("screen", userId=EMAIL, name="Home"), "Viewed Home Screen", id="screen"),
    ],
)
def test_an_event_goes_by_one_name_in_both_places(event: Event, name: str) -> None:
    bodies = [payload.body for mapped in map_event(event, **TRACKING, track_pages=True) for payload in mapped.payloads]

    assert [body.get("event_name", body.get("event")) for body in bodies] == [name, name]


@pytest.mark.parametrize(
    ("event", "settings", "reason"),
    [
        pytest.param(track(), {"actid": "", "event_key": ""}, "not set up", id="no key"),
        pytest.param(make_event("page", userId=EMAIL, name="A"), {}, "setting track_pages", id="a page"),
        pytest.param(track(userId="u-17"), {}, "valid email", id="a userId alone"),
        pytest.param(make_event("track", anonymousId="a-1", event="Left"), {}, "valid email", id="anonymous"),
        pytest.param(track(timestamp="2020-01-02T03:04:05Z"), {}, "a day late", id="an old event"),
    ],
)
def test_what_is_not_tracked_is_skipped_and_its_name_not_added(event: Event, settings: Any, reason: str) -> None:
    assert reason in tracked(event, **settings)
    assert reason in skips_of(event, **{**TRACKING, **settings})


def test_names_need_not_be_added() -> None:
    actions = {each.action.name: each for each in map_event(track(), **TRACKING, create_events=False)}

    assert "setting create_events" in actions["add event name"].skipped
    assert actions["track event"].payloads


def test_an_entry_with_a_value_alone_writes_nothing_to_the_contact() -> None:
    actions = {each.action.name: each for each in map_event(track(), events={"Order Completed": {"value": "revenue"}})}

    assert "setting events" in actions["note event on contact"].skipped


def test_promise_10_each_key_goes_to_its_own_host_only() -> None:
    """Event tracking doesn't get the account's key, nor the account that of event tracking."""
    destination = Rehearsal(PLUGIN, make_settings(**TRACKING, events=EVENTS)).destination

    entries = explain(track(properties={"revenue": 5}), [destination])["destinations"]

    requests = [request for entry in entries for request in entry["requests"]]
    assert {request["url"].split("/")[2] for request in requests} == {"engine.api-us1.com", "trackcmp.net"}
    for request in requests:
        is_tracking = request["url"] == "https://trackcmp.net/event"
        assert ("Api-Token" in request["headers"]) != is_tracking
        assert ("key" in (request["body"] or ())) == is_tracking


# --- what an answer means ---


def answer(**body: Any) -> Response:
    return Response(200, orjson.dumps(body))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(answer(success=1, message="Event spawned"), Delivered, id="success"),
        pytest.param(answer(success="1"), Delivered, id="success as text"),
        pytest.param(answer(success=True), Delivered, id="success as a boolean"),
        pytest.param(answer(success=0, message="There is no event Lost Key"), Dead, id="no success"),
        pytest.param(answer(success=0, message="No contact account@e.test"), Dead, id="an email that reads like it"),
        pytest.param(answer(success=0), Dead, id="no success and no words"),
        pytest.param(answer(success=None), Dead, id="null"),
        pytest.param(answer(success=0, message="Invalid key"), Blocked, id="the key"),
        pytest.param(answer(success=0, message="unknown actid"), Blocked, id="the account's number"),
        pytest.param(Response(200, b"<html>Login</html>"), Blocked, id="a page"),
        pytest.param(Response(400), Dead, id="400"),
        pytest.param(Response(403), Blocked, id="403"),
        pytest.param(Response(404), Blocked, id="404"),
        pytest.param(Response(413), Split, id="413"),
        pytest.param(Response(429), Later, id="429"),
        pytest.param(Response(503), Later, id="503"),
    ],
)
def test_what_an_answer_of_event_tracking_means(response: Response, expected: type) -> None:
    judgement: Judgement = wire.judge_event(response, [Payload({"event": "Lost Key"})], make_settings())

    assert isinstance(judgement if isinstance(judgement, Split | Blocked) else judgement[0], expected)


@pytest.mark.timeout(10)
def test_a_long_answer_of_event_tracking_is_read_at_once() -> None:
    answer = orjson.dumps({"success": 0, "message": "x" * 500_000})

    assert isinstance(wire.judge_event(Response(200, answer), [Payload({"event": "E"})], make_settings()), list)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"ok"])
def test_a_200_that_says_nothing_of_success_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge_event(Response(200, body), [Payload({"event": "E"})], make_settings())


# --- with the stand-in ---


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, events={}) as opened:
        yield opened


def asked(account: StandIn) -> list[str]:
    return [f"{each['method']} {each['path'].removeprefix('/api/3/')}" for each in account.sandbox.requests]


async def test_a_name_is_added_once_and_the_event_is_a_form(account: StandIn) -> None:
    for number in (1, 2):
        ends = await account.deliver(track(properties={"n": number}))
        assert ends == {"add event name": [[Delivered()]], "track event": [[Delivered()]]}

    look = "GET eventTrackingEvents?limit=100&offset=0"
    assert asked(account) == [look, "POST eventTrackingEvents", "POST /event", look, "POST /event"]
    assert account.accepted("event")[0] == {"event": "Order Completed", "eventdata": '{"n":1}', "visit": VISIT}
    assert parse_qs(account.sandbox.requests[-1]["body"]) == {
        "actid": ["25000001"],
        "event": ["Order Completed"],
        "eventdata": ['{"n":2}'],
        "visit": [VISIT],
        "key": ["sandbox-event-key"],
    }


async def test_a_name_is_found_on_a_later_page(account: StandIn) -> None:
    account.sandbox.event_names = [f"e{number}" for number in range(100)] + ["Order Completed"]

    await account.deliver(track())

    assert asked(account)[:2] == [f"GET eventTrackingEvents?limit=100&offset={offset}" for offset in (0, 100)]
    assert len(account.sandbox.event_names) == 101


@pytest.mark.parametrize("times", [1, 2], ids=["when asked for names", "when given one"])
async def test_a_name_that_is_refused_is_a_warning(account: StandIn, times: int) -> None:
    account.sandbox.fail(Fault(status=422, path="eventTrackingEvents", contains="Order" if times == 2 else ""))

    [[verdict]] = (await account.deliver(track()))["add event name"]  # type: ignore[misc]

    assert verdict == Delivered(("the event 'Order Completed' was not added: 422",))


@pytest.mark.parametrize(("status", "kind"), [(403, Blocked), (503, Later)])
async def test_an_outage_holds_a_name_back(account: StandIn, status: int, kind: type) -> None:
    account.sandbox.fail(Fault(status=status, path="eventTrackingEvents"))

    [end] = (await account.deliver(track()))["add event name"]

    assert isinstance(end if isinstance(end, Blocked) else end[0], kind)  # type: ignore[index]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RIGHT = b"actid=25000001&key=sandbox-event-key&event=Known&visit=%7B%22email%22%3A%22a%40b.org%22%7D"


async def post(account: StandIn, body: bytes, headers: Any = FORM) -> Any:
    account.sandbox.event_names = ["Known"]
    response = await account.request("POST", "/event", body, headers)
    assert response.status == 200
    return response.json()


async def test_an_event_is_spawned(account: StandIn) -> None:
    assert await post(account, RIGHT + b"&eventdata=x") == {"success": 1, "message": "Event spawned"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(RIGHT.replace(b"sandbox-event", b"other"), "Invalid actid or key", id="another key"),
        pytest.param(RIGHT.replace(b"25000001", b"7"), "Invalid actid or key", id="another account"),
        pytest.param(RIGHT.replace(b"Known", b"New"), "There is no event New", id="a name that there is not"),
        pytest.param(RIGHT.replace(b"Known", b"N" * 33), "The event name has 1 to 32 characters", id="33 characters"),
        pytest.param(RIGHT.replace(b"%40", b""), "visit has no valid email", id="no email"),
        pytest.param(RIGHT.replace(b"%7B", b""), "visit is not JSON", id="no JSON"),
        pytest.param(RIGHT + b"&time=1", "Unknown parameter time", id="a time"),
    ],
)
async def test_what_event_tracking_refuses_is_a_200_without_success(
    account: StandIn, body: bytes, message: str
) -> None:
    assert await post(account, body) == {"success": 0, "message": message}
    assert account.accepted("event") == []


async def test_event_tracking_reads_forms_only(account: StandIn) -> None:
    body = orjson.dumps({"actid": "25000001", "key": "sandbox-event-key", "event": "Known"})

    assert (await post(account, body, {}))["success"] == 0


@pytest.mark.parametrize("name", ["", "Known", "N" * 33, 7])
async def test_a_name_that_is_refused_is_422(account: StandIn, name: Any) -> None:
    account.sandbox.event_names = ["Known"]
    body = {"eventTrackingEvent": {"name": name}}

    response = await account.request("POST", "/api/3/eventTrackingEvents", body, {"Api-Token": "sandbox-key"})

    assert response.status == 422
