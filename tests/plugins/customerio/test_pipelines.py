"""Calls for Pipelines: Segment's shape, with traits as Journeys wants them."""

from __future__ import annotations

from typing import Any

import pytest

from router.event import Event
from tests.plugins.customerio.samples import TIMESTAMP, make_event, make_settings, the_payload

BASE = {"messageId": "m-1", "timestamp": TIMESTAMP}
SETTINGS = make_settings(api="pipelines")


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param(
            make_event(
                "identify",
                userId="u-17",
                anonymousId="anon-5",
                traits={"first_name": "Ada", "createdAt": "2024-03-01T05:10:00Z", "tier": 1},
                context={"ip": "192.0.2.1"},
                integrations={"All": True},
            ),
            {
                "type": "identify",
                "userId": "u-17",
                "anonymousId": "anon-5",
                "traits": {"firstName": "Ada", "created_at": 1709269800, "tier": 1},
                "context": {"ip": "192.0.2.1"},
            },
            id="identify",
        ),
        pytest.param(
            make_event("identify", traits={"email": "ada@example.com"}),
            {"type": "identify", "userId": "ada@example.com", "traits": {"email": "ada@example.com"}},
            id="identify by email",
        ),
        pytest.param(
            make_event("track", anonymousId="anon-5", event="Signed Up", properties={"plan": "pro"}),
            {"type": "track", "anonymousId": "anon-5", "event": "Signed Up", "properties": {"plan": "pro"}},
            id="track by somebody anonymous",
        ),
        pytest.param(
            make_event(
                "page", userId="u-17", name="Pricing", category="Docs", properties={"url": "https://example.com"}
            ),
            {
                "type": "page",
                "userId": "u-17",
                "name": "Pricing",
                "category": "Docs",
                "properties": {"url": "https://example.com"},
            },
            id="page",
        ),
        pytest.param(
            make_event("screen", userId="u-17"), {"type": "screen", "userId": "u-17", "properties": {}}, id="screen"
        ),
        pytest.param(
            make_event("group", userId="u-17", groupId="acme", traits={"name": "Acme", "objectTypeId": "2"}),
            {"type": "group", "userId": "u-17", "groupId": "acme", "traits": {"name": "Acme", "objectTypeId": "2"}},
            id="group",
        ),
        pytest.param(
            make_event("alias", userId="u-17", previousId="u-16"),
            {"type": "alias", "userId": "u-17", "previousId": "u-16"},
            id="alias",
        ),
    ],
)
def test_each_call_keeps_its_shape(event: Event, body: dict[str, Any]) -> None:
    assert the_payload(event, SETTINGS).body == {**BASE, **body}


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        pytest.param({"ip": "192.0.2.1"}, {"ip": "192.0.2.1"}, True, id="equal"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, id="equal in another order"),
        pytest.param({}, {"traits": {"plan": "pro"}}, True, id="traits stay behind"),
        pytest.param({"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}, False, id="different"),
    ],
)
def test_only_calls_of_equal_context_travel_together(
    one: dict[str, Any], other: dict[str, Any], together: bool
) -> None:
    groups = {
        the_payload(make_event("track", userId="u", event="E", context=context), SETTINGS).group
        for context in (one, other)
    }

    assert (len(groups) == 1) == together
