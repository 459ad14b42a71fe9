"""Conversations about one record, step by step."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from plugins.salesforce.sandbox_rules import parse_query
from plugins.salesforce.talk import pick, quote
from router.plugin import Blocked, Dead, Delivered, Later, Response, UnreadableAnswer
from router.testing import make_event
from router.testing.rehearsal import Talk
from tests.plugins.salesforce.mapped import rehearse

NEW = Response(201, b'{"id":"00Q9","success":true,"errors":[]}')
UPDATED = Response(204)
PAGE = b"<html>A proxy's</html>"
REFUSED_RESULT = {"success": False, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "Words", "fields": []}]}


def answer(value: Any, status: int = 200) -> Response:
    return Response(status, orjson.dumps(value))


def found(*records: dict[str, Any]) -> Response:
    return answer({"totalSize": len(records), "done": True, "records": list(records)})


def lacking(*fields: str) -> Response:
    error = {"statusCode": "REQUIRED_FIELD_MISSING", "message": "Words", "fields": list(fields)}
    return answer([{"success": False, "errors": [error]}])


def refused(code: str, status: int = 400) -> Response:
    return answer([{"errorCode": code, "message": "Words"}], status)


def talk(answers: list[Response], settings: dict[str, Any], **call: Any) -> Talk:
    """What is said about one identify while Salesforce answers *answers*, and then as is assumed."""
    rehearsal = rehearse(**settings)
    event = make_event("identify", **{"userId": "u-17", **call})
    [(_, endpoint, payload)] = list(rehearsal.payloads(event))
    return rehearsal.talk(endpoint, payload, dict(enumerate(answers)))


# --- by external id ---


def test_what_a_known_record_lacks_is_left_as_it_is() -> None:
    said = talk([], {}, traits={"title": "Countess"})

    [request] = said.requests
    assert request.json["records"] == [
        {"attributes": {"type": "Lead"}, "Router_User_Id__c": "u-17", "Title": "Countess"}
    ]
    assert said.end == Delivered()


def test_what_a_new_record_lacks_is_filled_in() -> None:
    said = talk([lacking("LastName", "Company")], {}, traits={"title": "Countess"})

    [_, second] = said.requests
    assert (second.method, urlsplit(second.url).path) == ("POST", "/services/data/v62.0/sobjects/Lead")
    assert second.json == {
        "Router_User_Id__c": "u-17",
        "Title": "Countess",
        "LastName": "n/a",
        "Company": "n/a",
    }
    assert said.end == Delivered()


def test_what_a_record_lacks_is_filled_into_none_that_another_call_has_just_created() -> None:
    """Two people of one company are in different lanes: the account that one call named would be called by its groupId."""
    rehearsal = rehearse(account_external_id_field="Router_Group_Id__c")
    event = make_event("group", userId="u-17", groupId="c9", traits={"industry": "Mills"})
    [(_, endpoint, payload)] = rehearsal.payloads(event)

    said = rehearsal.talk(endpoint, payload, {0: lacking("Name"), 1: refused("DUPLICATE_VALUE")})

    assert said.requests[1].method == "POST"  # which writes to no record that is there
    assert isinstance(said.end, Later)


def test_a_field_that_is_required_and_that_nobody_fills_in_kills_the_event() -> None:
    said = talk([lacking("LastName"), refused("REQUIRED_FIELD_MISSING")], {}, traits={"title": "Countess"})

    assert len(said.requests) == 2
    assert said.end == Dead("400 REQUIRED_FIELD_MISSING: Words")


# --- by email ---

BY_EMAIL = {"match_on_email": True}
TRAITS = {"email": "ada@example.test", "lastName": "King", "company": "Acme"}
MINE = {"Id": "00Q1", "Email": "x@example.test", "Router_User_Id__c": "U-17"}
FREE = {"Id": "00Q2", "Email": "ada@example.test", "Router_User_Id__c": None, "IsConverted": False}
OTHER = {"Id": "00Q3", "Email": "ada@example.test", "Router_User_Id__c": "u-99"}
CONVERTED = {"Id": "00Q4", "Email": "ada@example.test", "Router_User_Id__c": None, "IsConverted": True}


@pytest.mark.parametrize(
    ("records", "external_id", "expected"),
    [
        pytest.param([], "u-17", None, id="nobody"),
        pytest.param([FREE], "u-17", "00Q2", id="an email of nobody else's"),
        pytest.param([FREE, MINE], "u-17", "00Q1", id="the id before the email, in any letter case"),
        pytest.param([OTHER], "u-17", None, id="somebody else's"),
        pytest.param([OTHER], None, "00Q3", id="an email alone"),
        pytest.param([{**MINE, "Router_User_Id__c": "weiß"}], "weiss", None, id="a letter that is written as two"),
        pytest.param([CONVERTED, FREE], "u-17", "00Q2", id="one is converted"),
        pytest.param([FREE, OTHER], None, "2 records have this email, none is guessed", id="two"),
        pytest.param([CONVERTED], "u-17", "the lead is converted", id="all are converted"),
        pytest.param(
            [{**MINE, "IsConverted": True}, FREE], "u-17", "the lead is converted", id="the id's is converted"
        ),
    ],
)
def test_which_record_is_meant(records: list[dict[str, Any]], external_id: str | None, expected: str | None) -> None:
    picked = pick(records, "Router_User_Id__c", external_id)

    if isinstance(picked, Dead):
        assert expected is not None
        assert expected in picked.reason
    else:
        assert picked == expected


def test_a_record_is_somebody_else_s_in_whatever_letter_case_the_settings_name_the_field() -> None:
    """Salesforce answers with its own spelling, and takes any: such a record was overwritten with another person."""
    assert pick([OTHER], "router_user_id__c", "u-17") is None
    assert pick([FREE, MINE], "router_user_id__c", "u-17") == "00Q1"


def test_without_a_field_for_the_id_the_email_counts() -> None:
    assert pick([{"Id": "00Q2"}], "", None) == "00Q2"


def test_a_record_that_is_found_is_updated_and_gets_the_id() -> None:
    said = talk([found(FREE), UPDATED], BY_EMAIL, traits=TRAITS)

    [_, update] = said.requests
    assert (update.method, update.url.rpartition("/")[2]) == ("PATCH", "00Q2")
    assert update.json["Router_User_Id__c"] == "u-17"
    assert said.end == Delivered()


def test_a_record_that_is_not_found_is_created_with_what_it_needs() -> None:
    said = talk([found(), NEW], BY_EMAIL, userId="ada@example.test")

    [_, create] = said.requests
    assert create.method == "POST"
    assert create.json == {
        "Router_User_Id__c": "ada@example.test",
        "Email": "ada@example.test",
        "LastName": "n/a",
        "Company": "n/a",
    }
    assert said.end == Delivered()


TAKEN = {
    "errorCode": "DUPLICATE_VALUE",
    "message": "duplicate value found: LastName duplicates value on record",
    "fields": [],
}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([found(FREE, {**FREE, "Id": "00Q5"})], Dead, id="two are found"),
        pytest.param([refused("REQUEST_LIMIT_EXCEEDED", 403)], Later, id="the day's calls, at the look-up"),
        pytest.param([refused("INVALID_FIELD")], Blocked, id="an unknown field, at the look-up"),
        pytest.param([found(), refused("INVALID_FIELD")], Blocked, id="an unknown field, at the create"),
        pytest.param([found(), refused("DUPLICATE_VALUE")], Later, id="somebody else was faster"),
        pytest.param([found(FREE), answer([TAKEN], 400)], Delivered, id="another record has a value for its own"),
        pytest.param([found(), refused("DUPLICATES_DETECTED")], Dead, id="a duplicate rule"),
        pytest.param([found(), Response(503)], Later, id="out, at the create"),
        pytest.param([found(FREE), refused("NOT_FOUND", 404)], Later, id="deleted between two steps"),
        pytest.param([found(FREE), refused("UNABLE_TO_LOCK_ROW")], Later, id="locked"),
        pytest.param([found(FREE), refused("CANNOT_UPDATE_CONVERTED_LEAD")], Dead, id="converted between two steps"),
        pytest.param([found(FREE), Response(200)], Delivered, id="updated, with a 200"),
        pytest.param([found(), answer(REFUSED_RESULT, 201)], Dead, id="a create that is none"),
        pytest.param([found(FREE), answer(REFUSED_RESULT)], Dead, id="an update that is none"),
    ],
)
def test_how_it_ends(answers: list[Response], expected: Any) -> None:
    assert isinstance(talk(answers, BY_EMAIL, traits=TRAITS).end, expected)


NO_EMAIL = {"statusCode": "INVALID_EMAIL_ADDRESS", "message": "Words", "fields": ["Email"]}
TOO_LONG = {"statusCode": "STRING_TOO_LONG", "message": "Words", "fields": ["title"]}  # names know no letter case


@pytest.mark.parametrize(
    ("answers", "settings", "traits"),
    [
        pytest.param([answer([{"success": False, "errors": [TOO_LONG]}])], {}, {"title": "X"}, id="by the id"),
        pytest.param([found(), answer([TOO_LONG], 400)], BY_EMAIL, TRAITS | {"title": "X"}, id="a create"),
        pytest.param([found(FREE), answer([TOO_LONG], 400)], BY_EMAIL, TRAITS | {"title": "X"}, id="an update"),
    ],
)
def test_a_field_that_is_refused_is_left_out_and_the_others_arrive(
    answers: list[Response], settings: dict[str, Any], traits: dict[str, Any]
) -> None:
    said = talk(answers, settings, traits=traits | {"description": "Y"})

    *_, refused_one, last = said.requests
    [before, after] = [each.json.get("records", [each.json])[0] for each in (refused_one, last)]
    assert before.keys() - after.keys() == {"Title"}
    assert after["Description"] == "Y"
    assert said.end == Delivered(("STRING_TOO_LONG: Words (title); left out: Title",))


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        pytest.param("u-17", Delivered, id="who has another id does without the email"),
        pytest.param(None, Dead, id="who is found by it alone would be made anew each time"),
    ],
)
def test_an_email_that_is_refused_costs_only_who_is_found_by_it(user_id: str | None, expected: Any) -> None:
    said = talk([found(), answer([NO_EMAIL], 400)], BY_EMAIL, userId=user_id, anonymousId="a-1", traits=TRAITS)

    assert isinstance(said.end, expected)


def test_a_record_that_salesforce_finds_ever_more_wrong_with_is_given_up() -> None:
    names = ["Title", "Description", "Phone", "Industry", "City", "State", "Country"]
    answers = [answer([{"errorCode": "INVALID", "message": "Words", "fields": [name]}], 400) for name in names]
    address = {"city": "Porto", "state": "Porto", "country": "Portugal"}
    traits = TRAITS | {"title": "X", "description": "X", "phone": "1", "address": address}
    traits["company"] = {"name": "Acme", "industry": "Toys"}

    said = talk([found(FREE), *answers], BY_EMAIL, traits=traits)

    assert isinstance(said.end, Dead)
    assert len(said.requests) == 1 + 5 + 1


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Response(202, PAGE)], id="a page for what is found"),
        pytest.param([found(), Response(200, PAGE)], id="a page for a create"),
        pytest.param([found(), Response(201, b'{"id":"00Q')], id="a create cut off"),
        pytest.param([found(), Response(201)], id="nothing for a create"),
        pytest.param([found(FREE), Response(200, PAGE)], id="a page for an update"),
        pytest.param([found(FREE), Response(202, PAGE)], id="a page for an update, with a 202"),
    ],
)
def test_a_success_that_is_none_of_salesforce_s_is_unreadable(answers: list[Response]) -> None:
    with pytest.raises(UnreadableAnswer):
        talk(answers, BY_EMAIL, traits=TRAITS)


# --- SOQL ---


@pytest.mark.parametrize(
    "text",
    ["ada", "O'Hara", "\\", "\\'", "' OR Name != '", "x' OR Id = '1", "a\\\\'b", "\r\n\t", "é🚀", "%_", '"'],
)
def test_no_text_gets_out_of_a_query(text: str) -> None:
    parsed = parse_query(f"SELECT Id FROM Lead WHERE Email = {quote(text)} LIMIT 10")

    assert parsed is not None
    assert parsed[2] == [("Email", text.replace("\r", " ").replace("\n", " ").replace("\t", " "))]


def test_both_ways_are_one_query() -> None:
    [look_up, *_] = talk([found()], BY_EMAIL, traits=TRAITS).requests

    [soql] = parse_qs(urlsplit(look_up.url).query)["q"]
    parsed = parse_query(soql)
    assert parsed == (
        ["Id", "Email", "Router_User_Id__c", "IsConverted"],
        "Lead",
        [("Router_User_Id__c", "u-17"), ("Email", "ada@example.test")],
        200,
    )
