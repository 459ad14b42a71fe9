"""Paths, credentials, and what travels in batches: contacts by a unique property, and custom events.

Source: facts/vendors/hubspot.md sections 1, 2, 3, 6, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from plugins.hubspot.answers import MISSING, judge, refused_properties, words, words_of
from plugins.hubspot.properties import to_value
from plugins.hubspot.settings import Settings
from router.plugin import (
    Again,
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
    build_url,
    describe,
    has_part,
    judge_named,
    without,
)

MAX_CONTACTS: Final = 100
MAX_EVENTS: Final = 500
EVENTS_PER_S: Final = 1_250.0
ACCOUNT: Final = "account"
"""All requests but those with custom events count against the app's limit together."""
LOST_ATTEMPTS: Final = 5
"""A contact of which an answer says nothing at all is tried so often."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.access_token)]


def requests_per_s(settings: Settings) -> float:
    return settings.requests_per_10_s / 10


def check_credentials(settings: Settings) -> Request:
    """Reads a contact that nobody is: it takes the token and the scope that everything here needs."""
    body = {"idProperty": "email", "properties": ["email"], "inputs": [{"id": "nobody@example.invalid"}]}
    return Request("POST", objects_url(settings, "contacts", "batch", "read"), body)


# --- paths ---


def objects_url(settings: Settings, kind: str, *segments: str, query: Mapping[str, str] | None = None) -> str:
    """Of *kind* ``contacts`` or ``companies``."""
    version = ("v3", "objects") if settings.api_version == "v3" else ("objects", settings.api_version)
    return build_url(settings.api_url, "crm", *version, kind, *segments, query=query)


def link_url(settings: Settings, contact_id: str, company_id: str) -> str:
    version = ("v4", "objects") if settings.api_version == "v3" else ("objects", settings.api_version)
    link = ("contact", contact_id, "associations", "default", "company", company_id)
    return build_url(settings.api_url, "crm", *version, *link)


def properties_url(settings: Settings, kind: str) -> str:
    version = ("v3", "properties") if settings.api_version == "v3" else ("properties", settings.api_version)
    return build_url(settings.api_url, "crm", *version, kind)


def events_url(settings: Settings, *segments: str) -> str:
    return build_url(settings.api_url, "events", settings.api_version, "send", *segments)


# --- contacts ---


def to_texts(properties: Document) -> Document:
    return {name: to_value(value) for name, value in properties.items()}


def make_input(body: Document, place: int) -> Document:
    """One input of an upsert. Its trace id is its place: HubSpot then answers for each one, and results have no order."""
    return {
        "id": body["id"],
        "idProperty": body["id_property"],
        "objectWriteTraceId": str(place),
        "properties": to_texts(body["properties"]),
    }


def places_of(payloads: Sequence[Payload]) -> dict[str, list[int]]:
    """Each contact once, by its id, with the places of its payloads: twice in one batch it would be a conflict."""
    places: dict[str, list[int]] = {}
    for place, payload in enumerate(payloads):
        places.setdefault(payload.body.get("id", ""), []).append(place)
    return places


def pack_contacts(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Of several payloads of one contact the last value of each property."""
    inputs = []
    for number, places in enumerate(places_of(payloads).values()):
        bodies = [payloads[place].body for place in places]
        properties = {name: value for body in bodies for name, value in body["properties"].items()}
        inputs.append(make_input({**bodies[0], "properties": properties}, number))
    return Request("POST", objects_url(settings, "contacts", "batch", "upsert"), {"inputs": inputs})


