"""Requests to the batch address, and what each family member's answers mean.

Source: facts/vendors/segment-compatible.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plugins.segment_compatible.settings import Settings
from router.plugin import (
    MISPLACED,
    Again,
    Basic,
    Blocked,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
)

RATE_LIMIT_PER_S: Final = 1_000.0
"""Segment's advice for a workspace; no other names a number."""
RESET_HEADER: Final = "x-ratelimit-reset"

_STRICT: Final = {"X-Strict-Mode": "1"}
"""Without it Customer.io answers 200 to everything, wrong keys and events that are too large included. Source:
facts/vendors/customerio.md section 7."""
_OF_THE_BATCH: Final = frozenset({"too_many_events", "batch_too_big"})
"""Codes of another router for events beyond what it takes at once (its ``server.max_events`` may be smaller than ours)."""
_OF_THE_SOURCE: Final = ("no destinations found", "quota exceeded")
"""What Jitsu says of messages where nothing is attached to the source, or the account is over its quota."""
_OF_JITSU: Final = ("producer error", "quota exceeded")
"""What it says, with a 200, of messages that it could not put into its own queue, or that are too many.

Source of both: github.com/jitsucom/bulker, ingest/router.go and ingest/router_batch_handler.go (read 2026-11-27).
"""
_NAMED = re.compile(r"\s*Message ID: (\S+?):\s*(.*)", re.DOTALL)


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Basic(settings.write_key)]


def batch_size(settings: Settings) -> int:
    return settings.limits.events


def byte_limits(settings: Settings) -> tuple[int, int]:
    return settings.limits.request_bytes, settings.limits.event_bytes


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Without ``sentAt``: the times are right already, and a receiver corrects by it."""
    url = build_url(settings.api_url, "v1", "batch")
    headers = _STRICT if settings.flavour == "customerio" else {}
    return Request("POST", url, {"batch": [payload.body for payload in payloads]}, headers, gzip=settings.gzip)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer. RudderStack refuses a batch for one bad item, so a refused one is halved until it is by itself.

    Raises:
        UnreadableAnswer: a 200 that is none of those which the flavour is known for, or any success with a page.
    """
    if response.status == 200:
        return _judge_taken(response, payloads, settings)
    judgement = judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    is_refused = isinstance(judgement, Sequence) and isinstance(judgement[0], Dead)
    return Split(describe(response)) if is_refused and len(payloads) > 1 else judgement


def _judge_taken(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    response.unless_page()
    if settings.flavour in ("rudderstack", "customerio"):  # whose bodies differ by version, or are not published
        return [Delivered()] * len(payloads)
    body = response.json()
    if not isinstance(body, dict):
        raise UnreadableAnswer(f"expected an object, got {describe(response)}")
    if settings.flavour == "jitsu":
        return _judge_jitsu(body, response, payloads)
    if body.get("success") is not True:
        raise UnreadableAnswer(f"expected success, got {describe(response)}")
    if settings.flavour == "trait_router":
        return _judge_receipt(body, payloads)
    return [Delivered()] * len(payloads)


def _judge_jitsu(body: Mapping[str, Any], response: Response, payloads: Sequence[Payload]) -> Judgement:
    """Errors name their messages. Where all are named and it is for want of a destination or a quota, no event is at fault."""
    if body.get("ok") is True:
        return [Delivered()] * len(payloads)
    errors = body.get("errors")
    texts = [error for error in errors if isinstance(error, str)] if isinstance(errors, list) else []
    named = {match[1]: match[2].strip() or "refused" for text in texts if (match := _NAMED.match(text))}
    found = [named.get(payload.key, "") for payload in payloads]
    if all(_says(reason, _OF_THE_SOURCE) for reason in found):
        return Blocked(found[0])
    if any(found):
        return [_judge_named(reason) if reason else Delivered() for reason in found]
    raise UnreadableAnswer(f"expected errors that name messages, got {describe(response)}")


def _judge_named(reason: str) -> Verdict:
    return Later(reason, is_outage=True) if _says(reason, _OF_JITSU) else Dead(reason)


def _says(reason: str, phrases: Sequence[str]) -> bool:
    return any(phrase in reason.lower() for phrase in phrases)


def _judge_receipt(body: Mapping[str, Any], payloads: Sequence[Payload]) -> Judgement:
    """Our own receipt: a list of what was rejected, by its place; ``duplicate`` is there already, and so is good.

    What only found no room in the batch goes into the next one. Where more was rejected than is named, the batch is halved
    until it is: what was taken is a duplicate then.
    """
    rejections = body.get("rejections")
    verdicts: list[Verdict] = [Delivered()] * len(payloads)
    reason = "rejected without saying which"
    for rejection in rejections if isinstance(rejections, list) else ():
        if isinstance(rejection, dict):
            reason = _words_of(rejection)
            verdict = Again() if str(rejection.get("code")) in _OF_THE_BATCH else Dead(reason)
            for place in _places_of(rejection, len(payloads)):
                verdicts[place] = verdict
    rejected, named = body.get("rejected"), sum(not isinstance(verdict, Delivered) for verdict in verdicts)
    if (isinstance(rejected, int) and rejected > named) or all(isinstance(verdict, Again) for verdict in verdicts):
        return [Dead(reason)] if len(payloads) == 1 else Split(reason)
    return verdicts


def _places_of(rejection: Mapping[str, Any], count: int) -> range:
    """Those from ``index`` to ``through`` of *count* payloads, or the first alone."""
    first = rejection.get("index")
    if not isinstance(first, int) or isinstance(first, bool) or first < 0:
        return range(0)
    through = rejection.get("through")
    last = through if isinstance(through, int) else first
    return range(first, min(last + 1, count))


def _words_of(rejection: Mapping[str, Any]) -> str:
    field = rejection.get("field") or "the event"
    text = f"{rejection.get('code')}: {field}: expected {rejection.get('expected')}, found {rejection.get('found')}"
    return text[:300]
