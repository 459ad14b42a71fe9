"""The stand-in draws the answers of the fact sheet: each row of "Limits" and "Responses"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.intercom import PLUGIN
from router.testing import StandIn, open_stand_in

EVENT = {"event_name": "E", "created_at": 1, "user_id": "u1"}


TOKEN = {"Authorization": "Bearer sandbox-token"}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


async def ask(vendor: StandIn, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    response = await vendor.request(method, path, body, TOKEN)
    return response.status, response.json() if response.body else None


async def post(vendor: StandIn, path: str, body: Any) -> tuple[int, Any]:
    return await ask(vendor, "POST", path, body)


async def code(vendor: StandIn, path: str, body: Any) -> tuple[int, str]:
    status, answer = await post(vendor, path, body)
    return status, answer["errors"][0]["code"]


async def test_a_wrong_token_is_401(vendor: StandIn) -> None:
    vendor.sandbox.settings["access_token"] = "another"

    assert await code(vendor, "/contacts", {"email": "a@b.test"}) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/contacts", b"not json", (400, "bad_request")),
        ("/contacts", [], (400, "bad_request")),
        ("/contacts", {}, (400, "parameter_not_found")),
        ("/contacts", {"email": 7}, (400, "parameter_invalid")),
        ("/contacts", {"role": "boss"}, (400, "parameter_invalid")),
        ("/contacts", {"role": "lead", "external_id": "u1"}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "firstName": "Ada"}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "signed_up_at": "2024-01-01"}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "owner_id": 1}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "custom_attributes": {"x": 1}}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "custom_attributes": {"x": {"y": 1}}}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "custom_attributes": {"a.b": 1}}, (400, "parameter_invalid")),
        ("/contacts", {"email": "a@b.test", "custom_attributes": {"bio": "x" * 256}}, (400, "parameter_invalid")),
        ("/contacts/search", {"query": {"field": "name"}}, (400, "parameter_invalid")),
        ("/contacts/nobody/companies", {"id": "co1"}, (404, "not_found")),
        ("/companies", {"name": "Engines"}, (400, "parameter_not_found")),
        ("/companies", {"company_id": "c1", "monthly_spend": 1.5}, (400, "parameter_invalid")),
        ("/events", {"created_at": 1, "user_id": "u1"}, (400, "parameter_not_found")),
        ("/events", {"event_name": "E", "user_id": "u1"}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a.b": 1}}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a": [1]}}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a": {"amount": 1.5, "currency": "eur"}}}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a": "x" * 256}}, (400, "parameter_invalid")),
        ("/events", EVENT, (404, "not_found")),
        ("/data_attributes", {"name": "x"}, (400, "parameter_invalid")),
        ("/data_attributes", {"name": "a.b", "model": "contact", "data_type": "string"}, (400, "parameter_invalid")),
    ],
)
async def test_what_is_refused(vendor: StandIn, path: str, body: Any, expected: tuple[int, str]) -> None:
    assert await code(vendor, path, body) == expected


async def test_a_contact_that_exists_is_409_and_named(vendor: StandIn) -> None:
    _, contact = await post(vendor, "/contacts", {"external_id": "u1"})

    status, answer = await post(vendor, "/contacts", {"external_id": "u1"})

    assert status == 409
    assert f"id={contact['id']}" in answer["errors"][0]["message"]


async def put(vendor: StandIn, path: str, body: Any) -> tuple[int, Any]:
    return await ask(vendor, "PUT", path, body)


async def test_contacts_companies_and_attachments_are_200_with_the_object(vendor: StandIn) -> None:
    created = await post(vendor, "/contacts", {"external_id": "u1"})
    updated = await put(vendor, f"/contacts/{created[1]['id']}", {"name": "Ada"})
    company = await post(vendor, "/companies", {"company_id": "c1"})
    attached = await post(vendor, f"/contacts/{created[1]['id']}/companies", {"id": company[1]["id"]})

    assert [status for status, _ in (created, updated, company, attached)] == [200] * 4
    assert [answer["type"] for _, answer in (created, updated, company, attached)] == ["contact"] * 2 + ["company"] * 2
    assert updated[1]["name"] == "Ada"


async def test_an_error_says_what_it_is_as_a_list(vendor: StandIn) -> None:
    assert await post(vendor, "/contacts", {}) == (
        400,
        {
            "type": "error.list",
            "request_id": "sandbox",
            "errors": [{"code": "parameter_not_found", "message": "email, external_id or role is needed"}],
        },
    )


async def test_a_contact_that_is_gone_is_404(vendor: StandIn) -> None:
    status, answer = await put(vendor, "/contacts/gone", {"name": "Ada"})

    assert (status, answer["errors"][0]["code"]) == (404, "not_found")
    assert (await ask(vendor, "GET", "/contacts/find_by_external_id/gone"))[0] == 404


async def test_an_external_id_of_somebody_else_is_409(vendor: StandIn) -> None:
    await post(vendor, "/contacts", {"external_id": "u1"})
    _, other = await post(vendor, "/contacts", {"external_id": "u2"})

    status, answer = await put(vendor, f"/contacts/{other['id']}", {"external_id": "u1"})

    assert (status, answer["errors"][0]["code"]) == (409, "conflict")


async def test_an_email_of_several_contacts_names_none_of_them(vendor: StandIn) -> None:
    for external_id in ("u1", "u2"):
        await post(vendor, "/contacts", {"external_id": external_id, "email": "a@b.test"})
    event = {"event_name": "E", "created_at": 1, "email": "a@b.test"}

    assert await code(vendor, "/events", event) == (409, "conflict")


async def test_a_lead_is_known_by_intercom_s_own_id_alone(vendor: StandIn) -> None:
    _, lead = await post(vendor, "/contacts", {"email": "a@b.test", "role": "lead"})
    event = {"event_name": "E", "created_at": 1}

    assert await code(vendor, "/events", {**event, "email": "a@b.test"}) == (404, "not_found")
    assert (await post(vendor, "/events", {**event, "id": lead["id"]}))[0] == 202


async def test_metadata_beyond_ten_keys_is_ignored_without_a_word(vendor: StandIn) -> None:
    await post(vendor, "/contacts", {"external_id": "u1"})

    status, _ = await post(vendor, "/events", {**EVENT, "metadata": {f"k{n:02}": n for n in range(12)}})

    assert status == 202
    assert list(vendor.sandbox.accepted[-1]["item"]["metadata"]) == [f"k{n:02}" for n in range(10)]


async def test_an_event_of_any_age_is_taken(vendor: StandIn) -> None:
    await post(vendor, "/contacts", {"external_id": "u1"})

    assert await post(vendor, "/events", {**EVENT, "created_at": 946_684_800}) == (202, None)


async def test_event_names_come_to_an_end(vendor: StandIn) -> None:
    await post(vendor, "/contacts", {"external_id": "u1"})
    vendor.sandbox.event_names = {f"name {n}" for n in range(120)}

    assert await code(vendor, "/events", {**EVENT, "event_name": "one more"}) == (400, "parameter_invalid")
    assert await post(vendor, "/events", {**EVENT, "event_name": "name 7"}) == (202, None)


@pytest.mark.parametrize("model", ["contact", "company"])
async def test_custom_attributes_come_to_an_end(vendor: StandIn, model: str) -> None:
    vendor.sandbox.attributes[model] = {f"attribute {n}": "string" for n in range(249)}
    names = ("the last", "one more")

    statuses = [
        (await post(vendor, "/data_attributes", {"name": name, "model": model, "data_type": "string"}))[0]
        for name in names
    ]

    assert statuses == [200, 400]


async def test_an_event_of_a_known_contact_is_202_with_an_empty_body(vendor: StandIn) -> None:
    await post(vendor, "/contacts", {"external_id": "u1"})

    assert await post(vendor, "/events", EVENT) == (202, None)


async def test_created_at_of_a_contact_is_recorded_and_ignored(vendor: StandIn) -> None:
    _, contact = await post(vendor, "/contacts", {"external_id": "u1", "created_at": 7, "signed_up_at": 8})

    assert "created_at" not in contact
    assert contact["signed_up_at"] == 8
    assert vendor.sandbox.accepted[0]["ignored"] == {"created_at": 7}


async def test_a_contact_is_in_a_thousand_companies_at_most(vendor: StandIn) -> None:
    _, contact = await post(vendor, "/contacts", {"external_id": "u1"})
    for number in range(1_000):
        vendor.sandbox.companies[f"c{number}"] = {
            "id": f"co{number}",
            "company_id": f"c{number}",
            "contacts": [contact["id"]],
        }
    _, company = await post(vendor, "/companies", {"company_id": "one-more"})

    assert await code(vendor, f"/contacts/{contact['id']}/companies", {"id": company["id"]}) == (
        400,
        "contact_company_limit_exceeded",
    )


async def test_too_many_requests_are_429_and_say_when_it_ends(vendor: StandIn) -> None:
    assert vendor.sandbox.requests_per_window == 1_667  # 10,000 a minute, in windows of ten seconds
    vendor.sandbox.requests_per_window = 2

    answers = [await vendor.request("POST", "/contacts", {"external_id": f"u{n}"}, TOKEN) for n in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert float(answers[2].headers["x-ratelimit-reset"]) > 1_700_000_000
    assert answers[0].headers["x-ratelimit-remaining"] == "1"
