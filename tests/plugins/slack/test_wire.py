"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.slack import PLUGIN, wire
from router.plugin import (
    Bearer,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    PathKey,
    Payload,
    Response,
    UnreadableAnswer,
)
from tests.plugins.slack.mapped import BY_WEBHOOK, make_settings

PAYLOAD = Payload({"channel": "C0123ABCD", "text": "hello"}, key="m-1")
ELSEWHERE = Payload({"channel": "C0PAYMENTS", "text": "hello"}, key="m-1")


def judge(status: int, body: Any, payload: Payload = PAYLOAD, **settings: Any) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), [payload], make_settings(**settings))


def refused(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def test_one_message_travels_alone_and_as_utf_8() -> None:
    request = wire.pack([PAYLOAD], make_settings())

    assert (request.method, request.url) == ("POST", "https://slack.com/api/chat.postMessage")
    assert (request.json, request.headers["Content-Type"]) == (PAYLOAD.body, "application/json; charset=utf-8")


def test_the_token_is_a_bearer_s() -> None:
    assert wire.credentials(make_settings()) == [Bearer(make_settings().bot_token)]


@pytest.mark.parametrize(
    ("host", "base_url", "posted"),
    [
        pytest.param("hooks.slack.com", "", "https://hooks.slack.com/services", id="Slack's own"),
        pytest.param("hooks.slack-gov.com", "", "https://hooks.slack-gov.com/services", id="government cloud"),
        pytest.param("hooks.slack.com", "http://127.0.0.1:9/base", "http://127.0.0.1:9/base/services", id="a stand-in"),
    ],
)
def test_a_webhook_s_address_is_its_credential_and_no_request_holds_it(host: str, base_url: str, posted: str) -> None:
    url = f"https://{host}/services/T0123ABCD/B0123ABCD/secretOfTheTest"
    settings = make_settings(**BY_WEBHOOK | {"webhook_url": url, "base_url": base_url})

    request = wire.pack([PAYLOAD], settings)

    assert (request.method, request.url, request.json) == ("POST", posted, PAYLOAD.body)
    [key] = wire.credentials(settings)
    assert isinstance(key, PathKey)
    assert key.value.get_secret_value() == "T0123ABCD/B0123ABCD/secretOfTheTest"


def test_a_channel_takes_one_message_a_second() -> None:
    [endpoint] = PLUGIN.endpoints

    assert (endpoint.rate_limit_per_s, getattr(endpoint, "max_events", None)) == (1.0, 1)


@pytest.mark.parametrize(
    ("body", "is_good"),
    [(b'{"ok":true}', True), (b'{"ok":false,"error":"invalid_auth"}', False), (b"<html>", False), (b"[]", False)],
)
def test_the_credentials_are_tried_with_a_call_that_changes_nothing(body: bytes, is_good: bool) -> None:
    assert PLUGIN.credential_check is not None
    assert PLUGIN.credential_check.request(make_settings()).url == "https://slack.com/api/auth.test"
    assert PLUGIN.credential_check.is_good(Response(200, body)) is is_good


def test_a_webhook_has_no_call_that_changes_nothing() -> None:
    assert PLUGIN.credential_check is not None
    assert PLUGIN.credential_check.is_possible(make_settings())
    assert not PLUGIN.credential_check.is_possible(make_settings(**BY_WEBHOOK))


# --- verdicts of the Web API ---


@pytest.mark.parametrize(
    ("body", "warnings"),
    [
        pytest.param({"ok": True, "ts": "1767225600.000100"}, (), id="posted"),
        pytest.param({"ok": True, "warning": "message_truncated"}, ("message_truncated",), id="cut"),
        pytest.param(
            {"ok": True, "warning": "a", "response_metadata": {"warnings": ["a", "b", 1]}},
            ("a", "b"),
            id="two warnings",
        ),
        pytest.param({"ok": True, "response_metadata": []}, (), id="metadata of another shape"),
    ],
)
def test_what_is_posted_is_delivered_with_allowance_s_warnings(body: Any, warnings: tuple[str, ...]) -> None:
    assert judge(200, body) == [Delivered(warnings)]


@pytest.mark.parametrize(
    "error",
    [
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "team_access_not_granted",
        "ekm_access_denied",
        "org_login_required",
    ],
)
def test_a_token_that_is_refused_blocks_the_destination(error: str) -> None:
    assert judge(200, refused(error)) == Blocked(error)


@pytest.mark.parametrize(
    "error",
    [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "access_denied",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    ],
)
def test_a_channel_that_takes_nothing_blocks_the_destination_unless_it_is_one_of_several(error: str) -> None:
    assert judge(200, refused(error)) == Blocked(f"{error}: C0123ABCD")
    assert judge(200, refused(error), ELSEWHERE) == [Dead(f"{error}: C0PAYMENTS")]


@pytest.mark.parametrize(
    "error",
    [
        "no_text",
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "too_many_attachments",
        "invalid_arguments",
        "new",
    ],
)
def test_a_message_that_is_refused_is_dead(error: str) -> None:
    assert judge(200, refused(error)) == [Dead(error)]


@pytest.mark.parametrize("in_doubt", ["send_again", "give_up"])
@pytest.mark.parametrize("error", ["ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable"])
def test_what_was_not_posted_is_sent_again_in_any_case(error: str, in_doubt: str) -> None:
    assert judge(200, refused(error), in_doubt=in_doubt) == [Later(error, is_outage=True)]


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "request_timeout"])
def test_what_was_perhaps_posted_is_sent_again_or_not_as_the_operator_likes(error: str) -> None:
    assert judge(200, refused(error)) == [Later(error)]
    assert judge(200, refused(error), in_doubt="give_up") == [
        Dead(f"{error}: perhaps posted, not sent again (setting in_doubt)")
    ]


