"""Credentials, upserts of several records, and what each of Salesforce's answers means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from plugins.salesforce import wire
from router.plugin import Again, Blocked, Dead, Delivered, Later, OAuth2, Payload, Response, Split, UnreadableAnswer
from tests.plugins.salesforce.mapped import make_settings

SETTINGS = make_settings(account_external_id_field="Router_Group_Id__c")
OK = {"id": "00Q1", "success": True, "errors": [], "created": False}


def person(id: str = "u-1", **fields: Any) -> Payload:
    return Payload({"attributes": {"type": "Lead"}, "Router_User_Id__c": id, **fields}, key="m-1", group="Lead")


def failed(code: str, message: str = "Words", *fields: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def results(*each: Any) -> Response:
    return Response(200, orjson.dumps(each))


def refusal(status: int, code: str, message: str = "Words") -> Response:
    return Response(status, orjson.dumps([{"errorCode": code, "message": message, "fields": ["Plan__c"]}]))


def judged(response: Response, *payloads: Payload) -> Any:
    judgement = wire.judge(response, payloads or [person()], SETTINGS)
    return type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]


# --- requests ---


def test_a_token_is_asked_for_at_the_org_and_may_name_a_host_of_salesforce_s() -> None:
    [credential] = wire.credentials(SETTINGS)

    assert isinstance(credential, OAuth2)
    assert credential.token_url == "https://acme.my.salesforce.com/services/oauth2/token"
    assert (credential.client_in_body, credential.host_field) == (True, "instance_url")
    assert credential.host_suffixes == (".salesforce.com",)


def test_nothing_leads_away_from_a_base_url() -> None:
    [credential] = wire.credentials(make_settings(base_url="http://127.0.0.1:9/base"))

    assert isinstance(credential, OAuth2)
    assert (credential.token_url, credential.host_field) == ("http://127.0.0.1:9/base/services/oauth2/token", "")


def test_records_of_one_object_are_one_call() -> None:
    request = wire.pack([person("u-1"), person("u-2")], SETTINGS)

    assert request.method == "PATCH"
    assert request.url.endswith("/services/data/v62.0/composite/sobjects/Lead/Router_User_Id__c")
    assert [record["Router_User_Id__c"] for record in request.json["records"]] == ["u-1", "u-2"]
    assert request.json["allOrNone"] is False
    assert request.timeout_s == 120, "200 records start flows and triggers"


def test_one_external_id_occurs_once_and_what_came_later_wins() -> None:
    payloads = [person("u-1", Title="A", Phone="1"), person("u-2"), person("U-1", Title="B")]

    records = wire.pack(payloads, SETTINGS).json["records"]

    assert [record["Router_User_Id__c"] for record in records] == ["U-1", "u-2"]
    assert (records[0]["Title"], records[0]["Phone"]) == ("B", "1")


def test_two_people_are_not_one_for_a_letter_that_is_written_as_two() -> None:
    """Folding the case makes "weiss" of "weiß": one was written with the other's values."""
    records = wire.pack([person("weiß", Title="A"), person("weiss", Title="B")], SETTINGS).json["records"]

    assert [record["Title"] for record in records] == ["A", "B"]


def test_accounts_go_by_their_own_id() -> None:
    account = Payload({"attributes": {"type": "Account"}, "Router_Group_Id__c": "c9"}, group="Account")

    assert wire.pack([account], SETTINGS).url.endswith("/composite/sobjects/Account/Router_Group_Id__c")


@pytest.mark.parametrize(("allow", "header"), [(True, "allowSave=true"), (False, None)])
def test_duplicates_are_saved_only_if_they_are_allowed(allow: bool, header: str | None) -> None:
    request = wire.pack([person()], make_settings(allow_duplicates=allow))

    assert request.headers.get("Sforce-Duplicate-Rule-Header") == header


# --- answers ---

