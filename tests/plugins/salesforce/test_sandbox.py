"""The stand-in answers as Salesforce does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from plugins.salesforce import PLUGIN
from router.delivery.sending.send import CredentialsRefused
from router.plugin import Again, Blocked, Dead, Delivered, Later, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

DATA = "/services/data/v62.0"
LEADS = f"{DATA}/composite/sobjects/Lead/Router_User_Id__c"
TOKEN = "00D-token-of-a-test"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.tokens.add(TOKEN)
        yield opened


def lead(id: str = "u-1", **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Lead"}, "Router_User_Id__c": id, "LastName": "King", "Company": "Acme", **fields}


async def upsert(vendor: StandIn, *records: Any, path: str = LEADS, headers: Any = None) -> Response:
    body = {"allOrNone": False, "records": list(records)}
    return await vendor.request("PATCH", path, body, {**AUTH, **(headers or {})})


def codes(response: Response) -> list[str]:
    """Of a refused request, or of each record: its error, "" for none."""
    body = response.json()
    if response.status != 200:
        return [each["errorCode"] for each in body]
    return [each["errors"][0]["statusCode"] if each["errors"] else "" for each in body]


# --- tokens ---


async def ask_for_token(vendor: StandIn, **form: Any) -> Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await vendor.request("POST", "/services/oauth2/token", urlencode(form).encode(), headers)


async def test_a_token_names_the_place_of_requests_and_does_not_say_how_long_it_lives(vendor: StandIn) -> None:
    response = await ask_for_token(vendor, grant_type="client_credentials", **CLIENT)

    body = response.json()
    assert (response.status, body["instance_url"], body["token_type"]) == (200, vendor.url, "Bearer")
    assert body.keys() == {"access_token", "instance_url", "token_type", "issued_at"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        pytest.param({"grant_type": "client_credentials"}, "invalid_client", id="no client"),
        pytest.param(
            {"grant_type": "client_credentials", **CLIENT, "client_secret": "x"}, "invalid_client", id="wrong"
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x", **CLIENT}, "invalid_grant", id="old refresh"
        ),
        pytest.param({"grant_type": "password", **CLIENT}, "unsupported_grant_type", id="another grant"),
    ],
)
async def test_credentials_that_are_wrong_give_no_token(vendor: StandIn, form: dict[str, str], error: str) -> None:
    response = await ask_for_token(vendor, **form)

    assert (response.status, response.json()["error"]) == (400, error)


async def test_two_that_refresh_at_once_are_told_so(vendor: StandIn) -> None:
    vendor.sandbox.settings["refresh_token"] = "r"
    form = {"grant_type": "refresh_token", "refresh_token": "r", **CLIENT}

    assert (await ask_for_token(vendor, **form)).status == 200
    vendor.sandbox.is_refreshing = True
    assert "already being processed" in (await ask_for_token(vendor, **form)).json()["error_description"]


@pytest.mark.parametrize(
    ("prepare", "path", "expected"),
    [
        pytest.param({"tokens": set()}, LEADS, (401, "INVALID_SESSION_ID"), id="an old token"),
        pytest.param({"is_disabled": True}, LEADS, (403, "API_DISABLED_FOR_ORG"), id="no API"),
        pytest.param({"calls_per_day": 0}, LEADS, (403, "REQUEST_LIMIT_EXCEEDED"), id="no calls left"),
        pytest.param({}, LEADS.replace("v62", "v30"), (404, "NOT_FOUND"), id="an old version"),
        pytest.param({}, LEADS.replace("Lead", "Opportunity"), (404, "NOT_FOUND"), id="an unknown object"),
        pytest.param({}, LEADS.replace("Router", "Other"), (404, "NOT_FOUND"), id="an unknown external id"),
    ],
)
async def test_refusals_of_a_whole_request(
    vendor: StandIn, prepare: dict[str, Any], path: str, expected: tuple[int, str]
) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    response = await upsert(vendor, lead(), path=path)

    assert (response.status, *codes(response)) == expected


async def test_every_answer_tells_the_calls_of_the_day(vendor: StandIn) -> None:
    assert (await upsert(vendor, lead())).headers["sforce-limit-info"] == "api-usage=1/100000"

    vendor.sandbox.may_view_setup = True
    limits = await vendor.request("GET", f"{DATA}/limits", headers=AUTH)

    assert limits.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_998}


async def test_the_limits_are_for_a_user_who_may_view_the_setup(vendor: StandIn) -> None:
    assert (await vendor.request("GET", f"{DATA}/limits", headers=AUTH)).status == 403


@pytest.mark.parametrize(("name", "status"), [("Lead", 200), ("Leed", 404)])
async def test_an_object_is_told_of_by_its_name(vendor: StandIn, name: str, status: int) -> None:
    assert (await vendor.request("GET", f"{DATA}/sobjects/{name}", headers=AUTH)).status == status


# --- upserts ---


async def test_an_upsert_creates_and_then_updates(vendor: StandIn) -> None:
    first, second = [
        (await upsert(vendor, lead(id, Title=title))).json()[0] for id, title in (("u-1", "A"), ("U-1", "B"))
    ]

    assert (first["created"], second["created"], second["id"]) == (True, False, first["id"])
    assert vendor.sandbox.records["Lead"][first["id"]]["Title"] == "B"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"LastName": None}, "REQUIRED_FIELD_MISSING", id="no last name"),
        pytest.param({"Title": "x" * 129}, "STRING_TOO_LONG", id="too long"),
        pytest.param({"Email": "x"}, "INVALID_EMAIL_ADDRESS", id="no email"),
        pytest.param({"NumberOfEmployees": "40"}, "INVALID_TYPE_ON_FIELD_IN_RECORD", id="no number"),
        pytest.param({"Title": 7}, "INVALID_TYPE_ON_FIELD_IN_RECORD", id="no text"),
        pytest.param({"Title": {"a": 1}}, "JSON_PARSER_ERROR", id="nested"),
        pytest.param({"Router_User_Id__c": ""}, "MISSING_ARGUMENT", id="no external id"),
    ],
)
async def test_one_bad_record_does_not_cost_the_others(vendor: StandIn, fields: dict[str, Any], code: str) -> None:
    response = await upsert(vendor, lead("u-1") | fields, lead("u-2"))

    assert (response.status, codes(response)) == (200, [code, ""])


async def test_a_known_record_needs_no_more_than_its_id(vendor: StandIn) -> None:
    known = {"attributes": {"type": "Lead"}, "Router_User_Id__c": "u-1", "Title": "B"}

    assert codes(await upsert(vendor, known)) == ["REQUIRED_FIELD_MISSING"]
    await upsert(vendor, lead())
    assert codes(await upsert(vendor, known)) == [""]


async def test_an_external_id_may_not_occur_twice(vendor: StandIn) -> None:
    response = await upsert(vendor, lead("u-1"), lead("U-1"), lead("u-2"))

    assert codes(response) == ["DUPLICATE_VALUE", "DUPLICATE_VALUE", ""]


@pytest.mark.parametrize(
    ("records", "code"),
    [
        pytest.param([lead(Colour__c="red")], "INVALID_FIELD", id="an unknown field"),
        pytest.param([lead(IsConverted=True)], "INVALID_FIELD", id="a read-only field"),
        pytest.param([lead(attributes={"type": "Contact"})], "INVALID_TYPE", id="another object"),
        pytest.param([], "JSON_PARSER_ERROR", id="none"),
        pytest.param([lead(str(number)) for number in range(201)], "LIMIT_EXCEEDED", id="201"),
    ],
)
async def test_what_costs_the_whole_request(vendor: StandIn, records: list[Any], code: str) -> None:
    response = await upsert(vendor, *records)

    assert (response.status, codes(response), vendor.accepted()) == (400, [code], [])


async def test_two_hundred_records_a_request(vendor: StandIn) -> None:
    assert len((await upsert(vendor, *[lead(str(number)) for number in range(200)])).json()) == 200


async def test_a_body_that_is_no_json(vendor: StandIn) -> None:
    assert codes(await vendor.request("PATCH", LEADS, b"{", AUTH)) == ["JSON_PARSER_ERROR"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param({"IsConverted": True}, "CANNOT_UPDATE_CONVERTED_LEAD", id="converted"),
        pytest.param({"IsDeleted": True}, "ENTITY_IS_DELETED", id="deleted"),
    ],
)
async def test_a_lead_that_is_gone(vendor: StandIn, state: dict[str, Any], code: str) -> None:
    id = (await upsert(vendor, lead())).json()[0]["id"]
    vendor.sandbox.records["Lead"][id] |= state

    assert codes(await upsert(vendor, lead())) == [code]


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        pytest.param({"locked": {"00Q000000000001"}}, "UNABLE_TO_LOCK_ROW", id="locked"),
        pytest.param({"is_limited": True}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", id="a trigger"),
    ],
)
async def test_a_record_that_is_busy(vendor: StandIn, prepare: dict[str, Any], code: str) -> None:
    await upsert(vendor, lead())
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    assert codes(await upsert(vendor, lead())) == [code]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"State": "California"}, "FIELD_INTEGRITY_EXCEPTION", id="free text"),
        pytest.param({"StateCode": "California"}, "FIELD_INTEGRITY_EXCEPTION", id="no code"),
        pytest.param({"StateCode": "CA", "CountryCode": "US"}, "", id="codes"),
    ],
)
async def test_picklists_of_states_want_codes(vendor: StandIn, fields: dict[str, Any], code: str) -> None:
    vendor.sandbox.has_picklists = True

    assert codes(await upsert(vendor, lead(**fields))) == [code]


@pytest.mark.parametrize(("header", "code"), [(None, "DUPLICATES_DETECTED"), ("allowSave=true", "")])
async def test_a_duplicate_rule(vendor: StandIn, header: str | None, code: str) -> None:
    vendor.sandbox.has_duplicate_rule = True
    await upsert(vendor, lead("u-1", Email="ada@example.test"))
    headers = {"Sforce-Duplicate-Rule-Header": header} if header else {}

    assert codes(await upsert(vendor, lead("u-2", Email="ADA@example.test"), headers=headers)) == [code]


# --- records and queries ---


async def test_a_record_is_created_and_updated_by_its_id(vendor: StandIn) -> None:
    body = {"LastName": "King", "Company": "Acme", "Router_User_Id__c": "u-1"}
    created = await vendor.request("POST", f"{DATA}/sobjects/Lead", body, AUTH)
    again = await vendor.request("POST", f"{DATA}/sobjects/Lead", body, AUTH)
    path = f"{DATA}/sobjects/Lead/{created.json()['id']}"
    updated = await vendor.request("PATCH", path, {"Title": "B"}, AUTH)
    unknown = await vendor.request("PATCH", f"{DATA}/sobjects/Lead/00Q", {"Title": "B"}, AUTH)

    assert (created.status, again.status, codes(again)) == (201, 400, ["DUPLICATE_VALUE"])
    assert (updated.status, updated.body, unknown.status) == (204, b"", 404)


async def query(vendor: StandIn, soql: str) -> Response:
    return await vendor.request("GET", f"{DATA}/query?q={quote(soql)}", headers=AUTH)


async def test_a_query_finds_by_email_in_any_letter_case_and_nothing_that_is_deleted(vendor: StandIn) -> None:
    ids = [each["id"] for each in (await upsert(vendor, *[lead(id, Email="a@b.test") for id in "abc"])).json()]
    vendor.sandbox.records["Lead"][ids[0]]["IsDeleted"] = True

    answer = (await query(vendor, "SELECT Id, IsConverted FROM Lead WHERE Email = 'A@b.test' LIMIT 1")).json()

    assert (answer["totalSize"], answer["records"][0]["Id"], answer["records"][0]["IsConverted"]) == (1, ids[1], False)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        pytest.param("SELECT Id FROM Lead WHERE Colour__c = 'x'", "INVALID_FIELD", id="an unknown field"),
        pytest.param("SELECT Id FROM Lead WHERE Email = 'O'Hara'", "MALFORMED_QUERY", id="a quote that is not escaped"),
        pytest.param("SELECT Id FROM Lead WHERE Email = 'x' AND Id = 'y'", "MALFORMED_QUERY", id="another query"),
    ],
)
async def test_queries_that_are_refused(vendor: StandIn, soql: str, code: str) -> None:
    assert codes(await query(vendor, soql)) == [code]


# --- the plugin and the stand-in together ---

PERSON = {"email": "ada@example.test", "first_name": "Ada", "last_name": "Lovelace", "company": "Engine Ltd"}


def identify(number: int = 1, **fields: Any) -> Any:
    return make_event("identify", **{"userId": f"u-{number}", "messageId": f"m-{number}", "traits": PERSON, **fields})


async def test_people_and_their_group_arrive_with_one_call_each(vendor: StandIn) -> None:
    judged = await vendor.deliver(
        identify(1),
        identify(2),
        identify(1, traits={"last_name": "King", "company": "Kings"}, messageId="m-3"),
        make_event("group", userId="u-1", groupId="c9", traits={"name": "Engine Ltd", "employees": "40"}),
    )

    assert judged == {"upsert person": [[Delivered()] * 3], "upsert account": [[Delivered()]]}
    assert vendor.sandbox.calls == 2
    assert [each["LastName"] for each in vendor.accepted("Lead")] == ["King", "Lovelace"]
    assert vendor.accepted("Account")[0]["NumberOfEmployees"] == 40


async def test_what_is_known_is_not_overwritten_with_what_is_missing(vendor: StandIn) -> None:
    [first] = (await vendor.deliver(identify(1, traits={"title": "Countess"})))["find and write person"]
    await vendor.deliver(identify(1))
    [third] = (await vendor.deliver(identify(1, traits={"title": "Analyst"})))["find and write person"]

    [record] = vendor.sandbox.records["Lead"].values()
    assert [first, third] == [[Delivered()], [Delivered()]]
    assert (record["LastName"], record["Company"], record["Title"]) == ("Lovelace", "Engine Ltd", "Analyst")


async def test_a_record_made_by_hand_is_found_by_email_and_gets_the_id() -> None:
    async with open_stand_in(PLUGIN, match_on_email=True) as vendor:
        vendor.sandbox.records["Lead"] = {"00Q1": {"Id": "00Q1", "Email": "Ada@Example.test", "LastName": "X"}}

        for _ in range(2):
            assert await vendor.deliver(identify(1)) == {"find and write person": [[Delivered()]]}

        [record] = vendor.sandbox.records["Lead"].values()
    assert (record["Router_User_Id__c"], record["LastName"]) == ("u-1", "Lovelace")


async def test_a_person_is_found_by_their_id_however_many_leads_have_their_email() -> None:
    """Forms leave many of one email; the person's own was beyond the ten that were looked at."""
    async with open_stand_in(PLUGIN, match_on_email=True) as vendor:
        leads = vendor.sandbox.records.setdefault("Lead", {})
        for number in range(15):
            leads[f"00Q{number}"] = {"Id": f"00Q{number}", "Email": "ada@example.test", "LastName": "King"}
        leads["00Q14"]["Router_User_Id__c"] = "u-17"
        event = make_event("identify", userId="u-17", traits={"email": "ada@example.test", "title": "Countess"})

        [judgement] = (await vendor.deliver(event)).values()

        assert judgement == [[Delivered()]]
        assert leads["00Q14"]["Title"] == "Countess"