@pytest.mark.parametrize(
    ("status", "doubtful"), [(500, True), (502, True), (504, True), (503, False), (429, False), (408, False)]
)
def test_an_outage_waits_unless_in_doubt_nothing_is_to_be_sent_again(status: int, doubtful: bool) -> None:
    reason = f"{status} no"

    assert judge(status, b"no") == [Later(reason)]
    assert judge(status, b"no", in_doubt="give_up") == [
        Dead(f"{reason}: perhaps posted, not sent again (setting in_doubt)") if doubtful else Later(reason)
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 405])
def test_what_speaks_of_the_set_up_blocks_and_kills_nothing(status: int) -> None:
    assert judge(status, b"no") == Blocked(f"{status} no")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ok":tr', [], {}, {"ok": 1}, {"error": "x"}, {"ok": False}, "ok"])
def test_a_200_of_another_shape_is_no_delivery(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body)


# --- verdicts of a webhook ---


@pytest.mark.parametrize("body", [b"ok", b"ok\n"], ids=["ok", "a line"])
def test_what_a_webhook_took_is_delivered(body: bytes) -> None:
    assert judge(200, body, **BY_WEBHOOK) == [Delivered()]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "invalid_token"),
        (403, "invalid_token"),
        (403, "action_prohibited"),
        (404, "channel_not_found"),
        (404, "no_service"),
        (404, "no_team"),
        (404, ""),
        (410, "channel_is_archived"),
        (410, "gone"),
        (302, ""),
    ],
)
def test_a_webhook_that_is_gone_or_forbidden_blocks_and_kills_nothing(status: int, word: str) -> None:
    assert judge(status, word.encode(), **BY_WEBHOOK) == Blocked(f"{status} {word}".strip())


@pytest.mark.parametrize(
    "word",
    [
        "invalid_payload",
        "user_not_found",
        "no_text",
        "missing_text_or_fallback_or_attachments",
        "invalid_blocks",
        "new",
    ],
)
def test_a_message_that_a_webhook_refuses_is_dead(word: str) -> None:
    assert judge(400, word.encode(), **BY_WEBHOOK) == [Dead(f"400 {word}")]


@pytest.mark.parametrize(
    ("status", "word", "doubtful"),
    [(429, "rate_limited", False), (503, "", False), (500, "rollup_error", True), (502, "", True), (504, "", True)],
)
def test_a_webhook_that_is_out_waits_unless_in_doubt_nothing_is_to_be_sent_again(
    status: int, word: str, doubtful: bool
) -> None:
    reason = f"{status} {word}".strip()

    assert judge(status, word.encode(), **BY_WEBHOOK) == [Later(reason)]
    assert judge(status, word.encode(), **BY_WEBHOOK, in_doubt="give_up") == [
        Dead(f"{reason}: perhaps posted, not sent again (setting in_doubt)") if doubtful else Later(reason)
    ]


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (200, b"<html>"), (200, b"no_service"), (200, b'{"ok":true}'), (204, b"")]
)
def test_a_success_of_a_webhook_that_is_not_slack_s_is_no_delivery(status: int, body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(status, body, **BY_WEBHOOK)
