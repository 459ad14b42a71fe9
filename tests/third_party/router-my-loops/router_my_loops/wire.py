"""Requests to Loops, and what its answers mean.

Source: https://loops.so/docs/api-reference (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from router.plugin import (
    Bearer,
    Credential,
    Delivered,
    Judgement,
    Payload,
    Request,
    Response,
    build_url,
    judge_by_status,
)

from router_my_loops.settings import Settings

RATE_LIMIT_PER_S = 10.0
MAX_KEY = 100


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def check_credentials(settings: Settings) -> Request:
    return Request("GET", build_url(settings.api_url, "v1", "api-key"))


def pack_contact(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("PUT", build_url(settings.api_url, "v1", "contacts", "update"), payloads[0].body)


def pack_event(payloads: Sequence[Payload], settings: Settings) -> Request:
    url = build_url(settings.api_url, "v1", "events", "send")
    return Request("POST", url, payloads[0].body, {"Idempotency-Key": idempotency_key(payloads[0].key)})


def idempotency_key(key: str) -> str:
    """The key where Loops takes it, else its hash: at most 100 characters, and none that a header can't hold."""
    if len(key) <= MAX_KEY and key.isascii() and key.isprintable():
        return key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """By the status alone. What a proxy answers in the vendor's place is no delivery, whatever its status."""
    return judge_by_status(response.unless_page(), payloads)


def judge_event(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 409 says that Loops has had this very event within 24 hours."""
    if response.status == 409:
        return [Delivered()]
    return judge(response, payloads, settings)
