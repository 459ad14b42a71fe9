"""Requests with events and with jobs, and what the answers mean.

Source: facts/vendors/klaviyo.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any, Final

from plugins.klaviyo.settings import Settings
from router.plugin import (
    Bearer,
    Blocked,
    Credential,
    Dead,
    Document,
    Judgement,
    Payload,
    Request,
    Response,
    Split,
    build_url,
    describe,
    judge_by_status,
    judge_named,
)

MAX_EVENTS: Final = 1_000
MAX_PROFILES: Final = 10_000
MAX_BYTES: Final = 4_500_000
"""5 MB, less what wraps each of a thousand events in a job."""
MAX_PROFILE_BYTES: Final = 100_000

EVENTS_PER_S: Final = 58.0
"""3500 a minute; the burst of 350 a second is not used up, for it is the minute that a backlog meets."""
PROFILES_PER_S: Final = 12.5
"""750 a minute."""
PROFILE_IMPORT: Final = "profile import"
"""Whose limit that is: of an identify and of a group call together."""
JOBS_PER_S: Final = 2.5
"""150 a minute."""

IDS: Final[tuple[str, ...]] = ("external_id", "email", "phone_number")
"""What a profile is known by, the strongest first."""
_OF_AN_ITEM: Final = (400, 409, 422)
"""Statuses of a job that one item of it may be the reason for."""
_ITEM: Final = re.compile(r"/data/attributes/(?:events-bulk-create|profiles)/data/([0-9]{1,6})(?:/|$)")
"""Where in a job an error lies."""
BLOCKED: Final = (401, 403, 404, 405, 406, 410, 415)
"""Paths and headers are the same for all, so these speak of the set-up (key, scope, retired revision, list) and never of an
event."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.private_key, scheme="Klaviyo-API-Key")]


def make_request(settings: Settings, *segments: str, body: Document) -> Request:
    headers = {
        "Accept": "application/vnd.api+json",
        "Content-Type": "application/vnd.api+json",
        "revision": settings.revision,
    }
    return Request("POST", build_url(settings.api_url, "api", *segments), body, headers)


def check_credentials(settings: Settings) -> Request:
    """A profile without attributes: refused as invalid with the right key, and for its sake with a wrong one."""
    return make_request(settings, "profile-import", body={"data": {"type": "profile"}})


def is_good(response: Response) -> bool:
    return response.status == 400


# --- events ---


def events_a_request(settings: Settings) -> int:
    return MAX_EVENTS if settings.bulk else 1


def event_requests_per_s(settings: Settings) -> float:
    return JOBS_PER_S if settings.bulk else EVENTS_PER_S


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    if not settings.bulk:
        [payload] = payloads
        attributes = {**_event(payload.body), "profile": _resource("profile", payload.body["profile"])}
        return make_request(settings, "events", body=_resource("event", attributes))
    items = [
        _item(
            "event-bulk-create",
            {
                "profile": _resource("profile", payload.body["profile"]),
                "events": {"data": [_item("event", _event(payload.body))]},
            },
        )
        for payload in payloads
    ]
    job = _resource("event-bulk-create-job", {"events-bulk-create": {"data": items}})
    return make_request(settings, "event-bulk-create-jobs", body=job)


def _event(body: Document) -> Document:
    return {"metric": _resource("metric", {"name": body["metric"]}), **body["event"]}


def _item(type: str, attributes: Document) -> Document:
    return {"type": type, "attributes": attributes}


def _resource(type: str, attributes: Document) -> Document:
    return {"data": _item(type, attributes)}


# --- profiles in jobs ---


def pack_profiles(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Each profile once, with the last value of everything: order within a job is not promised."""
    profiles: dict[_Id, Document] = {}
    for payload in payloads:
        profiles[_id_of(payload)] = _merged(profiles.get(_id_of(payload), {}), payload.body)
    job = _item(
        "profile-bulk-import-job",
        {"profiles": {"data": [_item("profile", attributes) for attributes in profiles.values()]}},
    )
    if settings.list_id:
        job["relationships"] = {"lists": {"data": [{"type": "list", "id": settings.list_id}]}}
    return make_request(settings, "profile-bulk-import-jobs", body={"data": job})


_Id = tuple[str, Any] | None


def _id_of(payload: Payload) -> _Id:
    return next(((name, payload.body[name]) for name in IDS if payload.body.get(name)), None)


def _merged(earlier: Document, later: Document) -> Document:
    """*later* over *earlier*; the objects ``properties`` and ``location`` key by key."""
    merged = {**earlier, **later}
    for name in ("properties", "location"):
        if name in earlier and name in later:
            merged[name] = {**earlier[name], **later[name]}
    return merged


# --- answers ---


def judge(response: Response, payloads: Sequence[Payload], settings: Any = None) -> Judgement:
    """One bad event fails a whole job, and Klaviyo points at it.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return _judge(response, range(len(payloads)))


def judge_profiles(response: Response, payloads: Sequence[Payload], settings: Any = None) -> Judgement:
    """The same for a job of profiles, each of which may be of several payloads.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return _judge(response, list(map(_id_of, payloads)))


def _judge(response: Response, keys: Sequence[Hashable]) -> Judgement:
    """*keys*: one for each payload; those of one key are one item of the job."""
    if response.status in _OF_AN_ITEM and len(keys) > 1:
        errors = (_read_error(response.status, error) for error in errors_of(response))
        return judge_named(errors, keys, words(response))
    judgement = judge_by_status(response.unless_page(), [Payload(None)] * len(keys), blocked=BLOCKED)
    if isinstance(judgement, Split):
        return Split(words(response))
    if isinstance(judgement, Blocked):
        return Blocked(words(response))
    return [Dead(words(response)) if isinstance(verdict, Dead) else verdict for verdict in judgement]


def _read_error(status: int, error: Document) -> tuple[int | None, str]:
    match = _ITEM.match(pointer_of(error))
    return int(match[1]) if match else None, f"{status} {_words_of(error) or 'refused'}"[:300]


def errors_of(response: Response) -> list[Document]:
    """The errors of an answer, each an object; none where there is nothing of the kind."""
    errors = response.json_object().get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def pointer_of(error: Document) -> str:
    """Where in the request the error lies: ``/data/attributes/phone_number``; "" where it doesn't say."""
    source = error.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return pointer if isinstance(pointer, str) else ""


def words(response: Response) -> str:
    """The vendor's own words: code, detail and place of the first error."""
    said = next(filter(None, map(_words_of, errors_of(response))), "")
    return f"{response.status} {said}"[:300] if said else describe(response)


def _words_of(error: Document) -> str:
    said = [error[key] for key in ("code", "detail") if isinstance(error.get(key), str)]
    said += [f"at {pointer_of(error)}"] if pointer_of(error) else []
    return ": ".join(said)
