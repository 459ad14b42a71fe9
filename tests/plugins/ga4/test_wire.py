"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.ga4 import PLUGIN, wire
from router.plugin import (
    BatchEndpoint,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    QueryKey,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.ga4.mapped import make_settings

PAYLOADS = [
    Payload({"client_id": "1.2", "events": [{"name": "a"}]}, key="m-1", group="g"),
    Payload({"client_id": "1.2", "events": [{"name": "b"}]}, key="m-2", group="g"),
]


def judge(status: int, body: Any = b"", payloads: list[Payload] = PAYLOADS, **settings: Any) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), payloads, make_settings(**settings))


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "https://www.google-analytics.com/mp/collect?measurement_id=G-TEST1", id="global"),
        pytest.param(
            {"region": "eu"}, "https://region1.google-analytics.com/mp/collect?measurement_id=G-TEST1", id="eu"
        ),
        pytest.param(
            {"debug": True}, "https://www.google-analytics.com/debug/mp/collect?measurement_id=G-TEST1", id="validation"
        ),
        pytest.param(
            {"firebase_app_id": "1:123:ios:0a"},
            "https://www.google-analytics.com/mp/collect?firebase_app_id=1:123:ios:0a",
            id="an app",
        ),
        pytest.param(
            {"base_url": "http://127.0.0.1:9/a"},
            "http://127.0.0.1:9/a/mp/collect?measurement_id=G-TEST1",
            id="base_url",
        ),
    ],
)
def test_events_of_one_client_travel_together(settings: dict[str, Any], url: str) -> None:
    request = wire.pack(PAYLOADS, make_settings(**settings))

    assert (request.method, request.url) == ("POST", url)
    assert request.json["client_id"] == "1.2"
    assert request.json["events"] == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, None), ({"validation": "strict"}, "ENFORCE_RECOMMENDATIONS"), ({"debug": True}, "ENFORCE_RECOMMENDATIONS")],
)
def test_google_may_be_asked_to_be_strict(settings: dict[str, Any], expected: str | None) -> None:
    assert wire.pack(PAYLOADS, make_settings(**settings)).json.get("validation_behavior") == expected


def test_the_secret_stands_in_the_address() -> None:
    assert wire.credentials(make_settings()) == [QueryKey("api_secret", make_settings().api_secret)]


def test_requests_stay_within_the_limits() -> None:
    [endpoint] = PLUGIN.endpoints

    assert isinstance(endpoint, BatchEndpoint)
    assert endpoint.max_events == 25
    assert endpoint.max_bytes < 130_000


@pytest.mark.parametrize("status", [200, 202, 204])
def test_whatever_google_receives_is_delivered(status: int) -> None:
    assert judge(status) == [Delivered()] * 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_outage_waits(status: int) -> None:
    assert judge(status) == [Later(str(status))] * 2


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405])
def test_what_google_never_answers_speaks_of_the_set_up(status: int) -> None:
    assert judge(status, b"no") == Blocked(f"{status} no")


def test_a_wrong_request_is_halved_and_not_sent_again_as_it_is() -> None:
    assert judge(400, b"no") == Split("400 no")
    assert judge(400, b"no", PAYLOADS[:1]) == [Dead("400 no")]


def test_too_large_a_request_is_halved() -> None:
    assert judge(413) == Split("413")


MESSAGE = {"fieldPath": "events.name", "description": "error is reserved", "validationCode": "NAME_RESERVED"}
REASON = "NAME_RESERVED events.name error is reserved"


@pytest.mark.parametrize(
    ("messages", "payloads", "expected"),
    [
        pytest.param([], PAYLOADS, [Delivered()] * 2, id="good"),
        pytest.param([MESSAGE], PAYLOADS, Split(REASON), id="one of two"),
        pytest.param([MESSAGE], PAYLOADS[:1], [Dead(REASON)], id="a single one"),
        pytest.param([MESSAGE, "odd"], PAYLOADS[:1], [Dead(f"{REASON}; odd")], id="of another shape"),
    ],
)
def test_the_validation_address_says_what_is_wrong(messages: Any, payloads: list[Payload], expected: Judgement) -> None:
    assert judge(200, {"validationMessages": messages}, payloads, debug=True) == expected


@pytest.mark.parametrize("body", [b"<html>", b"", [], {}, {"validationMessages": "x"}])
def test_an_answer_without_messages_is_none_of_the_validation_address_s(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body, debug=True)