TOO_MANY = "Lead trigger: System.LimitException: Too many SOQL queries: 101"


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        pytest.param(failed("STRING_TOO_LONG", "W", "TITLE"), {"Phone": "1"}, id="a field"),
        pytest.param(failed("STRING_TOO_LONG", "W", "Title", "Phone"), {}, id="two fields"),
        pytest.param(failed("STRING_TOO_LONG", "W", "Title", "Other"), None, id="one that was not sent"),
        pytest.param(failed("INVALID_VALUE", "W", "Router_User_Id__c"), None, id="by which it is found"),
        pytest.param(failed("STRING_TOO_LONG", "W"), None, id="none"),
        pytest.param(failed("UNABLE_TO_LOCK_ROW", "W", "Title"), None, id="nothing wrong with it"),
    ],
)
def test_a_record_goes_again_without_the_fields_that_are_refused(result: dict[str, Any], sent: Any) -> None:
    [delivered, verdict] = wire.judge(results(OK, result), [person("u-2"), person(Title="T", Phone="1")], SETTINGS)  # type: ignore[misc]

    assert delivered == Delivered()
    left = verdict.instead if isinstance(verdict, Again) else None
    assert (left and left.body) == (None if sent is None else person(**sent).body)
    assert not left or left.notes[0].startswith("STRING_TOO_LONG: W (T")


def test_a_note_names_the_fields_however_long_the_words_are() -> None:
    """It is cut at 300 characters."""
    [verdict] = wire.judge(  # type: ignore[misc]
        results(failed("STRING_TOO_LONG", "W" * 400, "Title", "Phone")), [person(Title="T", Phone="1")], SETTINGS
    )

    assert isinstance(verdict, Again)
    assert verdict.instead is not None
    assert verdict.instead.notes[0].endswith("; left out: Phone, Title")


def test_of_several_calls_about_one_record_only_the_last_loses_a_field_that_is_refused() -> None:
    """Its value is the one that was sent; an earlier one may be good."""
    payloads = [person(Title="T", Phone="1"), person(Title="TT", Phone="2"), person(Phone="3")]

    verdicts = wire.judge(results(failed("STRING_TOO_LONG", "W", "Title")), payloads, SETTINGS)

    notes = ("STRING_TOO_LONG: W (Title); left out: Title",)
    assert verdicts == [Again(), Again(replace(person(Phone="2"), notes=notes)), Again()]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(OK, Delivered, id="taken"),
        *(
            pytest.param(failed(code), Dead, id=code)
            for code in (
                "DUPLICATES_DETECTED",
                "REQUIRED_FIELD_MISSING",
                "STRING_TOO_LONG",
                "INVALID_EMAIL_ADDRESS",
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "MALFORMED_ID",
                "ENTITY_IS_DELETED",
                "CANNOT_UPDATE_CONVERTED_LEAD",
                "FIELD_INTEGRITY_EXCEPTION",
            )
        ),
        *(
            pytest.param(failed(code), Later, id=code)
            for code in (
                "UNABLE_TO_LOCK_ROW",
                "SERVER_UNAVAILABLE",
                "REQUEST_RUNNING_TOO_LONG",
                "DUPLICATE_VALUE",
                "STORAGE_LIMIT_EXCEEDED",
            )
        ),
        pytest.param(failed("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", TOO_MANY), Later, id="a trigger's limit"),
        pytest.param(failed("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"), Dead, id="a trigger's refusal"),
    ],
)
def test_results_of_a_record(result: dict[str, Any], expected: Any) -> None:
    assert judged(results(result)) == [expected]


def test_only_what_failed_is_tried_again() -> None:
    response = results(OK, failed("UNABLE_TO_LOCK_ROW"), failed("STRING_TOO_LONG"), OK)

    assert judged(response, *map(person, "abcd")) == [Delivered, Later, Dead, Delivered]


def test_a_record_of_several_calls_speaks_for_all_of_them() -> None:
    payloads = [person("u-1"), person("u-2"), person("u-1")]

    assert judged(results(OK, failed("UNABLE_TO_LOCK_ROW")), *payloads) == [Delivered, Later, Delivered]
    assert judged(results(failed("STRING_TOO_LONG"), OK), *payloads) is Split


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(refusal(300, "X"), [Dead], id="several fit"),
        pytest.param(refusal(400, "MALFORMED_ID"), [Dead], id="any other 400"),
        pytest.param(refusal(400, "UNABLE_TO_LOCK_ROW"), [Later], id="locked"),
        pytest.param(refusal(400, "INVALID_FIELD"), Blocked, id="an unknown field, which settings name"),
        pytest.param(refusal(400, "INVALID_TYPE"), Blocked, id="an unknown object"),
        pytest.param(refusal(401, "INVALID_SESSION_ID"), Blocked, id="a fresh token refused"),
        pytest.param(refusal(403, "REQUEST_LIMIT_EXCEEDED"), [Later], id="the day's calls are used up"),
        pytest.param(refusal(403, "INSUFFICIENT_ACCESS"), Blocked, id="no access"),
        pytest.param(refusal(403, "API_DISABLED_FOR_ORG"), Blocked, id="no API"),
        pytest.param(refusal(404, "NOT_FOUND"), Blocked, id="unknown"),
        pytest.param(Response(302), Blocked, id="elsewhere"),
        pytest.param(Response(413), Split, id="too large"),
        pytest.param(Response(418, b"tea"), [Dead], id="anything else"),
        pytest.param(refusal(500, "UNKNOWN_EXCEPTION"), [Later], id="out"),
        pytest.param(Response(503, b"<html>"), [Later], id="out, with a page"),
    ],
)
def test_answers_on_a_whole_request(response: Response, expected: Any) -> None:
    assert judged(response) == expected


