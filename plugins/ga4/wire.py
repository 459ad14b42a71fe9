"""Requests to the collection address, and what their answers mean.

Google answers 204 to whatever it receives, so that everything is checked before it is sent.

Source: facts/vendors/ga4.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.ga4.settings import Settings
from router.plugin import (
    MISPLACED,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Payload,
    QueryKey,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    build_url,
    describe,
    judge_by_status,
)

MAX_EVENTS: Final = 25
MAX_BYTES: Final = 125_000
"""Of less than 130 kB."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [QueryKey("api_secret", settings.api_secret)]


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Events that say the same of one client. An app's id goes into the address as it is: its colons must not be encoded."""
    path = ("debug", "mp", "collect") if settings.debug else ("mp", "collect")
    stream = (
        f"firebase_app_id={settings.firebase_app_id}"
        if settings.is_app
        else f"measurement_id={settings.measurement_id}"
    )
    events = [event for payload in payloads for event in payload.body["events"]]
    body = {**payloads[0].body, "events": events}
    if settings.validation == "strict" or settings.debug:
        body["validation_behavior"] = "ENFORCE_RECOMMENDATIONS"
    return Request("POST", f"{build_url(settings.api_url, *path)}?{stream}", body)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read the status, and of the validation address what it says.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's; a 200 of the validation address that is none of Google's.
    """
    if settings.debug and response.status == 200:
        return _judge_validation(response, payloads)
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)


def _judge_validation(response: Response, payloads: Sequence[Payload]) -> Judgement:
    body = response.json()
    messages = body.get("validationMessages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        raise UnreadableAnswer(f"expected validationMessages, got {describe(response)}")
    if not messages:
        return [Delivered()] * len(payloads)
    return _refuse("; ".join(_words_of(message) for message in messages)[:300], payloads)


def _words_of(message: Any) -> str:
    if not isinstance(message, dict):
        return str(message)
    return " ".join(str(message[key]) for key in ("validationCode", "fieldPath", "description") if message.get(key))


def _refuse(reason: str, payloads: Sequence[Payload]) -> Judgement:
    """Which event is meant is not said, so a batch is halved until it is among itself."""
    return [Dead(reason)] if len(payloads) == 1 else Split(reason)
