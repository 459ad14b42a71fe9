"""One request for each payload, and what the answers mean.

Source: facts/vendors/loops.md sections 1, 2 and 6 to 8. The words of a 400 to a userId that nobody has are those in the tests
of Segment's destination (github.com/segmentio/action-destinations, read 2026-11-28).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from plugins.loops.settings import Settings
from router.plugin import (
    MISPLACED,
    Again,
    Bearer,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Verdict,
    build_url,
    convert,
    describe,
    judge_by_status,
    looks_like_email,
)

REQUESTS_PER_S: Final = 10.0
MAX_KEY: Final = 100
NOT_THERE_YET_S: Final = 10.0
NOT_THERE_ATTEMPTS: Final = 2


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def check_credentials(settings: Settings) -> Request:
    return Request("GET", build_url(settings.api_url, "v1", "api-key"))


def pack_event(payloads: Sequence[Payload], settings: Settings) -> Request:
    url = build_url(settings.api_url, "v1", "events", "send")
    return Request("POST", url, payloads[0].body, {"Idempotency-Key": idempotency_key(payloads[0].key)})


def idempotency_key(key: str) -> str:
    """*key* where Loops takes it, else its hash: at most 100 characters, and none that a header can't hold."""
    if len(key) <= MAX_KEY and key.isascii() and key.isprintable() and key == key.strip():
        return key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer. Somebody whom Loops doesn't know by their userId, the only thing that it was told, may be on their way.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    answer = response.json_object()
    is_loops_404 = response.status == 404 and answer.get("success") is False  # any other 404 is of the address
    is_not_found = is_loops_404 or (response.status == 400 and "not found" in str(answer.get("message")))
    if is_not_found and "email" not in payloads[0].body:
        return [_unknown(payloads[0], describe(response))]
    if is_loops_404:
        return [Dead(describe(response))]
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)


def judge_event(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """As `judge`; a 409 says that Loops has had this very event within 24 hours."""
    return [Delivered()] if response.status == 409 else judge(response, payloads, settings)


def _unknown(payload: Payload, said: str) -> Verdict:
    """A userId that is an email is theirs where nobody has that userId; a contact who is there may have told another."""
    user_id = payload.body["userId"]
    if looks_like_email(user_id):
        return Again(replace(payload, body={**payload.body, "email": convert.to_email(user_id)}))
    return Later(said, NOT_THERE_YET_S, NOT_THERE_ATTEMPTS)
