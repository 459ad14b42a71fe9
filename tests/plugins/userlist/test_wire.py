"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.userlist import PLUGIN, wire
from router.plugin import (
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
from tests.plugins.userlist.samples import make_settings

INVALID = b'{"status":422,"code":"unprocessable_content","errors":["Name can\'t be blank"]}'


@pytest.mark.parametrize("name", ["users", "companies", "events"])
def test_where_a_payload_goes(name: str) -> None:
    endpoint = PLUGIN.endpoint(name)
    assert isinstance(endpoint, BatchEndpoint)
    request = endpoint.pack([Payload({"a": 1})], make_settings())

    assert (request.method, request.url, request.json) == ("POST", f"https://push.userlist.com/{name}", {"a": 1})
    assert (endpoint.max_events, endpoint.max_bytes) == (1, 100_000)


def test_the_key_has_a_scheme_of_its_own() -> None:
    settings = make_settings(push_key="secret")

    assert wire.credentials(settings) == [Bearer(settings.push_key, scheme="Push")]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, b"", Delivered),
        (200, b"{}", Delivered),
        (401, b"", Blocked),
        (404, b"", Blocked),
        (413, b"", Split),
        (422, INVALID, Dead),
        (429, b"", Later),
        (503, b"", Later),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, kind: type) -> None:
    judgement: Any = wire.judge(Response(status, body), [Payload({})], make_settings())

    assert isinstance(judgement[0] if isinstance(judgement, list) else judgement, kind)


def test_a_plan_without_companies_blocks_and_says_what_to_do() -> None:
    judgement = wire.judge(Response(403, b"{}"), [Payload({})], make_settings())

    assert isinstance(judgement, Blocked)
    assert "setting companies" in judgement.reason


def test_a_page_is_no_delivery() -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge(Response(202, b"<html>"), [Payload({})], make_settings())


def test_all_endpoints_share_a_thousand_requests_a_minute() -> None:
    limits = {(each.rate_name, each.rate_limit_per_s) for each in PLUGIN.endpoints}

    assert limits == {("requests", 1_000 / 60)}


def test_there_is_no_way_without_a_key() -> None:
    with pytest.raises(ValidationError):
        make_settings(push_key="")
