"""The stand-in draws the answers of the fact sheet: each row of "Limits" and "Responses"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from plugins.intercom.sandbox import IntercomSandbox

Client = TestClient[Any, Any]
EVENT = {"event_name": "E", "created_at": 1, "user_id": "u1"}


@pytest.fixture
def sandbox() -> IntercomSandbox:
    return IntercomSandbox({"access_token": "sandbox-token"})


@pytest.fixture
async def client(sandbox: IntercomSandbox) -> AsyncIterator[Client]:
    async with TestClient(TestServer(sandbox.app()), headers={"Authorization": "Bearer sandbox-token"}) as client:
        yield client


async def post(client: Client, path: str, body: Any) -> tuple[int, Any]:
    response = await client.post(path, data=body if isinstance(body, bytes) else orjson.dumps(body))
    text = await response.read()
    return response.status, orjson.loads(text) if text else None


async def code(client: Client, path: str, body: Any) -> tuple[int, str]:
    status, answer = await post(client, path, body)
    return status, answer["errors"][0]["code"]


async def test_a_wrong_token_is_401(sandbox: IntercomSandbox) -> None:
    async with TestClient(TestServer(sandbox.app())) as client:
        assert await code(client, "/contacts", {"email": "a@b.test"}) == (401, "unauthorized")


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
        ("/contacts/search", {"query": {"field": "name"}}, (400, "parameter_invalid")),
        ("/contacts/nobody/companies", {"id": "co1"}, (404, "not_found")),
        ("/companies", {"name": "Engines"}, (400, "parameter_not_found")),
        ("/companies", {"company_id": "c1", "monthly_spend": 1.5}, (400, "parameter_invalid")),
        ("/events", {"created_at": 1, "user_id": "u1"}, (400, "parameter_not_found")),
        ("/events", {"event_name": "E", "user_id": "u1"}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a.b": 1}}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a": [1]}}, (400, "parameter_invalid")),
        ("/events", {**EVENT, "metadata": {"a": {"amount": 1.5, "currency": "eur"}}}, (400, "parameter_invalid")),
        ("/events", EVENT, (404, "not_found")),
        ("/data_attributes", {"name": "x"}, (400, "parameter_invalid")),
    ],
)
async def test_what_is_refused(client: Client, path: str, body: Any, expected: tuple[int, str]) -> None:
    assert await code(client, path, body) == expected


async def test_a_contact_that_exists_is_409_and_named(client: Client) -> None:
    _, contact = await post(client, "/contacts", {"external_id": "u1"})

    status, answer = await post(client, "/contacts", {"external_id": "u1"})

    assert status == 409
    assert f"id={contact['id']}" in answer["errors"][0]["message"]


async def test_an_event_of_a_known_contact_is_202_with_an_empty_body(client: Client) -> None:
    await post(client, "/contacts", {"external_id": "u1"})

    assert await post(client, "/events", EVENT) == (202, None)


async def test_created_at_of_a_contact_is_recorded_and_ignored(client: Client, sandbox: IntercomSandbox) -> None:
    _, contact = await post(client, "/contacts", {"external_id": "u1", "created_at": 7, "signed_up_at": 8})

    assert "created_at" not in contact
    assert contact["signed_up_at"] == 8
    assert sandbox.accepted[0]["ignored"] == {"created_at": 7}


async def test_a_contact_is_in_a_thousand_companies_at_most(client: Client, sandbox: IntercomSandbox) -> None:
    _, contact = await post(client, "/contacts", {"external_id": "u1"})
    for number in range(1_000):
        sandbox.companies[f"c{number}"] = {"id": f"co{number}", "company_id": f"c{number}", "contacts": [contact["id"]]}
    _, company = await post(client, "/companies", {"company_id": "one-more"})

    assert await code(client, f"/contacts/{contact['id']}/companies", {"id": company["id"]}) == (
        400,
        "contact_company_limit_exceeded",
    )


async def test_too_many_requests_are_429_and_say_when_it_ends(client: Client, sandbox: IntercomSandbox) -> None:
    sandbox.requests_per_window = 2  # type: ignore[misc]

    answers = [await client.post("/contacts", data=orjson.dumps({"external_id": f"u{n}"})) for n in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert float(answers[2].headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert answers[0].headers["X-RateLimit-Remaining"] == "1"
