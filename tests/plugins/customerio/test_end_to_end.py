"""What the mapping makes is what the stand-in, written from the fact sheet alone, accepts; and its answers are read rightly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from plugins.customerio import PLUGIN
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, open_stand_in
from tests.plugins.customerio.samples import make_event

TRAITS = {
    "firstName": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "createdAt": "2024-08-24T14:15:22Z",
    "birthday": "1815-12-10",
    "address": {"city": "London", "postal_code": "N1"},
    "company": {"name": "Acme", "employee_count": 40},
    "phone": "+442079460000",
    "bio": "x" * 2_000,
    "tags": ["a", "b"],
    "tier": None,
}
DEVICE = {"device": {"token": "token-1", "type": "android"}}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


EVENTS = [
    pytest.param(make_event("identify", userId="u-17", anonymousId="anon-5", traits=TRAITS), id="identify"),
    pytest.param(make_event("identify", userId="u-17", anonymousId="x" * 1_001), id="identify with a long anonymousId"),
    pytest.param(make_event("identify", traits={"email": "ada@example.com"}), id="identify by email"),
    pytest.param(make_event("identify", userId="cio_0a1b"), id="identify by Customer.io's id"),
    pytest.param(make_event("track", userId="u-17", event="x" * 200, properties={"at": "2026-01-01"}), id="track"),
    pytest.param(make_event("track", anonymousId="anon-5", event="E"), id="track by somebody anonymous"),
    pytest.param(make_event("track", userId="u-17", event="Application Opened", context=DEVICE), id="device added"),
    pytest.param(make_event("track", userId="u-17", event="Application Uninstalled", context=DEVICE), id="device gone"),
    pytest.param(make_event("page", anonymousId="anon-5", properties={"url": "https://e.test/" + "é" * 99}), id="page"),
    pytest.param(make_event("page", userId="u-17"), id="page without a name"),
    pytest.param(make_event("screen", userId="u-17", name="Home"), id="screen"),
    pytest.param(make_event("group", userId="u-17", groupId="acme", traits=TRAITS), id="group"),
    pytest.param(make_event("group", anonymousId="anon-5", groupId="acme"), id="group by somebody anonymous"),
    pytest.param(make_event("alias", userId="u-17", previousId="u-16"), id="alias"),
]


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize("trait_case", ["camel", "snake"])
@pytest.mark.parametrize("event", EVENTS)
async def test_what_is_mapped_is_accepted(event: Event, api: str, trait_case: str) -> None:
    async with open_stand_in(PLUGIN, api=api, trait_case=trait_case) as vendor:
        vendor.sandbox.people["id:u-17"] = {}
        payloads = [payload for _, _, payload in vendor.rehearsal.payloads(event)]

        assert await vendor.send("batch", *payloads) == [Delivered()] * len(payloads)
        assert len(vendor.accepted()) == len(payloads)


async def test_created_at_arrives_in_unix_seconds(vendor: StandIn) -> None:
    await vendor.deliver(make_event("identify", userId="u-17", traits=TRAITS))

    assert vendor.sandbox.people["id:u-17"]["created_at"] == 1724508922


async def test_an_event_sent_twice_is_counted_once(vendor: StandIn) -> None:
    event = make_event("track", userId="u-17", event="E")

    assert await vendor.deliver(event, event) == {"track event": [[Delivered(), Delivered()]]}
    assert len(vendor.accepted()) == 1


async def test_only_the_item_that_is_refused_is_dead(vendor: StandIn) -> None:
    events = [
        make_event("track", userId=user_id, event="E", messageId=message_id)
        for message_id, user_id in (("m-1", "a"), ("m-2", "x" * 151), ("m-3", "c"))
    ]

    [verdicts] = (await vendor.deliver(*events))["track event"]

    assert verdicts == [Delivered(), Dead("207 invalid: identifiers.id: must be at most 150 bytes"), Delivered()]


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            {"status": 301, "headers": {"Location": "https://track-eu.customer.io"}}, Blocked, id="EU account"
        ),
        pytest.param({"status": 404, "body": "404 page not found"}, Blocked, id="unknown route"),
        pytest.param({"status": 413}, Split, id="too large"),
        pytest.param({"status": 429}, Later, id="too fast"),
        pytest.param({"status": 500, "body": "<html>"}, Later, id="out of order"),
    ],
)
async def test_what_speaks_for_the_vendor_costs_no_event(answer: dict[str, Any], expected: type, api: str) -> None:
    events = [make_event("track", userId=user_id, event="E", messageId=user_id) for user_id in ("a", "b")]
    async with open_stand_in(PLUGIN, api=api) as vendor:
        vendor.sandbox.fail(Fault(**answer))

        [judgement] = (await vendor.deliver(*events))["track event"]

    assert isinstance(judgement[0] if isinstance(judgement, Sequence) else judgement, expected)


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
async def test_a_revoked_key_blocks_the_destination(api: str) -> None:
    async with open_stand_in(PLUGIN, api=api) as vendor:
        vendor.sandbox.settings["api_key"] = "rotated"

        [[judgement]] = (await vendor.deliver(make_event("screen", userId="u"))).values()

    assert isinstance(judgement, Blocked)
