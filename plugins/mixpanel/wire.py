"""Requests to /import, /engage and /groups, and what their answers mean.

Source: facts/vendors/mixpanel.md sections 1, 2, 6 and 7; the OpenAPI document of the same date (``components.responses``) for
the shapes of the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import SecretStr

from plugins.mixpanel.settings import Settings
from router.plugin import (
    MISPLACED,
    Again,
    Basic,
    BodyField,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
    without,
)

MAX_EVENTS: Final = 2_000
MAX_GROUPS: Final = 200
"""The document says 2000 as for profiles; a well-known router found 200 to be safe, and groups are few."""
MAX_BYTES: Final = 1_900_000
"""10 MB are documented, but the example of a 413 has 2 MiB; room is left for the token in each update."""
MAX_PAYLOAD_BYTES: Final = 999_000
"""Both an event and an update have to be smaller than 1 MB, the token included."""
_NEEDED: Final = frozenset(
    {
        *("time", "distinct_id", "$insert_id", "$device_id", "$user_id", "ip"),
        *("alias", "$anon_id", "$identified_id"),
    }
)
"""Properties without which an event would be another one, or of somebody else, or be placed where the router is."""


def import_credentials(settings: Settings) -> Sequence[Credential]:
    if settings.has_service_account:
        return [Basic(SecretStr(settings.service_account_username), settings.service_account_secret)]
    return [Basic(settings.project_token)]


def update_credentials(settings: Settings) -> Sequence[Credential]:
    return [BodyField("$token", settings.project_token)]


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    query = {"strict": _flag(settings.strict)}
    if settings.has_service_account:
        query["project_id"] = settings.project_id
    url = build_url(settings.api_url, "import", query=query)
    return Request("POST", url, [payload.body for payload in payloads], gzip=True)


def pack_profiles(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _pack_updates("engage", payloads, settings)


def pack_groups(payloads: Sequence[Payload], settings: Settings) -> Request:
    return _pack_updates("groups", payloads, settings)


def _pack_updates(path: str, payloads: Sequence[Payload], settings: Settings) -> Request:
    # ip=0, or the router's own place would be written to every profile.
    url = build_url(settings.api_url, path, query={"ip": "0", "strict": _flag(settings.strict), "verbose": "1"})
    return Request("POST", url, [payload.body for payload in payloads])


def _flag(value: bool) -> str:
    return "1" if value else "0"


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer of any of the three: a 400 may be a partial success, and a 200 may be a refusal.

    An event with a property that is refused is sent again without it; the others have arrived, or die with theirs.
    A refusal that does not say which payload it means is `Split`: sending the good ones again is harmless.

    Raises:
        UnreadableAnswer: a 200 that is none of the documented shapes, or any success with a page, such as a proxy's.
    """
    if response.status not in (200, 400):
        return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    try:
        body = response.json()
    except UnreadableAnswer:
        if response.status == 400:
            return Split(describe(response))
        raise
    refused = _refused(body, payloads)
    if refused:
        return [refused.get(place, Delivered()) for place in range(len(payloads))]
    if response.status == 400 or _is_refusal(body):
        return Split(_error(body) or describe(response))
    if _is_success(body):
        return [Delivered()] * len(payloads)
    raise UnreadableAnswer(f"expected status OK or 1, got {describe(response)}")


def _is_success(body: Any) -> bool:
    if isinstance(body, dict):
        return body.get("status") in (1, "1", "OK") and not body.get("failed_records")
    return isinstance(body, int) and body == 1


def _is_refusal(body: Any) -> bool:
    if isinstance(body, dict):
        return body.get("status") in (0, "0", "error", "Bad Request") or bool(body.get("failed_records"))
    return isinstance(body, int) and body == 0


def _error(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return error[:300] if isinstance(error, str) else ""


def _refused(body: Any, payloads: Sequence[Payload]) -> dict[int, Verdict]:
    """The verdict by its place, for each payload that was refused; empty where that can't be told for certain."""
    records = body.get("failed_records") if isinstance(body, dict) else None
    if not isinstance(records, list):
        return {}
    refused: dict[int, Verdict] = {}
    for record in records:
        place = _place(record, payloads)
        if place is None:
            return {}
        reason = _reason(record) or _error(body) or "refused without a reason"
        left = _without_refused(record.get("field"), payloads[place], reason)
        refused[place] = Again(left) if left else Dead(reason)
    imported = body.get("num_records_imported")
    if isinstance(imported, int) and imported != len(payloads) - len(refused):
        return {}  # some were neither taken nor named
    return refused


def _without_refused(field: Any, payload: Payload, reason: str) -> Payload | None:
    """What is left of an event without the *field* that is refused; None where it can't do without it."""
    at, _, name = field.partition(".") if isinstance(field, str) else ("", "", "")
    return without(payload, [(at, name)], reason) if at == "properties" and name not in _NEEDED else None


def _place(record: Any, payloads: Sequence[Payload]) -> int | None:
    """Which payload *record* is about: by its index, else by its insert id (spelled with and without the dollar sign)."""
    if not isinstance(record, dict):
        return None
    index = record.get("index")
    if isinstance(index, int) and not isinstance(index, bool):
        return index if 0 <= index < len(payloads) else None
    insert_id = record.get("$insert_id") or record.get("insert_id")
    places = [place for place, payload in enumerate(payloads) if payload.key and payload.key == insert_id]
    return places[0] if len(places) == 1 else None


def _reason(record: dict[str, Any]) -> str:
    words = [word for word in (record.get("field"), record.get("message")) if isinstance(word, str) and word]
    return ": ".join(words)[:300]
