"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.vero import PLUGIN, wire
from router.plugin import BatchEndpoint, Blocked, BodyField, Dead, Delivered, Later, Payload, Response, UnreadableAnswer
from tests.plugins.vero.samples import make_settings

SUCCESS = b'{"status":200,"message":"Success."}'
UNKNOWN = b'{"status":404,"message":"User not found."}'


def endpoint(name: str) -> BatchEndpoint:
    found = PLUGIN.endpoint(name)
    assert isinstance(found, BatchEndpoint)
    return found


@pytest.mark.parametrize(
    ("name", "group", "method", "path"),
    [
        ("users", "", "POST", "users/track"),
        ("events", "", "POST", "events/track"),
        ("tags", "", "PUT", "users/tags/edit"),
        ("subscriptions", "unsubscribe", "POST", "users/unsubscribe"),
        ("subscriptions", "resubscribe", "POST", "users/resubscribe"),
        ("aliases", "", "PUT", "users/reidentify"),
    ],
)
def test_where_a_payload_goes(name: str, group: str, method: str, path: str) -> None:
    request = endpoint(name).pack([Payload({"id": "u-17"}, group=group)], make_settings())

    assert (request.method, request.url) == (method, f"https://api.getvero.com/api/v2/{path}")
    assert request.json == {"id": "u-17"}


def test_the_token_is_in_the_body() -> None:
    """Not in the address, which proxies note."""
    [credential] = wire.credentials(make_settings(auth_token="secret"))

    assert isinstance(credential, BodyField)
    assert (credential.path, credential.value.get_secret_value()) == ("auth_token", "secret")


@pytest.mark.parametrize(
    ("name", "status", "body", "kind"),
    [
        ("users", 200, SUCCESS, Delivered),
        ("users", 200, b"", Delivered),
        ("users", 400, b'{"status":400,"message":"no"}', Dead),
        ("users", 401, b"", Blocked),
        ("events", 404, UNKNOWN, Later),
        ("users", 404, b'{"status":404,"error":"Not Found"}', Blocked),
        ("tags", 404, UNKNOWN, Later),
        ("tags", 404, b"<html>", Blocked),
        ("subscriptions", 404, UNKNOWN, Later),
        ("aliases", 404, UNKNOWN, Delivered),
        ("aliases", 404, b"{}", Blocked),
        ("aliases", 400, b'{"status":400,"message":"no"}', Dead),
        ("events", 429, b"", Later),
        ("events", 502, b"", Later),
    ],
)
def test_what_an_answer_means(name: str, status: int, body: bytes, kind: type) -> None:
    judgement: Any = endpoint(name).judge(Response(status, body), [Payload({"id": "u-17"})], make_settings())

    assert isinstance(judgement if isinstance(judgement, Blocked) else judgement[0], kind)


def test_a_user_that_is_not_there_is_waited_for_once() -> None:
    """Vero works on an identify after it has answered."""
    [verdict] = endpoint("tags").judge(Response(404, UNKNOWN), [Payload({})], make_settings())  # type: ignore[misc]

    assert verdict == Later('404 {"status":404,"message":"User not found."}', 10.0, 2)


def test_an_alias_of_somebody_unknown_is_worth_a_word_where_the_anonymous_are_sent() -> None:
    told = [
        endpoint("aliases").judge(Response(404, UNKNOWN), [Payload({})], make_settings(send_anonymous_id=sent))
        for sent in (False, True)
    ]

    assert told == [[Delivered()], [Delivered((f"not renamed: 404 {UNKNOWN.decode()}",))]]


def test_a_page_is_no_delivery() -> None:
    with pytest.raises(UnreadableAnswer):
        endpoint("users").judge(Response(200, b"<html>"), [Payload({})], make_settings())


def test_all_endpoints_share_one_limit() -> None:
    limited = [each.for_settings(make_settings(requests_per_s=25)) for each in PLUGIN.endpoints]

    assert {(each.rate_name, each.rate_limit_per_s) for each in limited} == {("requests", 25.0)}


@pytest.mark.parametrize(
    "given", [{"auth_token": ""}, {"requests_per_s": 0}, {"group_field": "a.b"}, {"trait_case": "kebab"}]
)
def test_settings_that_can_not_work_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        make_settings(**given)
