"""Requests with events and with jobs, and what the answers mean.

Source: facts/vendors/klaviyo.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final

from plugins.klaviyo.settings import Settings
from router.plugin import (
    Bearer,
    Blocked,
    Credential,
    Dead,
    Document,
    Judgement,
    Mend,
    Payload,
    Request,
    Response,
    Split,
    build_url,
    describe,
    judge_by_status,
    judge_named,
    without,
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
_IN_JOB: Final = "/data/attributes(?:/events-bulk-create/data/[0-9]{1,6}/attributes"
_PARTS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(_IN_JOB + ")?/profile/data/attributes/(.+)"), "profile"),
    (re.compile(_IN_JOB + "/events/data/0/attributes)?/(.+)"), "event"),
)
"""From where an error lies, in a job or an event by itself, to the part of a payload that this is."""
_OF_PROFILE: Final = re.compile(r"/data/attributes/profiles/data/[0-9]{1,6}/attributes/(.+)")
_NEEDED: Final = frozenset({"time", "unique_id", "properties", "backfill"})
"""What an event isn't sent without: else it would be another one, or start a flow that it must not start."""
_VALUE: Final = ("event", "value")
_CURRENCY: Final = ("event", "value_currency")
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
        profiles[_id_of(payload.body)] = _merged(profiles.get(_id_of(payload.body), {}), payload.body)
    job = _item(
        "profile-bulk-import-job",
        {"profiles": {"data": [_item("profile", attributes) for attributes in profiles.values()]}},
    )
    if settings.list_id:
        job["relationships"] = {"lists": {"data": [{"type": "list", "id": settings.list_id}]}}
    return make_request(settings, "profile-bulk-import-jobs", body={"data": job})


_Id = tuple[str, Any] | None


def _id_of(profile: Document) -> _Id:
    return next(((name, profile[name]) for name in IDS if profile.get(name)), None)


def _merged(earlier: Document, later: Document) -> Document:
    """*later* over *earlier*; the objects ``properties`` and ``location`` key by key."""
    merged = {**earlier, **later}
    for name in ("properties", "location"):
        if name in earlier and name in later:
            merged[name] = {**earlier[name], **later[name]}
    return merged


# --- answers ---


def judge(response: Response, payloads: Sequence[Payload], settings: Any = None) -> Judgement:
    """One bad event fails a whole job, and Klaviyo points at it: at what is wrong with it, which it is sent again without.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return _judge(response, payloads, range(len(payloads)), _part_of_event, _mend_event)


def judge_profiles(response: Response, payloads: Sequence[Payload], settings: Any = None) -> Judgement:
    """The same for a job of profiles, each of which may be of several payloads.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return _judge(response, payloads, [_id_of(payload.body) for payload in payloads], _part_of_profile, _mend_profile)


_Path = tuple[str, ...]


def _judge(
    response: Response,
    payloads: Sequence[Payload],
    keys: Sequence[Hashable],
    part_of: Callable[[str], _Path],
    mend: Mend,
) -> Judgement:
    """*keys*: one for each payload; those of one key are one item of the job. *part_of* tells which part of a payload an error
    points at."""
    if response.status in _OF_AN_ITEM and errors_of(response):
        errors = [_read_error(response.status, error, len(keys), part_of) for error in errors_of(response)]
        return judge_named(errors, keys, words(response), payloads=payloads, mend=mend)
    judgement = judge_by_status(response.unless_page(), payloads, blocked=BLOCKED)
    if isinstance(judgement, Split):
        return Split(words(response))
    if isinstance(judgement, Blocked):
        return Blocked(words(response))
    return [Dead(words(response)) if isinstance(verdict, Dead) else verdict for verdict in judgement]


def _read_error(
    status: int, error: Document, count: int, part_of: Callable[[str], _Path]
) -> tuple[int | None, str, _Path]:
    pointer = pointer_of(error)
    match = _ITEM.match(pointer)
    index = 0 if count == 1 else int(match[1]) if match else None
    return index, f"{status} {_words_of(error) or 'refused'}"[:300], part_of(pointer)


def _part_of_event(pointer: str) -> _Path:
    """The path in a payload of what an error points at; none where it is no part of one."""
    for pattern, part in _PARTS:
        if match := pattern.fullmatch(pointer):
            return part, *_names_of(match[1])
    return ()


def _part_of_profile(pointer: str) -> _Path:
    match = _OF_PROFILE.fullmatch(pointer)
    return _names_of(match[1]) if match else ()


def _names_of(pointer: str) -> _Path:
    """Source: datatracker.ietf.org/doc/html/rfc6901 section 4."""
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/"))


def _mend_event(payload: Payload, paths: Sequence[Sequence[str]], said: str) -> Payload | None:
    """A value is no longer one where its currency is refused: it would be booked in another."""
    found_by = _id_of(payload.body["profile"])
    if any(path[0] == "event" and len(path) == 2 and path[1] in _NEEDED for path in paths):
        return None
    if found_by is None or ("profile", found_by[0]) in paths:
        return None
    has_no_currency = _CURRENCY in paths and "value" in payload.body["event"]
    return without(payload, [*paths, _VALUE] if has_no_currency else paths, said)


def _mend_profile(payload: Payload, paths: Sequence[Sequence[str]], said: str) -> Payload | None:
    """A phone number that is refused is kept as a property, as one is that can't be read."""
    found_by = _id_of(payload.body)
    if found_by is None or (found_by[0],) in paths:
        return None
    left = without(payload, paths, said)
    if left is None or ("phone_number",) not in paths:
        return left
    properties = {**left.body.get("properties", {}), "phone_raw": payload.body["phone_number"]}
    return replace(left, body={**left.body, "properties": properties})


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
