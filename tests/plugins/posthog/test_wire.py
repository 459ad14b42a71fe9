"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.posthog import PLUGIN, wire
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
from tests.plugins.posthog.mapped import make_settings

PAYLOADS = [Payload({"event": "E", "distinct_id": f"u-{number}"}, key=f"m-{number}") for number in range(3)]


def judge(status: int, body: Any, payloads: list[Payload] = PAYLOADS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), payloads, make_settings())


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "https://us.i.posthog.com/batch/", id="us"),
        pytest.param({"region": "eu"}, "https://eu.i.posthog.com/batch/", id="eu"),
        pytest.param({"base_url": "https://ph.example.test/a/"}, "https://ph.example.test/a/batch/", id="own server"),
    ],
)
def test_events_travel_in_a_batch(settings: dict[str, Any], url: str) -> None:
    request = wire.pack(PAYLOADS, make_settings(**settings))

    assert (request.method, request.url, request.gzip) == ("POST", url, True)
    assert request.json == {"historical_migration": False, "batch": [payload.body for payload in PAYLOADS]}


def test_a_destination_may_be_for_old_events_alone() -> None:
    assert wire.pack(PAYLOADS, make_settings(historical_migration=True)).json["historical_migration"] is True


def test_the_token_stands_in_the_body() -> None:
    [credential] = wire.credentials(make_settings())

    assert isinstance(credential, BodyField)
    assert (credential.path, credential.value.get_secret_value()) == ("api_key", "phc_of-a-test")


def test_requests_stay_within_the_limits() -> None:
    [endpoint] = PLUGIN.endpoints

    assert isinstance(endpoint, BatchEndpoint)
    assert endpoint.max_bytes < 20_000_000
    assert endpoint.max_payload_bytes == 900_000


# --- verdicts ---


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"status": "Ok"}, id="ok"),
        pytest.param({"status": 1}, id="of older servers"),
        pytest.param({"status": "Ok", "quota_limited": []}, id="no quota reached"),
        pytest.param({"status": "Ok", "quota_limited": ["recordings"]}, id="another quota"),
    ],
)
def test_a_good_answer_delivers_all(body: Any) -> None:
    assert judge(200, body) == [Delivered()] * 3


def test_over_the_quota_nothing_counts_as_delivered_although_the_answer_is_good() -> None:
    judgement = judge(200, {"status": "Ok", "quota_limited": ["events"]})

    assert isinstance(judgement, Blocked)
    assert "quota" in judgement.reason


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"status":"O', b"[]", {}, {"status": "no"}, {"status": [1]}, "Ok", 1]
)
def test_a_200_of_another_shape_is_no_delivery(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body)


def test_a_refused_batch_is_halved_until_the_bad_event_is_alone() -> None:
    body = {"detail": "an event has no name"}
    reason = '400 {"detail":"an event has no name"}'

    assert judge(400, body) == Split(reason)
    assert judge(400, body, PAYLOADS[:1]) == [Dead(reason)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Blocked(f"{status} no")) for status in (301, 302, 307, 308, 401, 402, 403, 404, 405)),
        *((status, [Later(f"{status} no")] * 3) for status in (408, 429, 500, 502, 503, 504)),
        (413, Split("413 no")),
        (422, Split("422 no")),
        (418, [Dead("418 no")] * 3),
    ],
)
def test_any_other_answer_is_read_by_its_status(status: int, expected: Judgement) -> None:
    assert judge(status, b"no") == expected
