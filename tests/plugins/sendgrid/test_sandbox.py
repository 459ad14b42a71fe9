"""The stand-in answers as SendGrid does: each row of the sheet's limits and responses, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from plugins.sendgrid import PLUGIN, wire
from router.delivery.sending.retry_after import asked_wait_s
from router.plugin import Again, Blocked, Dead, Delivered, Payload, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.sendgrid.samples import group, identify

AUTH = {"Authorization": "Bearer sandbox-key"}
CONTACTS, FIELDS = "/v3/marketing/contacts", "/v3/marketing/field_definitions"
EMAIL = "ada@example.test"
ADA = {"email": EMAIL}


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, list_ids=["L1"]) as opened:
        yield opened


async def put(account: StandIn, *contacts: Any, **fields: Any) -> Response:
    return await account.request("PUT", CONTACTS, {"contacts": list(contacts), **fields}, AUTH)


async def test_contacts_are_202_and_a_job(account: StandIn) -> None:
    response = await put(account, ADA, {"email": "b@example.test"}, list_ids=["L1"])

    job_id = response.json()["job_id"]
    job = await account.request("GET", f"{CONTACTS}/imports/{job_id}", None, AUTH)
    assert response.status == 202
    assert (job.status, job.json()["status"]) == (200, "completed")
    assert account.sandbox.members == {("L1", 0), ("L1", 1)}


async def test_a_group_call_puts_nobody_on_a_list(account: StandIn) -> None:
    """An operator may write an identify for people alone who have agreed to mails."""
    await account.deliver(group(name="Engines"))
    assert (len(account.sandbox.contacts), account.sandbox.members) == (1, set())

    await account.deliver(identify(), group(name="Engines"))
    assert (len(account.sandbox.contacts), account.sandbox.members) == (1, {("L1", 0)})


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        pytest.param(ADA, {"email": "ADA@example.test", "city": "P"}, 1, id="the same email, in lower case"),
        pytest.param(ADA, {**ADA, "external_id": "u-17"}, 1, id="an identifier more"),
        pytest.param({**ADA, "external_id": "u-17"}, ADA, 2, id="an identifier less: another contact"),
        pytest.param({**ADA, "external_id": "u-17"}, {"external_id": "u-17"}, 2, id="without the email: another one"),
    ],
)
async def test_a_contact_is_found_by_all_of_its_identifiers(
    account: StandIn, first: Any, second: Any, count: int
) -> None:
    for contact in (first, second):
        assert (await put(account, contact)).status == 202

    assert len(account.sandbox.contacts) == count


async def test_an_upsert_keeps_what_is_not_sent(account: StandIn) -> None:
    await put(account, {**ADA, "city": "P", "custom_fields": {"e6_T": "gold"}})
    await put(account, {**ADA, "country": "PT", "custom_fields": {"e1_N": 36}})

    [contact] = account.sandbox.contacts
    assert contact == {**ADA, "city": "P", "country": "PT", "custom_fields": {"e6_T": "gold", "e1_N": 36}}


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ({}, ""),
        ({"city": "P"}, ""),
        ("ada", ""),
        ({"email": "not an email"}, ".email"),
        ({"email": "x" * 250 + "@example.test"}, ".email"),
        ({"external_id": "x" * 255}, ".external_id"),
        ({"phone_number_id": "020 7946"}, ".phone_number_id"),
        ({**ADA, "first_name": "x" * 51}, ".first_name"),
        ({**ADA, "last_name": 7}, ".last_name"),
        ({**ADA, "address_line_1": "x" * 101}, ".address_line_1"),
        ({**ADA, "city": "x" * 61}, ".city"),
        ({**ADA, "state_province_region": "x" * 51}, ".state_province_region"),
        ({**ADA, "country": "x" * 51}, ".country"),
        ({**ADA, "alternate_emails": ["x"] * 6}, ".alternate_emails"),
        ({**ADA, "firstName": "A"}, ".firstName"),
        ({**ADA, "custom_fields": []}, ".custom_fields"),
        ({**ADA, "custom_fields": {"plan": "gold"}}, ".custom_fields.plan"),
        ({**ADA, "custom_fields": {"e6_T": True}}, ".custom_fields.e6_T"),
        ({**ADA, "custom_fields": {"e6_T": ["a"]}}, ".custom_fields.e6_T"),
        ({**ADA, "custom_fields": {"e6_T": "x" * 1_001}}, ".custom_fields.e6_T"),
        ({**ADA, "custom_fields": {"e1_N": "36"}}, ".custom_fields.e1_N"),
        ({**ADA, "custom_fields": {"e2_D": "2024-03-01"}}, ".custom_fields.e2_D"),
    ],
)
async def test_one_bad_contact_refuses_all_and_is_named(account: StandIn, contact: Any, field: str) -> None:
    response = await put(account, ADA, contact)

    errors = response.json()["errors"]
    assert response.status == 400
    assert f"contacts[1]{field}" in [error["field"] for error in errors]
    assert account.accepted() == []


async def test_values_at_their_limits_are_taken(account: StandIn) -> None:
    contact = {
        "email": EMAIL,
        "external_id": "x" * 254,
        "phone_number_id": "+442079460000",
        "first_name": "x" * 50,
        "address_line_1": "x" * 100,
        "city": "x" * 60,
        "custom_fields": {"e6_T": "x" * 1_000, "e1_N": 1.5, "e2_D": "12/31/2024"},
    }

    assert (await put(account, contact)).status == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"contacts": []}, 400, id="no contacts"),
        pytest.param([], 400, id="no object"),
        pytest.param(b"not json", 400, id="no JSON"),
        pytest.param({"contacts": [ADA] * 30_001}, 400, id="too many"),
        pytest.param({"contacts": [ADA], "list_ids": ["L2"]}, 404, id="a list that is not there"),
        pytest.param(b'"' + b"x" * 6_000_000 + b'"', 413, id="too large"),
    ],
)
async def test_a_request_that_is_refused(account: StandIn, body: Any, status: int) -> None:
    response = await account.request("PUT", CONTACTS, body, AUTH)

    assert response.status == status
    assert response.json()["errors"][0]["message"]
    assert account.accepted() == []


async def test_a_wrong_key_is_401(account: StandIn) -> None:
    assert (await account.request("PUT", CONTACTS, {"contacts": [ADA]})).status == 401


async def test_a_key_without_the_scope_is_403(account: StandIn) -> None:
    account.sandbox.may_write_contacts = False

    assert (await put(account, ADA)).status == 403


async def test_the_account_takes_a_scope_of_its_own(account: StandIn) -> None:
    """A key for Marketing alone, which is all that this destination needs, can't be tried by it."""
    of_marketing = await account.request("GET", "/v3/user/account", None, AUTH)
    account.sandbox.may_read_account = True

    assert (of_marketing.status, (await account.request("GET", "/v3/user/account", None, AUTH)).status) == (403, 200)


