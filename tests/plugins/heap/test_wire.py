"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.heap import PLUGIN, wire
from router.plugin import (
    BatchEndpoint,
    Blocked,
    BodyField,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.heap.mapped import make_settings


def user(identity: str, /, **properties: Any) -> Payload:
    return Payload({"identity": identity, "properties": properties})


PAYLOADS = [user("u-1", a=1), user("u-2", a=2), user("u-3", a=3)]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "https://heapanalytics.com/api/track", id="us"),
        pytest.param({"region": "eu"}, "https://c.eu.heap-api.com/api/track", id="eu"),
        pytest.param({"base_url": "https://h.example.test/a/"}, "https://h.example.test/a/api/track", id="elsewhere"),
    ],
)
def test_events_travel_in_a_batch(settings: dict[str, Any], url: str) -> None:
    request = wire.pack_events(PAYLOADS, make_settings(**settings))

    assert (request.method, request.url) == ("POST", url)
    assert request.json == {"events": [payload.body for payload in PAYLOADS]}


def test_what_a_request_says_of_one_user_is_one_item() -> None:
    sent = [user("u-1", a=1, b=1), user("u-2", a=2), user("u-1", b=3, c=3)]
    before = repr(sent)

    request = wire.pack_users(sent, make_settings())

    assert request.url == "https://heapanalytics.com/api/add_user_properties"
    assert request.json == {
        "users": [
            {"identity": "u-1", "properties": {"a": 1, "b": 3, "c": 3}},
            {"identity": "u-2", "properties": {"a": 2}},
        ]
    }
    assert repr(sent) == before


def test_accounts_travel_in_a_batch() -> None:
    request = wire.pack_accounts([Payload({"account_id": "c9", "properties": {"a": 1}})], make_settings())

    assert request.url == "https://heapanalytics.com/api/add_account_properties"
    assert request.json == {"accounts": [{"account_id": "c9", "properties": {"a": 1}}]}


def test_the_environment_stands_in_the_body() -> None:
    [credential] = wire.credentials(make_settings())

    assert isinstance(credential, BodyField)
    assert (credential.path, credential.value.get_secret_value()) == ("app_id", "1234567890")


def test_requests_stay_within_the_limits() -> None:
    events, users, accounts = PLUGIN.endpoints

    assert isinstance(events, BatchEndpoint)
    assert events.max_events * (events.rate_limit_per_s or 0) * 60 == 15_000
    assert isinstance(users, BatchEndpoint)
    assert isinstance(accounts, BatchEndpoint)
    assert (users.max_events, accounts.max_events) == (1_000, 1_000)


def test_properties_hold_up_no_events() -> None:
    """With the others in order, requests of users cut the batches of events short, of which a minute has few."""
    assert [endpoint.name for endpoint in PLUGIN.endpoints if not endpoint.is_independent] == ["events"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, [Delivered()] * 3),
        (202, [Delivered()] * 3),
        (400, Split("400 no")),
        *((status, Blocked(f"{status} no")) for status in (301, 307, 401, 402, 403, 404, 405)),
        *((status, [Later(f"{status} no")] * 3) for status in (408, 429, 500, 502, 503)),
        (413, Split("413 no")),
        (418, [Dead("418 no")] * 3),
    ],
)
def test_an_answer_is_read_by_its_status(status: int, expected: Judgement) -> None:
    assert wire.judge(Response(status, b"no"), PAYLOADS, make_settings()) == expected


def test_a_bad_item_dies_alone() -> None:
    assert wire.judge(Response(400, b"no"), PAYLOADS[:1], make_settings()) == [Dead("400 no")]


def test_a_page_is_no_delivery() -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge(Response(200, b"<html>"), PAYLOADS, make_settings())