def judge_contacts(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """200 and 207 answer for each contact. A 400 answers for none: halve until it is found whose it is. So is a batch with a
    refused contact of several calls, of which one is at fault. A contact is sent again without the properties that are named.

    Raises:
        UnreadableAnswer: a 200 or 207 that is no upsert's answer; another success with a page, such as a proxy's.
    """
    if response.status in (400, 409):
        return _judge_whole(response, payloads, ("properties",))
    if response.status not in (200, 201, 207):
        return judge(response.unless_page(), payloads, settings)
    results, errors = read_upsert(response)
    keys = [payload.body.get("id", "") for payload in payloads]
    contacts = list(places_of(payloads))
    named = [part for error in errors for part in _parts_of(error, contacts)]
    taken = Delivered() if len(results) + len({index for index, _, _ in named}) >= len(contacts) else _LOST
    if not errors:
        return [taken] * len(payloads)
    judgement = judge_named(named, keys, words_of(errors[0]), payloads=payloads, mend=_mend, others=taken)
    return _narrow(judgement.reason, payloads) if isinstance(judgement, Split) else judgement


def _parts_of(error: Any, contacts: Sequence[str]) -> Iterator[tuple[int | None, str, Sequence[str]]]:
    """The place of the contact that *error* is about, HubSpot's words, and each property that it names, or none."""
    index = _contact_of(error, contacts)
    for name in refused_properties(error) or ("",):
        yield index, words_of(error), ("properties", name) if name else ()


def _judge_whole(response: Response, payloads: Sequence[Payload], at: tuple[str, ...]) -> Judgement:
    """Nobody was taken. What is wrong with a value is wrong in one of the payloads; that a property isn't there, in all of them
    that have it. *at* is the path of the properties in their bodies."""
    refused = refused_properties(response.json_object())
    reason = words(response)
    if len(payloads) == 1 or set(refused.values()) == {MISSING}:
        paths = [(*at, name) for name in refused]
        left = [
            _mend(payload, [path for path in paths if has_part(payload.body, path)], reason) for payload in payloads
        ]
        if any(left):
            return [Again(payload) for payload in left]
    return _narrow(reason, payloads)


def _mend(payload: Payload, paths: Sequence[Sequence[str]], said: str) -> Payload | None:
    return None if ("properties", payload.body.get("id_property")) in paths else without(payload, paths, said)


def _narrow(reason: str, payloads: Sequence[Payload]) -> Judgement:
    return Split(reason) if len(payloads) > 1 else [Dead(reason)]


_LOST: Final = Later("the answer names neither results nor errors for some contacts", max_attempts=LOST_ATTEMPTS)


def read_upsert(response: Response) -> tuple[list[Any], list[Any]]:
    """Results and errors.

    Raises:
        UnreadableAnswer: it has neither.
    """
    answer = response.json()
    if not isinstance(answer, dict):
        raise UnreadableAnswer(f"expected an object, got {describe(response)}")
    results, errors = answer.get("results", []), answer.get("errors", [])
    if not isinstance(results, list) or not isinstance(errors, list) or not answer.keys() & {"results", "errors"}:
        raise UnreadableAnswer(f"expected results and errors, got {describe(response)}")
    return results, errors


def _contact_of(error: Any, contacts: Sequence[str]) -> int | None:
    """The place of the contact that *error* is about: by its trace id, else by its id."""
    context = error.get("context") if isinstance(error, dict) else None
    if not isinstance(context, dict):
        return None
    traced, ids = context.get("objectWriteTraceId"), context.get("ids")
    for number, contact in enumerate(contacts):
        if traced in (str(number), [str(number)]) or (not traced and ids == [contact]):
            return number
    return None


# --- events ---


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", events_url(settings, "batch"), {"inputs": [payload.body["event"] for payload in payloads]})


def judge_events(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """HubSpot takes all or none. Where one event may be the reason, halve; one is sent again without the properties that are
    named; a ``uuid`` seen before has arrived already.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if response.status == 400:
        return _judge_whole(response, payloads, ("event", "properties"))
    if response.status in (404, 409) and len(payloads) > 1:
        return Split(words(response))
    if response.status == 409:
        return [Delivered((f"sent before: {words(response)}",))]
    return judge(response.unless_page(), payloads, settings)
