"""The stand-in answers as Zendesk does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.zendesk import PLUGIN
from plugins.zendesk.settings import Settings
from router.plugin import Blocked, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from router.testing.samples import SAMPLES

BASIC = "Basic " + base64.b64encode(b"router@example.test/token:sandbox-token").decode()
ADA = {"external_id": "u-17", "name": "Ada", "email": "ada@example.test", "skip_verify_email": True}
ACME = {"external_id": "c9", "name": "Acme"}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: 1_000.0
        yield opened


async def ask(vendor: StandIn, method: str, path: str, body: Any = None, authorization: str = BASIC) -> Response:
    return await vendor.request(method, f"/api/v2/{path}", body, {"Authorization": authorization})


async def write_user(vendor: StandIn, **fields: Any) -> Response:
    return await ask(vendor, "POST", "users/create_or_update", {"user": {**ADA, **fields}})


async def write_organization(vendor: StandIn, **fields: Any) -> Response:
    return await ask(vendor, "POST", "organizations/create_or_update", {"organization": {**ACME, **fields}})


def profile_event(**parts: Any) -> dict[str, Any]:
    profile = {"source": "s", "type": "customer", "identifiers": [{"type": "external_id", "value": "u-17"}]}
    event = {
        "source": "s",
        "type": "paid",
        "description": "Paid",
        "created_at": "2026-03-04T10:20:31Z",
        "properties": {},
    }
    return {"profile": profile | parts.get("profile", {}), "event": event | parts.get("event", {})}


async def send_event(vendor: StandIn, **parts: Any) -> Response:
    return await ask(vendor, "POST", "user_profiles/events", profile_event(**parts))


# --- answers ---


async def test_a_user_is_201_when_new_and_200_after(vendor: StandIn) -> None:
    responses = [await write_user(vendor), await write_user(vendor, external_id="U-17", name="Ada L.")]

    assert [response.status for response in responses] == [201, 200]
    assert len({response.json()["user"]["id"] for response in responses}) == 1
    assert responses[1].json()["user"]["external_id"] == "U-17"


async def test_an_organization_is_201_when_new_and_200_after(vendor: StandIn) -> None:
    assert [(await write_organization(vendor)).status for _ in range(2)] == [201, 200]


async def test_an_event_is_202(vendor: StandIn) -> None:
    response = await send_event(vendor)

    assert (response.status, response.body) == (202, b"")
    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize("authorization", ["", "Bearer sandbox-token", BASIC[:-4]])
async def test_wrong_credentials_are_401(vendor: StandIn, authorization: str) -> None:
    assert (await ask(vendor, "GET", "users/me", authorization=authorization)).status == 401


async def test_an_oauth_token_will_do() -> None:
    async with open_stand_in(PLUGIN, oauth_token="o") as vendor:
        assert (await ask(vendor, "GET", "users/me", authorization="Bearer o")).status == 200
        assert await vendor.deliver(make_event("identify", userId="u-17")) == {"identify user": [[Delivered()]]}


async def test_a_token_without_the_scope_is_403(vendor: StandIn) -> None:
    vendor.sandbox.scopes = {"read"}

    assert (await write_user(vendor)).status == 403
    assert (await ask(vendor, "GET", "users/me")).status == 200


async def test_the_scopes_that_the_setting_names_are_enough() -> None:
    """The user of a group call is looked for, and so are the addresses of one who has a new email."""
    described = str(Settings.model_fields["oauth_token"].description)
    calls = [
        make_event("identify", userId="u-17", traits={"email": "a@example.test", "company": "Engines", "tier": 1}),
        make_event("identify", userId="u-17", traits={"email": "b@example.test"}),
        make_event("group", userId="u-17", groupId="c9", traits={"name": "Engines"}),
        make_event("track", userId="u-17", event="Invoice Paid"),
    ]
    async with open_stand_in(PLUGIN, oauth_token="o", primary_email=True) as vendor:
        vendor.sandbox.scopes = set(re.findall("[a-z]+:(?:read|write)", described))
        judged = [verdict for call in calls for verdict in (await vendor.deliver(call)).values()]

        assert judged == [[[Delivered()]]] * len(calls)
        assert vendor.sandbox.memberships


async def test_a_plan_without_events_is_404(vendor: StandIn) -> None:
    vendor.sandbox.has_events = False

    assert (await send_event(vendor)).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "users/1/identities"),
        ("PUT", "users/1/identities/0/make_primary"),
        ("PUT", "users/1/merge"),
        ("POST", "organization_memberships"),
    ],
)
async def test_an_unknown_id_is_404(vendor: StandIn, method: str, path: str) -> None:
    body = {"user": {"id": 2}, "organization_membership": {"user_id": 1, "organization_id": 2}}

    assert (await ask(vendor, method, path, body if method != "GET" else None)).status == 404


async def test_a_conflict_is_409(vendor: StandIn) -> None:
    vendor.sandbox.conflicts = 1

    assert [(await write_user(vendor)).status for _ in range(2)] == [409, 201]


@pytest.mark.parametrize("body", [b"{", [], {}], ids=["cut", "a list", "no user"])
async def test_what_is_no_user_is_400(vendor: StandIn, body: Any) -> None:
    assert (await ask(vendor, "POST", "users/create_or_update", body)).status == 400


@pytest.mark.parametrize(
    ("fields", "field", "error"),
    [
        pytest.param({"name": ""}, "name", "BlankValue", id="somebody new without a name"),
        pytest.param({"email": "no email"}, "email", "InvalidFormat", id="no email"),
        pytest.param({"phone": "call me"}, "phone", "InvalidFormat", id="no phone"),
        pytest.param({"phone": 7}, "phone", "InvalidType", id="a phone that is no text"),
        pytest.param({"tags": "vip"}, "tags", "InvalidType", id="tags that are no list"),
        pytest.param({"external_id": "x" * 256}, "external_id", "TooLong", id="a long external_id"),
        pytest.param({"organization_id": 7}, "organization", "InvalidValue", id="an unknown organization"),
    ],
)
async def test_a_bad_field_is_422_and_named(vendor: StandIn, fields: dict[str, Any], field: str, error: str) -> None:
    response = await write_user(vendor, **fields)

    body = response.json()
    assert (response.status, body["error"], body["details"][field][0]["error"]) == (422, "RecordInvalid", error)


async def test_an_email_of_somebody_else_is_422(vendor: StandIn) -> None:
    await write_user(vendor)
    await write_user(vendor, external_id="u-18", email="eve@example.test")

    response = await write_user(vendor, external_id="u-18")

    assert response.json()["details"]["email"][0]["error"] == "DuplicateValue"


@pytest.mark.parametrize(
    "fields", [{"firstName": "Ada"}, {"user_fields": {"a.b": 1}}, {"user_fields": {"a": [1]}}], ids=str
)
async def test_what_is_no_field_is_400(vendor: StandIn, fields: dict[str, Any]) -> None:
    assert (await write_user(vendor, **fields)).status == 400


async def test_fields_that_are_not_defined_are_ignored_without_a_word(vendor: StandIn) -> None:
    for key, status in (("plan", 201), ("plan", 422), ("a.b", 422)):
        field = {"key": key, "title": key, "type": "text"}
        assert (await ask(vendor, "POST", "user_fields", {"user_field": field})).status == status

    response = await write_user(vendor, user_fields={"plan": "gold", "tier": 3})

    assert response.json()["user"]["user_fields"] == {"plan": "gold"}
    assert (await ask(vendor, "GET", "user_fields")).json() == {"user_fields": [{"key": "plan", "type": "text"}]}


async def test_another_email_is_one_more_address(vendor: StandIn) -> None:
    await write_user(vendor)
    response = await write_user(vendor, email="new@example.test")

    user = response.json()["user"]
    identities = (await ask(vendor, "GET", f"users/{user['id']}/identities")).json()["identities"]
    assert user["email"] == "ada@example.test"
    assert [each["value"] for each in identities] == ["ada@example.test", "new@example.test"]


async def test_a_new_address_gets_a_mail_unless_it_is_not_to(vendor: StandIn) -> None:
    await write_user(vendor, skip_verify_email=False)

    assert vendor.accepted("mail") == [{"to": "ada@example.test"}]


async def test_a_name_of_no_organization_creates_none(vendor: StandIn) -> None:
    response = await write_user(vendor, organization={"name": "Acme"})

    assert (response.status, vendor.sandbox.organizations) == (201, {})


async def test_an_organization_has_a_name_of_its_own(vendor: StandIn) -> None:
    await write_organization(vendor)

    nameless = await write_organization(vendor, external_id="c8", name="")
    await write_organization(vendor, external_id="c8", name="Engines")
    taken = await write_organization(vendor, external_id="c8")

    assert [each.json()["details"]["name"][0]["error"] for each in (nameless, taken)] == [
        "BlankValue",
        "DuplicateValue",
    ]


async def test_a_member_twice_is_422(vendor: StandIn) -> None:
    user, organization = (await write_user(vendor)).json()["user"], (await write_organization(vendor)).json()
    membership = {"user_id": user["id"], "organization_id": organization["organization"]["id"]}

    statuses = [
        (await ask(vendor, "POST", "organization_memberships", {"organization_membership": membership})).status
        for _ in range(2)
    ]

    assert statuses == [201, 422]


# --- limits ---


async def test_requests_have_a_rate(vendor: StandIn) -> None:
    assert vendor.sandbox.requests_per_minute == 200
    vendor.sandbox.requests_per_minute = 1

    responses = [await ask(vendor, "GET", "users/me") for _ in range(2)]
    events = await send_event(vendor)
    vendor.sandbox.now_s = lambda: 1_060.0
    responses.append(await ask(vendor, "GET", "users/me"))

    assert [response.status for response in responses] == [200, 429, 200]
    assert events.status == 202
    assert {responses[1].headers[name] for name in ("retry-after", "ratelimit-reset")} == {"60"}
    assert (responses[0].headers["x-rate-limit"], responses[0].headers["x-rate-limit-remaining"]) == ("1", "0")


async def test_events_have_a_rate_of_their_own(vendor: StandIn) -> None:
    assert vendor.sandbox.events_per_minute == 250
    vendor.sandbox.events_per_minute = 1

    assert [(await send_event(vendor)).status for _ in range(2)] == [202, 429]


async def test_one_user_is_written_five_times_a_minute(vendor: StandIn) -> None:
    assert [(await write_user(vendor)).status for _ in range(6)] == [201, 200, 200, 200, 200, 429]
    assert (await write_user(vendor, external_id="u-18", email="eve@example.test")).status == 201


async def test_a_month_has_an_end(vendor: StandIn) -> None:
    assert vendor.sandbox.events_per_month == 150_000
    vendor.sandbox.events_per_month = 1

    assert [(await send_event(vendor)).status for _ in range(2)] == [202, 429]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"event": {"source": "zendesk"}}, id="Zendesk's own source"),
        pytest.param({"profile": {"source": "zendesk"}}, id="Zendesk's own source of profiles"),
        pytest.param({"event": {"type": "x" * 41}}, id="a long type"),
        pytest.param({"profile": {"type": "x" * 41}}, id="a long type of profile"),
        pytest.param({"profile": {"source": "x" * 41}}, id="a long source"),
        pytest.param({"profile": {"identifiers": []}}, id="nobody"),
        pytest.param({"profile": {"identifiers": [{"type": "email", "value": "x"}] * 21}}, id="21 identifiers"),
        pytest.param({"profile": {"identifiers": [{"type": "x" * 61, "value": "x"}]}}, id="a long type of identifier"),
        pytest.param({"event": {"created_at": "yesterday"}}, id="no time"),
        pytest.param({"event": {"properties": None}}, id="no properties"),
    ],
)
async def test_an_event_that_is_refused(vendor: StandIn, parts: dict[str, Any]) -> None:
    assert (await send_event(vendor, **parts)).status == 400


@pytest.mark.parametrize(("kept", "most"), [("sources", 50), ("types", 2_500)])
async def test_sources_and_types_come_to_an_end(vendor: StandIn, kept: str, most: int) -> None:
    setattr(vendor.sandbox, kept, {f"name {number}" for number in range(most)})

    assert (await send_event(vendor)).status == 400


# --- the plugin and the stand-in together ---


async def test_a_person_their_company_and_what_they_did_arrive(vendor: StandIn) -> None:
    judged = [
        await vendor.deliver(sent)
        for sent in (
            make_event("identify", userId="u-17", traits={"first_name": "Ada", "last_name": "Lovelace", "tier": 1}),
            make_event("group", userId="u-17", groupId="c9", traits={"name": "Acme", "plan": "gold"}),
            make_event("track", userId="u-17", event="Paid", properties={"amount": 5}),
            make_event("page", userId="u-17"),
        )
    ]

    assert all(judgement == [[Delivered()]] for by_action in judged for judgement in by_action.values())
    [user], [organization] = vendor.sandbox.users.values(), vendor.sandbox.organizations.values()
    assert (user["name"], user["user_fields"]) == ("Ada Lovelace", {"tier": 1})
    assert (organization["name"], organization["organization_fields"]) == ("Acme", {"plan": "gold"})
    assert vendor.sandbox.memberships == {(user["id"], organization["id"])}
    assert [each["event"]["type"] for each in vendor.accepted("event")] == ["paid", "page_viewed"]


async def test_nothing_of_real_traffic_dies(vendor: StandIn) -> None:
    vendor.sandbox.writes_per_user_and_minute = vendor.sandbox.requests_per_minute = 10_000

    for number, event in enumerate(SAMPLES.values()):
        sent = make_event(event.type, **{**event.document, "messageId": f"m-{number}", "type": event.type})
        for judgements in (await vendor.deliver(sent)).values():
            assert [type(verdict) for [verdict] in judgements] == [Delivered] * len(judgements)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"has_events": False}, Blocked, id="no events in the plan"),
        pytest.param({"settings": {}}, Blocked, id="wrong token"),
        pytest.param({"events_per_minute": 0}, Later, id="throttled"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: type) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    [[judgement]] = (await vendor.deliver(make_event("track", userId="u-17", event="E"))).values()

    assert isinstance(judgement[0] if isinstance(judgement, list) else judgement, expected)


@pytest.mark.parametrize("status", [429, 500, 503, 504])
async def test_an_outage_is_tried_again(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))
    sent = make_event("identify", userId="u-17", traits={"name": "Ada"})

    assert [await vendor.deliver(sent) for _ in range(2)] == [
        {"identify user": [[Later(str(status))]]},
        {"identify user": [[Delivered()]]},
    ]
