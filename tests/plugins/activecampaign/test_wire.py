"""Imports, and what is read in answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.activecampaign import wire
from router.plugin import (
    Blocked,
    Dead,
    Delivered,
    HeaderKey,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.activecampaign.samples import EMAIL, make_settings

SETTINGS = make_settings()
D, X, L = Delivered, Dead, Later


def contact(email: str = EMAIL, **fields: Any) -> Payload:
    return Payload({"email": email, **fields}, key="m-1")


def kinds(judgement: Judgement) -> Any:
    return type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]


def test_the_key_is_a_header_and_the_user_tries_it() -> None:
    assert wire.credentials(SETTINGS) == [HeaderKey("Api-Token", SETTINGS.api_key)]
    assert wire.check_credentials(SETTINGS).url == "https://engine.api-us1.com/api/3/users/me"


@pytest.mark.parametrize(
    ("response", "good"),
    [
        (Response(200, b'{"user": {"id": "1"}}'), True),
        (Response(200, b"<html>Login</html>"), False),
        (Response(403, b'{"message": "no"}'), False),
    ],
)
def test_a_login_page_is_no_good_answer(response: Response, good: bool) -> None:
    assert wire.is_good(response) is good


def test_an_import_has_each_contact_once_with_the_last_value_of_everything() -> None:
    payloads = [
        contact(first_name="A", fields=[{"id": 1, "value": "x"}, {"id": 2, "value": "y"}], tags=["a"], subscribe=[1]),
        contact("b@example.org"),
        contact(first_name="B", fields=[{"id": 2, "value": "z"}], tags=["b", "a"], unsubscribe=[1]),
    ]

    [ada, other] = wire.pack_contacts(payloads, SETTINGS).json["contacts"]

    assert ada == {
        "email": EMAIL,
        "first_name": "B",
        "fields": [{"id": 1, "value": "x"}, {"id": 2, "value": "z"}],
        "tags": ["a", "b"],
        "unsubscribe": [1],
    }
    assert other == {"email": "b@example.org"}


@pytest.mark.parametrize(
    ("response", "one", "two"),
    [
        pytest.param(Response(200, b'{"success": 1, "queued_contacts": 2}'), [D], [D, D], id="200"),
        pytest.param(Response(200, b"<html>"), Blocked, Blocked, id="200 with a login page"),
        pytest.param(Response(200, b'{"success": 0, "message": "no"}'), [X], Split, id="200 without success"),
        pytest.param(Response(400, b'{"failureReasons": []}'), [X], Split, id="400"),
        pytest.param(Response(402), Blocked, Blocked, id="402"),
        pytest.param(Response(403), Blocked, Blocked, id="403"),
        pytest.param(Response(404), Blocked, Blocked, id="404"),
        pytest.param(Response(405), Blocked, Blocked, id="405"),
        pytest.param(Response(413), Split, Split, id="413"),
        pytest.param(Response(422), [X], Split, id="422"),
        pytest.param(Response(429), [L], [L, L], id="429"),
        pytest.param(Response(500), [L], [L, L], id="500"),
        pytest.param(Response(503), [L], [L, L], id="503"),
    ],
)
def test_what_each_status_of_an_import_means(response: Response, one: Any, two: Any) -> None:
    for payloads, expected in (([contact()], one), ([contact(), contact("b@example.org")], two)):
        assert kinds(wire.judge_import(response, payloads, SETTINGS)) == expected


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param([], [D, D, D], id="none refused"),
        pytest.param([{"email": "b@example.org", "failureReason": "no"}], [D, X, D], id="by its email"),
        pytest.param([{"email": EMAIL, "failureReason": "no"}], Split, id="one of two calls about a contact"),
        pytest.param([{"contact": {"email": "B@example.org"}}], [D, X, D], id="deeper, and in another case"),
        pytest.param(["Invalid contact b@example.org."], [D, X, D], id="in a text"),
        pytest.param(["Invalid contact bb@example.org"], Split, id="an email that ends like one of them"),
        pytest.param([{"failureReason": "no"}], Split, id="nobody is named"),
        pytest.param([7], Split, id="no text at all"),
    ],
)
def test_whom_a_200_refuses_is_found_by_the_email(reasons: Any, expected: Any) -> None:
    response = Response(200, orjson.dumps({"success": 1, "failureReasons": reasons}))
    payloads = [contact(), contact("b@example.org"), contact()]

    assert kinds(wire.judge_import(response, payloads, SETTINGS)) == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"success": 1, "failureReasons": 7}'])
def test_a_200_that_is_no_imports_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge_import(Response(200, body), [contact()], SETTINGS)


ERROR = {"title": "The email is required.", "code": "field_missing", "source": {"pointer": "/data/attributes/email"}}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, {"errors": [ERROR]}, "422 field_missing: The email is required."),
        (422, {"errors": [7, {"title": "no"}]}, "422 no"),
        (422, {"errors": 7}, '422 {"errors":7}'),
        (400, {"failureReasons": [{"email": "b@example.org", "why": "no"}]}, "400 b@example.org: no"),
    ],
)
def test_a_dead_letter_has_activecampaigns_words(status: int, body: Any, words: str) -> None:
    assert wire.judge_import(Response(status, orjson.dumps(body)), [contact()], SETTINGS) == [Dead(words)]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(201, b"{}"), Delivered),
        (Response(200, b" <!DOCTYPE html>"), Blocked),
        (Response(402), Blocked),
        (Response(404), Dead),
        (Response(405), Blocked),
        (Response(413), Dead),
        (Response(422, b"<html>"), Dead),
        (Response(429), Later),
        (Response(503), Later),
    ],
)
def test_what_an_answer_means_in_a_conversation(response: Response, kind: type) -> None:
    assert isinstance(wire.judge_one(response), kind)
