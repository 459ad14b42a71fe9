"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from plugins.onesignal import PLUGIN, wire
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
    Split,
    UnreadableAnswer,
)
from tests.plugins.onesignal.samples import APP_ID, make_settings

ROOT = f"https://api.onesignal.com/apps/{APP_ID}"
KEYS = [f"7b0c1f52-5c2f-4e0a-9a51-2f5a1d0c9e1{n}" for n in range(3)]
EVENTS = [
    Payload({"external_id": "u-1", "name": "E", "idempotency_key": KEYS[0]}),
    Payload({"external_id": "u-2", "name": "E", "idempotency_key": KEYS[1]}),
    Payload({"external_id": "u-1", "name": "F", "idempotency_key": KEYS[2]}),
]
REFUSED = {"errors": [{"code": "invalid", "title": "no"}]}


def judge(status: int, body: Any, payloads: list[Payload] = EVENTS, read: Any = wire.judge_events) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    judgement: Judgement = read(Response(status, data), payloads, make_settings())
    return judgement


def error(code: str = "invalid", **named: Any) -> dict[str, Any]:
    return {**named, "error": {"code": code, "title": "no"}}


# --- requests ---


def test_what_several_calls_say_of_one_user_is_one_request() -> None:
    said: list[dict[str, Any]] = [
        {"properties": {"country": "GB", "tags": {"a": "1", "b": "1"}}},
        {"subscriptions": [{"type": "Email", "token": "a@example.test"}, {"type": "SMS", "token": "+442079460958"}]},
        {
            "properties": {"language": "en", "tags": {"b": "2", "c": "3"}},
            "subscriptions": [{"type": "Email", "token": "b@example.test"}],
        },
    ]

    request = wire.pack_users([Payload({"identity": {"external_id": "u-1"}, **each}) for each in said], make_settings())

    assert (request.method, request.url) == ("POST", f"{ROOT}/users")
    assert request.json == {
        "identity": {"external_id": "u-1"},
        "properties": {"country": "GB", "language": "en", "tags": {"a": "1", "b": "2", "c": "3"}},
        "subscriptions": [{"type": "Email", "token": "b@example.test"}, {"type": "SMS", "token": "+442079460958"}],
    }


def test_events_travel_together() -> None:
    request = wire.pack_events(EVENTS, make_settings())

    assert (request.method, request.url) == ("POST", f"{ROOT}/custom_events")
    assert request.json == {"events": [payload.body for payload in EVENTS]}


def test_an_id_is_one_segment_of_the_address() -> None:
    body = {"label": "external_id", "id": "a/b?c", "identity": {"external_id": "u-1"}}

    request = wire.pack_identity([Payload(body)], make_settings())

    assert (request.method, request.url) == ("PATCH", f"{ROOT}/users/by/external_id/a%2Fb%3Fc/identity")
    assert request.json == {"identity": {"external_id": "u-1"}}


def test_the_key_has_a_scheme_of_onesignal_s_own() -> None:
    for endpoint in PLUGIN.endpoints:
        [credential] = endpoint.credentials(make_settings())
        assert isinstance(credential, Bearer)
        assert (credential.scheme, credential.token.get_secret_value()) == ("Key", "sandbox-key")


def test_endpoints_stay_within_onesignal_s_limits() -> None:
    limits = {
        place.name: (place.max_events, place.max_bytes, place.max_payload_bytes, place.rate_limit_per_s)
        for place in PLUGIN.endpoints
        if isinstance(place, BatchEndpoint)
    }

    assert limits == {
        "users": (10, 1_000_000, None, 1_000.0),
        "events": (490, 1_000_000, 2_024, None),
        "identity": (1, 1_000_000, None, 1_000.0),
    }


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"app_id": "shop"}, id="no UUID"),
        pytest.param({"app_id": "../../" + APP_ID}, id="a path"),
        pytest.param({"anonymous_alias": "a/b"}, id="a label with a slash"),
        pytest.param({"event_mode": "events"}, id="unknown mode"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**given)


# --- verdicts of events ---


@pytest.mark.parametrize(
    ("status", "body"), [(202, {}), (202, b""), (200, {"errors": []}), (202, {"errors": None}), (202, {"id": "x"})]
)
def test_a_good_answer_delivers_all(status: int, body: Any) -> None:
    assert judge(status, body) == [Delivered()] * 3


NOT_FOUND = Later("not found: no", 10.0, 2)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param(
            [error(event_id=KEYS[1], event_user_id="u-2")],
            [Delivered(), Dead("invalid: no"), Delivered()],
            id="by its key",
        ),
        pytest.param(
            [error(event_id="another", event_user_id="u-2")],
            [Delivered(), Dead("invalid: no"), Delivered()],
            id="by its user, who has no other",
        ),
        pytest.param(
            [error("not found", event_id="another", event_user_id="u-1")],
            [NOT_FOUND, Delivered(), NOT_FOUND],
            id="a user that is not there: all of its events",
        ),
        pytest.param(
            [error("not_found", event_id=KEYS[0])],
            [Later("not_found: no", 10.0, 2), Delivered(), Delivered()],
            id="spelled otherwise",
        ),
    ],
)
def test_a_partial_failure_names_its_events(errors: Any, expected: Judgement) -> None:
    assert judge(202, {"errors": errors}) == expected


