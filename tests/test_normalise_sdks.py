"""What each SDK really sends (facts/ingest-protocol.md section 9) becomes the event its user meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from router.event import Document
from router.normalise import normalise
from router.rejection import Rejected, RejectionCode

RECEIVED = datetime(2026, 11, 23, 15, 50, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "batch", "expected"),
    [
        pytest.param(
            {
                "integrations": {"All": True, "Mixpanel": False, "Amplitude": {"session_id": 1709296496789}},
                "anonymousId": "anon-42",
                "userId": "user-42",
                "timestamp": "2024-03-01T12:34:56.789+00:00",
                "context": {"ip": "203.0.113.7", "library": {"name": "analytics-python", "version": "2.4.0"}},
                "type": "identify",
                "traits": {
                    "first_name": "Grace",
                    "created_at": "2023-05-17T08:00:00.000Z",
                    "address": {"postal_code": "22202"},
                    "nothing": None,
                },
                "messageId": "d7a79da0",
            },
            {"sent_at": "2026-11-23T15:49:59.668899+00:00"},
            {
                "channel": "server",
                "timestamp": "2024-03-01T12:34:57.120Z",
                "originalTimestamp": "2024-03-01T12:34:56.789Z",
                "traits": {
                    "firstName": "Grace",
                    "createdAt": "2023-05-17T08:00:00Z",
                    "address": {"postalCode": "22202"},
                    "nothing": None,
                },
            },
            id="seg-py",
        ),
        pytest.param(
            {
                "integrations": {"All": True},
                "anonymousId": "anon-42",
                "timestamp": "2024-03-01T12:34:56.789000+00:00",
                "context": {
                    "traits": {"first_name": "Grace"},
                    "library": {"name": "analytics-python", "version": "2.1.9"},
                },
                "type": "identify",
                "userId": "user-42",
                "messageId": "b8824786",
                "channel": "server",
            },
            {"sent_at": "2026-11-23T15:50:00+00:00"},
            {"traits": {"firstName": "Grace"}, "channel": "server", "timestamp": "2024-03-01T12:34:56.789Z"},
            id="rud-py",
        ),
        pytest.param(
            {
                "timestamp": "2026-11-23T15:49:27.575Z",
                "integrations": {},
                "type": "page",
                "category": "Docs",
                "name": "Pricing",
                "properties": {"title": "Pricing", "category": "Docs"},
                "context": {"library": {"name": "@customerio/cdp-analytics-node", "version": "1.0.0-beta.22"}},
                "userId": "user-42",
                "messageId": "node-next-1795449027575-495e6e94",
                "_metadata": {"nodeVersion": "20.20.2", "jsRuntime": "node"},
            },
            {},
            {
                "channel": "server",
                "name": "Pricing",
                "timestamp": "2026-11-23T15:49:27.575Z",
                "sentAt": None,
                "_metadata": {"nodeVersion": "20.20.2", "jsRuntime": "node"},
            },
            id="cio-node",
        ),
        pytest.param(
            {
                "userId": "user-42",
                "event": "Order Completed",
                "properties": {"orderId": "order-1001"},
                "integrations": {"All": False, "Webhook": True},
                "timestamp": "2024-03-01T12:34:56.789Z",
                "type": "track",
                "channel": "server",
                "context": {"library": {"name": "analytics-node", "version": "3.0.13"}},
                "originalTimestamp": "2026-11-23T15:49:28.417Z",
                "messageId": "3e995189",
                "sentAt": "2026-11-23T15:50:00.000Z",
            },
            {"sent_at": "2026-11-23T15:50:10.000Z"},
            {
                "timestamp": "2024-03-01T12:34:56.789Z",
                "originalTimestamp": "2024-03-01T12:34:56.789Z",
                "integrations": {"All": False, "Webhook": True},
            },
            id="rud-node-timestamp-counts",
        ),
        pytest.param(
            {
                "timestamp": "2026-11-23T15:49:54.067Z",
                "integrations": {},
                "event": "Signed Up",
                "type": "track",
                "properties": {"plan": "free"},
                "context": {
                    "userAgent": "Mozilla/5.0",
                    "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
                },
                "messageId": "ajs-next-1795449234067",
                "anonymousId": "8655070f",
                "writeKey": "wk_test_1",
                "userId": None,
                "sentAt": "2026-11-23T15:49:54.121Z",
                "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
            },
            {"type": "track"},
            {"channel": "browser", "userId": None, "writeKey": None, "timestamp": "2026-11-23T15:49:59.946Z"},
            id="seg-web",
        ),
        pytest.param(
            {
                "userId": "",
                "type": "identify",
                "channel": "web",
                "context": {
                    "traits": {"firstName": "Grace"},
                    "sessionId": 1795449291985,
                    "library": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1"},
                },
                "originalTimestamp": "2026-11-23T15:49:52.028Z",
                "messageId": "b670f545",
                "anonymousId": "42934425",
                "integrations": {"All": True},
                "sentAt": "2026-11-23T15:49:52.032Z",
            },
            {"type": "identify"},
            {
                "channel": "browser",
                "userId": None,
                "traits": {"firstName": "Grace"},
                "timestamp": "2026-11-23T15:49:59.996Z",
                "originalTimestamp": "2026-11-23T15:49:52.028Z",
            },
            id="rud-web",
        ),
        pytest.param(
            {
                "type": "track",
                "event": "Signed Up",
                "properties": {"plan": "free"},
                "userId": None,
                "anonymousId": "b0d7d4af",
                "timestamp": "2026-11-23T15:49:34.818Z",
                "sentAt": "2026-11-23T15:49:34.818Z",
                "messageId": "10he18a40e6fuieurtgpz",
                "writeKey": "keyid1:***",
                "context": {"library": {"name": "@jitsu/js", "env": "browser"}, "traits": {}, "clientIds": {}},
            },
            {"type": "track"},
            {"channel": "browser", "writeKey": None, "timestamp": "2026-11-23T15:50:00.000Z"},
            id="jitsu",
        ),
    ],
)
def test_a_recorded_call_becomes_the_event_that_was_meant(
    raw: Document, batch: dict[str, Any], expected: Document
) -> None:
    normalised = normalise(raw, received_at=RECEIVED, new_id=lambda: "made", **batch)

    document = normalised.event.document
    assert {key: document.get(key) for key in expected} == expected
    assert document["messageId"] == raw["messageId"]
    assert document["receivedAt"] == "2026-11-23T15:50:00.000Z"
    assert normalised.warnings == ()


def test_a_group_call_with_nobody_in_it_is_refused_by_itself() -> None:
    """cio-py lets such a call through; it costs no other event of the batch."""
    raw = {
        "type": "group",
        "groupId": "g1",
        "userId": None,
        "anonymousId": None,
        "traits": {"a": 1},
        "messageId": "8b059fff",
    }

    with pytest.raises(Rejected) as refusal:
        normalise(raw, received_at=RECEIVED, new_id=lambda: "made")

    assert refusal.value.code is RejectionCode.MISSING_ID
