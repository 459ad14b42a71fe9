"""Requests, and what is read in answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from plugins.mailchimp import conversation, wire
from router.plugin import (
    Again,
    Bearer,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.mailchimp.samples import EMAIL, MEMBER, make_settings

SETTINGS = make_settings()
D, X, L = Delivered, Dead, Later
EVENT = Payload({"email": EMAIL, "event": {"name": "invoice_paid"}}, key="m-1")
PROBLEM = {
    "title": "Invalid Resource",
    "detail": "not valid",
    "errors": [{"field": "merge_fields.BIRTHDAY", "message": "expected MM/DD"}],
}


def member(email: str = EMAIL, **fields: Any) -> Payload:
    return Payload({"email_address": email, "status": "subscribed", **fields}, key="m-1")


def kinds(judgement: Judgement) -> Any:
    return type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]


def test_a_member_is_found_by_the_md5_of_its_email() -> None:
    assert wire.member_id("Ada.Lovelace@example.org") == MEMBER


def test_the_key_is_a_bearer_and_a_ping_tries_it() -> None:
    assert wire.credentials(SETTINGS) == [Bearer(SETTINGS.api_key)]
    assert wire.check_credentials(SETTINGS).url == "https://us21.api.mailchimp.com/3.0/ping"


def judge_event(response: Response) -> Any:
    """How a conversation about an event ends that gets this answer."""
    talk = conversation.converse_event(EVENT, SETTINGS)
    next(talk)
    with pytest.raises(StopIteration) as stopped:
        talk.send(response)
    return stopped.value.value


def test_an_event_goes_to_its_member() -> None:
    request = next(conversation.converse_event(EVENT, SETTINGS)).request

    assert request.url == f"https://us21.api.mailchimp.com/3.0/lists/a1b2c3/members/{MEMBER}/events"
    assert request.json == {"name": "invoice_paid"}


def test_a_batch_has_each_member_once_with_the_last_value_of_everything() -> None:
    payloads = [
        member(merge_fields={"FNAME": "A", "PLAN": "free"}, language="en"),
        member("b@example.org"),
        member(merge_fields={"PLAN": "gold"}, status="unsubscribed"),
    ]

    request = wire.pack_members(payloads, SETTINGS)

    ada = {"email_address": EMAIL, "status": "unsubscribed", "merge_fields": {"FNAME": "A", "PLAN": "gold"}}
    assert request.timeout_s == 120, "as long as Mailchimp gives itself"
    assert request.json == {
        "members": [{**ada, "language": "en"}, {"email_address": "b@example.org", "status": "subscribed"}],
        "update_existing": True,
    }


@pytest.mark.parametrize(
    ("status", "body", "event", "batch"),
    [
        pytest.param(204, b"", D, None, id="204"),
        pytest.param(301, b"", Blocked, Blocked, id="301, a wrong data centre"),
        pytest.param(400, orjson.dumps(PROBLEM), X, Split, id="400"),
        pytest.param(401, b"", Blocked, Blocked, id="401"),
        pytest.param(403, orjson.dumps({"title": "User Disabled"}), Blocked, Blocked, id="403"),
        pytest.param(403, b"<html>", Blocked, Blocked, id="403 of the firewall in front"),
        pytest.param(404, b"", X, Blocked, id="404"),
        pytest.param(405, b"<html>", Blocked, Blocked, id="405 of another server"),
        pytest.param(413, b"", X, Split, id="413"),
        pytest.param(429, b"", L, [L, L], id="429"),
        pytest.param(500, b"", L, [L, L], id="500"),
        pytest.param(503, b"<html>", L, [L, L], id="503"),
    ],
)
def test_what_each_status_means(status: int, body: bytes, event: Any, batch: Any) -> None:
    response = Response(status, body)

    assert type(judge_event(response)) is event
    if batch is not None:
        assert kinds(wire.judge_members(response, [member(), member("b@example.org")], SETTINGS)) == batch


def answer(*errors: Any) -> Response:
    body = {"new_members": [], "updated_members": [], "errors": errors, "error_count": len(errors)}
    return Response(200, orjson.dumps(body))


def refusal(email: str, **said: str) -> dict[str, str]:
    return {"email_address": email, "error": "no", "error_code": "ERROR_GENERIC", **said}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([], [D, D, D], id="all written"),
        pytest.param([refusal("B@example.org")], [D, X, D], id="one refused, whatever the case of its email"),
        pytest.param([refusal(EMAIL)], [X, D, X], id="refused twice: two payloads of one member"),
        pytest.param(
            [refusal(EMAIL, field="PLAN")], Split, id="for one value: one of the member's two payloads has it"
        ),
        pytest.param([refusal("b@example.org", field="PLAN")], [D, X, D], id="for one value: its only payload has it"),
        pytest.param([refusal(EMAIL, field="email_address")], [X, D, X], id="for its email, which both payloads have"),
        pytest.param([refusal("b@example.org", error="Temporary failure, try again")], [D, L, D], id="temporary"),
        pytest.param([refusal("c@example.org")], Split, id="somebody nobody sent"),
        pytest.param([{"error": "no"}], Split, id="without an email"),
        pytest.param(["no"], Split, id="no object"),
    ],
)
def test_a_200_is_read_member_by_member(errors: Any, expected: Any) -> None:
    payloads = [member(), member("b@example.org"), member()]

    assert kinds(wire.judge_members(answer(*errors), payloads, SETTINGS)) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("merge_fields.AGE", [{"PLAN": "x"}, Again, D], id="a merge field"),
        pytest.param("AGE", [{"PLAN": "x"}, Again, D], id="its tag alone"),
        pytest.param("PLAN", [Again, {}, D], id="of two payloads of one member the last that has it"),
        pytest.param("ADDRESS.zip", Split, id="none of the two"),
        pytest.param("email_address", [X, X, D], id="the email"),
    ],
)
def test_a_member_is_sent_again_without_the_field_that_is_refused(field: str, expected: Any) -> None:
    payloads = [
        member(merge_fields={"PLAN": "x", "AGE": "y"}),
        member(merge_fields={"PLAN": "z"}),
        member("b@example.org", merge_fields={"PLAN": "x"}),
    ]

    judgement = wire.judge_members(answer(refusal(EMAIL, field=field)), payloads, SETTINGS)

    found = [
        each.instead.body["merge_fields"] if isinstance(each, Again) and each.instead else type(each)
        for each in (judgement if isinstance(judgement, list) else ())
    ]
    assert (found or kinds(judgement)) == expected


@pytest.mark.parametrize("name", ["language", "timestamp_signup", "status"])
def test_a_member_can_do_without_its_language_and_not_without_its_status(name: str) -> None:
    payload = member(language="xx", timestamp_signup="x")

    [verdict] = wire.judge_members(answer(refusal(EMAIL, field=name)), [payload], SETTINGS)  # type: ignore[misc]

    rest = {key: value for key, value in payload.body.items() if key != name}
    notes = (f"ERROR_GENERIC: no: {name}; left out: {name}",)
    assert verdict == (
        Dead("ERROR_GENERIC: no: status") if name == "status" else Again(replace(payload, body=rest, notes=notes))
    )


def test_an_error_without_an_email_is_about_the_only_member() -> None:
    assert wire.judge_members(answer({"error": "no"}), [member()], SETTINGS) == [Dead("no")]


def test_an_answer_that_is_cut_halves_the_batch() -> None:
    """One that is larger than the router reads is as large each time."""
    cut = Response(200, b'{"new_members": [{"id": "6a5e"')

    assert isinstance(wire.judge_members(cut, [member(), member("b@example.org")], SETTINGS), Split)
    with pytest.raises(UnreadableAnswer):
        wire.judge_members(cut, [member()], SETTINGS)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"errors": 7}'])
def test_a_200_without_its_list_of_errors_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge_members(Response(200, body), [member()], SETTINGS)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (orjson.dumps(PROBLEM), "400 Invalid Resource: merge_fields.BIRTHDAY expected MM/DD"),
        (orjson.dumps({**PROBLEM, "errors": []}), "400 Invalid Resource: not valid"),
        (b'{"errors": 7}', '400 {"errors": 7}'),
        (b"<html>", "400 <html>"),
    ],
)
def test_a_dead_letter_has_mailchimps_words(body: bytes, words: str) -> None:
    assert judge_event(Response(400, body)) == Dead(words)


def test_a_refusal_that_is_not_for_good_is_tried_again() -> None:
    """In Mailchimp's words, for one member as for one of many."""
    said = "ada@example.org has signed up to a lot of lists very recently; we're not allowing more signups for now"
    body = orjson.dumps({"title": "Invalid Resource", "status": 400, "detail": said})

    assert judge_event(Response(400, body)) == Later(f"400 Invalid Resource: {said}", max_attempts=5)
    assert kinds(wire.judge_members(answer(refusal(EMAIL, error=said)), [member()], SETTINGS)) == [Later]
    talk = conversation.converse_member(Payload({"member": {"email_address": EMAIL}}), SETTINGS)
    next(talk)
    with pytest.raises(StopIteration) as stopped:
        talk.send(Response(400, body))
    assert type(stopped.value.value) is Later


def test_of_a_refused_member_code_and_text_are_kept() -> None:
    error = refusal(EMAIL, error_code="ERROR_CONTACT_EXISTS", field="PLAN", field_message="not valid")

    assert wire.judge_members(answer(error), [member()], SETTINGS) == [
        Dead("ERROR_CONTACT_EXISTS: no: PLAN: not valid")
    ]
