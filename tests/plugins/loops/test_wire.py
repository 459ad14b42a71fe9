"""Requests and verdicts."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from plugins.loops import PLUGIN, wire
from router.plugin import (
    Again,
    BatchEndpoint,
    Bearer,
    Blocked,
    Dead,
    Delivered,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.loops.samples import EMAIL, make_settings

SETTINGS = make_settings()
NOT_FOUND = b'{"success":false,"message":"userId not found and cannot create a new contact without an email."}'
NO_LIST = b'{"success":false,"message":"Mailing list not found"}'
BY_ID, BY_EMAIL, BOTH = {"userId": "u-17"}, {"email": EMAIL}, {"userId": "u-17", "email": EMAIL}


def judged(status: int, body: bytes, sent: dict[str, Any], endpoint: str = "contacts") -> Any:
    found = PLUGIN.endpoint(endpoint)
    assert isinstance(found, BatchEndpoint)
    judgement = found.judge(Response(status, body), [Payload(sent, key="m-1")], SETTINGS)
    return judgement[0] if isinstance(judgement, list) else judgement


@pytest.mark.parametrize(
    ("name", "method", "path", "headers"),
    [
        ("contacts", "PUT", "contacts/update", {}),
        ("events", "POST", "events/send", {"Idempotency-Key": "m-1"}),
    ],
)
def test_where_a_payload_goes(name: str, method: str, path: str, headers: Any) -> None:
    endpoint = PLUGIN.endpoint(name)
    assert isinstance(endpoint, BatchEndpoint)
    request = endpoint.pack([Payload({"a": 1}, key="m-1")], SETTINGS)

    assert (request.method, request.url) == (method, f"https://app.loops.so/api/v1/{path}")
    assert (request.json, request.headers) == ({"a": 1}, headers)
    assert endpoint.max_events == 1


@pytest.mark.parametrize("key", ["x" * 101, "é", "a\r\nX: 1", " m"])
def test_a_key_that_loops_does_not_take_is_hashed(key: str) -> None:
    assert wire.idempotency_key(key) == hashlib.sha256(key.encode()).hexdigest()


def test_a_key_of_a_hundred_characters_stays() -> None:
    assert wire.idempotency_key("x" * 100) == "x" * 100


@pytest.mark.parametrize(
    ("status", "body", "sent", "endpoint", "kind"),
    [
        pytest.param(200, b'{"success":true}', BOTH, "contacts", Delivered, id="taken"),
        pytest.param(409, b"{}", BOTH, "events", Delivered, id="an event that Loops has had"),
        pytest.param(409, b"{}", BOTH, "contacts", Dead, id="a contact that clashes"),
        pytest.param(400, NOT_FOUND, BY_ID, "contacts", Later, id="an unknown contact"),
        pytest.param(400, NOT_FOUND, BY_ID, "events", Later, id="an event of somebody unknown"),
        pytest.param(
            404, b'{"success":false,"message":"?"}', BY_ID, "events", Later, id="an event of somebody unknown, 404"
        ),
        pytest.param(404, NO_LIST, BOTH, "contacts", Dead, id="a list that is not there"),
        pytest.param(404, b"", BY_ID, "contacts", Blocked, id="a wrong address"),
        pytest.param(404, b'{"message":"no route"}', BY_ID, "events", Blocked, id="a proxy that knows no such address"),
        pytest.param(405, b"", BY_ID, "contacts", Blocked, id="a wrong method"),
        pytest.param(400, b'{"message":"email is invalid"}', BY_EMAIL, "contacts", Dead, id="refused"),
        pytest.param(400, b"<html>", BY_ID, "contacts", Dead, id="refused with a page"),
        pytest.param(401, b'{"error":"Invalid API key"}', BOTH, "events", Blocked, id="a wrong key"),
        pytest.param(413, b"", BOTH, "contacts", Split, id="too large"),
        pytest.param(429, b'{"message":"not found"}', BY_ID, "contacts", Later, id="too fast"),
        pytest.param(503, b"", BOTH, "contacts", Later, id="away"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, sent: Any, endpoint: str, kind: type) -> None:
    assert isinstance(judged(status, body, sent, endpoint), kind)


def test_somebody_unknown_is_tried_once_more() -> None:
    assert judged(400, NOT_FOUND, BY_ID) == Later(f"400 {NOT_FOUND.decode()}", 10.0, 2)


@pytest.mark.parametrize("endpoint", ["contacts", "events"])
def test_an_unknown_user_id_that_is_an_email_is_sent_as_one(endpoint: str) -> None:
    again = judged(400, NOT_FOUND, {"userId": "Ada@Example.test", "a": 1}, endpoint)

    assert again == Again(Payload({"userId": "Ada@Example.test", "a": 1, "email": EMAIL}, key="m-1"))
    assert isinstance(judged(400, NOT_FOUND, again.instead.body, endpoint), Dead)


@pytest.mark.parametrize("endpoint", ["contacts", "events"])
def test_a_page_is_no_delivery(endpoint: str) -> None:
    with pytest.raises(UnreadableAnswer):
        judged(200, b"<html>", BOTH, endpoint)


def test_the_key_is_a_bearer_token_and_can_be_tried() -> None:
    settings = make_settings(api_key="secret")
    request = wire.check_credentials(settings)

    assert wire.credentials(settings) == [Bearer(settings.api_key)]
    assert (request.method, request.url) == ("GET", "https://app.loops.so/api/v1/api-key")
    with pytest.raises(ValidationError):
        make_settings(api_key="")
