"""The stand-in answers as Mailchimp does: each row of the sheet's limits and responses, drawn over a socket."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.mailchimp import PLUGIN, wire
from plugins.mailchimp.conversation import MAX_MENDINGS
from router.plugin import Again, Blocked, Dead, Delivered, Later, Payload, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.mailchimp.samples import EMAIL, MEMBER, identify, track

KEY = "sandbox-key-us1"
AUTH = {"Authorization": f"Bearer {KEY}"}
AUDIENCE = "/3.0/lists/a1b2c3d4e5"
NEW = {"email_address": EMAIL, "status_if_new": "subscribed"}
LENIENT = "?skip_merge_validation=true"


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, status_trait="newsletter") as opened:
        yield opened


async def put(account: StandIn, query: str = "", **fields: Any) -> Response:
    return await account.request("PUT", f"{AUDIENCE}/members/{MEMBER}{query}", {**NEW, **fields}, AUTH)


async def post(account: StandIn, path: str, body: Any) -> Response:
    return await account.request("POST", AUDIENCE + path, body, AUTH)


# --- credentials, addresses, limits ---


@pytest.mark.parametrize("value", [f"Bearer {KEY}", "Basic " + b64encode(f"any:{KEY}".encode()).decode()])
async def test_the_key_is_a_bearer_or_the_password_of_anybody(account: StandIn, value: str) -> None:
    assert (await account.request("GET", "/3.0/ping", None, {"Authorization": value})).status == 200


async def test_a_wrong_key_is_401_and_a_problem(account: StandIn) -> None:
    response = await account.request("GET", "/3.0/ping", None, {"Authorization": "Bearer x"})

    assert (response.status, response.headers["content-type"]) == (401, "application/problem+json")
    assert response.json()["title"] == "API Key Invalid"


async def test_a_disabled_key_is_403(account: StandIn) -> None:
    account.sandbox.is_key_disabled = True

    assert (await put(account)).status == 403


async def test_an_audience_that_is_not_there_is_404(account: StandIn) -> None:
    assert (await account.request("PUT", f"/3.0/lists/x1/members/{MEMBER}", NEW, AUTH)).status == 404


async def test_ten_connections_are_open_at_most(account: StandIn) -> None:
    """The eleventh is refused, not kept waiting."""
    account.sandbox.gate.clear()
    waiting = [asyncio.create_task(account.request("GET", "/3.0/ping", None, AUTH)) for _ in range(11)]

    [refused], _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    account.sandbox.gate.set()

    assert refused.result().status == 429
    assert refused.result().json()["title"] == "TooManyRequests"
    assert sorted([(await each).status for each in waiting]) == [200] * 10 + [429]


@pytest.mark.parametrize("status", [500, 503])
async def test_an_outage_is_5xx(account: StandIn, status: int) -> None:
    account.sandbox.fail(Fault(status=status))

    assert (await put(account)).status == status


async def test_the_audience_and_its_merge_fields_can_be_read(account: StandIn) -> None:
    audience = await account.request("GET", AUDIENCE, None, AUTH)
    fields = await account.request("GET", f"{AUDIENCE}/merge-fields?count=1000", None, AUTH)

    assert audience.json()["double_optin"] is False
    assert {"tag": "BIRTHDAY", "type": "birthday", "required": False} in fields.json()["merge_fields"]


async def test_a_body_that_is_no_json_is_400(account: StandIn) -> None:
    assert (await post(account, "", b"{")).status == 400


# --- members ---


async def test_a_member_is_200_with_its_ids(account: StandIn) -> None:
    body = (await put(account, merge_fields={"FNAME": "Ada"})).json()

    assert (body["id"], body["status"], body["merge_fields"]) == (MEMBER, "subscribed", {"FNAME": "Ada"})
    assert body["contact_id"]


async def test_an_update_keeps_the_status_and_what_is_not_sent(account: StandIn) -> None:
    await put(account, status_if_new="pending", merge_fields={"FNAME": "Ada"})

    body = (await put(account, merge_fields={"PLAN": "gold"})).json()

    assert (body["status"], body["merge_fields"]) == ("pending", {"FNAME": "Ada", "PLAN": "gold"})


async def test_a_merge_field_that_there_is_not_is_ignored(account: StandIn) -> None:
    assert (await put(account, merge_fields={"NOSUCH": "x"})).json()["merge_fields"] == {}


async def test_a_new_address_moves_the_member(account: StandIn) -> None:
    await put(account)

    body = (await put(account, email_address="ada@example.org")).json()

    assert list(account.sandbox.members) == [body["id"]] == [wire.member_id("ada@example.org")]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email_address": "ada"}, "email_address"),
        ({"email_address": "noreply@example.org"}, "email_address"),
        ({"email_address": None}, "email_address"),
        ({"status_if_new": None}, "status_if_new"),
        ({"status": "keen"}, "status"),
        ({"language": "english"}, "language"),
        ({"timestamp_signup": "2024-03-01"}, "timestamp_signup"),
        ({"merge_fields": []}, "merge_fields"),
        ({"merge_fields": {"FNAME": "x" * 256}}, "merge_fields.FNAME"),
        ({"merge_fields": {"FNAME": ["x"]}}, "merge_fields.FNAME"),
        ({"merge_fields": {"BIRTHDAY": "1815-12-10"}}, "merge_fields.BIRTHDAY"),
        ({"merge_fields": {"AGE": "36"}}, "merge_fields.AGE"),
        ({"merge_fields": {"SINCE": "soon"}}, "merge_fields.SINCE"),
        ({"merge_fields": {"WEBSITE": "example.org"}}, "merge_fields.WEBSITE"),
        ({"merge_fields": {"ADDRESS": "12 St James Sq"}}, "merge_fields.ADDRESS"),
        ({"merge_fields": {"ADDRESS": {"addr1": "a", "city": "b", "state": "", "zip": "d"}}}, "merge_fields.ADDRESS"),
        (
            {"merge_fields": {"ADDRESS": {"addr1": "a", "city": "b", "state": "c", "zip": "d", "country": "Italy"}}},
            "merge_fields.ADDRESS",
        ),
    ],
)
async def test_a_member_that_is_refused_is_400_and_says_which_field(account: StandIn, fields: Any, wrong: str) -> None:
    response = await put(account, **fields)

    assert response.status == 400
    assert response.json()["title"] == "Invalid Resource"
    assert wrong in [error["field"] for error in response.json()["errors"]]
    assert account.accepted() == []


async def test_values_at_their_limits_are_taken(account: StandIn) -> None:
    address = {"addr1": "a", "city": "b", "state": "c", "zip": "d"}
    fields = {"FNAME": "x" * 255, "BIRTHDAY": "02/29", "AGE": 1.5, "SINCE": "03/01/2024", "ADDRESS": address}

    assert (await put(account, merge_fields=fields, language="en")).status == 200


@pytest.mark.parametrize(("query", "status"), [("", 400), (LENIENT, 200)])
async def test_a_required_merge_field_may_be_passed_over(account: StandIn, query: str, status: int) -> None:
    account.sandbox.required = {"PLAN"}

    assert (await put(account, query)).status == status


@pytest.mark.parametrize("status", ["unsubscribed", "cleaned"])
async def test_who_left_is_not_subscribed_again(account: StandIn, status: str) -> None:
    await put(account, status=status)

    response = await put(account, status="subscribed")

    assert (response.status, response.json()["title"]) == (400, "Member In Compliance State")


async def test_who_was_deleted_for_good_stays_away(account: StandIn) -> None:
    account.sandbox.forgotten.add(MEMBER)

    assert (await put(account)).json()["title"] == "Forgotten Email Not Subscribed"


# --- batches ---

ADA, BO = ({"email_address": email, "status": "subscribed"} for email in (EMAIL, "bo@example.org"))


async def test_a_batch_is_200_and_lists_who_was_refused(account: StandIn) -> None:
    await put(account)
    bad = {**BO, "email_address": "noreply@example.org"}

    body = (await post(account, LENIENT, {"members": [ADA, BO, bad], "update_existing": True})).json()

    assert (body["total_created"], body["total_updated"], body["error_count"]) == (1, 1, 1)
    assert body["errors"][0]["email_address"] == "noreply@example.org"


@pytest.mark.parametrize(
    ("member", "code"),
    [
        pytest.param(ADA, "ERROR_CONTACT_EXISTS", id="there already, and not to be updated"),
        pytest.param({"email_address": "c@example.org"}, "ERROR_GENERIC", id="no status"),
        pytest.param({**BO, "merge_fields": {"BIRTHDAY": "soon"}}, "ERROR_GENERIC", id="a field that is not valid"),
    ],
)
async def test_one_member_is_refused_and_the_others_are_written(account: StandIn, member: Any, code: str) -> None:
    await put(account)

    body = (await post(account, "", {"members": [{**BO, "email_address": "d@example.org"}, member]})).json()

    assert [error["error_code"] for error in body["errors"]] == [code]
    assert body["total_created"] == 1


@pytest.mark.parametrize(("query", "count"), [("", 1), ("?skip_duplicate_check=true", 0)])
async def test_an_address_twice_in_a_batch_is_an_error(account: StandIn, query: str, count: int) -> None:
    assert (await post(account, query, {"members": [BO, BO]})).json()["error_count"] == count


@pytest.mark.parametrize("members", [[], "x", [7], [BO] * 501])
async def test_a_batch_has_1_to_500_members(account: StandIn, members: Any) -> None:
    assert (await post(account, "", {"members": members})).status == 400


# --- events and tags ---


@pytest.mark.parametrize("named", [MEMBER, EMAIL])
async def test_an_event_is_204(account: StandIn, named: str) -> None:
    await put(account)
    event = {"name": "invoice_paid", "properties": {"amount": "12.5"}, "occurred_at": "2026-03-04T10:20:31+00:00"}

    assert (await post(account, f"/members/{named}/events", event)).status == 204
    assert account.accepted("event") == [event]


async def test_an_event_of_nobody_is_404(account: StandIn) -> None:
    assert (await post(account, f"/members/{MEMBER}/events", {"name": "invoice_paid"})).status == 404


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        {"name": "x"},
        {"name": "x" * 31},
        {"name": "invoice paid"},
        {"name": "paid", "properties": []},
        {"name": "paid", "properties": {"amount": 12.5}},
        {"name": "paid", "properties": {"1st": "x"}},
        {"name": "paid", "properties": {"products": "x" * 993}},
        {"name": "paid", "occurred_at": "2026-03-04"},
    ],
)
async def test_an_event_that_is_refused_is_400(account: StandIn, event: Any) -> None:
    await put(account)

    assert (await post(account, f"/members/{MEMBER}/events", event)).status == 400


async def test_a_repeated_event_is_kept_twice(account: StandIn) -> None:
    """Mailchimp knows no idempotency key."""
    await put(account)
    for _ in range(2):
        await post(account, f"/members/{MEMBER}/events", {"name": "invoice_paid"})

    assert len(account.accepted("event")) == 2


async def test_tags_are_put_on_and_taken_off(account: StandIn) -> None:
    await put(account)
    for tags in ([{"name": "vip", "status": "active"}] * 2, [{"name": "vip", "status": "inactive"}]):
        assert (await post(account, f"/members/{MEMBER}/tags", {"tags": tags})).status == 204

    assert account.sandbox.members[MEMBER]["tags"] == []
    assert (await post(account, f"/members/{MEMBER}/tags", {"tags": "vip"})).status == 400


# --- as the core delivers ---


async def talk(account: StandIn, **traits: Any) -> Any:
    [end] = (await account.deliver(identify(**traits)))["write member"]
    return end


async def test_a_member_is_written_and_tagged(account: StandIn) -> None:
    assert await talk(account, firstName="Ada", tags=["vip"]) == [Delivered()]

    member = account.sandbox.members[MEMBER]
    assert (member["status"], member["merge_fields"], member["tags"]) == ("subscribed", {"FNAME": "Ada"}, ["vip"])


async def test_a_trait_sync_leaves_the_status_of_a_member_alone(account: StandIn) -> None:
    await put(account, status="unsubscribed")

    assert await talk(account, firstName="Ada") == [Delivered()]
    assert account.sandbox.members[MEMBER]["status"] == "unsubscribed"


async def test_who_may_not_be_subscribed_again_gets_the_rest(account: StandIn) -> None:
    await put(account, status="unsubscribed")

    [end] = await talk(account, firstName="Ada", newsletter=True)

    assert isinstance(end, Delivered)
    assert "Member In Compliance State" in end.warnings[0]
    assert account.sandbox.members[MEMBER]["merge_fields"] == {"FNAME": "Ada"}
    assert account.sandbox.members[MEMBER]["status"] == "unsubscribed"


async def test_a_field_that_is_refused_is_left_out_and_reported(account: StandIn) -> None:
    account.sandbox.fields["PHONE"] = "us_phone"

    [end] = await talk(account, firstName="Ada", phone="+44 20 7946 0000")

    assert isinstance(end, Delivered)
    assert end.warnings[0].startswith("PHONE left out")
    assert account.sandbox.members[MEMBER]["merge_fields"] == {"FNAME": "Ada"}


@pytest.mark.parametrize("field", ["timestamp_signup", "language"])
async def test_what_else_is_refused_of_a_member_costs_only_itself(account: StandIn, field: str) -> None:
    body = f'{{"title": "Invalid Resource", "errors": [{{"field": "{field}", "message": "no"}}]}}'
    account.sandbox.fail(Fault(status=400, body=body, contains=f'"{field}"'))
    traits = {"email": EMAIL, "firstName": "Ada", "createdAt": "2024-08-24"}

    [ends] = (await account.deliver(make_event("identify", traits=traits, context={"locale": "xx-XX"}))).values()

    assert ends == [[Delivered((f"{field} left out: 400 Invalid Resource: {field} no",))]]
    member = account.sandbox.members[MEMBER]
    assert (member["merge_fields"]["FNAME"], member.get(field)) == ("Ada", None)


async def test_a_member_is_mended_a_few_times_and_no_more(account: StandIn) -> None:
    fields = iter(("FNAME", "LNAME", "PHONE", "PLAN", "TITLE", "WEBSITE"))
    for field in fields:
        body = f'{{"title": "Invalid Resource", "errors": [{{"field": "{field}", "message": "no"}}]}}'
        account.sandbox.fail(Fault(status=400, body=body, contains=f'"{field}"', times=1))

    [end] = await talk(
        account, firstName="A", lastName="B", phone="1", plan="x", title="C", website="https://example.org"
    )

    assert isinstance(end, Dead)
    assert len(account.sandbox.requests) == MAX_MENDINGS


async def test_what_cannot_be_mended_is_a_dead_letter(account: StandIn) -> None:
    account.sandbox.forgotten.add(MEMBER)

    [end] = await talk(account)

    assert isinstance(end, Dead)
    assert "Forgotten Email Not Subscribed" in end.reason


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(401, "", Blocked, id="401"),
        pytest.param(403, "<html>", Blocked, id="403"),
        pytest.param(404, "", Blocked, id="404, no such audience"),
        pytest.param(400, "<html>", Dead, id="400"),
        pytest.param(429, "", Later, id="429"),
        pytest.param(503, "", Later, id="503"),
    ],
)
async def test_what_an_answer_to_a_member_means(account: StandIn, status: int, body: str, kind: type) -> None:
    account.sandbox.fail(Fault(status=status, body=body))

    end = await talk(account)

    assert isinstance(end if isinstance(end, Blocked) else end[0], kind)


async def test_tags_that_are_refused_do_not_cost_the_member(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=400, body='{"title": "Bad Tag"}', path="/tags"))

    [end] = await talk(account, tags=["vip"])

    assert end == Delivered(("the member was not tagged: 400 Bad Tag",))


async def test_an_outage_before_the_tags_starts_over(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=503, path="/tags", times=1))

    assert isinstance((await talk(account, tags=["vip"]))[0], Later)
    assert await talk(account, tags=["vip"]) == [Delivered()]
    assert account.sandbox.members[MEMBER]["tags"] == ["vip"]


async def test_an_event_follows_its_member_and_before_it_is_a_dead_letter(account: StandIn) -> None:
    before = (await account.deliver(track()))["track event"]
    await talk(account)
    after = (await account.deliver(track()))["track event"]

    assert isinstance(before[0][0], Dead)  # type: ignore[index]
    assert after == [[Delivered()]]


async def test_an_order_of_many_products_is_told_without_them(account: StandIn) -> None:
    """Mailchimp refuses the whole event."""
    await talk(account)
    products = [{"product_id": f"p-{number}", "name": "Engine"} for number in range(40)]

    order = track(properties={"order_id": "A-1", "revenue": 42.5, "products": products})
    said = "400 Invalid Resource: properties properties have at most 1000 characters; left out: products"

    assert (await account.deliver(order))["track event"] == [[Delivered((said,))]]
    [event] = account.accepted("event")
    assert event["properties"] == {"order_id": "A-1", "revenue": "42.5"}


async def test_an_event_that_is_short_is_not_sent_twice(account: StandIn) -> None:
    await talk(account)
    account.sandbox.fail(Fault(status=400, path="/events"))

    assert (await account.deliver(track()))["track event"] == [[Dead("400")]]
    assert [each["path"] for each in account.sandbox.requests if each["path"].endswith("/events")] == [
        f"/3.0/lists/a1b2c3d4e5/members/{MEMBER}/events"
    ]


async def test_the_answer_on_many_members_is_one_that_the_router_can_read() -> None:
    """It holds all there is of each: that on five hundred was cut at 1 MB, unreadable, and they were sent for ever."""
    async with open_stand_in(PLUGIN, batch_members=True, tags_trait="") as account:
        emails = [f"ada{number}@example.org" for number in range(450)]
        calls = [
            make_event("identify", traits={"email": email, "name": "Ada King" * 20}, messageId=email)
            for email in emails
        ]

        batches = (await account.deliver(*calls))["write members in batches"]

        assert [verdict for batch in batches for verdict in batch] == [Delivered()] * 450  # type: ignore[union-attr]
        assert len(account.sandbox.members) == 450


async def test_a_partial_failure_costs_only_whom_it_is_about() -> None:
    async with open_stand_in(PLUGIN, batch_members=True, tags_trait="") as account:
        calls = [
            make_event("identify", traits={"email": email}, messageId=email)
            for email in (EMAIL, "noreply@example.org", "bo@example.org")
        ]

        [verdicts] = (await account.deliver(*calls))["write members in batches"]

        assert [type(verdict) for verdict in verdicts] == [Delivered, Dead, Delivered]  # type: ignore[union-attr]
        assert len(account.sandbox.members) == 2


async def test_who_has_unsubscribed_is_written_in_a_batch_as_what_they_are() -> None:
    """A batch has to say a status, and the usual one is refused: each of their identifies was a dead letter."""
    async with open_stand_in(PLUGIN, batch_members=True, tags_trait="") as account:
        await account.send("member batches", Payload({"email_address": EMAIL, "status": "unsubscribed"}))
        payload = Payload({"email_address": EMAIL, "merge_fields": {"FNAME": "Ada"}})

        [verdict] = await account.send("member batches", payload)  # type: ignore[misc]
        assert isinstance(verdict, Again)
        assert verdict.instead is not None

        assert await account.send("member batches", verdict.instead) == [Delivered()]
        [member] = account.sandbox.members.values()
        assert (member["status"], member["merge_fields"]) == ("unsubscribed", {"FNAME": "Ada"})
        assert verdict.instead.notes == ("the status stays: ERROR_GENERIC: Member In Compliance State",)


async def test_a_value_that_is_refused_costs_itself_and_not_the_member_of_a_batch() -> None:
    async with open_stand_in(PLUGIN, batch_members=True, tags_trait="") as account:
        good = Payload({"email_address": "b@example.org", "merge_fields": {"FNAME": "B"}})
        bad = Payload({"email_address": EMAIL, "merge_fields": {"FNAME": "Ada", "BIRTHDAY": "1815-12-10"}})

        [taken, verdict] = await account.send("member batches", good, bad)  # type: ignore[misc]
        assert isinstance(verdict, Again)
        assert verdict.instead is not None

        assert [taken] == await account.send("member batches", verdict.instead) == [Delivered()]
        assert [each["merge_fields"] for each in account.sandbox.members.values()] == [{"FNAME": "B"}, {"FNAME": "Ada"}]
        assert verdict.instead.notes[0].endswith("; left out: merge_fields.BIRTHDAY")