async def test_events_become_records_once() -> None:
    settings = {
        "event_object": "Web_Event__c",
        "event_external_id_field": "Event_Id__c",
        "event_fields": {"event": "Name__c", "userId": "User__c"},
    }
    async with open_stand_in(PLUGIN, **settings) as vendor:
        for _ in range(2):
            assert await vendor.deliver(make_event("track", userId="u-1", event="Paid")) == {
                "track event": [[Delivered()]]
            }

        [record] = vendor.sandbox.records["Web_Event__c"].values()
        assert record["Name__c"] == "Paid"


async def test_an_old_token_is_replaced_and_the_request_sent_once_more(vendor: StandIn) -> None:
    await vendor.deliver(identify(1))
    vendor.sandbox.tokens.clear()

    assert await vendor.deliver(identify(2)) == {"upsert person": [[Delivered()]]}


async def test_a_client_that_is_refused_blocks(vendor: StandIn) -> None:
    vendor.sandbox.settings["client_secret"] = "another"

    with pytest.raises(CredentialsRefused, match="400"):
        await vendor.deliver(identify(1))


async def test_an_upsert_without_an_answer_is_sent_again_and_does_no_harm(vendor: StandIn) -> None:
    vendor.sandbox.fail(Fault(status=503, after=True, times=1, path="/composite/"))

    assert await vendor.deliver(identify(1)) == {"upsert person": [[Later("503")]]}
    assert await vendor.deliver(identify(1)) == {"upsert person": [[Delivered()]]}
    assert len(vendor.sandbox.records["Lead"]) == 1


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"calls_per_day": 0}, [Later, Later], id="no calls left"),
        pytest.param({"is_disabled": True}, Blocked, id="no API"),
        pytest.param({"is_limited": True}, [Later, Later], id="a trigger's limit"),
        pytest.param({"has_duplicate_rule": True}, [Delivered, Dead], id="a duplicate rule"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: Any) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    [judgement] = (await vendor.deliver(identify(1), identify(2)))["upsert person"]

    assert (type(judgement) if isinstance(expected, type) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]