@pytest.mark.parametrize(
    "errors",
    [
        pytest.param([error(event_id="another", event_user_id="u-1")], id="one of two of a user"),
        pytest.param([error(event_user_id="u-9")], id="an unknown user"),
        pytest.param(["odd"], id="text"),
        pytest.param([error(event_id=7, event_user_id=["u-1"])], id="odd names"),
    ],
)
def test_what_is_not_named_for_certain_is_looked_for(errors: Any) -> None:
    """A repeat within four hours is ignored by its key."""
    assert isinstance(judge(202, {"errors": errors}), Split)


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        pytest.param([error(event_user_id="u-9")], Dead("invalid: no"), id="invalid"),
        pytest.param([error("not found")], NOT_FOUND, id="not found"),
        pytest.param([7], Dead("refused without a reason"), id="a number"),
    ],
)
def test_of_a_single_event_any_error_is_meant(errors: Any, verdict: Any) -> None:
    assert judge(202, {"errors": errors}, EVENTS[:1]) == [verdict]


@pytest.mark.parametrize("read", [wire.judge_events, wire.judge_users])
@pytest.mark.parametrize("body", [b"<html>Welcome</html>", [], b'{"errors":['])
def test_a_success_of_another_shape_is_unreadable(read: Any, body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body, read=read)


@pytest.mark.parametrize("read", [wire.judge_events, wire.judge_users])
@pytest.mark.parametrize(
    ("status", "word"),
    [(400, Split), (409, Split), (401, Blocked), (403, Blocked), (404, Blocked), (301, Blocked), (413, Split)],
)
def test_a_word_for_the_whole_request(read: Any, status: int, word: type) -> None:
    assert isinstance(judge(status, REFUSED, read=read), word)


@pytest.mark.parametrize("read", [wire.judge_events, wire.judge_users])
@pytest.mark.parametrize(("status", "verdict"), [(400, Dead), (409, Dead), (429, Later), (500, Later), (503, Later)])
def test_a_verdict_on_one(read: Any, status: int, verdict: type) -> None:
    [found] = judge(status, REFUSED, EVENTS[:1], read)  # type: ignore[misc]

    assert isinstance(found, verdict)


@pytest.mark.parametrize(
    ("read", "is_outage"), [(wire.judge_events, None), (wire.judge_users, False), (wire.judge_identity, False)]
)
def test_too_many_requests_to_a_user_are_that_user_s(read: Any, is_outage: bool | None) -> None:
    [found] = judge(429, REFUSED, EVENTS[:1], read)  # type: ignore[misc]

    assert isinstance(found, Later)
    assert found.is_outage is is_outage


# --- verdicts of users and identity ---


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_upsert_is_delivered(status: int) -> None:
    assert judge(status, {"identity": {}}, read=wire.judge_users) == [Delivered()] * 3


OLD_USER = [Payload({"label": "external_id", "id": "old", "identity": {"external_id": "u-1"}})]
OLD_ANON = [Payload({"label": "anonymous_id", "id": "anon-5", "identity": {"external_id": "u-1"}})]


@pytest.mark.parametrize(
    ("status", "payloads"),
    [
        pytest.param(404, OLD_USER, id="there is no such user"),
        pytest.param(409, OLD_USER, id="the id is another user's"),
        pytest.param(409, OLD_ANON, id="the id is another user's, and this one is anonymous"),
    ],
)
def test_an_id_that_can_not_be_given_is_a_warning(status: int, payloads: Any) -> None:
    """Neither is mended by trying again."""
    [found] = judge(status, REFUSED, payloads, wire.judge_identity)  # type: ignore[misc]

    assert isinstance(found, Delivered)
    assert found.warnings[0].startswith(f"not joined: {status}")


def test_an_anonymous_user_that_is_not_there_is_not_worth_a_word() -> None:
    """It is the usual case: every identify of somebody who was never written while anonymous."""
    assert judge(404, REFUSED, OLD_ANON, wire.judge_identity) == [Delivered()]


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        pytest.param(200, {"identity": {}}, Delivered, id="200"),
        pytest.param(400, REFUSED, Dead, id="400"),
        pytest.param(409, b"", Dead, id="409 of somebody else"),
        pytest.param(429, b"", Later, id="429"),
        pytest.param(503, b"", Later, id="503"),
    ],
)
def test_a_new_id_is_judged(status: int, body: Any, word: type) -> None:
    [found] = judge(status, body, OLD_USER, wire.judge_identity)  # type: ignore[misc]

    assert isinstance(found, word)


@pytest.mark.parametrize(("status", "body"), [(404, b"<html>"), (404, []), (401, REFUSED), (403, b"")])
def test_a_new_id_that_nobody_answers_for_blocks(status: int, body: Any) -> None:
    assert isinstance(judge(status, body, OLD_USER, wire.judge_identity), Blocked)
