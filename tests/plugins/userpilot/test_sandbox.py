"""The stand-in answers as Userpilot does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.userpilot import PLUGIN
from router.plugin import Blocked, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

GOOD = {"Authorization": "Token sandbox-key", "X-API-Version": "2020-09-22"}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: 0.0
        yield opened


async def post(vendor: StandIn, path: str, body: Any, headers: dict[str, str] = GOOD) -> Response:
    return await vendor.request("POST", f"/v1/{path}", body, headers)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        pytest.param("identify", {"user_id": "u-17"}, "user", id="a user"),
        pytest.param("companies/identify", {"company_id": "c9"}, "company", id="a company"),
        pytest.param("track", {"user_id": "u-17", "event_name": "E"}, "event", id="an event"),
    ],
)
async def test_what_is_needed_is_taken(vendor: StandIn, path: str, body: Any, kind: str) -> None:
    assert ((await post(vendor, path, body)).status, vendor.accepted(kind)) == (202, [body])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("identify", {}, id="nobody"),
        pytest.param("identify", {"user_id": 17}, id="a user_id that is no text"),
        pytest.param("identify", {"user_id": "u", "metadata": []}, id="metadata that is a list"),
        pytest.param("identify", {"user_id": "u", "metadata": {"a": {"b": 1}}}, id="an object"),
        pytest.param("identify", {"user_id": "u", "metadata": {"a": [1]}}, id="a list"),
        pytest.param("identify", {"user_id": "u", "company": {"name": "Acme"}}, id="a company without an id"),
        pytest.param("identify", {"user_id": "u", "company": {"id": "c", "a": []}}, id="a list of a company"),
        pytest.param("companies/identify", {"metadata": {}}, id="no company"),
        pytest.param("companies/identify", {"company_id": "c", "metadata": {"a": []}}, id="a company's list"),
        pytest.param("track", {"user_id": "u"}, id="no name"),
        pytest.param("track", {"event_name": "E"}, id="an event of nobody"),
        pytest.param("track", {"user_id": "u", "event_name": "E", "metadata": {"a": {}}}, id="an event's object"),
        pytest.param("track", [], id="no object"),
    ],
)
async def test_what_is_refused(vendor: StandIn, path: str, body: Any) -> None:
    assert ((await post(vendor, path, body)).status, vendor.accepted()) == (422, [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({**GOOD, "Authorization": "Token another"}, 401, id="another key"),
        pytest.param({**GOOD, "Authorization": "Bearer sandbox-key"}, 401, id="another scheme"),
        pytest.param({"Authorization": "Token sandbox-key"}, 400, id="no version"),
    ],
)
async def test_a_request_needs_its_headers(vendor: StandIn, headers: dict[str, str], status: int) -> None:
    assert (await post(vendor, "identify", {"user_id": "u-17"}, headers)).status == status


async def test_a_body_that_is_no_json_is_refused(vendor: StandIn) -> None:
    assert (await post(vendor, "track", b"{")).status == 400


async def test_identifying_and_tracking_have_a_limit_each(vendor: StandIn) -> None:
    assert vendor.sandbox.most == 600
    vendor.sandbox.most = 2
    event = {"user_id": "u-17", "event_name": "E"}

    statuses = [
        (await post(vendor, path, body)).status
        for path, body in (
            ("identify", {"user_id": "u-17"}),
            ("companies/identify", {"company_id": "c9"}),
            ("identify", {"user_id": "u-17"}),
            ("track", event),
        )
    ]

    assert statuses == [202, 202, 429, 202]


async def test_properties_add_up_and_a_null_removes_one(vendor: StandIn) -> None:
    for metadata in ({"a": 1, "b": 1}, {"b": None, "c": 2}):
        await post(vendor, "identify", {"user_id": "u-17", "metadata": metadata})

    assert vendor.sandbox.users == {"u-17": {"a": 1, "c": 2}}


async def test_a_user_belongs_to_one_company(vendor: StandIn) -> None:
    for company in ("c8", "c9"):
        await post(vendor, "identify", {"user_id": "u-17", "company": {"id": company}})

    assert vendor.sandbox.company_of == {"u-17": "c9"}


# --- the plugin and the stand-in together ---


async def test_a_user_their_company_and_their_events_arrive(vendor: StandIn) -> None:
    company = {"id": "c9", "name": "Acme", "createdAt": "2020-01-02"}
    judged = [
        await vendor.deliver(sent)
        for sent in (
            make_event("identify", userId="u-17", traits={"first_name": "Ada", "company": company}),
            make_event("group", userId="u-18", groupId="c9", messageId="m-2", traits={"tier": 1}),
            make_event("track", userId="u-17", messageId="m-3", event="Paid", properties={"revenue": 5}),
        )
    ]

    assert all(judgement == [[Delivered()]] for by_action in judged for judgement in by_action.values())
    assert vendor.sandbox.users == {"u-17": {"firstName": "Ada"}, "u-18": {}}
    assert vendor.sandbox.companies == {"c9": {"name": "Acme", "created_at": "2020-01-02", "tier": 1}}
    assert vendor.sandbox.company_of == {"u-17": "c9", "u-18": "c9"}
    assert [event["event_name"] for event in vendor.accepted("event")] == ["Paid"]


@pytest.mark.parametrize("status", [429, 503])
async def test_an_outage_is_waited_for(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))

    judged = await vendor.deliver(make_event("track", userId="u-17", event="E"))

    assert judged == {"track event": [[Later(str(status))]]}


async def test_a_wrong_key_blocks(vendor: StandIn) -> None:
    vendor.sandbox.settings["api_key"] = "another"

    [judgement] = (await vendor.deliver(make_event("track", userId="u-17", event="E")))["track event"]

    assert isinstance(judgement, Blocked)
