"""Requests to users, their identity, and custom events, and what the answers mean.

Source: facts/vendors/onesignal.md sections 1, 2, 6, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from plugins.onesignal.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
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
    Verdict,
    build_url,
    describe,
    judge_by_status,
)

MAX_MERGED: Final = 10
"""Calls of one user that are merged into one request; 100 changes are the most it may hold."""
MAX_EVENTS: Final = 490
"""What fits into a request when each is as large as it may be."""
MAX_BYTES: Final = 1_000_000
MAX_EVENT_BYTES: Final = 2_024
USER_RATE_PER_S: Final = 1_000.0
USERS: Final = "users and subscriptions"
"""What counts against that limit of the app together: writing a user, and giving one another id."""
NOT_THERE_YET_S: Final = 10.0
NOT_THERE_ATTEMPTS: Final = 2


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key, scheme="Key")]


# --- requests ---


def pack_users(payloads: Sequence[Payload], settings: Settings) -> Request:
    """One user: what several calls say of it, the later ones winning."""
    body: Document = {"identity": payloads[0].body["identity"]}
    properties: Document = {}
    tags: Document = {}
    subscriptions: Document = {}
    for payload in payloads:
        said = payload.body.get("properties", {})
        tags |= said.get("tags", {})
        properties |= said
        subscriptions |= {each["type"]: each for each in payload.body.get("subscriptions", ())}
    if properties:
        body["properties"] = properties | ({"tags": tags} if tags else {})
    if subscriptions:
        body["subscriptions"] = list(subscriptions.values())
    return Request("POST", _url(settings, "users"), body)


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", _url(settings, "custom_events"), {"events": [payload.body for payload in payloads]})


def pack_identity(payloads: Sequence[Payload], settings: Settings) -> Request:
    body = payloads[0].body
    return Request(
        "PATCH", _url(settings, "users", "by", body["label"], body["id"], "identity"), {"identity": body["identity"]}
    )


def view_segments(settings: Settings) -> Request:
    """One of the app's segments: changes nothing, and the app's own key may see it. The app itself only the organization's may.

    Source: documentation.onesignal.com/reference/view-segments and /view-an-app (copies of 2026).
    """
    return Request("GET", _url(settings, "segments", query={"limit": "1"}))


def _url(settings: Settings, *segments: str, query: Mapping[str, str] | None = None) -> str:
    return build_url(settings.api_url, "apps", settings.app_id, *segments, query=query)


# --- verdicts ---


def judge_users(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read the answer to an upsert, which is safe to repeat.

    Raises:
        UnreadableAnswer: a success without an object, such as a proxy's page.
    """
    if response.status == 429:
        return [_second_of_a_user(response)] * len(payloads)
    if not response.is_success:
        return judge_by_status(response, payloads, blocked=MISPLACED)
    if not isinstance(response.json(), dict):
        raise UnreadableAnswer(f"expected a user, got {describe(response)}")
    return [Delivered()] * len(payloads)


def judge_identity(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """404: there is no such user to give another id, which is the usual case of one who may be anonymous and not worth a word.
    409: the new id is another user's, and OneSignal merges no two.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if response.status in (404, 409) and "errors" in response.json_object():
        may_be_anonymous = settings.anonymous_alias or payloads[0].body["label"] != "external_id"
        is_usual = response.status == 404 and may_be_anonymous
        return [Delivered(() if is_usual else (f"not joined: {describe(response)}",))] * len(payloads)
    if response.status == 429:
        return [_second_of_a_user(response)] * len(payloads)
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)


def _second_of_a_user(response: Response) -> Later:
    """A 429 does not say whose limit it is. That of the app is kept to by the core, so it is one user's second."""
    return Later(describe(response), is_outage=False)


def judge_events(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 202 may list events that were refused; all others were taken.

    An event is named by its own id, which may be its key or one that OneSignal gave it, and by its user. Where that leaves open
    which one is meant the batch is halved: a repeat within four hours is ignored by its key.

    Raises:
        UnreadableAnswer: a success with a body that is no object, such as a proxy's page.
    """
    if not response.is_success:
        return judge_by_status(response, payloads, blocked=MISPLACED)
    body = response.json() if response.body.strip() else {}
    if not isinstance(body, dict):
        raise UnreadableAnswer(f"expected an object, got {describe(response)}")
    errors = body.get("errors")
    verdicts: list[Verdict] = [Delivered()] * len(payloads)
    for error in errors if isinstance(errors, list) else []:
        verdict = _verdict(error)
        places = _places(error, payloads)
        if not places or (len(places) > 1 and isinstance(verdict, Dead)):
            return Split(_words(error)) if len(payloads) > 1 else [verdict]
        for place in places:
            verdicts[place] = verdict
    return verdicts


def _verdict(error: Any) -> Verdict:
    """A user that is not there may be on its way: its event is tried once more."""
    inner = error.get("error") if isinstance(error, dict) else None
    code = inner.get("code") if isinstance(inner, dict) else None
    if isinstance(code, str) and code.replace("_", " ").lower() == "not found":
        return Later(_words(error), NOT_THERE_YET_S, NOT_THERE_ATTEMPTS)
    return Dead(_words(error))


def _places(error: Any, payloads: Sequence[Payload]) -> list[int]:
    """The events that *error* may be about."""
    if not isinstance(error, dict):
        return []
    for key, field in (("event_id", "idempotency_key"), ("event_user_id", "external_id")):
        value = error.get(key)
        found = [place for place, payload in enumerate(payloads) if value and payload.body.get(field) == value]
        if found:
            return found
    return []


def _words(error: Any) -> str:
    inner = error.get("error") if isinstance(error, dict) else None
    words = [inner.get("code"), inner.get("title")] if isinstance(inner, dict) else [error]
    return ": ".join(word for word in words if isinstance(word, str) and word)[:300] or "refused without a reason"
