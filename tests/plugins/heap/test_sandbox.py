"""The stand-in answers as Heap does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.heap import PLUGIN
from router.plugin import Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

APP = "1234567890"


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, account_id_property="company_id") as opened:
        opened.sandbox.now_s = lambda: 0.0
        yield opened


def event(**fields: Any) -> dict[str, Any]:
    return {"identity": "u-17", "event": "E", "properties": {}, **fields}


async def post(vendor: StandIn, path: str, **body: Any) -> Response:
    return await vendor.request("POST", f"/api/{path}", {"app_id": APP, **body})


async def test_events_are_taken_one_or_many(vendor: StandIn) -> None:
    assert (await post(vendor, "track", **event(event="A"))).status == 200
    assert (await post(vendor, "track", events=[event(event="B"), event(event="C")])).status == 200

    assert [kept["event"] for kept in vendor.accepted("event")] == ["A", "B", "C"]


async def test_an_unknown_environment_is_answered_as_if_all_were_well(vendor: StandIn) -> None:
    response = await post(vendor, "track", app_id="9", events=[event()])

    assert (response.status, vendor.accepted()) == (200, [])


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("x", id="no object"),
        pytest.param({"event": "E"}, id="nobody"),
        pytest.param(event(user_id=1), id="two ids"),
        pytest.param(event(identity="u" * 256), id="a long identity"),
        pytest.param(event(identity=17), id="an identity that is no text"),
        pytest.param(event(event=""), id="no name"),
        pytest.param(event(event="x" * 1025), id="a long name"),
        pytest.param(event(idempotency_key="m-1"), id="a short key"),
        pytest.param(event(timestamp="yesterday"), id="no time"),
        pytest.param(event(properties={"ID": 1}), id="a reserved name"),
        pytest.param(event(properties={"x" * 1024: 1}), id="a long name of a property"),
        pytest.param(event(properties={"a": "x" * 1024}), id="a long text"),
        pytest.param(event(properties={"a": {"b": 1}}), id="an object"),
        pytest.param(event(properties=None), id="no properties"),
    ],
)
async def test_one_bad_event_costs_its_request(vendor: StandIn, bad: Any) -> None:
    response = await post(vendor, "track", events=[event(), bad])

    assert (response.status, vendor.accepted()) == (400, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("track", {"app_id": "", "events": [event()]}, id="no app_id"),
        pytest.param("track", {"events": [event()] * 1001}, id="too many events"),
        pytest.param("track", {"events": []}, id="no event"),
        pytest.param("add_user_properties", {"users": [{"identity": "u-17"}]}, id="no properties"),
        pytest.param("add_user_properties", {"identity": "u", "properties": {"a": []}}, id="a list of a user"),
        pytest.param("add_account_properties", {"accounts": [{"properties": {"a": 1}}]}, id="no account"),
    ],
)
async def test_what_else_is_refused(vendor: StandIn, path: str, body: Any) -> None:
    assert (await post(vendor, path, **body)).status == 400


async def test_account_properties_need_an_account_id_that_is_set_up(vendor: StandIn) -> None:
    vendor.sandbox.has_accounts = False

    assert (await post(vendor, "add_account_properties", account_id="c9", properties={"a": 1})).status == 400


async def test_a_body_that_is_no_json_is_refused(vendor: StandIn) -> None:
    assert (await vendor.request("POST", "/api/track", b"{")).status == 400


@pytest.mark.parametrize(
    ("limit", "events"),
    [
        pytest.param("most_of_one", [event(), event(), event()], id="of one user"),
        pytest.param("most_of_all", [event(), event(identity="b"), event(identity="c")], id="of all"),
    ],
)
async def test_events_have_a_most_a_minute(vendor: StandIn, limit: str, events: list[Any]) -> None:
    assert (vendor.sandbox.most_of_one, vendor.sandbox.most_of_all) == (1_000, 15_000)
    setattr(vendor.sandbox, limit, 2)

    assert (await post(vendor, "track", events=events)).status == 429

    vendor.sandbox.now_s = lambda: 61.0
    assert (await post(vendor, "track", events=events[:2])).status == 200


async def test_a_list_is_kept_as_one_text(vendor: StandIn) -> None:
    await post(vendor, "track", **event(properties={"flavors": ["vanilla", "chocolate"], "long": ["x" * 2000]}))

    assert vendor.sandbox.accepted[0]["stored"] == {"flavors": "vanilla||chocolate", "long": "x" * 1024}


# --- the plugin and the stand-in together ---


async def test_a_user_their_events_and_their_account_arrive(vendor: StandIn) -> None:
    judged = [
        await vendor.deliver(sent)
        for sent in (
            make_event("identify", userId="u-17", traits={"first_name": "Ada", "address": {"city": "Porto"}}),
            make_event("page", userId="u-17", messageId="m-2", name="Home"),
            make_event("group", userId="u-17", groupId="c9", messageId="m-3", traits={"name": "Acme", "tier": 1}),
        )
    ]

    assert all(judgement == [[Delivered()]] for by_action in judged for judgement in by_action.values())
    assert vendor.sandbox.users == {"u-17": {"firstName": "Ada", "address.city": "Porto", "company_id": "c9"}}
    assert vendor.sandbox.accounts == {"c9": {"name": "Acme", "tier": 1}}
    assert [kept["event"] for kept in vendor.accepted("event")] == ["Page viewed"]


async def test_an_event_sent_again_counts_once(vendor: StandIn) -> None:
    sent = make_event("track", userId="u-17", event="Paid", properties={"revenue": 5})
    vendor.sandbox.fail(Fault(status=502, after=True, times=1))

    await vendor.deliver(sent)
    await vendor.deliver(sent)

    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_an_outage_is_waited_for(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))

    judged = await vendor.deliver(make_event("track", userId="u-17", event="E"))

    assert judged == {"track event": [[Later(str(status))]]}
