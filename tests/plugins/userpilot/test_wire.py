"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.userpilot import PLUGIN, wire
from router.plugin import (
    BatchEndpoint,
    Bearer,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    UnreadableAnswer,
)
from tests.plugins.userpilot.mapped import make_settings

PAYLOADS = [Payload({"user_id": "u-17"})]
VERSION = {"X-API-Version": "2020-09-22"}


@pytest.mark.parametrize(
    ("name", "path", "rate"),
    [
        ("users", "identify", "identify"),
        ("companies", "companies/identify", "identify"),
        ("events", "track", "events"),
    ],
)
@pytest.mark.parametrize(
    ("settings", "base"),
    [
        pytest.param({}, "https://analytex.userpilot.io", id="us"),
        pytest.param({"region": "eu"}, "https://analytex-eu.userpilot.io", id="eu"),
        pytest.param({"base_url": "https://u.example.test/a/"}, "https://u.example.test/a", id="a host of one's own"),
    ],
)
def test_each_item_is_a_request(name: str, path: str, rate: str, settings: dict[str, Any], base: str) -> None:
    endpoint: Any = PLUGIN.endpoint(name)
    request = endpoint.pack(PAYLOADS, make_settings(**settings))

    assert (request.method, request.url, request.headers) == ("POST", f"{base}/v1/{path}", VERSION)
    assert (request.json, endpoint.rate_name) == ({"user_id": "u-17"}, rate)


def test_the_key_goes_by_a_scheme_of_userpilot_s_own() -> None:
    assert wire.credentials(make_settings()) == [Bearer(make_settings().api_key, "Token")]


def test_the_key_is_tried_by_a_request_that_changes_nothing() -> None:
    request = wire.check_credentials(make_settings())

    assert (request.method, request.url, request.json) == ("GET", "https://analytex.userpilot.io/v1/validate", None)


def test_requests_stay_within_the_limits() -> None:
    for endpoint in PLUGIN.endpoints:
        assert isinstance(endpoint, BatchEndpoint)
        assert (endpoint.max_events, (endpoint.rate_limit_per_s or 0) * 60) == (1, 600)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, [Delivered()]) for status in (200, 202)),
        *((status, [Dead(f"{status} no")]) for status in (400, 409, 418, 422)),
        *((status, Blocked(f"{status} no")) for status in (301, 307, 401, 402, 403, 404, 405)),
        *((status, [Later(f"{status} no")]) for status in (408, 429, 500, 502, 503)),
    ],
)
def test_an_answer_is_read_by_its_status(status: int, expected: Judgement) -> None:
    assert wire.judge(Response(status, b"no"), PAYLOADS, make_settings()) == expected


def test_a_page_is_no_delivery() -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge(Response(202, b"<html>"), PAYLOADS, make_settings())
