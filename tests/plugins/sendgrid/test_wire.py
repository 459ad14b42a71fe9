"""The request, and what each answer means. One case a row of the sheet's table of responses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.sendgrid import wire
from plugins.sendgrid.settings import Settings
from router.plugin import Again, Bearer, Blocked, Dead, Delivered, Later, Payload, Response, Split
from tests.plugins.sendgrid.samples import EMAIL, MINIMAL

SETTINGS = Settings.model_validate(MINIMAL)


def contact(email: str = EMAIL, /, **fields: Any) -> Payload:
    return Payload({"email": email, **fields}, key="m-1")


def test_a_contact_is_once_in_a_request_with_the_last_of_everything() -> None:
    payloads = [
        contact(first_name="A", city="P", custom_fields={"e1_T": "x", "e2_T": "y"}),
        contact("b@example.test"),
        contact(first_name="Ada", custom_fields={"e2_T": "z"}),
    ]

    request = wire.pack(payloads, SETTINGS)

    assert (request.method, request.url) == ("PUT", "https://api.sendgrid.com/v3/marketing/contacts")
    assert request.json == {
        "contacts": [
            {"email": EMAIL, "first_name": "Ada", "city": "P", "custom_fields": {"e1_T": "x", "e2_T": "z"}},
            {"email": "b@example.test"},
        ]
    }


def test_a_new_street_leaves_nothing_of_the_old_one() -> None:
    payloads = [contact(address_line_1="a" * 100, address_line_2="a"), contact(address_line_1="b")]

    assert wire.pack(payloads, SETTINGS).json == {"contacts": [{"email": EMAIL, "address_line_1": "b"}]}


def test_lists_region_and_subuser_come_from_the_settings() -> None:
    settings = Settings.model_validate({**MINIMAL, "region": "eu", "list_ids": ["L1", "L2"], "on_behalf_of": "sub"})

    request = wire.pack([contact()], settings)

    assert request.url == "https://api.eu.sendgrid.com/v3/marketing/contacts"
    assert request.headers == {"on-behalf-of": "sub"}
    assert request.json["list_ids"] == ["L1", "L2"]
    assert wire.credentials(settings) == [Bearer(settings.api_key)]


D, X, L = Delivered, Dead, Later


@pytest.mark.parametrize(
    ("response", "one", "two"),
    [
        pytest.param(Response(202, b'{"job_id": "j"}'), [D], [D, D], id="202"),
        pytest.param(Response(400), [X], Split, id="400"),
        pytest.param(Response(401), Blocked, Blocked, id="401"),
        pytest.param(Response(403), Blocked, Blocked, id="403"),
        pytest.param(Response(404), Blocked, Blocked, id="404, a list that is not there"),
        pytest.param(Response(405, b"<html>"), Blocked, Blocked, id="405 of another server"),
        pytest.param(Response(413), Split, Split, id="413"),
        pytest.param(Response(429), [L], [L, L], id="429"),
        pytest.param(Response(500), [L], [L, L], id="500"),
        pytest.param(Response(502, b"<html>"), [L], [L, L], id="502"),
        pytest.param(Response(503), [L], [L, L], id="503"),
        pytest.param(Response(504), [L], [L, L], id="504"),
    ],
)
def test_what_each_status_means(response: Response, one: Any, two: Any) -> None:
    for payloads, expected in (([contact()], one), ([contact(), contact("b@example.test")], two)):
        judgement = wire.judge(response, payloads, SETTINGS)
        found = type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]
        assert found == expected


BOB, CY = "bob@example.test", "cy@example.test"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(["contacts[1].email"], [Again, X, Again, Again], id="one"),
        pytest.param(["contacts[1].email", "contacts[1].city"], [Again, X, Again, Again], id="one, twice"),
        pytest.param(["contacts[1].email", "contacts[2].email"], [Again, X, Again, X], id="two"),
        pytest.param(["contacts[0].country"], Split, id="of several calls, one of which is at fault"),
        pytest.param(["contacts[3].email"], Split, id="one that was not sent"),
        pytest.param(["contacts[1].email", "contacts"], Split, id="one, and the whole"),
        pytest.param([None], Split, id="none"),
        pytest.param([], Split, id="no errors"),
    ],
)
def test_a_request_is_sent_again_without_those_that_sendgrid_names(fields: list[Any], expected: Any) -> None:
    """Ada is there twice, and once in the request."""
    payloads = [contact(), contact(BOB), contact(city="London"), contact(CY)]
    body = orjson.dumps({"errors": [{"message": "not valid", "field": field} for field in fields]})

    judgement = wire.judge(Response(400, body), payloads, SETTINGS)

    assert not isinstance(judgement, Blocked)
    assert (Split if isinstance(judgement, Split) else [type(each) for each in judgement]) == expected


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        pytest.param(["city"], {"custom_fields": {"e1_T": "x", "e2_N": 1}}, id="a field"),
        pytest.param(["custom_fields.e2_N"], {"city": "P", "custom_fields": {"e1_T": "x"}}, id="a custom field"),
        pytest.param(["city", "custom_fields.e1_T"], {"custom_fields": {"e2_N": 1}}, id="two"),
        pytest.param(["email"], None, id="what the contact is found by"),
        pytest.param(["city", "email"], None, id="that besides"),
        pytest.param(["country"], None, id="what was not sent"),
    ],
)
@pytest.mark.parametrize("others", [0, 1])
def test_a_contact_is_sent_again_without_the_fields_that_sendgrid_names(fields: Any, left: Any, others: int) -> None:
    bad = contact(BOB, city="P", custom_fields={"e1_T": "x", "e2_N": 1})
    errors = [{"message": "not valid", "field": f"contacts[{others}].{field}"} for field in fields]

    *again, verdict = wire.judge(  # type: ignore[misc]
        Response(400, orjson.dumps({"errors": errors})), [contact()] * others + [bad], SETTINGS
    )

    assert again == [Again()] * others
    assert (verdict.instead.body if isinstance(verdict, Again) and verdict.instead else None) == (
        None if left is None else {"email": BOB, **left}
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors": [{"message": "m", "field": "contacts[3].email"}]}', "400 contacts[3].email: m"),
        (b'{"errors": [7, {"message": "m", "field": null}]}', "400 m"),
        (b'{"errors": 7}', '400 {"errors": 7}'),
        (b"<html>", "400 <html>"),
    ],
)
def test_a_dead_letter_has_sendgrids_words(body: bytes, words: str) -> None:
    assert wire.judge(Response(400, body), [contact()], SETTINGS) == [Dead(words)]
