"""Requests to the two event endpoints, and what their answers mean.

Source: facts/vendors/amplitude.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.amplitude.settings import Settings
from router.plugin import (
    MISPLACED,
    Again,
    Blocked,
    BodyField,
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
    without,
)

PATHS: Final = {"batch": ("batch",), "http_v2": ("2", "httpapi")}
MAX_EVENTS: Final = {"batch": 2_000, "http_v2": 10}
"""HTTP V2 takes some 2000 as well, but advises 10, which keeps the rate below within its 1000 events a second."""
MAX_BYTES: Final = 950_000
"""HTTP V2 takes less than 1 MB, with the key and the options around the events. Batch takes 20 MB and has no need of them."""
RATE_LIMIT_PER_S: Final = 100.0
HOLD_S: Final = 30.0
"""How long a throttled user or device is to be left alone, without a header that says so."""

_INVALID: Final = "events_with_invalid_fields"
_OF_EVENTS: Final = (_INVALID, "events_with_missing_fields", "events_with_invalid_id_lengths")
_NEEDED: Final = frozenset({"event_type", "user_id", "device_id", "time", "insert_id"})
_NEEDED_BY: Final = {"$identify": "user_properties", "$groupidentify": "group_properties"}
"""What such an event is for."""
_MONEY: Final = frozenset({"revenue", "price", "quantity", "currency"})
_OF_MONEY: Final = _MONEY | {"productId", "revenueType"}
"""Goes as a whole: a part of it would be another sum, or in another currency. What the caller said of it stands among the
properties, too."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [BodyField("api_key", settings.api_key)]


def batch_size(settings: Settings) -> int:
    return MAX_EVENTS[settings.endpoint]


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    body = {"options": {"min_id_length": settings.min_id_length}, "events": [payload.body for payload in payloads]}
    return Request("POST", build_url(settings.api_url, *PATHS[settings.endpoint]), body)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer of either endpoint.

    Of a refused request nothing is stored. The events that are named die or wait, or are sent again without the fields that are
    named, and the others are sent again as they are; where none is named the request is halved until the good events are among
    themselves, which harms nothing.

    Raises:
        UnreadableAnswer: a 200 without the vendor's own code, or any success with a page, such as a proxy's.
    """
    if response.status not in (200, 400, 429):
        return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
    body = response.json_object()
    if response.status == 200:
        if body.get("code") == 200:
            return [Delivered()] * len(payloads)
        raise UnreadableAnswer(f"expected code 200, got {describe(response)}")
    if response.status == 429:
        return _judge_throttled(body, response, payloads)
    return _judge_refused(body, response, payloads)


def _judge_refused(body: Document, response: Response, payloads: Sequence[Payload]) -> Judgement:
    reason = _reason(body) or describe(response)
    if body.get("missing_field") == "api_key" or "api key" in str(body.get("error")).casefold():
        return Blocked(reason)
    refused = _places(body.get("silenced_events"))
    for key in _OF_EVENTS:
        if key != _INVALID:
            refused = refused.union(*_places_by_field(body, key).values())
    held = dict.fromkeys(_places(body.get("throttled_events")), _held(reason))
    dead = {place: Dead(_reason(body, place) or reason) for place in refused}
    verdicts = held | _without_refused(body, payloads, reason) | dead
    if any(place in verdicts for place in range(len(payloads))):
        return [verdicts.get(place, Again()) for place in range(len(payloads))]
    return Split(reason) if len(payloads) > 1 else [Dead(reason)]


def _without_refused(body: Document, payloads: Sequence[Payload], reason: str) -> dict[int, Verdict]:
    """For each event with fields whose values are refused: again without them, or dead where it needs one."""
    fields: dict[int, set[str]] = {}
    for field, places in _places_by_field(body, _INVALID).items():
        for place in places:
            fields.setdefault(place, set()).add(field)
    verdicts: dict[int, Verdict] = {}
    for place, named in fields.items():
        said = _reason(body, place) or reason
        left = _mend(payloads[place], named, said) if 0 <= place < len(payloads) else None
        verdicts[place] = Again(left) if left else Dead(said)
    return verdicts


def _mend(payload: Payload, fields: set[str], reason: str) -> Payload | None:
    event_type = payload.body.get("event_type")
    if (
        fields & _NEEDED
        or _NEEDED_BY.get(event_type) in fields
        or (event_type == "$groupidentify" and "groups" in fields)
    ):
        return None
    money = _OF_MONEY & payload.body.keys() if fields & _MONEY else set()
    return without(payload, [(field,) for field in fields | money], reason)


def _judge_throttled(body: Document, response: Response, payloads: Sequence[Payload]) -> Judgement:
    """Whoever is named waits; those over their daily quota would wait for a day, and die. Where nobody is, all of us were too
    fast."""
    reason = _reason(body) or describe(response)
    throttled = _places(body.get("throttled_events")) | _places_of_users(body, "throttled", payloads)
    over = _places_of_users(body, "exceeded_daily_quota", payloads)
    verdicts = dict.fromkeys(throttled, _held(reason)) | dict.fromkeys(
        over, Dead(f"over the daily quota of one user: {reason}")
    )
    if any(place in verdicts for place in range(len(payloads))):
        return [verdicts.get(place, Again()) for place in range(len(payloads))]
    return [Later(reason)] * len(payloads)


def _held(reason: str) -> Verdict:
    return Later(reason, HOLD_S, is_outage=False)


def _places_of_users(body: Document, kind: str, payloads: Sequence[Payload]) -> set[int]:
    """The places of the users and devices that the answer names under *kind*."""
    named = {"user_id": body.get(f"{kind}_users"), "device_id": body.get(f"{kind}_devices")}
    return {
        place
        for place, payload in enumerate(payloads)
        for id_field, ids in named.items()
        if isinstance(ids, dict) and payload.body.get(id_field) in ids
    }


def _places_by_field(body: Document, key: str) -> dict[str, set[int]]:
    of_fields = body.get(key)
    return {field: _places(value) for field, value in of_fields.items()} if isinstance(of_fields, dict) else {}


def _places(value: Any) -> set[int]:
    items = value if isinstance(value, list) else []
    return {place for place in items if isinstance(place, int) and not isinstance(place, bool)}


def _reason(body: Document, place: int | None = None) -> str:
    """The vendor's words, with the names of the fields they are about: of all events, or of the one at *place*."""
    error = body.get("error")
    if not isinstance(error, str) or not error:
        return ""
    named = [
        name
        for key in _OF_EVENTS
        for name, places in _places_by_field(body, key).items()
        if place is None or place in places
    ]
    missing = body.get("missing_field")
    named += [missing] if isinstance(missing, str) else []
    return f"{error[:200]} ({', '.join(dict.fromkeys(named))[:100]})" if named else error[:300]
