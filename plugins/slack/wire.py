"""Requests, one message each, to a webhook or to chat.postMessage, and what their answers mean.

A webhook answers by status and a word in plain text; the Web API with a 200 that says little, ``ok`` says it.

Source: facts/vendors/slack.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.slack.settings import WEBHOOKS, Settings
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
    PathKey,
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

_NOT_POSTED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable"})
_PERHAPS_POSTED: Final = frozenset({"internal_error", "fatal_error", "request_timeout"})
_PERHAPS_POSTED_STATUSES: Final = (500, 502, 504)
_OF_THE_TOKEN: Final = frozenset(
    {
        "accesslimited",
        "account_inactive",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "team_added_to_org",
        "team_not_found",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
"""Or of its workspace, which may be on its way into an organization.

Source: also the errors of docs.slack.dev/reference/methods/chat.postMessage (copies of 2026); `_OF_THE_CHANNEL` too.
"""
_OF_THE_CHANNEL: Final = frozenset(
    {
        "access_denied",  # "to a resource specified in the request", which is its channel
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
_OF_THE_WEBHOOK: Final = frozenset(
    {"action_prohibited", "invalid_token", "channel_not_found", "no_service", "no_team", "channel_is_archived"}
)
"""It is gone or forbidden, or its channel is: no message is to blame."""


# --- requests ---


def credentials(settings: Settings) -> Sequence[Credential]:
    return [PathKey(settings.webhook_key) if settings.is_by_webhook else Bearer(settings.bot_token)]


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    path = (WEBHOOKS,) if settings.is_by_webhook else ("api", "chat.postMessage")
    return _post(settings, payloads[0].body, *path)


def can_check(settings: Settings) -> bool:
    """All that a webhook takes is a message."""
    return not settings.is_by_webhook


def check_request(settings: Settings) -> Request:
    """``auth.test`` says whose the token is, and changes nothing."""
    return _post(settings, {}, "api", "auth.test")


def _post(settings: Settings, body: Document, *path: str) -> Request:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Request("POST", build_url(settings.api_url, *path), body, headers)


# --- answers ---


def is_ok(response: Response) -> bool:
    return response.json_object().get("ok") is True


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer on one message.

    Raises:
        UnreadableAnswer: a success that is none of Slack's, such as a proxy's page.
    """
    if response.status in _PERHAPS_POSTED_STATUSES and settings.in_doubt == "give_up":
        return [Dead(_in_doubt(describe(response)))] * len(payloads)
    if settings.is_by_webhook:
        return _judge_webhook(response, payloads)
    return _judge_web_api(response, payloads, settings)


def _judge_webhook(response: Response, payloads: Sequence[Payload]) -> Judgement:
    word = response.text.strip()
    if response.is_success:
        if word != "ok":
            raise UnreadableAnswer(f"expected ok, got {describe(response)}")
        return [Delivered()] * len(payloads)
    if word in _OF_THE_WEBHOOK:
        return Blocked(describe(response))
    return judge_by_status(response, payloads, blocked=(*MISPLACED, 410))


def _judge_web_api(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    if response.status != 200:
        return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    body = response.json()
    if is_ok(response):
        return [Delivered(_warnings(body))] * len(payloads)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, str) or body.get("ok") is not False:
        raise UnreadableAnswer(f"expected ok and perhaps an error, got {describe(response)}")
    if error in _OF_THE_TOKEN:
        return Blocked(error)
    if error in _PERHAPS_POSTED and settings.in_doubt == "give_up":
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
