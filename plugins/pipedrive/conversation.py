"""Conversations: find a person or an organization, read it, then write what differs; link the two; add a note.

Pipedrive has no upsert and no id of the caller's: a record is found by a custom field, else by the email or the name, which
others may have too. So what is found is read, to see whose it is, and which emails and phones it has: a list that is written
takes the place of the one that was there.

Source: facts/vendors/pipedrive.md sections 1, 3, 5 and 7; the official client for what `itemSearch/field` answers, `is_deleted`
and the list of notes (github.com/pipedrive/client-nodejs, read 2026-11-28).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, Literal

from plugins.pipedrive.settings import Settings
from plugins.pipedrive.wire import make_request, refusal, words
from router.plugin import (
    Blocked,
    Converter,
    Dead,
    Document,
    Ended,
    Later,
    Request,
    Response,
    Said,
    Step,
    UnreadableAnswer,
    conversation,
    convert,
    describe,
    left_out,
    unless_refused,
)

Kind = Literal["person", "organization"]
_PATHS: Final = {"person": "persons", "organization": "organizations"}
MAX_MENDINGS: Final = 10
"""How often a record is sent again with less in it."""
MAX_READ: Final = 10
"""Records of one email or name that are looked at, the lowest id first."""
GONE_S: Final = 5.0
GONE_ATTEMPTS: Final = 3
UNKNOWN_S: Final = 5.0
UNKNOWN_ATTEMPTS: Final = 3
"""Order is kept, so the person's identify has been delivered: a note must not hold up what they do for days."""


