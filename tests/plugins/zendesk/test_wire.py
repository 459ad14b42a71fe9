"""Addresses, credentials and rates, and what is read in the answer to an event."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from plugins.zendesk import PLUGIN, wire
from router.plugin import Basic, Bearer, Blocked, Dead, Delivered, Judgement, Later, Payload, Response, Split
from tests.plugins.zendesk.mapped import make_settings

EVENT = Payload({"event": {}}, key="m-1")


def judge(status: int, body: bytes = b"") -> Judgement:
    return wire.judge_event(Response(status, body), [EVENT], make_settings())


def test_an_event_is_a_request_of_its_own() -> None:
    request = wire.pack_event([EVENT], make_settings())

    assert request.url == "https://acme.zendesk.com/api/v2/user_profiles/events"
    assert (request.method, request.json) == ("POST", {"event": {}})


def test_base_url_stands_in_for_the_host() -> None:
    request = wire.request("GET", make_settings(base_url="http://127.0.0.1:9/a"), "users", "me")

    assert request.url == "http://127.0.0.1:9/a/api/v2/users/me"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Basic(SecretStr("agent@example.test/token"), SecretStr("token-of-a-test"))),
        ({"oauth_token": "o"}, Bearer(SecretStr("o"))),
        ({"oauth_token": "o", "email": "", "api_token": ""}, Bearer(SecretStr("o"))),
    ],
    ids=["api token", "both", "oauth token"],
)
def test_credentials(settings: dict[str, Any], expected: Any) -> None:
    assert wire.credentials(make_settings(**settings)) == [expected]


@pytest.mark.parametrize(
    ("plan", "requests", "events"),
    [
        ("team", 200, 250),
        ("growth", 400, 250),
        ("professional", 400, 500),
        ("enterprise", 700, 700),
        ("enterprise_plus", 2_500, 1_000),
    ],
)
def test_the_plan_says_how_fast_it_may_go(plan: str, requests: int, events: int) -> None:
    settings = make_settings(plan=plan)
    rates = {each.name: each.for_settings(settings).rate_limit_per_s for each in PLUGIN.endpoints}

    assert rates == {
        "users": requests / 60,
        "organizations": requests / 60,
        "merges": requests / 60,
        "events": events / 60,
    }


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_event_is_stored(status: int) -> None:
    assert judge(status) == [Delivered()]


@pytest.mark.parametrize("status", [400, 422])
def test_a_bad_event_is_dead(status: int) -> None:
    assert judge(status, b'{"error":"x"}') == [Dead(f'{status} {{"error":"x"}}')]


@pytest.mark.parametrize("status", [403, 404])
def test_a_plan_without_events_blocks_and_says_what_to_do(status: int) -> None:
    judgement = judge(status)

    assert isinstance(judgement, Blocked)
    assert "send_events: false" in judgement.reason


@pytest.mark.parametrize("status", [301, 302, 401, 405])
def test_what_speaks_of_the_set_up_blocks(status: int) -> None:
    assert judge(status, b"no") == Blocked(f"{status} no")


@pytest.mark.parametrize("status", [408, 429, 500, 503, 504])
def test_an_outage_waits(status: int) -> None:
    assert judge(status) == [Later(str(status))]


def test_a_conflict_is_tried_again_and_not_for_ever() -> None:
    assert judge(409) == [Later("409", None, 10)]


def test_too_large_an_event_has_nothing_to_be_halved() -> None:
    assert judge(413) == Split("413")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"user":{"id":1}}', True),
        (200, b'{"user":{"id":null}}', False),
        (200, b"<html>", False),
        (200, b"[]", False),
        (401, b'{"user":{"id":1}}', False),
    ],
)
def test_credentials_are_right_where_they_are_somebody_s(status: int, body: bytes, expected: bool) -> None:
    assert wire.is_somebody(Response(status, body)) == expected
