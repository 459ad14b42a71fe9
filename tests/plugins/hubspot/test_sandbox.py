"""The stand-in answers as HubSpot does: each row of the sheet's limits and responses, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.hubspot import PLUGIN, wire
from plugins.hubspot.sandbox_rules import Property
from router.plugin import Again, Delivered, Payload, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

AUTH = {"Authorization": "Bearer sandbox-token"}
CONTACTS = "/crm/v3/objects/contacts"
COMPANIES = "/crm/v3/objects/companies"
EVENTS = "/events/v3/send"
EMAIL = "ada@example.test"
EVENT = {
    "eventName": "pe12345_order_completed",
    "email": EMAIL,
    "occurredAt": "2026-01-01T00:00:00.000Z",
    "uuid": "m-1",
}


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, company_key="gid", contact_properties=["tier"]) as opened:
        opened.sandbox.schemas["contacts"] |= {
            "born": Property("date"),
            "seen": Property("datetime"),
            "vip": Property("bool"),
            "seats": Property("number"),
            "colours": Property("enumeration", frozenset({"red", "blue"})),
        }
        yield opened


async def post(account: StandIn, path: str, body: Any, method: str = "POST") -> Response:
    return await account.request(method, path, body, AUTH)


async def create(account: StandIn, **properties: Any) -> Response:
    return await post(account, CONTACTS, {"properties": properties})


def one(id: str, trace: str | None = None, /, key: str = "user_id", **properties: Any) -> dict[str, Any]:
    made = {"id": id, "idProperty": key, "properties": properties}
    return made if trace is None else {**made, "objectWriteTraceId": trace}


# --- success ---


async def test_create_is_201_and_update_200(account: StandIn) -> None:
    created = await create(account, email=EMAIL)
    updated = await post(
        account, f"{CONTACTS}/ada%40example.test?idProperty=email", {"properties": {"city": "P"}}, "PATCH"
    )

    assert (created.status, created.json()["id"]) == (201, "51")
    assert (updated.status, updated.json()["id"]) == (200, "51")


async def test_an_upsert_is_200_and_says_what_is_new(account: StandIn) -> None:
    for is_new in (True, False):
        response = await post(account, f"{CONTACTS}/batch/upsert", {"inputs": [one("u-17", "t", city="P")]})

        [result] = response.json()["results"]
        assert (response.status, response.json()["status"]) == (200, "COMPLETE")
        assert (result["id"], result["new"], result["properties"]["city"]) == ("51", is_new, "P")


async def test_with_trace_ids_an_upsert_answers_for_each_input(account: StandIn) -> None:
    inputs = [one("a", "t-1", city="P"), one("b", "t-2", nope="x")]

    response = await post(account, f"{CONTACTS}/batch/upsert", {"inputs": inputs})

    [error] = response.json()["errors"]
    assert (response.status, response.json()["numErrors"]) == (207, 1)
    assert error["category"] == "VALIDATION_ERROR"
    assert error["context"] == {"ids": ["b"], "objectWriteTraceId": ["t-2"]}
    assert len(account.accepted("contact")) == 1


@pytest.mark.parametrize("traces", [(None, None), ("t", "t")], ids=["none", "not unique"])
async def test_without_trace_ids_one_bad_input_fails_all(account: StandIn, traces: Any) -> None:
    inputs = [one("a", traces[0], city="P"), one("b", traces[1], nope="x")]

    response = await post(account, f"{CONTACTS}/batch/upsert", {"inputs": inputs})

    assert (response.status, response.json()["category"]) == (400, "VALIDATION_ERROR")
    assert account.accepted("contact") == []


async def test_an_event_is_204_without_a_body(account: StandIn) -> None:
    for path, body in ((EVENTS, EVENT), (f"{EVENTS}/batch", {"inputs": [{**EVENT, "uuid": "m-2"}]})):
        response = await post(account, path, body)
        assert (response.status, response.body) == (204, b"")

    assert [each["uuid"] for each in account.accepted("event")] == ["m-1", "m-2"]


async def test_a_read_tells_whom_nobody_is(account: StandIn) -> None:
    await create(account, email=EMAIL)
    inputs = [{"id": EMAIL}, {"id": "x@example.test"}]

    response = await post(
        account, f"{CONTACTS}/batch/read", {"idProperty": "email", "properties": ["email"], "inputs": inputs}
    )

    assert response.status == 207
    assert response.json()["results"] == [{"id": "51", "properties": {"email": EMAIL}}]
    [error] = response.json()["errors"]
    assert (error["category"], error["context"]) == ("OBJECT_NOT_FOUND", {"ids": ["x@example.test"]})


async def test_the_paths_of_2026_03_are_there_too(account: StandIn) -> None:
    assert (await post(account, "/crm/objects/2026-03/contacts", {"properties": {"email": EMAIL}})).status == 201
    assert (await post(account, "/events/2026-03/send", EVENT)).status == 204


async def test_the_credentials_are_tried_without_writing_anything(account: StandIn) -> None:
    request = wire.check_credentials(account.settings)  # type: ignore[arg-type]
    path = request.url.removeprefix(account.url)

    assert (await post(account, path, request.json)).status == 207
    assert (await account.request("POST", path, request.json)).status == 401
    assert account.accepted() == []


# --- refusals ---


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nope": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"createdate": "2024-01-01"}, "READ_ONLY_VALUE"),
        ({"email": "not an email"}, "INVALID_EMAIL"),
        ({"city": 7}, "INVALID_VALUE"),
        ({"born": "2024-03-01T09:30:00Z"}, "INVALID_DATE"),
        ({"born": "1709285400000"}, "INVALID_DATE"),
        ({"seen": "yesterday"}, "INVALID_DATE"),
        ({"seen": "2024-03-01T09:30:00"}, "INVALID_DATE"),
        ({"vip": "yes"}, "INVALID_OPTION"),
        ({"seats": "many"}, "INVALID_NUMBER"),
        ({"colours": "red;green"}, "INVALID_OPTION"),
        ({"numemployees": "7"}, "INVALID_OPTION"),
        ({"city": "x" * 65_537}, "VALUE_TOO_LONG"),
    ],
)
async def test_a_property_that_is_wrong_fails_the_whole_input(account: StandIn, properties: Any, code: str) -> None:
    response = await create(account, firstname="Ada", **properties)

    [error] = response.json()["errors"]
    assert (response.status, response.json()["category"]) == (400, "VALIDATION_ERROR")
    assert (error["code"], error["context"]) == (code, {"propertyName": list(properties)})
    assert account.accepted() == []


@pytest.mark.parametrize(
    "properties",
    [
        {"born": "2024-03-01"},
        {"born": "1709251200000"},
        {"seen": "1709285400000"},
        {"seen": "2024-03-01T09:30:00.000Z"},
        {"vip": "true"},
        {"colours": "red;blue"},
        {"colours": ";blue"},
        {"numemployees": "5-25"},
        {"seats": ""},
        {"tier": "x" * 65_536},
    ],
)
async def test_values_in_hubspots_forms_are_taken(account: StandIn, properties: Any) -> None:
    assert (await create(account, email=EMAIL, **properties)).status == 201


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (CONTACTS, b"not json", (400, "VALIDATION_ERROR")),
        (CONTACTS, [], (400, "VALIDATION_ERROR")),
        (CONTACTS, {"properties": []}, (400, "VALIDATION_ERROR")),
        ("/crm/v3/objects/deals", {"properties": {}}, (404, "OBJECT_NOT_FOUND")),
        (f"{CONTACTS}/batch/upsert", {"inputs": []}, (400, "VALIDATION_ERROR")),
        (f"{CONTACTS}/batch/upsert", {"inputs": [one(f"{n}") for n in range(101)]}, (400, "VALIDATION_ERROR")),
        (f"{CONTACTS}/batch/upsert", {"inputs": [one(EMAIL, key="email")]}, (400, "VALIDATION_ERROR")),
        (f"{CONTACTS}/batch/upsert", {"inputs": [one("P", key="city")]}, (400, "VALIDATION_ERROR")),
        (f"{CONTACTS}/batch/upsert", {"inputs": [one("a"), one("a")]}, (409, "CONFLICT")),
        (f"{CONTACTS}/merge", {"primaryObjectId": "1", "objectIdToMerge": "2"}, (404, "OBJECT_NOT_FOUND")),
        ("/crm/v3/properties/contacts", {"name": "x"}, (400, "VALIDATION_ERROR")),
        (
            "/crm/v3/properties/contacts",
            {"name": "City", "label": "l", "groupName": "g", "type": "string", "fieldType": "text"},
            (400, "VALIDATION_ERROR"),
        ),
        (
            "/crm/v3/properties/contacts",
            {"name": "city", "label": "l", "groupName": "g", "type": "string", "fieldType": "text"},
            (409, "OBJECT_ALREADY_EXISTS"),
        ),
        (EVENTS, {**EVENT, "eventName": "pe12345_nope"}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "email": ""}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "occurredAt": "now"}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"nope": "x"}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"order_id": 7}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"order_id": "x" * 257}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"hs_page_url": "x" * 1_025}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"Order Id": "x"}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {"x" * 51: "x"}}, (400, "VALIDATION_ERROR")),
        (EVENTS, {**EVENT, "properties": {f"p{n}": "" for n in range(51)}}, (400, "VALIDATION_ERROR")),
        (f"{EVENTS}/batch", {"inputs": [EVENT, {**EVENT, "email": ""}]}, (400, "VALIDATION_ERROR")),
        (f"{EVENTS}/batch", {"inputs": [EVENT] * 501}, (400, "VALIDATION_ERROR")),
    ],
)
async def test_what_is_refused(account: StandIn, path: str, body: Any, expected: Any) -> None:
    response = await post(account, path, body)

    assert (response.status, response.json()["category"]) == expected
    assert account.accepted() == []


async def test_values_at_the_limit_of_events_are_taken(account: StandIn) -> None:
    properties = {"order_id": "x" * 256, "hs_page_url": "x" * 1_024}

    assert (await post(account, EVENTS, {**EVENT, "properties": properties})).status == 204


async def test_nobody_by_that_email_is_404(account: StandIn) -> None:
    response = await post(account, f"{CONTACTS}/{EMAIL}?idProperty=email", {"properties": {}}, "PATCH")

    assert response.status == 404


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param(
            {"email": "ADA@example.test"}, (409, "CONFLICT", "Contact already exists. Existing ID: 51"), id="an email"
        ),
        pytest.param(
            {"user_id": "u-17"},
            (
                400,
                "VALIDATION_ERROR",
                "Cannot set PropertyValueCoordinates{portalId=1, propertyName=user_id, value=u-17} on 52. "
                "51 already has that value.",
            ),
            id="any other property with unique values",
        ),
    ],
)
async def test_a_value_that_another_contact_has_for_its_own_is_refused_and_names_that(
    account: StandIn, properties: Any, expected: Any
) -> None:
    await create(account, email=EMAIL, user_id="u-17")

    response = await create(account, **properties)

    assert (response.status, response.json()["category"], response.json()["message"]) == expected


async def test_a_merge_beyond_250_identities_is_414(account: StandIn) -> None:
    for email in (EMAIL, "old@example.test"):
        await create(account, email=email)
    account.sandbox.identities["51"] = 250

    response = await post(account, f"{CONTACTS}/merge", {"primaryObjectId": "51", "objectIdToMerge": "52"})

    assert response.status == 414


async def test_a_merged_contact_keeps_what_the_primary_has(account: StandIn) -> None:
    await create(account, email=EMAIL, city="P")
    await create(account, email="old@example.test", city="L", state="S")

    await post(account, f"{CONTACTS}/merge", {"primaryObjectId": "51", "objectIdToMerge": "52"})

    assert account.sandbox.records["contacts"] == {"51": {"email": EMAIL, "city": "P", "state": "S"}}


async def test_a_link_needs_both_sides(account: StandIn) -> None:
    await create(account, email=EMAIL)
    await post(account, f"{COMPANIES}/batch/upsert", {"inputs": [one("g-1", key="gid")]})
    path = "/crm/v4/objects/contact/51/associations/default/company/"

    assert (await post(account, path + "52", None, "PUT")).status == 200
    assert (await post(account, path + "99", None, "PUT")).status == 404
    assert account.sandbox.links == {("51", "52")}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}], ids=["none", "another"])
async def test_a_wrong_token_is_401(account: StandIn, headers: Any) -> None:
    response = await account.request("POST", CONTACTS, {"properties": {}}, headers)

    assert (response.status, response.json()["category"]) == (401, "INVALID_AUTHENTICATION")


async def test_an_expired_token_is_401(account: StandIn) -> None:
    account.sandbox.is_expired = True

    response = await create(account, email=EMAIL)

    assert (response.status, response.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")


@pytest.mark.parametrize(
    ("scope", "path"),
    [("contacts", CONTACTS), ("companies", COMPANIES), ("events", EVENTS), ("schemas", "/crm/v3/properties/contacts")],
)
async def test_a_missing_scope_is_403(account: StandIn, scope: str, path: str) -> None:
    account.sandbox.missing_scopes = {scope}

    response = await post(account, path, {})

    assert (response.status, response.json()["category"]) == (403, "MISSING_SCOPES")


async def test_a_locked_record_is_423(account: StandIn) -> None:
    await create(account, email=EMAIL)
    account.sandbox.locked = {"51"}

    response = await post(account, f"{CONTACTS}/51", {"properties": {"city": "P"}}, "PATCH")

    assert (response.status, response.json()["category"]) == (423, "LOCKED")


async def test_an_account_that_moves_is_477_and_says_for_how_long(account: StandIn) -> None:
    account.sandbox.migration_s = 86_400

    response = await create(account, email=EMAIL)

    assert (response.status, response.headers["retry-after"]) == (477, "86400")


async def test_too_many_requests_in_ten_seconds_are_429(account: StandIn) -> None:
    account.sandbox.now_s = lambda: 1_000.0
    account.sandbox.requests_per_window = 2

    answers = [await create(account, email=f"{number}@example.test") for number in range(3)]
    account.sandbox.now_s = lambda: 1_010.0
    later = await create(account, email=EMAIL)

    assert [each.status for each in answers] == [201, 201, 429]
    assert answers[0].headers["x-hubspot-ratelimit-remaining"] == "1"
    assert answers[2].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert answers[2].json()["errorType"] == "RATE_LIMIT"
    assert later.status == 201


async def test_too_many_requests_in_a_day_are_429(account: StandIn) -> None:
    account.sandbox.requests_per_day = 1

    answers = [await create(account, email=f"{number}@example.test") for number in range(2)]

    assert answers[1].json()["policyName"] == "DAILY"


async def test_an_upsert_may_answer_with_nothing(account: StandIn) -> None:
    account.sandbox.is_forgetful = True

    response = await post(account, f"{CONTACTS}/batch/upsert", {"inputs": [one("a", "t")]})

    assert response.json() == {"status": "COMPLETE", "results": []}


async def test_the_first_event_of_a_uuid_counts(account: StandIn) -> None:
    for order in ("A-1", "A-2"):
        await post(account, EVENTS, {**EVENT, "properties": {"order_id": order}})

    assert [each["properties"] for each in account.accepted("event")] == [{"order_id": "A-1"}]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 524])
async def test_an_outage_is_5xx(account: StandIn, status: int) -> None:
    account.sandbox.fail(Fault(status=status))

    assert (await create(account, email=EMAIL)).status == status


async def test_a_property_that_is_refused_costs_itself_and_not_the_contact_of_a_batch() -> None:
    names = {"contact_properties": ["tier"], "user_id_property": "uid", "lookup_field": "user_id"}
    async with open_stand_in(PLUGIN, **names, batch_contacts=True) as account:
        account.sandbox.schemas["contacts"]["seats"] = Property("number")
        about = {"id_property": "uid", "properties": {"tier": "gold"}}
        good, bad = Payload({"id": "u-1", **about}), Payload({"id": "u-2", **about})
        bad.body["properties"] = {**about["properties"], "seats": "many", "colour": "red"}  # type: ignore[dict-item]

        [taken, verdict] = await account.send("contact batches", good, bad)  # type: ignore[misc]
        assert isinstance(verdict, Again)
        assert verdict.instead is not None

        assert [taken] == await account.send("contact batches", verdict.instead) == [Delivered()]
        assert [each.get("tier") for each in account.sandbox.records["contacts"].values()] == ["gold", "gold"]
        assert verdict.instead.notes[0].endswith("; left out: properties.colour, properties.seats")


async def test_a_text_longer_than_a_property_costs_no_contact_of_a_batch() -> None:
    settings = {"batch_contacts": True, "lookup_field": "user_id", "contact_properties": ["bio"]}
    event = make_event("identify", userId="u-17", traits={"bio": "x" * 70_000, "email": EMAIL})

    async with open_stand_in(PLUGIN, **settings) as vendor:
        judgements = await vendor.deliver(event)
        [record] = vendor.sandbox.records["contacts"].values()

    assert judgements["write contacts in batches"] == [[Delivered()]]
    assert (record["email"], len(record["bio"])) == (EMAIL, 65_536)