async def test_the_contacts_of_another_subuser_are_403(account: StandIn) -> None:
    account.sandbox.settings["on_behalf_of"] = "subuser"

    assert (await put(account, ADA)).status == 403


async def test_a_job_that_is_not_there_is_404(account: StandIn) -> None:
    assert (await account.request("GET", f"{CONTACTS}/imports/j-9", None, AUTH)).status == 404


async def test_too_many_requests_are_429_until_the_moment_they_name(account: StandIn) -> None:
    account.sandbox.now_s = lambda: 1_700_000_030.0
    account.sandbox.requests_per_window = 1

    answers = [await put(account, ADA) for _ in range(2)]

    assert [each.status for each in answers] == [202, 429]
    assert answers[0].headers["x-ratelimit-remaining"] == "0"
    assert answers[1].json() == {"errors": [{"field": None, "message": "too many requests"}]}
    by_its_clock = replace(answers[1], headers={**answers[1].headers, "date": "Tue, 14 Nov 2023 22:13:50 GMT"})
    assert asked_wait_s(by_its_clock, wire.RESET_HEADER, 0.0) == 10


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_is_5xx(account: StandIn, status: int) -> None:
    account.sandbox.fail(Fault(status=status))

    assert (await put(account, ADA)).status == status


# --- custom fields and the account ---


