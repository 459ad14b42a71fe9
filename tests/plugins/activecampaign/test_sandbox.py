"""The stand-in answers as ActiveCampaign does: each row of the sheet's limits and responses, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.activecampaign import PLUGIN, wire
from router.delivery.sending.retry_after import asked_wait_s
from router.plugin import Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, open_stand_in
from tests.plugins.activecampaign.samples import EMAIL

AUTH = {"Api-Token": "sandbox-key"}
SYNC, IMPORT = "/api/3/contact/sync", "/api/3/import/bulk_import"
ADA = {"email": EMAIL}


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


async def post(account: StandIn, path: str, body: Any) -> Response:
    return await account.request("POST", path, body, AUTH)


async def sync(account: StandIn, *values: tuple[str, Any], **fields: Any) -> Response:
    field_values = [{"field": field, "value": value} for field, value in values]
    return await post(account, SYNC, {"contact": {**ADA, **fields, "fieldValues": field_values}})


async def import_(account: StandIn, *contacts: Any) -> Response:
    return await post(account, IMPORT, {"contacts": list(contacts)})


# --- credentials and limits ---


async def test_a_wrong_key_is_403(account: StandIn) -> None:
    assert (await account.request("POST", SYNC, {"contact": ADA})).status == 403


async def test_or_a_login_page_with_a_200(account: StandIn) -> None:
    account.sandbox.shows_login = True

    response = await account.request("POST", SYNC, {"contact": ADA})

    assert (response.status, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_the_credentials_are_tried_without_writing_anything(account: StandIn) -> None:
    path = wire.check_credentials(account.settings).url.removeprefix(account.url)  # type: ignore[arg-type]
    account.sandbox.shows_login = True

    assert wire.is_good(await account.request("GET", path, None, AUTH))
    assert not wire.is_good(await account.request("GET", path))
    assert account.accepted() == []


async def test_an_account_that_is_not_paid_is_402(account: StandIn) -> None:
    account.sandbox.is_unpaid = True

    assert (await sync(account)).status == 402


async def test_a_sixth_request_in_a_second_is_429(account: StandIn) -> None:
    account.sandbox.is_limited, account.sandbox.now_s = True, lambda: 100.0

    answers = [await sync(account) for _ in range(6)]

    assert [each.status for each in answers] == [201, 200, 200, 200, 200, 429]
    assert [answers[4].headers[name] for name in ("ratelimit-limit", "ratelimit-remaining")] == ["5", "0"]
    assert asked_wait_s(answers[5], "", 100.0) == 1


@pytest.mark.parametrize(
    ("contacts", "most"), [([ADA], 20), ([ADA, {"email": "b@example.org"}], 100)], ids=["one", "several"]
)
async def test_imports_have_a_limit_of_their_own(account: StandIn, contacts: Any, most: int) -> None:
    now = [0.0]
    account.sandbox.is_limited, account.sandbox.now_s = True, lambda: now[0]
    statuses = []
    for _ in range(most + 1):
        now[0] += 0.25
        statuses.append((await import_(account, *contacts)).status)

    assert statuses == [200] * most + [429]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_is_5xx(account: StandIn, status: int) -> None:
    account.sandbox.fail(Fault(status=status))

    assert (await sync(account)).status == status


# --- contacts ---


async def test_a_contact_is_201_then_200_with_its_id(account: StandIn) -> None:
    first, second = await sync(account, firstName="Ada"), await sync(account, ("1", "36"), lastName="L")

    assert (first.status, second.status) == (201, 200)
    assert first.json()["contact"]["id"] == second.json()["contact"]["id"]
    [contact] = account.sandbox.contacts.values()
    assert (contact["firstName"], contact["lastName"], contact["fields"]) == ("Ada", "L", {"1": "36"})


@pytest.mark.parametrize(
    ("fields", "values", "last"),
    [
        ({"email": ""}, [], "email"),
        ({"email": "ada"}, [], "email"),
        ({"phone": 7}, [], "phone"),
        ({"orgid": "7"}, [], "orgid"),
        ({}, [("1", "old")], "fieldValues"),
        ({}, [("2", "soon")], "fieldValues"),
        ({}, [("3", "2024-03-01T09:30:00")], "fieldValues"),
        ({}, [("4", 7)], "fieldValues"),
    ],
)
async def test_a_contact_that_is_refused_is_422_and_points_at_why(
    account: StandIn, fields: Any, values: Any, last: str
) -> None:
    response = await sync(account, *values, **fields)

    assert response.status == 422
    [error] = response.json()["errors"]
    assert error["source"]["pointer"] == f"/data/attributes/{last}"
    assert account.accepted() == []


@pytest.mark.parametrize("body", [{}, [], {"contact": "ada"}])
async def test_no_contact_at_all_is_422(account: StandIn, body: Any) -> None:
    assert (await post(account, SYNC, body)).status == 422


async def test_a_body_that_is_no_json_is_400(account: StandIn) -> None:
    assert (await post(account, SYNC, b"{")).status == 400


async def test_an_unknown_field_is_404(account: StandIn) -> None:
    response = await sync(account, ("77", "x"))

    assert (response.status, response.json()) == (404, {"message": "No Result found for Field with id 77"})


# --- fields, lists and tags ---


async def test_lists_have_20_on_a_page_and_100_at_most(account: StandIn) -> None:
    for number in range(200, 320):
        account.sandbox.add_field(str(number))
    total = len(account.sandbox.fields)

    async def count(query: str) -> int:
        answer = await account.request("GET", f"/api/3/fields{query}", None, AUTH)
        return len(answer.json()["fields"])

    counts = [await count(each) for each in ("", "?limit=500", "?limit=100&offset=100")]
    assert counts == [20, 100, total - 100]


async def test_a_field_has_its_title_and_its_tag(account: StandIn) -> None:
    account.sandbox.add_field("Plan tier")

    fields = (await account.request("GET", "/api/3/fields?limit=100", None, AUTH)).json()["fields"]

    assert (fields[-1]["title"], fields[-1]["perstag"]) == ("Plan tier", "PLAN_TIER")


async def test_a_contact_is_put_on_a_list_and_taken_off(account: StandIn) -> None:
    contact_id = (await sync(account)).json()["contact"]["id"]
    for status in (1, 2):
        body = {"contactList": {"list": "1", "contact": contact_id, "status": status}}
        assert (await post(account, "/api/3/contactLists", body)).status == 201

    held = await account.request("GET", f"/api/3/contacts/{contact_id}/contactLists", None, AUTH)
    assert held.json()["contactLists"] == [{"list": "1", "status": "2"}]


@pytest.mark.parametrize(
    ("change", "status"), [({"list": "9"}, 404), ({"contact": "9"}, 404), ({"status": 3}, 422), ({}, 201)]
)
async def test_what_a_list_refuses(account: StandIn, change: Any, status: int) -> None:
    contact_id = (await sync(account)).json()["contact"]["id"]
    body = {"contactList": {"list": "1", "contact": contact_id, "status": 1, **change}}

    assert (await post(account, "/api/3/contactLists", body)).status == status


async def test_a_tag_is_made_found_and_put_on(account: StandIn) -> None:
    contact_id = (await sync(account)).json()["contact"]["id"]
    made = await post(account, "/api/3/tags", {"tag": {"tag": "vip", "tagType": "contact"}})
    found = (await account.request("GET", "/api/3/tags?search=VIP", None, AUTH)).json()["tags"]
    link = {"contactTag": {"contact": contact_id, "tag": found[0]["id"]}}

    assert made.status == 201
    assert (await post(account, "/api/3/contactTags", link)).status == 201
    assert account.sandbox.contacts[contact_id]["tags"] == {"vip"}


@pytest.mark.parametrize("tag", [{}, {"tag": "vip"}, {"tag": "Old", "tagType": "contact"}])
async def test_a_tag_that_is_refused_is_422(account: StandIn, tag: Any) -> None:
    account.sandbox.tags["1"] = "old"

    assert (await post(account, "/api/3/tags", {"tag": tag})).status == 422


async def test_an_unknown_tag_is_404(account: StandIn) -> None:
    contact_id = (await sync(account)).json()["contact"]["id"]

    link = {"contactTag": {"contact": contact_id, "tag": "9"}}

    assert (await post(account, "/api/3/contactTags", link)).status == 404


# --- accounts ---


async def test_an_account_is_made_found_and_changed(account: StandIn) -> None:
    made = await post(account, "/api/3/accounts", {"account": {"name": "Engine Ltd"}})
    found = (await account.request("GET", "/api/3/accounts?search=engine", None, AUTH)).json()["accounts"]
    change = {"account": {"name": "Engine Ltd", "fields": [{"customFieldId": 1, "fieldValue": "gold"}]}}
    changed = await account.request("PUT", f"/api/3/accounts/{found[0]['id']}", change, AUTH)

    assert (made.status, changed.status, len(account.sandbox.accounts)) == (201, 200, 1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "Engine Ltd"},
        {"name": "New", "plan": "gold"},
        {"name": "New", "fields": [{"customFieldId": 9, "fieldValue": "x"}]},
        {"name": "New", "fields": [{"customFieldId": 1, "fieldValue": 7}]},
    ],
)
async def test_an_account_that_is_refused_is_422(account: StandIn, body: Any) -> None:
    await post(account, "/api/3/accounts", {"account": {"name": "Engine Ltd"}})

    assert (await post(account, "/api/3/accounts", {"account": body})).status == 422


async def test_an_unknown_account_is_404(account: StandIn) -> None:
    response = await account.request("PUT", "/api/3/accounts/9", {"account": {"name": "New"}}, AUTH)

    assert response.status == 404


async def test_a_contact_has_one_account(account: StandIn) -> None:
    contact_id = (await sync(account)).json()["contact"]["id"]
    statuses = []
    for name in ("A", "B"):
        account_id = (await post(account, "/api/3/accounts", {"account": {"name": name}})).json()["account"]["id"]
        link = {"accountContact": {"contact": contact_id, "account": account_id}}
        statuses.append((await post(account, "/api/3/accountContacts", link)).status)

    assert statuses == [201, 422]


# --- imports ---


async def test_an_import_is_queued(account: StandIn) -> None:
    contact = {
        **ADA,
        "first_name": "Ada",
        "tags": ["vip"],
        "fields": [{"id": 1, "value": "36"}],
        "subscribe": [{"listid": "1"}],
    }

    body = (await import_(account, contact, {"email": "b@example.org", "unsubscribe": [{"listid": "1"}]})).json()

    assert (body["success"], body["queued_contacts"]) == (1, 2)
    assert body["batchId"]
    assert list(account.sandbox.lists["1"].values()) == [1, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"email": "ada"},
        {"email": "b@example.org", "firstName": "B"},
        {"email": "b@example.org", "fields": [{"id": 77, "value": "x"}]},
        {"email": "b@example.org", "fields": [{"id": "1", "value": "36"}]},
        {"email": "b@example.org", "fields": [{"id": 1, "value": "old"}]},
        {"email": "b@example.org", "subscribe": ["1"]},
    ],
)
async def test_whom_an_import_refuses_it_says(account: StandIn, wrong: Any) -> None:
    both, alone = await import_(account, ADA, wrong), await import_(account, wrong)

    assert (both.status, both.json()["queued_contacts"], len(both.json()["failureReasons"])) == (200, 1, 1)
    assert (alone.status, alone.json()["success"]) == (400, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"contacts": []}, 400),
        ([], 400),
        ({"contacts": [ADA] * 251}, 400),
        ({"contacts": [{**ADA, "first_name": "x" * 400_000}]}, 413),
        ({"contacts": [ADA] * 250}, 200),
    ],
    ids=["none", "no object", "251", "400 KB", "250"],
)
async def test_the_size_of_an_import(account: StandIn, body: Any, status: int) -> None:
    assert (await post(account, IMPORT, body)).status == status