async def test_a_field_that_the_org_does_not_have_blocks_and_is_named(vendor: StandIn) -> None:
    """Settings alone name fields: no event is at fault, and none is lost."""
    vendor.sandbox.settings["custom_fields"] = {}

    [judgement] = (await vendor.deliver(identify(1, traits={**PERSON, "plan": "gold"})))["upsert person"]

    assert isinstance(judgement, Blocked)
    assert "Plan__c" in judgement.reason


async def test_of_two_calls_about_one_person_the_bad_one_is_found(vendor: StandIn) -> None:
    vendor.sandbox.has_duplicate_rule = True
    await vendor.deliver(identify(9))

    made = await vendor.deliver(identify(1), identify(1, traits={"last_name": "K", "company": "K"}, messageId="m-2"))

    assert isinstance(made["upsert person"][0], Split)


async def test_a_value_that_is_too_long_costs_itself_alone_in_a_request_for_many(vendor: StandIn) -> None:
    payloads = [
        payload
        for event in (identify(1), identify(2, traits={**PERSON, "plan": "x" * 300}))
        for _, _, payload in vendor.rehearsal.payloads(event)
    ]
    [good, bad] = await vendor.send("collections", *payloads)  # type: ignore[misc]
    assert isinstance(bad, Again)
    assert bad.instead is not None

    assert [good] == await vendor.send("collections", bad.instead) == [Delivered()]
    assert bad.instead.notes == (
        "STRING_TOO_LONG: Plan__c: data value too large (max length=255) (Plan__c); left out: Plan__c",
    )
    assert [each.get("Plan__c") for each in vendor.accepted("Lead")] == [None, None]
    assert len(vendor.sandbox.records["Lead"]) == 2