async def test_a_field_is_defined_and_listed(account: StandIn) -> None:
    defined = await account.request("POST", FIELDS, {"name": "Plan_tier", "field_type": "Text"}, AUTH)
    listed = await account.request("GET", FIELDS, None, AUTH)

    assert defined.status == 200
    assert {"id": defined.json()["id"], "name": "Plan_tier", "field_type": "Text"} in listed.json()["custom_fields"]
    assert (await put(account, {**ADA, "custom_fields": {defined.json()["id"]: "gold"}})).status == 202


@pytest.mark.parametrize(
    "body",
    [
        {"name": "1st", "field_type": "Text"},
        {"name": "plan tier", "field_type": "Text"},
        {"name": "x" * 101, "field_type": "Text"},
        {"name": "email", "field_type": "Text"},
        {"name": "plan", "field_type": "Boolean"},
        {"name": "E6_t", "field_type": "Text"},
        {},
    ],
)
async def test_a_definition_that_is_refused(account: StandIn, body: Any) -> None:
    assert (await account.request("POST", FIELDS, body, AUTH)).status == 400


async def test_there_are_500_definitions_at_most(account: StandIn) -> None:
    account.sandbox.fields = {f"f{number}_T": "Text" for number in range(500)}

    response = await account.request("POST", FIELDS, {"name": "one_more", "field_type": "Text"}, AUTH)

    assert response.status == 400


async def test_the_credentials_are_tried_without_writing_anything(account: StandIn) -> None:
    request = wire.check_credentials(account.settings)  # type: ignore[arg-type]
    path = request.url.removeprefix(account.url)

    assert (await account.request(request.method, path, None, AUTH)).status == 200
    assert (await account.request(request.method, path)).status == 401
    assert account.accepted() == []


# --- as the core delivers ---


async def test_a_refused_batch_is_narrowed_to_the_contact_it_is_about(account: StandIn) -> None:
    """SendGrid is stricter with emails than their shape tells."""
    account.sandbox.fail(Fault(status=400, body='{"errors": [{"message": "email is not valid"}]}', contains="bad@"))
    good, bad = (
        make_event("identify", traits={"email": email}, messageId=email) for email in (EMAIL, "bad@example.test")
    )

    both, first, second = [
        (await account.deliver(*events))["write contact"] for events in ((good, bad), (good,), (bad,))
    ]

    assert both == [Split("400 email is not valid")]
    assert first == [[Delivered()]]
    assert second == [[Dead("400 email is not valid")]]
    assert [each["email"] for each in account.accepted("contact")] == [EMAIL]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_custom_field_that_is_not_there_blocks_the_destination(count: int) -> None:
    """Deleted at SendGrid, or named by its name in the settings: each contact with the trait would be refused."""
    people = [{"email": email, "plan": "pro"} for email in (EMAIL, "bob@example.test")]
    async with open_stand_in(PLUGIN, custom_fields={"plan": "e1_T"}) as account:
        account.sandbox.fields.clear()
        events = [make_event("identify", traits=person, messageId=person["email"]) for person in people]

        [judgement] = (await account.deliver(*events[:count]))["write contact"]

    assert judgement == Blocked(
        "400 contacts[0].custom_fields.e1_T: invalid custom field ids supplied - e1_T"
        " (settings custom_fields, group_fields)"
    )


async def test_a_field_that_is_refused_costs_itself_and_not_the_contact(account: StandIn) -> None:
    good, bad = Payload({"email": "b@example.test"}), Payload({**ADA, "first_name": "Ada", "city": "x" * 61})
    [other, verdict] = await account.send("contacts", good, bad)  # type: ignore[misc]
    assert isinstance(verdict, Again)
    assert verdict.instead is not None

    assert await account.send("contacts", good, verdict.instead) == [Delivered()] * 2
    assert (other, account.accepted("contact")[-1]) == (Again(), {**ADA, "first_name": "Ada"})
    assert verdict.instead.notes == ("400 contacts[1].city: city may have 60 characters; left out: city",)