@conversation
def converse_person(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """Find the person; write the organization, if their company is to be one; then write the person. What is created comes
    last: whatever fails before it is no reason to create it again."""
    person = dict(body["record"])
    found = yield from _find("person", body["found_by"], settings, warnings)
    if "company" in body:
        written = _write_organization(body["company"], settings, warnings)
        organization_id = yield from unless_refused(written, "the person's organization was not written", warnings)
        person |= {} if organization_id is None else {"org_id": organization_id}
    # The email that a userId is: of a known person it is no news.
    email = body.get("emails", body["found_by"].get("email") if found is None else None)
    for name, value, alike in (("emails", email, convert.to_lower), ("phones", body.get("phones"), convert.to_phone)):
        if value is not None:
            person[name] = told_first(found.get(name) if found else [], value, alike)
    yield from _write("person", found, {**body, "record": person}, settings, warnings)


@conversation
def converse_organization(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """Find the person of the call; write the organization; then link the person, if it is one who is known."""
    found = _find_member(body["member"], settings, warnings)
    member = yield from unless_refused(found, "nobody is linked to the organization", warnings)
    organization_id = yield from _write_organization(body, settings, warnings)
    if member is not None:
        link = {"record": {"org_id": organization_id}, "if_new": {}, "found_by": body["member"]}
        written = _write("person", member, link, settings, warnings)
        yield from unless_refused(written, "the person was not linked to the organization", warnings)


@conversation
def converse_note(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """The note, unless it is there: the answer to an earlier try may have been lost."""
    person = yield from _find("person", body["found_by"], settings, warnings, assumed=[1])
    if person is None:
        raise Ended(Later("Pipedrive has no such person", UNKNOWN_S, UNKNOWN_ATTEMPTS))
    note = {**body["note"], "person_id": person["id"]}
    day = date.fromisoformat(note["add_time"].partition(" ")[0]).toordinal()
    since = date.fromordinal(max(day - 1, 1))  # the account's days may begin at another hour
    query = {"person_id": str(person["id"]), "start_date": since.isoformat(), "limit": "500"}
    response = yield from _ask(make_request("GET", settings, "notes", query=query, version="v1"), [])
    for held in _objects(response, response.json_object().get("data") or []):  # none may be a null
        is_same_text = html.unescape(str(held.get("content"))) == html.unescape(note["content"])
        if is_same_text and held.get("add_time") == note["add_time"]:
            return
    yield from _ask(make_request("POST", settings, "notes", body=note, version="v1"), {"id": 1})


def _find_member(member: Document, settings: Settings, warnings: list[str]) -> Said[Document]:
    """The person of a group call."""
    if not member:
        raise Ended(Dead("the call names nobody whom Pipedrive could know"))
    found = yield from _find("person", member, settings, warnings, assumed=[1])
    if found is None:
        raise Ended(Dead("Pipedrive doesn't know the person"))
    return found


def _write_organization(body: Document, settings: Settings, warnings: list[str]) -> Said[int]:
    """Find the organization, then create it or write what differs. Ends with its id."""
    found = yield from _find("organization", body["found_by"], settings, warnings)
    return (yield from _write("organization", found, body, settings, warnings))


# --- finding ---


def _find(
    kind: Kind, found_by: Document, settings: Settings, warnings: list[str], assumed: Sequence[int] = ()
) -> Said[Document | None]:
    """The record that is meant, as Pipedrive has it: the one with the id, else the first of the email or the name that is of
    nobody else.

    Args:
        found_by: ``id``, and ``email`` or ``name``, of which there may be either.
        assumed: the ids of what explain assumes to be found; by default nothing.
    """
    id_field, id = _id_field(kind, settings), found_by.get("id")
    if id is not None:
        query = {"term": id, "entity_type": kind, "field": id_field, "match": "exact"}
        request = make_request("GET", settings, "itemSearch", "field", query=query)
        ids = yield from _search(request, assumed, id_field, f" (is {kind}_id_field the key of a text field?)")
        found = yield from _first(kind, ids, lambda owner: owner in ("", id), id_field, settings)
        if found is not None:
            return found
    by = "email" if kind == "person" else "name"
    if by not in found_by:
        return None
    query = {"term": found_by[by], "fields": by, "exact_match": "true", "limit": "100"}
    ids = yield from _search(make_request("GET", settings, _PATHS[kind], "search", query=query), assumed)
    found = yield from _first(kind, ids, lambda owner: id is None or owner in ("", id), id_field, settings)
    if found is not None and len(ids) > 1:
        warnings.append(f"{len(ids)} {_PATHS[kind]} have this {by}; taken is the one with the id {found['id']}")
    return found


def _search(request: Request, assumed: Sequence[int], id_field: str = "", advice: str = "") -> Said[list[int]]:
    """The ids of what is found, the lowest first. A refusal that names the *id_field* is about the settings, so it is
    everybody's; another one may be about what is searched for."""
    items = [{"result_score": 1, "item": {"id": each}} for each in assumed]
    response = yield from _ask(request, {"items": items}, 400)
    if not response.is_success:
        is_about_field = bool(id_field) and id_field in response.text
        raise Ended((Blocked if is_about_field else Dead)(words(response) + advice))
    data = response.json_object().get("data")
    found = _objects(response, data.get("items") if isinstance(data, dict) else data)
    return sorted(_id_of(each.get("item", each), response) for each in found)


def _first(
    kind: Kind, ids: Sequence[int], fits: Callable[[str], bool], id_field: str, settings: Settings
) -> Said[Document | None]:
    """The first of *ids* that is still there and whose owner *fits*: the userId or the groupId that it has, "" for none. Letter
    case counts, which it doesn't in every search."""
    for each in ids[:MAX_READ]:
        request = make_request("GET", settings, _PATHS[kind], str(each))
        response = yield from _ask(request, {"id": each}, 404)
        record = _record(response) if response.is_success else {}
        custom = record.get("custom_fields")
        owner = custom.get(id_field) if isinstance(custom, dict) else None
        if record and record.get("is_deleted") is not True and fits("" if owner is None else str(owner)):
            return record
    return None


# --- writing ---


def _write(kind: Kind, found: Document | None, body: Document, settings: Settings, warnings: list[str]) -> Said[int]:
    """Create the record, or write what differs from the one that was found, less what Pipedrive refuses. Ends with its id.

    Args:
        body: ``record``, ``if_new``, and ``found_by`` as `_find` has it.
    """
    sent = {**body["if_new"], **body["record"]} if found is None else differing(found, body["record"])
    path = (_PATHS[kind],) if found is None else (_PATHS[kind], str(found["id"]))
    kept = _kept(kind, body["found_by"], settings) if found is None else set()
    response = Response(0)
    for _ in range(MAX_MENDINGS):
        if not sent and found is not None:
            return int(found["id"])
        request = make_request("POST" if found is None else "PATCH", settings, *path, body=sent)
        # A token that may read a record need not be let to write it: that is no reason to stop all others.
        heard = (400, 404) if found is None else (400, 403, 404)
        response = yield from _ask(request, {"id": 1}, *heard)
        if response.is_success:
            return _id_of(_record(response), response)
        if response.status == 404 and found is None:
            raise Ended(Blocked(words(response)))
        if response.status == 404:
            raise Ended(Later(f"it is gone: {words(response)}", GONE_S, GONE_ATTEMPTS))
        names = refused_names(sent, response) - kept if response.status == 400 else set()
        if not names:
            break
        sent = _less(sent, names)
        warnings += left_out(sorted(names), words(response))
    raise Ended(Dead(words(response)))


def _kept(kind: Kind, found_by: Document, settings: Settings) -> set[str]:
    """What a new record can't do without: its name, and what it is found by the next time."""
    return {"name", _id_field(kind, settings) if "id" in found_by else "emails"}


def _id_field(kind: Kind, settings: Settings) -> str:
    return settings.person_id_field if kind == "person" else settings.organization_id_field


def differing(found: Document, record: Document) -> Document:
    """What of *record* is otherwise in *found*: an update costs five times what it costs to read."""
    custom = _changed(found.get("custom_fields"), record.get("custom_fields", {}))
    own = {name: value for name, value in record.items() if name != "custom_fields"}
    return _changed(found, own) | ({"custom_fields": custom} if custom else {})


def _changed(held: Any, told: Document) -> Document:
    held = held if isinstance(held, dict) else {}
    return {name: value for name, value in told.items() if name not in held or not _is_held(held[name], value)}


def _is_held(held: Any, told: Any) -> bool:
    """Whether what is told is there; of an address or an amount there may be more, and options have no order."""
    if isinstance(held, list) and isinstance(told, list):
        return len(held) == len(told) and all(each in held for each in told)
    if isinstance(held, dict) and isinstance(told, dict):
        return all(name in held and held[name] == value for name, value in told.items())
    return bool(held == told)


def told_first(held: Any, told: str, alike: Converter) -> list[Document]:
    """The emails or phones *held*, with the one that is told as the primary one. Those of others stay: somebody may have put
    them there by hand."""
    listed = [each for each in held if isinstance(each, dict) and each.get("value")] if isinstance(held, list) else []
    mine = next((each for each in listed if alike(str(each["value"])) == told), None)
    if mine is not None and mine.get("primary") is True:
        return listed
    first = {**(mine or {"value": told, "label": "work"}), "primary": True}
    return [first, *({**each, "primary": False} for each in listed if each is not mine)]


def refused_names(sent: Document, response: Response) -> set[str]:
    """What of *sent* a refusal names; all custom fields where it names nothing that was sent.

    "Validation failed: name: Required" and "Validation failed: custom_fields: Unknown key '…'" are what is known of its words.
    Since May 2026 an answer has the key of the custom field that is refused, as others report of Pipedrive's changelog (read
    2026-11-28); where in it is not known.
    """
    said = str(response.json_object().get("error"))
    custom = set(sent.get("custom_fields", {}))
    named = {key for key in custom if key in response.text}
    named |= {name for name in sent if name != "custom_fields" and re.search(rf"\b{re.escape(name)}\b", said)}
    return named or custom


def _less(sent: Document, names: set[str]) -> Document:
    custom = {key: value for key, value in sent.get("custom_fields", {}).items() if key not in names}
    rest = {name: value for name, value in sent.items() if name not in names and name != "custom_fields"}
    return rest | ({"custom_fields": custom} if custom else {})


# --- answers ---


def _ask(request: Request, assumed: Any, *heard: int) -> Said[Response]:
    """One request. Ends with the answer where it is a success, or a refusal of Pipedrive's own with one of the statuses
    *heard*; any other ends the conversation."""
    response = yield Step(request, Response(200, json.dumps({"success": True, "data": assumed}).encode()))
    if response.status in heard and response.json_object().get("success") is False:
        return response
    refused = refusal(response)
    if refused is not None:
        raise Ended(refused)
    return response


def _record(response: Response) -> Document:
    """The record in an answer.

    Raises:
        UnreadableAnswer: there is none.
    """
    data = response.json_object().get("data")
    if not isinstance(data, dict):
        raise UnreadableAnswer(f"expected a record, got {describe(response)}")
    _id_of(data, response)
    return data


def _objects(response: Response, found: Any) -> list[Document]:
    """*found*, if it is a list of objects.

    Raises:
        UnreadableAnswer: it is none.
    """
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UnreadableAnswer(f"expected a list, got {describe(response)}")
    return found


def _id_of(record: Any, response: Response) -> int:
    found = record.get("id") if isinstance(record, dict) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise UnreadableAnswer(f"expected an id, got {describe(response)}")
    return found
