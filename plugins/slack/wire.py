"""Requests to chat.postMessage, one message each, and what their answers mean: a 200 says little, ``ok`` says it.

Source: facts/vendors/slack.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.slack.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
    Blocked,
    Credential,
    Dead,
    Delivered,
    Document,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    build_url,
    describe,
    judge_by_status,
)

RATE_LIMIT_PER_S: Final = 1.0
"""Of one channel, which is all that most destinations have."""

_NOT_POSTED: Final = frozenset({"ratelimited", "rate_limited", "service_unavailable"})
_PERHAPS_POSTED: Final = frozenset({"internal_error", "fatal_error", "request_timeout"})
_OF_THE_TOKEN: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
    }
)
_OF_THE_CHANNEL: Final = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.bot_token)]


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _call("chat.postMessage", payloads[0].body, settings)


def check_request(settings: Settings) -> Request:
    """``auth.test`` says whose the token is, and changes nothing."""
    return _call("auth.test", {}, settings)


def _call(method: str, body: Document, settings: Settings) -> Request:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Request("POST", build_url(settings.api_url, "api", method), body, headers)


def is_ok(response: Response) -> bool:
    return response.json_object().get("ok") is True


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer on one message.

    Raises:
        UnreadableAnswer: a 200 that is none of Slack's, such as a proxy's page.
    """
    gives_up = settings.in_doubt == "give_up"
    if response.status != 200:
        if gives_up and response.status in (500, 502, 504):
            return [Dead(_in_doubt(describe(response)))] * len(payloads)
        return judge_by_status(response, payloads, blocked=MISPLACED)
    body = response.json()
    if is_ok(response):
        return [Delivered(_warnings(body))] * len(payloads)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, str) or body.get("ok") is not False:
        raise UnreadableAnswer(f"expected ok and perhaps an error, got {describe(response)}")
    if error in _OF_THE_TOKEN:
        return Blocked(error)
    if error in _PERHAPS_POSTED and gives_up:
        return [Dead(_in_doubt(error))] * len(payloads)
    if error in _NOT_POSTED | _PERHAPS_POSTED:
        return [Later(error, is_outage=error in _NOT_POSTED or None)] * len(payloads)
    if error in _OF_THE_CHANNEL:
        return _judge_channel(error, payloads, settings)
    return [Dead(error[:300])] * len(payloads)


def _judge_channel(error: str, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """The destination's own channel is the operator's to mend; one of a rule must not hold up the others."""
    channel = payloads[0].body.get("channel")
    reason = f"{error}: {channel}"
    return Blocked(reason) if channel == settings.channel else [Dead(reason)] * len(payloads)


def _in_doubt(reason: str) -> str:
    return f"{reason}: perhaps posted, not sent again (setting in_doubt)"


def _warnings(body: Any) -> tuple[str, ...]:
    """``warning`` and ``response_metadata.warnings``: a message may be posted and cut."""
    metadata = body.get("response_metadata")
    listed = metadata.get("warnings") if isinstance(metadata, dict) else None
    found = [body.get("warning"), *(listed if isinstance(listed, list) else [])]
    return tuple(dict.fromkeys(word[:300] for word in found if isinstance(word, str) and word))
