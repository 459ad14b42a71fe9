"""Requests to the events edge of a pixel, and what the Graph API's answers mean. One bad event rejects all of a request.

Source: facts/vendors/facebook-conversions-api.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

from plugins.facebook_conversions.mapping import max_age_s
from plugins.facebook_conversions.settings import Settings
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
    Split,
    UnreadableAnswer,
    build_url,
    describe,
    is_outage,
    judge_by_status,
)

MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 900_000
"""About 1 MB is what others found; the test code stands beside the events."""

_INVALID: Final = 100
_TOO_OLD: Final = 2804003
_OF_THE_SET_UP: Final = frozenset({3, 10, 102, 104, 190, *range(200, 300), 2500, 2635})
"""Token and permissions; and the address, which is made of settings alone: an `api_version` that is over (2635), or that Meta
doesn't know (2500).

Source of the last: the error codes of developers.facebook.com/docs/marketing-api (read 2026-11-27).
"""
_OVER_A_LIMIT: Final = frozenset({4, 17, 32, 341, 368, 613, *range(80_000, 80_015)})
"""Calls of the app, the account or the page: they say nothing of an event, and come with a 400 or 403."""
_FOR_A_MOMENT: Final = frozenset({1, 2, 5000, 21009})


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.access_token)]


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    body: Document = {"data": [payload.body for payload in payloads]}
    if settings.test_event_code:
        body["test_event_code"] = settings.test_event_code
    return Request("POST", build_url(settings.api_url, settings.api_version, settings.pixel_id, "events"), body)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer of the Graph API.

    Raises:
        UnreadableAnswer: a 200 that is none of Meta's, or any success with a page, such as a proxy's.
    """
    if response.status == 200:
        return [_read_receipt(response, len(payloads))] * len(payloads)
    error = _error(response)
    if not error or response.status == 413:
        return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    reason = f"{response.status} {_words(error)}"
    code, subcode = error.get("code"), error.get("error_subcode")
    if is_outage(response.status):
        return [Later(reason)] * len(payloads)
    if code in _OF_THE_SET_UP or (code, subcode) == (_INVALID, 33):
        return Blocked(reason)
    if code in _OVER_A_LIMIT:
        return [Later(reason, is_outage=True)] * len(payloads)
    if code in _FOR_A_MOMENT or error.get("is_transient") is True:
        return [Later(reason)] * len(payloads)
    if len(payloads) == 1 or (subcode == _TOO_OLD and _are_all_too_old(response, payloads)):
        return [Dead(reason)] * len(payloads)
    return Split(reason)


def _read_receipt(response: Response, sent: int) -> Delivered:
    body = response.json()
    received = body.get("events_received") if isinstance(body, dict) else None
    if not isinstance(received, int) or isinstance(received, bool):
        raise UnreadableAnswer(f"expected events_received, got {describe(response)}")
    messages = body.get("messages")
    warnings = [text[:300] for text in messages if isinstance(text, str)] if isinstance(messages, list) else []
    if received != sent:
        warnings.append(f"Meta speaks of {received} events, {sent} were sent")
    return Delivered(tuple(warnings))


def _are_all_too_old(response: Response, payloads: Sequence[Payload]) -> bool:
    """By the vendor's own clock. After a week of standing still, halving such batches would take thousands of requests."""
    with suppress(ValueError, TypeError, LookupError, OverflowError):
        now_s = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        return all(now_s - each.body["event_time"] > max_age_s(each.body["action_source"]) for each in payloads)
    return False


def _error(response: Response) -> Document:
    """The ``error`` of the answer, or an empty object where there is none."""
    error = response.json_object().get("error")
    return error if isinstance(error, dict) and isinstance(error.get("code"), int) else {}


def _words(error: Document) -> str:
    """Code, subcode and Meta's words, the detailed ones if there are."""
    subcode = error.get("error_subcode")
    number = f"{error['code']}/{subcode}" if isinstance(subcode, int) else str(error["code"])
    words = [error[name] for name in ("error_user_msg", "message") if isinstance(error.get(name), str) and error[name]]
    return f"{number}: {' '.join(words[0].split())[:300] if words else 'without a word'}"
