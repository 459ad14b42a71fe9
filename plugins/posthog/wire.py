"""Requests to the batch endpoint, and what their answers mean.

Source: facts/vendors/posthog.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from plugins.posthog.settings import Settings
from router.plugin import (
    MISPLACED,
    Blocked,
    BodyField,
    Credential,
    Delivered,
    Judgement,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    build_url,
    describe,
    judge_by_status,
)

MAX_EVENTS: Final = 1_000
"""No number is documented; one bad event costs its whole request, so that a smaller one is cheaper to halve."""
MAX_BYTES: Final = 5_000_000
"""20 MB are taken; the vendor's own SDK sends 5 MiB."""
MAX_PAYLOAD_BYTES: Final = 900_000
"""An event may have 1 MB after processing, which adds to it."""

_HISTORICAL: Final = "historical"


def credentials(settings: Settings) -> Sequence[Credential]:
    return [BodyField("api_key", settings.api_key)]


def mark_historical(payload: Payload, settings: Settings) -> Payload:
    """Old events travel apart: the word for them is the request's."""
    return replace(payload, group=_HISTORICAL)


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    url = build_url(settings.api_url, "batch", "")  # the documented address ends in a slash
    is_historical = settings.historical_migration or payloads[0].group == _HISTORICAL
    body = {"historical_migration": is_historical, "batch": [payload.body for payload in payloads]}
    return Request("POST", url, body, gzip=True)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer: a 200 may say that nothing was kept, and a 400 costs a whole request for one bad event.

    Raises:
        UnreadableAnswer: a 200 that is none of the documented shapes, or any success with a page, such as a proxy's.
    """
    if response.status != 200:
        return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    body = response.json()
    if not isinstance(body, dict) or body.get("status") not in ("Ok", 1):
        raise UnreadableAnswer(f"expected status Ok, got {describe(response)}")
    limited = body.get("quota_limited")
    if isinstance(limited, list) and "events" in limited:
        return Blocked("the project is over its billing quota: PostHog dropped these events, which are sent again")
    return [Delivered()] * len(payloads)
