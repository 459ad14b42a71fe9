"""Requests and verdicts: what is sent, and what each status means (facts/vendors/webhook.md, section 7)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from plugins.webhook import PLUGIN, wire
from router.destination import Destination
from router.explain import explain
from router.plugin import (
    Basic,
    Bearer,
    Blocked,
    Credential,
    Dead,
    Delivered,
    HeaderKey,
    Later,
    OAuth2,
    Response,
    Signature,
    Split,
)
from router.testing.samples import WELL_MADE
from tests.plugins.webhook.samples import ENDPOINT, SECRET, STANDARD_SECRET, URL, make_settings, payload_of, track

OUTAGES = (408, 425, 429, 500, 502, 503, 504, 520, 599)
MISPLACED = (300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 405, 407, 410, 415)
REFUSALS = (400, 404, 406, 409, 411, 418, 422, 451, 501)
PAGE = b"<html>\n<body>Bad Gateway</body></html>"
BODIES = {"nothing": b"", "JSON": b'{"ok": false}', "a page": PAGE, "cut": b'{"ok": fal', "not UTF-8": b"\xff\x00"}


def read(status: int, count: int = 1, body: bytes = b"", **given: Any) -> Any:
    payloads = [payload_of(track(f"m-{number}")) for number in range(count)]
    return wire.judge(Response(status, body), payloads, make_settings(**given))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 207, 299])
def test_any_2xx_is_delivered_whatever_the_body(status: int, body: bytes) -> None:
    assert read(status, 2, body) == [Delivered(), Delivered()]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("status", OUTAGES)
def test_an_outage_is_tried_again(status: int, count: int) -> None:
    assert read(status, count) == [Later(str(status))] * count


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("status", MISPLACED)
def test_what_speaks_of_the_address_or_the_credentials_blocks(status: int, count: int) -> None:
    """Nothing may die of what the operator can mend."""
    assert isinstance(read(status, count), Blocked)


@pytest.mark.parametrize("status", REFUSALS)
def test_another_refusal_is_permanent_for_one_event(status: int) -> None:
    assert read(status, body=PAGE) == [Dead(f"{status} <html> <body>Bad Gateway</body></html>")]


@pytest.mark.parametrize("status", [*REFUSALS, 413])
def test_of_several_events_the_refused_one_is_looked_for(status: int) -> None:
    assert read(status, 2) == Split(str(status))


def test_a_redirect_says_what_to_do() -> None:
    assert "final address" in read(301).reason


@pytest.mark.parametrize("status", [300, 400, 401, 404, 409, 410, 413, 501])
def test_the_operator_can_have_a_status_retried(status: int) -> None:
    assert read(status, 2, retry_statuses=[status]) == [Later(str(status))] * 2


@pytest.mark.parametrize("status", [301, 401, 403, 405, 410, 429, 500, 503])
def test_the_operator_can_have_a_status_be_permanent(status: int) -> None:
    assert read(status, permanent_statuses=[status]) == [Dead(str(status))]
    assert read(status, 2, permanent_statuses=[status]) == Split(str(status))


@pytest.mark.parametrize("event", WELL_MADE.values(), ids=WELL_MADE)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_one_event_is_sent_as_an_object(event: Any, method: str) -> None:
    request = wire.pack([payload_of(event)], make_settings(method=method))

    assert (request.method, request.url, request.json) == (method, URL, event.document)
    assert request.headers == {"Idempotency-Key": "m-1"}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_with_batches_every_request_is_an_array(count: int) -> None:
    events = [track(f"m-{number}") for number in range(count)]

    request = wire.pack([payload_of(event) for event in events], make_settings(batch_size=5))

    assert request.json == [event.document for event in events]


def test_several_payloads_are_all_sent_even_where_one_was_asked_for() -> None:
    request = wire.pack([payload_of(track("a")), payload_of(track("b"))], make_settings())

    assert [event["messageId"] for event in request.json] == ["a", "b"]


@pytest.mark.parametrize("batch_size", [1, 2, 1_000])
def test_a_request_holds_as_many_events_as_the_operator_wants(batch_size: int) -> None:
    assert ENDPOINT.for_settings(make_settings(batch_size=batch_size)).max_events == batch_size


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"headers": {"X-A": "1", "X-B": "2"}}, [HeaderKey("X-A", SecretStr("1")), HeaderKey("X-B", SecretStr("2"))]),
        ({"auth": "basic", "username": "u"}, [Basic(SecretStr("u"), SecretStr(""))]),
        ({"auth": "basic", "username": "u", "password": "p"}, [Basic(SecretStr("u"), SecretStr("p"))]),
        ({"auth": "bearer", "token": "t"}, [Bearer(SecretStr("t"))]),
        ({"auth": "api_key", "api_key": "k"}, [HeaderKey("X-Api-Key", SecretStr("k"))]),
        (
            {"auth": "api_key", "api_key": "k", "api_key_header": "X-Acme"},
            [HeaderKey("X-Acme", SecretStr("k"))],
        ),
        (
            {
                "auth": "oauth2",
                "token_url": "https://login.example.test/t",
                "client_id": "c",
                "client_secret": "s",
                "scope": "write",
            },
            [OAuth2("https://login.example.test/t", SecretStr("c"), SecretStr("s"), "write")],
        ),
    ],
    ids=["none", "headers", "basic", "basic with password", "bearer", "api key", "api key in its header", "oauth2"],
)
def test_credentials_are_what_the_settings_say(given: dict[str, Any], expected: list[Credential]) -> None:
    assert list(wire.credentials(make_settings(**given))) == expected


def test_the_signature_comes_last() -> None:
    """Behind everything that could change what it covers."""
    found = wire.credentials(
        make_settings(auth="bearer", token="t", headers={"X-A": "1"}, signing_secret=STANDARD_SECRET)
    )

    assert [type(credential) for credential in found] == [HeaderKey, Bearer, Signature]


def test_explain_shows_the_event_and_hides_the_headers() -> None:
    settings = make_settings(headers={"X-Key": SECRET}, signing_secret=STANDARD_SECRET)

    [told] = explain(track(), [Destination("webhook", PLUGIN, settings)])["destinations"]

    [request] = told["requests"]
    assert request["body"] == track().document
    assert request["headers"]["X-Key"] == "********"
    assert told["unmapped"] == []
