"""The stand-in answers as Klaviyo does: each row of the sheet's limits and responses, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins.klaviyo import PLUGIN, wire
from router.plugin import Again, Delivered, Payload, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, open_stand_in

HEADERS = {
    "Authorization": "Klaviyo-API-Key sandbox-key",
    "revision": "2026-10-15",
    "Content-Type": "application/vnd.api+json",
}
IMPORT, EVENTS = "/api/profile-import", "/api/events"
PROFILE_JOBS, EVENT_JOBS = "/api/profile-bulk-import-jobs", "/api/event-bulk-create-jobs"
LIST = "/api/lists/L1/relationships/profiles"
ADA = {"external_id": "u-17"}
NOW = datetime.now(UTC)


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, list_id="L1") as opened:
        yield opened


async def post(account: StandIn, path: str, body: Any, /, **headers: str) -> Response:
    return await account.request("POST", path, body, {**HEADERS, **headers})


def item(type: str, attributes: Any) -> Any:
    return {"type": type, "attributes": attributes}


def profile(**attributes: Any) -> Any:
    return {"data": item("profile", attributes)}


def event(name: str = "E", /, who: Any = ADA, **attributes: Any) -> Any:
    made = {"metric": {"data": item("metric", {"name": name})}, "properties": {}, **attributes}
    return {"data": item("event", {**made, "profile": {"data": item("profile", who)}})}


def event_job(*events: Any) -> Any:
    items = []
    for each in events:
        attributes = {name: value for name, value in each["data"]["attributes"].items() if name != "profile"}
        inner = {"profile": each["data"]["attributes"]["profile"], "events": {"data": [item("event", attributes)]}}
        items.append(item("event-bulk-create", inner))
    return {"data": item("event-bulk-create-job", {"events-bulk-create": {"data": items}})}


def profile_job(*profiles: Any, lists: Any = ()) -> Any:
    data = [item("profile", each) for each in profiles]
    job = item("profile-bulk-import-job", {"profiles": {"data": data}})
    return {"data": {**job, "relationships": {"lists": {"data": [{"type": "list", "id": id} for id in lists]}}}}


def pointers(response: Response) -> list[str]:
    return [error["source"]["pointer"] for error in response.json()["errors"]]


# --- success ---


async def test_a_profile_is_201_when_new_and_200_when_known(account: StandIn) -> None:
    answers = [await post(account, IMPORT, profile(**ADA, first_name=name)) for name in ("A", "Ada")]

    assert [each.status for each in answers] == [201, 200]
    assert answers[0].json()["data"]["id"] == answers[1].json()["data"]["id"]
    assert account.sandbox.profiles["P000001"]["first_name"] == "Ada"


async def test_null_clears_and_what_is_left_out_stays(account: StandIn) -> None:
    await post(account, IMPORT, profile(**ADA, title="T", locale="en", properties={"a": 1, "b": 2}))
    await post(account, IMPORT, profile(**ADA, title=None, properties={"a": None}))

    assert account.sandbox.profiles["P000001"] == {**ADA, "locale": "en", "properties": {"b": 2}}


async def test_a_profile_job_is_202(account: StandIn) -> None:
    response = await post(account, PROFILE_JOBS, profile_job(ADA, {"email": "b@example.test"}, lists=["L1"]))

    assert response.status == 202
    assert len(account.accepted("profile")) == 2
    assert account.sandbox.lists == {"L1": {"P000001", "P000002"}}


async def test_a_job_drops_what_belongs_to_two_profiles_and_tells_nobody(account: StandIn) -> None:
    await post(account, IMPORT, profile(**ADA))
    await post(account, IMPORT, profile(email="ada@example.test"))

    response = await post(account, PROFILE_JOBS, profile_job({**ADA, "email": "ada@example.test"}))

    assert response.status == 202
    assert len(account.accepted("profile")) == 2


async def test_an_event_is_202_and_empty(account: StandIn) -> None:
    response = await post(account, EVENTS, event(time="2026-01-01T00:00:00Z", unique_id="m-1"))

    assert (response.status, response.body) == (202, b"")
    assert account.accepted("event")[0]["metric"] == "E"


async def test_an_event_job_is_202(account: StandIn) -> None:
    response = await post(account, EVENT_JOBS, event_job(event("E"), event("F")))

    assert response.status == 202
    assert [each["metric"] for each in account.accepted("event")] == ["E", "F"]


async def test_a_place_on_a_list_is_204(account: StandIn) -> None:
    await post(account, IMPORT, profile(**ADA))

    response = await post(account, LIST, {"data": [{"type": "profile", "id": "P000001"}]})

    assert (response.status, response.body) == (204, b"")


async def test_plain_json_is_taken_too(account: StandIn) -> None:
    response = await post(account, IMPORT, profile(**ADA), **{"Content-Type": "application/json"})

    assert response.status == 201


async def test_the_credentials_are_tried_without_writing_anything(account: StandIn) -> None:
    request = wire.check_credentials(account.settings)  # type: ignore[arg-type]

    right = await post(account, IMPORT, request.json)
    wrong = await post(account, IMPORT, request.json, Authorization="Klaviyo-API-Key another")

    assert (wire.is_good(right), wire.is_good(wrong)) == (True, False)
    assert account.accepted() == []


# --- idempotency ---


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param({"unique_id": "m-1"}, {"unique_id": "m-1"}, 1, id="the same unique_id"),
        pytest.param({"unique_id": "m-1"}, {"unique_id": "m-2"}, 2, id="another unique_id"),
        pytest.param(
            {"time": "2026-01-01T00:00:00.1Z"}, {"time": "2026-01-01T00:00:00.9Z"}, 1, id="without: the same second"
        ),
        pytest.param(
            {"time": "2026-01-01T00:00:00Z"}, {"time": "2026-01-01T00:00:01Z"}, 2, id="without: another second"
        ),
    ],
)
async def test_the_first_of_a_unique_id_counts(account: StandIn, first: Any, second: Any, kept: int) -> None:
    for attributes in (first, second):
        assert (await post(account, EVENTS, event(**attributes))).status == 202

    assert len(account.accepted("event")) == kept


# --- refusals ---


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({}, "/data/attributes"),
        ({"anonymous_id": "a-1"}, "/data/attributes"),
        ({**ADA, "anonymous_id": "a-1"}, "/data/attributes/anonymous_id"),
        ({**ADA, "firstName": "A"}, "/data/attributes/firstName"),
        ({**ADA, "first_name": 7}, "/data/attributes/first_name"),
        ({**ADA, "email": "not an email"}, "/data/attributes/email"),
        ({**ADA, "phone_number": "020 7946 0000"}, "/data/attributes/phone_number"),
        ({"external_id": "x" * 256}, "/data/attributes/external_id"),
        ({**ADA, "locale": "English"}, "/data/attributes/locale"),
        ({**ADA, "location": []}, "/data/attributes/location"),
        ({**ADA, "location": {"city": 7}}, "/data/attributes/location/city"),
        ({**ADA, "location": {"state": "S"}}, "/data/attributes/location/state"),
        ({**ADA, "properties": []}, "/data/attributes/properties"),
        ({**ADA, "properties": {"$consent": 1}}, "/data/attributes/properties/$consent"),
        ({**ADA, "properties": {f"p{n}": "x" * 9_000 for n in range(12)}}, "/data/attributes"),
    ],
)
async def test_a_profile_that_is_refused(account: StandIn, attributes: Any, pointer: str) -> None:
    response = await post(account, IMPORT, profile(**attributes))

    assert response.status == 400
    assert pointer in pointers(response)
    assert account.accepted() == []


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"metric": {}}, "/metric/data/attributes/name"),
        ({"metric": {"data": item("metric", {"name": "x" * 128})}}, "/metric/data/attributes/name"),
        ({"properties": None}, "/properties"),
        ({"properties": {f"p{n}": 1 for n in range(401)}}, "/properties"),
        ({"properties": {"a": "x" * 100_001}}, "/properties/a"),
        ({"properties": {"a": [1] * 4_001}}, "/properties/a"),
        ({"properties": {"a": deep(11)}}, "/properties/a"),
        ({"value": "19.99"}, "/value"),
        ({"value_currency": "euro"}, "/value_currency"),
        ({"unique_id": 7}, "/unique_id"),
        ({"time": "yesterday"}, "/time"),
        ({"time": "1990-12-31T00:00:00Z"}, "/time"),
        ({"time": (NOW + timedelta(days=366)).isoformat()}, "/time"),
        ({"messageId": "m-1"}, "/messageId"),
        ({"who": {}}, "/profile/data/attributes"),
        ({"who": {**ADA, "email": "x"}}, "/profile/data/attributes/email"),
    ],
)
async def test_an_event_that_is_refused(account: StandIn, attributes: Any, pointer: str) -> None:
    response = await post(account, EVENTS, event(**attributes))

    assert (response.status, pointers(response)) == (400, ["/data/attributes" + pointer])
    assert account.accepted() == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"properties": {f"p{n}": 1 for n in range(400)}},
        {"properties": {"a": [1] * 4_000, "b": deep(10), "c": "x" * 100_000}},
        {"time": "1991-01-01T00:00:00Z"},
        {"who": {"anonymous_id": "a-1"}},
        {"value": 19.99, "value_currency": "EUR", "backfill": True},
    ],
)
async def test_events_at_their_limits_are_taken(account: StandIn, attributes: Any) -> None:
    assert (await post(account, EVENTS, event(**attributes))).status == 202


async def test_one_bad_event_refuses_the_job_and_is_pointed_at(account: StandIn) -> None:
    response = await post(account, EVENT_JOBS, event_job(event(), event(value="x"), event(who={"phone_number": "020"})))

    root = "/data/attributes/events-bulk-create/data"
    assert response.status == 400
    assert pointers(response) == [
        f"{root}/1/attributes/events/data/0/attributes/value",
        f"{root}/2/attributes/profile/data/attributes/phone_number",
    ]
    assert account.accepted() == []


async def test_one_bad_profile_refuses_the_job_and_is_pointed_at(account: StandIn) -> None:
    response = await post(account, PROFILE_JOBS, profile_job(ADA, {**ADA, "email": "x"}))

    assert (response.status, pointers(response)) == (400, ["/data/attributes/profiles/data/1/attributes/email"])
    assert account.accepted() == []


@pytest.mark.parametrize("bulk", [True, False])
async def test_an_email_that_is_refused_costs_itself_and_not_the_event(bulk: bool) -> None:
    async with open_stand_in(PLUGIN, bulk=bulk, backfill_after_h=None) as account:
        about = {"time": "2026-01-01T00:00:00Z", "unique_id": "m-1", "properties": {}}
        bad = Payload({"metric": "E", "profile": {**ADA, "email": "x"}, "event": about}, key="m-1")
        good = replace(bad, body={"metric": "E", "profile": {"external_id": "u-18"}, "event": about})
        together = [good, bad] if bulk else [bad]

        *others, verdict = await account.send("events", *together)  # type: ignore[misc]
        assert isinstance(verdict, Again)
        assert verdict.instead is not None
        assert others == [Again()] * len(others)
        again = await account.send("events", *together[:-1], verdict.instead)

        assert again == [Delivered()] * len(together)
        assert account.accepted("event")[-1]["profile"] == ADA
        assert verdict.instead.notes[0].endswith("; left out: profile.email")


async def test_an_attribute_that_is_refused_costs_itself_and_not_the_profile_of_a_job(account: StandIn) -> None:
    bad, good = Payload({**ADA, "phone_number": "7"}), Payload({"external_id": "u-18"})
    [other, verdict] = await account.send("profile jobs", good, bad)  # type: ignore[misc]
    assert isinstance(verdict, Again)
    assert verdict.instead is not None

    assert await account.send("profile jobs", good, verdict.instead) == [Delivered()] * 2
    assert (other, account.accepted("profile")[-1]) == (Again(), {**ADA, "properties": {"phone_raw": "7"}})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(EVENT_JOBS, event_job(*[event()] * 1_001), id="1001 events"),
        pytest.param(PROFILE_JOBS, profile_job(*[ADA] * 10_001), id="10001 profiles"),
        pytest.param(EVENT_JOBS, event_job(), id="no events"),
        pytest.param(IMPORT, b"not json", id="no JSON"),
        pytest.param(IMPORT, [], id="no object"),
        pytest.param(EVENTS, profile(**ADA), id="another type"),
        pytest.param(LIST, {"data": {}}, id="no list"),
    ],
)
async def test_a_request_that_is_refused(account: StandIn, path: str, body: Any) -> None:
    assert (await post(account, path, body)).status == 400


async def test_identifiers_of_two_profiles_are_409(account: StandIn) -> None:
    await post(account, IMPORT, profile(**ADA))
    await post(account, IMPORT, profile(email="ada@example.test"))

    response = await post(account, IMPORT, profile(**ADA, email="ada@example.test"))

    [error] = response.json()["errors"]
    assert (response.status, error["code"]) == (409, "duplicate_profile")
    assert error["meta"] == {"duplicate_profile_id": "P000002"}


async def test_a_wrong_key_is_401(account: StandIn) -> None:
    response = await post(account, IMPORT, profile(**ADA), Authorization="Bearer sandbox-key")

    assert (response.status, response.json()["errors"][0]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("scope", "path"),
    [("profiles:write", IMPORT), ("events:write", EVENTS), ("events:write", EVENT_JOBS), ("lists:write", PROFILE_JOBS)],
)
async def test_a_missing_scope_is_403(account: StandIn, scope: str, path: str) -> None:
    account.sandbox.missing_scopes = {scope}

    assert (await post(account, path, {})).status == 403


@pytest.mark.parametrize(("revision", "status"), [("2023-02-22", 410), ("", 400), ("2026-1-1", 400)])
async def test_a_revision_that_is_not_supported(account: StandIn, revision: str, status: int) -> None:
    assert (await post(account, IMPORT, profile(**ADA), revision=revision)).status == status


async def test_a_list_that_is_not_there_is_404(account: StandIn) -> None:
    response = await post(account, "/api/lists/L2/relationships/profiles", {"data": []})

    assert response.status == 404


async def test_a_profile_that_is_not_there_is_404(account: StandIn) -> None:
    assert (await post(account, LIST, {"data": [{"type": "profile", "id": "P9"}]})).status == 404


async def test_another_method_is_405(account: StandIn) -> None:
    assert (await account.request("GET", IMPORT, None, HEADERS)).status == 405


async def test_an_answer_in_another_form_is_406(account: StandIn) -> None:
    assert (await post(account, IMPORT, profile(**ADA), Accept="text/html")).status == 406


async def test_a_body_in_another_form_is_415(account: StandIn) -> None:
    assert (await post(account, IMPORT, profile(**ADA), **{"Content-Type": "text/plain"})).status == 415


async def test_more_than_5_mb_is_413(account: StandIn) -> None:
    assert (await post(account, IMPORT, b'"' + b"x" * 5_000_000 + b'"')).status == 413


@pytest.mark.parametrize(
    ("path", "burst", "steady"),
    [(EVENTS, 350, 3_500), (IMPORT, 75, 750), (EVENT_JOBS, 10, 150), (PROFILE_JOBS, 10, 150)],
)
async def test_too_many_requests_are_429_and_say_for_how_long(
    account: StandIn, path: str, burst: int, steady: int
) -> None:
    sandbox = account.sandbox
    assert sandbox.limits[path] == (burst, steady)
    sandbox.is_limited = True
    sandbox.now_s = lambda: 1_200_000_010.0
    sandbox._windows = {(path, 1): (1_200_000_010, burst)}
    a_second = await post(account, path, {})
    sandbox._windows = {(path, 60): (20_000_000, steady)}
    a_minute = await post(account, path, {})

    assert (a_second.status, a_second.headers["retry-after"]) == (429, "1")
    assert (a_minute.status, a_minute.headers["retry-after"]) == (429, "50")
    assert a_minute.json()["errors"][0]["code"] == "throttled"


async def test_answers_tell_how_much_is_left(account: StandIn) -> None:
    account.sandbox.now_s = lambda: 1_200_000_010.0

    headers = (await post(account, EVENTS, event())).headers

    assert headers["ratelimit-limit"].startswith("3500, ")
    assert headers["ratelimit-remaining"] == "3499"
    assert headers["ratelimit-reset"] == "50"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_is_5xx(account: StandIn, status: int) -> None:
    account.sandbox.fail(Fault(status=status))

    assert (await post(account, EVENTS, event())).status == status