def test_calls_that_are_used_up_hold_the_destination_and_not_the_person() -> None:
    verdict = wire.judge_refusal(refusal(403, "REQUEST_LIMIT_EXCEEDED"), "Router_User_Id__c")

    assert isinstance(verdict, Later)
    assert (verdict.after_s, verdict.is_outage) == (600.0, True)


@pytest.mark.parametrize("response", [results(failed("SERVER_UNAVAILABLE")), refusal(400, "SERVER_UNAVAILABLE")])
def test_salesforce_being_out_holds_the_destination_for_as_long_as_it_takes(response: Response) -> None:
    """With a bound on the attempts an outage of minutes would make dead letters of all that came in it."""
    [verdict] = wire.judge(response, [person()], SETTINGS)  # type: ignore[misc]

    assert isinstance(verdict, Later)
    assert (verdict.is_outage, verdict.max_attempts) == (True, None)


def test_an_account_that_another_call_has_just_created_is_written_again() -> None:
    """The people of one account are in different lanes, so that two upserts of it may run at a time."""
    account = Payload({"attributes": {"type": "Account"}, "Router_Group_Id__c": "c9", "Name": "Acme"}, group="Account")

    [verdict] = wire.judge(results(failed("DUPLICATE_VALUE")), [account], SETTINGS)  # type: ignore[misc]

    assert verdict == Later("DUPLICATE_VALUE: Words", wire.RACE_S, wire.RACE_ATTEMPTS)


def test_a_request_that_is_refused_is_halved() -> None:
    assert judged(refusal(400, "MALFORMED_ID"), person("u-1"), person("u-2")) is Split


def test_reasons_quote_the_vendor() -> None:
    [verdict] = wire.judge(results(failed("STRING_TOO_LONG", "Too\nlong", "Title")), [person()], SETTINGS)  # type: ignore[misc]

    assert verdict == Dead("STRING_TOO_LONG: Too long (Title)")
    assert wire.judge(refusal(403, "NO"), [person()], SETTINGS) == Blocked("403 NO: Words (Plan__c)")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b"[1]", b'[{"success":false}]', b'[{"success":false,"errors":[{}]}]'],
)
def test_a_success_that_is_none_of_salesforce_s_is_unreadable(body: bytes) -> None:
    for status in (200, 202, 204, 207):
        with pytest.raises(UnreadableAnswer):
            wire.judge(Response(status, body), [person(), person("u-18")], SETTINGS)


TAKEN = "duplicate value found: {} duplicates value on record with id: 00Q1"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(failed("DUPLICATE_VALUE", TAKEN.format("Plan__c")), Again, id="named in the words alone"),
        pytest.param(failed("DUPLICATE_VALUE", "Words", "Plan__c"), Again, id="named among the fields"),
        pytest.param(
            failed("DUPLICATE_VALUE", TAKEN.format("router_user_id__c")), Later, id="the id: created meanwhile"
        ),
    ],
)
def test_a_value_that_another_record_has_for_its_own_is_left_out(error: dict[str, Any], expected: Any) -> None:
    """Of a field that the org keeps unique, such as one for the username."""
    [verdict] = wire.judge(results(error), [person(Plan__c="gold")], SETTINGS)  # type: ignore[misc]

    assert isinstance(verdict, expected)
    if isinstance(verdict, Again):
        assert verdict.instead is not None
        assert "Plan__c" not in verdict.instead.body
