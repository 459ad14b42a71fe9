"""Track, page and screen calls: events."""

from __future__ import annotations

from typing import Any

import pytest

from router.testing import make_event
from tests.plugins.userlist.samples import ADA, ANON, EMAIL, body_of, skipped

TIME = "2026-03-04T10:20:30.123Z"


def test_a_track_call_becomes_an_event_of_the_user_and_their_company() -> None:
    products = [{"name": "Cup", "sizes": {"s": None}}]
    event = make_event(
        "track",
        **ADA,
        event=" Order Completed ",
        properties={"products": products, "a": {"b": 1}, "n": None},
        context={"groupId": "c9", "traits": {"email": "Ada@example.test"}},
    )

    expected = {
        "name": "order_completed",
        "user": {"identifier": "u-17", "email": EMAIL},
        "company": {"identifier": "c9"},
        "occurred_at": TIME,
        "properties": {"products": products, "a": {"b": 1}},
    }
    assert body_of(event) == expected
    del expected["company"]
    assert body_of(event, companies=False) == expected


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Project created", "project_created"),
        ("projectCreated", "project_created"),
        ("invoice_paid", "invoice_paid"),
        ("Step 2: E-mail sent!", "step_2_e_mail_sent"),
        ("Änderung", "änderung"),
        ("!?", "!?"),
    ],
)
def test_names_of_events_are_in_snake_case(told: str, name: str) -> None:
    assert body_of(make_event("track", **ADA, event=told)) == {
        "name": name,
        "user": {"identifier": "u-17"},
        "occurred_at": TIME,
    }


def test_an_event_is_of_somebody_with_a_user_id_or_an_email() -> None:
    by_email = make_event("track", event="E", **ANON, context={"traits": {"email": EMAIL}})

    assert body_of(by_email)["user"] == {"email": EMAIL}
    assert "neither a userId nor an email" in skipped(make_event("track", event="E", **ANON))


@pytest.mark.parametrize(
    ("call", "fields", "name", "properties"),
    [
        pytest.param(
            "page",
            {"name": "Home", "category": "Docs", "properties": {"url": "/"}},
            "page_viewed",
            {"url": "/", "name": "Home", "category": "Docs"},
            id="page",
        ),
        pytest.param("screen", {"properties": {"name": "Home"}}, "screen_viewed", {"name": "Home"}, id="screen"),
    ],
)
def test_a_view_is_an_event_where_the_operator_wants_it(call: str, fields: Any, name: str, properties: Any) -> None:
    event = make_event(call, **ADA, **fields)
    body = body_of(event, track_pages=True)

    assert (body["name"], body["properties"]) == (name, properties)
    assert "track_pages" in skipped(event)
