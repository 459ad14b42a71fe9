"""Addresses, credentials and limits, and what an answer means that is no success."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from plugins.pipedrive import PLUGIN, wire
from router.plugin import Blocked, Dead, HeaderKey, Later, Response, UnreadableAnswer
from tests.plugins.pipedrive.mapped import make_settings

OK = b'{"success": true, "data": null}'
NO = b'{"success": false, "error": "no"}'


def test_the_version_is_in_the_path_and_base_url_stands_in_for_the_host() -> None:
    settings = make_settings(base_url="http://127.0.0.1:9/a")

    assert wire.make_request("GET", settings, "persons", "1").url == "http://127.0.0.1:9/a/api/v2/persons/1"
    assert wire.check_credentials(make_settings()).url == "https://acme.pipedrive.com/api/v1/users/me"


def test_the_token_goes_in_a_header() -> None:
    assert wire.credentials(make_settings()) == [HeaderKey("x-api-token", SecretStr("token-of-a-test"))]


def test_no_endpoint_searches_faster_than_ten_times_in_two_seconds() -> None:
    assert {(each.rate_limit_per_s, each.rate_name) for each in PLUGIN.endpoints} == {(5.0, "account")}


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        pytest.param(200, OK, {}, None, id="a success"),
        pytest.param(200, NO, {}, Dead("200 no"), id="a success that is none"),
        pytest.param(400, NO, {}, Dead("400 no"), id="refused"),
        pytest.param(400, b"", {}, Dead("400"), id="refused without a word"),
        pytest.param(401, NO, {}, Blocked, id="token"),
        pytest.param(402, NO, {}, Blocked, id="subscription"),
        pytest.param(403, b"<html>1015</html>", {}, Blocked, id="shut out"),
        pytest.param(404, NO, {}, Blocked, id="no such address"),
        pytest.param(410, NO, {}, Blocked, id="no such address any more"),
        pytest.param(429, NO, {"x-daily-ratelimit-token-remaining": "9"}, Later(f"429 {NO.decode()}"), id="a window"),
        pytest.param(
            429,
            NO,
            {"x-daily-ratelimit-token-remaining": "0"},
            Later("the day's tokens are used up: 429 no", wire.DAILY_S),
            id="a day",
        ),
        pytest.param(
            429,
            NO,
            {"x-daily-ratelimit-token-remaining": "0", "retry-after": "60"},
            Later(f"429 {NO.decode()}"),
            id="a word of its own",
        ),
        pytest.param(503, b"", {}, Later("503"), id="out of order"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, headers: dict[str, str], expected: Any) -> None:
    refused = wire.refusal(Response(status, body, headers))

    if isinstance(expected, type):
        assert isinstance(refused, expected)
    else:
        assert refused == expected


@pytest.mark.parametrize(
    "response", [Response(200, b"{}"), Response(200, b"<html>"), Response(204), Response(202, b"[]")]
)
def test_a_success_that_pipedrive_does_not_give_is_unreadable(response: Response) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.refusal(response)
