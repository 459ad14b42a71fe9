"""What the mapping makes is what the stand-in, written from the fact sheet alone, accepts; and its answers are read rightly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from plugins.customerio import PLUGIN
from plugins.customerio.sandbox import CustomerioSandbox
from plugins.customerio.settings import Settings
from router.event import Event
from router.plugin import (
    Basic,
    BatchEndpoint,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
)
from router.plugin.sandbox import Fault
from tests.plugins.customerio.samples import basic, make_event, payloads_of, the_payload

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
ENDPOINT = PLUGIN.endpoint("batch")
assert isinstance(ENDPOINT, BatchEndpoint)


@pytest.fixture
def sandbox() -> CustomerioSandbox:
    return CustomerioSandbox(PLUGIN.sandbox_settings)


@pytest.fixture
async def server(sandbox: CustomerioSandbox) -> AsyncIterator[TestServer]:
    server = TestServer(sandbox.app())
    async with server:
        yield server


def settings_for(server: TestServer, **given: Any) -> Settings:
    return Settings.model_validate({**PLUGIN.sandbox_settings, "base_url": str(server.make_url("")), **given})


async def deliver(server: TestServer, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    assert isinstance(ENDPOINT, BatchEndpoint)
    request = ENDPOINT.pack(payloads, settings)
    [credential] = ENDPOINT.credentials(settings)
    assert isinstance(credential, Basic)
    headers = basic(credential.user.get_secret_value(), credential.password.get_secret_value())
    async with TestClient(server) as client:
        path = request.url.removeprefix(settings.api_url)
        response = await client.post(
            path, data=orjson.dumps(request.json), headers={**request.headers, **headers}, allow_redirects=False
        )
        answer = Response(response.status, await response.read())
    return ENDPOINT.judge(answer, payloads, settings)


EVENTS = [
    pytest.param(make_event("identify", userId="u-17", anonymousId="anon-5", traits=TRAITS), id="identify"),
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
async def test_what_is_mapped_is_accepted(
    server: TestServer, sandbox: CustomerioSandbox, event: Event, api: str, trait_case: str
) -> None:
    settings = settings_for(server, api=api, trait_case=trait_case)
    sandbox.people["id:u-17"] = {}
    payloads = payloads_of(event, settings)

    assert await deliver(server, payloads, settings) == [Delivered()] * len(payloads)
    assert len(sandbox.accepted) == len(payloads)


async def test_created_at_arrives_in_unix_seconds(server: TestServer, sandbox: CustomerioSandbox) -> None:
    settings = settings_for(server)
    event = make_event("identify", userId="u-17", traits=TRAITS)

    await deliver(server, [the_payload(event, settings)], settings)

    assert sandbox.people["id:u-17"]["created_at"] == 1724508922


async def test_an_event_sent_twice_is_counted_once(server: TestServer, sandbox: CustomerioSandbox) -> None:
    settings = settings_for(server)
    payload = the_payload(make_event("track", userId="u-17", event="E"), settings)

    verdicts = await deliver(server, [payload, payload], settings)

    assert verdicts == [Delivered(), Delivered()]
    assert len(sandbox.accepted) == 1


async def test_only_the_item_that_is_refused_is_dead(server: TestServer) -> None:
    settings = settings_for(server)
    events = [
        make_event("track", userId=user_id, event="E", messageId=message_id)
        for message_id, user_id in (("m-1", "a"), ("m-2", "x" * 151), ("m-3", "c"))
    ]

    verdicts = await deliver(server, [the_payload(event, settings) for event in events], settings)

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
async def test_what_speaks_for_the_vendor_costs_no_event(
    server: TestServer, sandbox: CustomerioSandbox, answer: dict[str, Any], expected: type, api: str
) -> None:
    settings = settings_for(server, api=api)
    sandbox.fail(Fault(**answer))
    events = [make_event("track", userId=user_id, event="E", messageId=user_id) for user_id in ("a", "b")]

    judgement = await deliver(server, [the_payload(event, settings) for event in events], settings)

    assert isinstance(judgement[0] if isinstance(judgement, Sequence) else judgement, expected)


@pytest.mark.parametrize("api", ["track_v2", "pipelines"])
async def test_a_revoked_key_blocks_the_destination(server: TestServer, sandbox: CustomerioSandbox, api: str) -> None:
    settings = settings_for(server, api=api)
    sandbox.settings["api_key"] = "rotated"

    judgement = await deliver(server, [the_payload(make_event("screen", userId="u"), settings)], settings)

    assert isinstance(judgement, Blocked)
