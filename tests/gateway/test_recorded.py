"""What each SDK really sends, byte for byte, is taken, and stored as what its user meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from router.event import Document
from tests.gateway.harness import Answer, Harness
from tests.gateway.recording import NOW_S, SOURCE, SOURCES, recorded

PAGE = {"path": "/pricing", "referrer": "$direct"}
ANALYTICS_JS = {
    "page": {
        "path": "/pricing",
        "referrer": "",
        "search": "?utm_source=newsletter",
        "title": "Pricing",
        "url": "https://shop.example.com/pricing?utm_source=newsletter",
    },
    "userAgent": "Mozilla/5.0 ...",
    "locale": "en-US",
    "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
    "campaign": {"source": "newsletter"},
    "timezone": "UTC",
    "ip": "127.0.0.1",
}
SIGNED_UP_ON_PAGE = {
    "type": "track",
    "event": "Signed Up",
    "properties": {"plan": "free"},
    "context": ANALYTICS_JS,
    "messageId": "ajs-next-1795449234067-30865507-0f3d-401a-9dc1-a56dc60a6a3e",
    "anonymousId": "8655070f-3d20-4a1d-81a5-6dc60a6a3e77",
    "userId": None,
    "timestamp": "2026-11-23T15:59:59.946Z",
    "originalTimestamp": "2026-11-23T15:53:54.067Z",
    "sentAt": "2026-11-23T15:53:54.121Z",
    "receivedAt": "2026-11-23T16:00:00.000Z",
    "channel": "browser",
    "integrations": {},
    "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
    "writeKey": None,
}
PRICING_PAGE = {
    "type": "page",
    "category": "Docs",
    "name": "Pricing",
    "properties": {
        "url": "https://example.com/pricing?ref=nav",
        "title": "Pricing",
        "category": "Docs",
    },
    "userId": "user-42",
    "messageId": "node-next-1795449027575-495e6e94-6889-4c90-a701-29fb629e8bad",
    "channel": "server",
    "originalTimestamp": "2026-11-23T15:50:27.575Z",
}

RECORDED = [
    pytest.param(
        "seg-py",
        [
            {
                "type": "identify",
                "userId": "user-42",
                "anonymousId": "anon-42",
                "messageId": "d7a79da0-f067-4616-a5c6-4c4addfac5d5",
                "traits": {
                    "firstName": "Grace",
                    "createdAt": "2023-05-17T08:00:00Z",
                    "address": {"postalCode": "22202"},
                    "nothing": None,
                },
                "integrations": {"All": True, "Mixpanel": False, "Amplitude": {"session_id": 1709296496789}},
                "context": {"ip": "203.0.113.7", "library": {"name": "analytics-python", "version": "2.4.0"}},
                "timestamp": "2024-03-01T12:45:31.120Z",
                "originalTimestamp": "2024-03-01T12:34:56.789Z",
                "channel": "server",
            },
            {
                "type": "track",
                "event": "Signed Up",
                "userId": None,
                "anonymousId": "anon-42",
                "properties": {"plan": "free"},
                "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
                "timestamp": "2026-11-23T15:59:59.995Z",
                "channel": "server",
            },
        ],
        id="seg-py",
    ),
    pytest.param(
        "rud-py",
        [
            {
                "type": "identify",
                "userId": "user-42",
                "messageId": "b8824786-f67a-4cad-9b60-f2b5e87f12b7",
                "traits": {"firstName": "Grace"},
                "timestamp": "2024-03-01T12:45:28.481Z",
                "originalTimestamp": "2024-03-01T12:34:56.789Z",
                "channel": "server",
            }
        ],
        id="rud-py: gzip, traits in the context",
    ),
    pytest.param("cio-py", [], id="cio-py: a bearer token, and nobody in the event"),
    pytest.param("cio-node", [PRICING_PAGE | {"timestamp": "2026-11-23T15:50:27.575Z"}], id="cio-node: no sentAt"),
    pytest.param("seg-node", [PRICING_PAGE | {"timestamp": "2026-11-23T15:59:59.985Z"}], id="seg-node"),
    pytest.param(
        "rud-node",
        [
            {
                "type": "track",
                "event": "Order Completed",
                "userId": "user-42",
                "properties": {"orderId": "order-1001"},
                "integrations": {"All": False, "Webhook": True},
                "messageId": "3e995189-f21b-4fec-98d6-70790bbe8959",
                "timestamp": "2024-03-01T12:44:28.326Z",
                "originalTimestamp": "2024-03-01T12:34:56.789Z",
                "sentAt": "2026-11-23T15:50:28.463Z",
                "channel": "server",
            }
        ],
        id="rud-node: gzip that calls itself a form, two times of which one counts",
    ),
    pytest.param("seg-web", [SIGNED_UP_ON_PAGE], id="seg-web: text/plain on a short path"),
    pytest.param("cio-web", [SIGNED_UP_ON_PAGE], id="cio-web: the key in the event only"),
    pytest.param(
        "cio-web-batch",
        [
            {
                "type": "track",
                "event": "Signed Up",
                "userId": None,
                "anonymousId": "b9d0c99d-066e-40c6-9e60-54ff669ea08b",
                "messageId": "ajs-next-e7cb3b05e458780a4f21e34d00877059",
                "timestamp": "2026-11-23T15:59:59.982Z",
                "integrations": {"Customer.io Data Pipelines": True},
                "writeKey": None,
            }
        ],
        id="cio-web, batching: the key at the top of the batch",
    ),
    pytest.param(
        "rud-web",
        [
            {
                "type": "identify",
                "userId": "user-42",
                "anonymousId": "42934425-7a1d-47a5-b590-eaf3919a43cc",
                "traits": {"firstName": "Grace"},
                "context": {
                    "traits": {"firstName": "Grace"},
                    "sessionId": 1795449291985,
                    "library": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1"},
                    "page": PAGE,
                    "timezone": "GMT+0000",
                    "ip": "127.0.0.1",
                },
                "timestamp": "2026-11-23T15:59:59.996Z",
                "originalTimestamp": "2026-11-23T15:54:52.028Z",
                "channel": "browser",
            }
        ],
        id="rud-web: whole words, no timestamp",
    ),
    pytest.param(
        "rud-web-beacon",
        [
            {
                "type": "track",
                "event": "Signed Up",
                "userId": None,
                "anonymousId": "297f3f64-4f05-42f3-b84f-dbda1d365be3",
                "messageId": "7553d307-a9d2-4eb5-bb6c-e7fd099dd4f4",
                "timestamp": "2026-11-23T15:59:59.961Z",
            }
        ],
        id="rud-web, beacon: the key in the query",
    ),
    pytest.param(
        "jitsu",
        [
            {
                "type": "track",
                "event": "Signed Up",
                "userId": None,
                "anonymousId": "b0d7d4af-4b71-4eba-82a2-de4fd512be06",
                "messageId": "10he18a40e6fuieurtgpz",
                "timestamp": "2026-11-23T16:00:00.000Z",
                "channel": "browser",
                "writeKey": None,
            }
        ],
        id="jitsu: a key with a colon, masked in the body",
    ),
]


@pytest.fixture
async def router() -> AsyncIterator[Harness]:
    """A gateway with the keys of the recordings, shortly after them."""
    async with Harness(sources=SOURCES) as harness:
        harness.now_s = NOW_S
        yield harness


def the_same_part(event: Document, expected: Document) -> Document:
    """Of *event*, what *expected* speaks of; None where there is nothing."""
    return {name: event.get(name) for name in expected}


@pytest.mark.parametrize(("name", "expected"), RECORDED)
async def test_what_an_sdk_sends_is_stored_as_its_user_meant_it(
    router: Harness, name: str, expected: list[dict[str, Any]]
) -> None:
    answer = await router.exchange(recorded(name))

    assert (answer.status, answer.json["success"]) == (200, True)
    assert [the_same_part(event, each) for event, each in zip(router.log.events, expected, strict=True)] == expected
    assert {entry.source for entry in router.log.entries} <= {SOURCE}


@pytest.mark.parametrize(("name", "expected"), RECORDED)
async def test_what_an_sdk_sends_again_is_stored_once(
    router: Harness, name: str, expected: list[dict[str, Any]]
) -> None:
    answers: list[Answer] = [await router.exchange(recorded(name)) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len(router.log.entries) == len(expected)


async def test_a_group_without_anybody_is_rejected_alone_and_its_batch_is_not(router: Harness) -> None:
    """Three SDKs let such a call through (facts/ingest-protocol.md section 1, point 16)."""
    answer = await router.exchange(recorded("cio-py"))

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 0, 1)
    assert answer.json["rejections"][0]["code"] == "missing_id"


async def test_a_page_asks_first_and_may(router: Harness) -> None:
    answer = await router.exchange(recorded("seg-web-preflight"))

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
