"""Requests to the three endpoints, and what their answers mean.

Source: facts/vendors/heap.md sections 1, 2, 5, 6 and 7; for the accounts of one request
https://developers.heap.io/reference/bulk-add-account-properties (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plugins.heap.settings import Settings
from router.plugin import (
    MISPLACED,
    BodyField,
    Credential,
    Document,
    Judgement,
    Payload,
    Request,
    Response,
    build_url,
    judge_by_status,
)

MAX_EVENTS: Final = 100
"""A request may have 1,000. Smaller ones go sooner: at the rate below they carry the 15,000 events a minute that an environment
may send."""
EVENT_RATE_PER_S: Final = 2.5
MAX_ITEMS: Final = 1_000
"""Users or accounts of a request."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [BodyField("app_id", settings.app_id)]


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _request(settings, "track", {"events": [payload.body for payload in payloads]})


def pack_users(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _request(settings, "add_user_properties", {"users": _merged(payloads, "identity")})


def pack_accounts(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _request(settings, "add_account_properties", {"accounts": _merged(payloads, "account_id")})


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """By the status alone: an answer has no more to say, and a 400 costs the whole request, which is halved.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)


def _request(settings: Settings, name: str, body: Document) -> Request:
    return Request("POST", build_url(settings.api_url, "api", name), body)


def _merged(payloads: Sequence[Payload], key: str) -> list[Document]:
    """One item for each user or account, whose later properties win: nothing says in which order Heap writes those of one
    request, and each counts for the requests of a user in 30 seconds."""
    items: dict[str, Document] = {}
    for payload in payloads:
        body: Document = payload.body
        earlier = items.get(body[key])
        items[body[key]] = {**body, "properties": earlier["properties"] | body["properties"]} if earlier else body
    return list(items.values())
