"""Conversations: a contact written by its key; a company, then its link; an event of a contact that is looked up; a merge.

Source: facts/vendors/hubspot.md sections 3, 4, 5 and 7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from plugins.hubspot import wire
from plugins.hubspot.answers import MISSING, TAKEN, holders, judge_one, refused_properties, words, words_of
from plugins.hubspot.settings import Settings
from router.plugin import (
    Again,
    Blocked,
    Conversation,
    Dead,
    Delivered,
    Document,
    Later,
    Payload,
    Request,
    Response,
    Step,
    UnreadableAnswer,
    Verdict,
    convert,
)

UNKNOWN_CONTACT_S: Final = 5.0
UNKNOWN_CONTACT_ATTEMPTS: Final = 3
"""Order is kept, so the contact's identify has been delivered: an event must not hold its user's later events for days."""
RACE_S: Final = 1.0
RACE_ATTEMPTS: Final = 5
"""A company that another of its people's calls has just created: they are in different lanes."""
MAX_MENDINGS: Final = 10
"""How often one write is sent again with less in it."""
MAX_CREATED: Final = 50
"""Properties to be created for one write; more are left to the next try, if HubSpot creates any. So it stays below the
requests that one conversation may have (100)."""
CREATED_MORE_S: Final = 1.0
CREATED_MORE_ATTEMPTS: Final = 10
_EXISTING_ID: Final = re.compile(r"[Ee]xisting ID:\s*(\d+)")
_GROUPS: Final = {"contacts": "contactinformation", "companies": "companyinformation"}
_NO_DATE: Final = "INVALID_DATE"
_DATETIMES: Final = frozenset({"signed_up_at"})

Said = Generator[Step, Response, "str | Verdict | Blocked"]
"""A part of a conversation: ends with a record id, or with the verdict that ends the whole."""


@dataclass
class _Draft:
    """What is being written, less what the account has refused so far."""

    kind: str
    properties: Document
    keys: frozenset[str]
    """Properties without which nothing is found: refused, they end the conversation."""
    warnings: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    """The properties that were to be created, whether HubSpot did or not."""
    may_create: bool = True
    """Whether the token's scopes allow to create properties, as far as is known."""
    has_created: bool = False
    """Whether HubSpot did with one of them."""
    has_more: bool = False
    """Whether more properties are missing than one conversation creates."""

    def leave_out(self, name: str, why: str) -> None:
        del self.properties[name]
        self.warnings.append(f"property {name!r} was left out: {why}")


# --- contacts ---


def converse_contact(payload: Payload, settings: Settings) -> Conversation:
    """Update by the key; where nobody has it, create; where somebody has the email already, update that one."""
    body = payload.body
    draft = _Draft("contacts", dict(body["properties"]), frozenset({body["id_property"]}))
    written = yield from _write_contact(body, draft, settings)
    return Delivered(tuple(draft.warnings)) if isinstance(written, str) else written


def _write_contact(body: Document, draft: _Draft, settings: Settings) -> Said:
    by_key = wire.objects_url(settings, "contacts", body["id"], query={"idProperty": body["id_property"]})
    response = yield from _update(by_key, draft, settings)
    if response.status == 404:
        if "email_if_new" in body:
            draft.properties["email"] = body["email_if_new"]
        response = yield from _send(Request("POST", wire.objects_url(settings, "contacts")), draft, settings)
        existing = _existing(response, settings)
        if existing is not None:
            draft.keys = frozenset()  # its record id finds it
            response = yield from _update(wire.objects_url(settings, "contacts", existing), draft, settings)
        elif response.status == 409:
            return Later(words(response), UNKNOWN_CONTACT_S, UNKNOWN_CONTACT_ATTEMPTS)
        if response.status == 404:
            return Later(f"the contact is gone: {words(response)}", UNKNOWN_CONTACT_S, UNKNOWN_CONTACT_ATTEMPTS)
    return _id_of(response.json_object()) if response.status in (200, 201) else _judge_write(response, draft)


def _existing(response: Response, settings: Settings) -> str | None:
    """The id of the contact that is there already, with the email or the userId of one that was to be created."""
    if response.status == 409:
        existing = _EXISTING_ID.search(response.text)
        return existing[1] if existing else None
    held = holders(response.json_object()) if response.status == 400 else {}
    return next((held[name] for name in _told_apart_by(settings) if name in held), None)


def _told_apart_by(settings: Settings) -> tuple[str, str]:
    """The properties that each contact has for its own."""
    return "email", settings.user_id_property


def _update(url: str, draft: _Draft, settings: Settings) -> Generator[Step, Response, Response]:
    """Update; what another contact has for its own (its email, its userId) is left out then."""
    while True:
        response = yield from _send(Request("PATCH", url), draft, settings)
        taken = {*_told_apart_by(settings)} & draft.properties.keys() - draft.keys
        if response.status != 409:
            taken &= holders(response.json_object()).keys() if response.status == 400 else set()
        if not taken:
            return response
        for name in sorted(taken):
            draft.leave_out(name, f"another contact has it ({words(response)})")


# --- companies ---


def converse_company(payload: Payload, settings: Settings) -> Conversation:
    """Write the company, then link the contact. A company without the link is better than neither."""
    body = payload.body
    draft = _Draft("companies", dict(body["properties"]), frozenset({settings.company_key}))
    company_id = yield from _upsert_company(body["id"], draft, settings)
    if not isinstance(company_id, str):
        return company_id
    if "contact" not in body:
        return Delivered(
            (*draft.warnings, "nobody is linked to the company: no email and no userId that HubSpot knows")
        )
    contact_id = yield from _find_contact(body["contact"], settings)
    if contact_id is None:
        return Delivered((*draft.warnings, "nobody is linked to the company: HubSpot doesn't know the contact"))
    if not isinstance(contact_id, str):
        return contact_id
    response = yield Step(Request("PUT", wire.link_url(settings, contact_id, company_id)), Response(200, b"{}"))
    if response.unless_page().is_success:
        return Delivered(tuple(draft.warnings))
    verdict = judge_one(response)
    if isinstance(verdict, Dead):
        return Delivered((*draft.warnings, f"nobody is linked to the company: {words(response)}"))
    return verdict


def _upsert_company(group_id: str, draft: _Draft, settings: Settings) -> Said:
    request = Request("POST", wire.objects_url(settings, "companies", "batch", "upsert"))
    wrap = {"id": group_id, "id_property": settings.company_key}
    response = yield from _send(request, draft, settings, wrap)
    if response.status == 409 or (response.status == 400 and settings.company_key in holders(response.json_object())):
        return Later(words(response), RACE_S, RACE_ATTEMPTS)
    if response.status not in (200, 201, 207):
        return _judge_write(response, draft)
    results, errors = wire.read_upsert(response)
    is_there = errors and isinstance(errors[0], dict) and errors[0].get("category") == "CONFLICT"
    if is_there or any(settings.company_key in holders(error) for error in errors):
        return Later(words_of(errors[0]), RACE_S, RACE_ATTEMPTS)
    if errors:
        return Dead(words_of(errors[0]) + _advice(response, draft))
    if not results:
        return Later("the answer names neither the company nor an error", max_attempts=wire.LOST_ATTEMPTS)
    return _id_of(results[0])


def _judge_write(response: Response, draft: _Draft) -> Verdict | Blocked:
    if draft.has_more:
        reason = f"{MAX_CREATED} properties were created, and there are more"
        return Later(reason, CREATED_MORE_S, CREATED_MORE_ATTEMPTS)
    verdict = judge_one(response)
    return Dead(verdict.reason + _advice(response, draft)) if isinstance(verdict, Dead) else verdict


def _advice(response: Response, draft: _Draft) -> str:
    refused = refused_properties(response.json_object())
    missing = [name for name, code in refused.items() if name in draft.keys and code == MISSING]
    if not missing:
        return ""
    return f"; create the property {missing[0]!r} of {draft.kind} with unique values, or set create_properties"


# --- events and merges ---


def converse_event(payload: Payload, settings: Settings) -> Conversation:
    """Look the contact up, then send the event with its record id."""
    contact_id = yield from _find_contact(payload.body["contact"], settings)
    if contact_id is None:
        key = payload.body["contact"]
        reason = f"HubSpot has no contact whose {key['id_property']} is that of the event"
        return Later(reason, UNKNOWN_CONTACT_S, UNKNOWN_CONTACT_ATTEMPTS)
    if not isinstance(contact_id, str):
        return contact_id
    sent = replace(payload, body={"event": {**payload.body["event"], "objectId": contact_id}}, notes=())
    response = Response(0)
    for _ in range(MAX_MENDINGS):
        response = yield Step(Request("POST", wire.events_url(settings), sent.body["event"]), Response(204))
        judgement = wire.judge_events(response, [sent], settings)
        verdict = judgement[0] if isinstance(judgement, Sequence) else judge_one(response)
        if not isinstance(verdict, Again) or verdict.instead is None:
            return Delivered((*sent.notes, *verdict.warnings)) if isinstance(verdict, Delivered) else verdict
        sent = verdict.instead
    return Dead(words(response))


def converse_merge(payload: Payload, settings: Settings) -> Conversation:
    """Find both contacts, then merge the older id's into the other. Merged before, there is nothing left to do."""
    name = settings.user_id_property
    wanted = [payload.body["user_id"], payload.body["previous_id"]]
    found = yield from _read_contacts(wanted, name, settings)
    if not isinstance(found, dict):
        return found
    primary, other = (found.get(each) for each in wanted)
    if primary is None or other is None or primary == other:
        return Delivered(("nothing was merged: HubSpot doesn't know both ids as contacts of their own",))
    body = {"primaryObjectId": primary, "objectIdToMerge": other}
    response = yield Step(
        Request("POST", wire.objects_url(settings, "contacts", "merge"), body), Response(200, b'{"id":"1"}')
    )
    return Delivered() if response.unless_page().is_success else judge_one(response)


def _find_contact(key: Document, settings: Settings) -> Generator[Step, Response, str | Verdict | Blocked | None]:
    """The contact's record id, None if there is none, or the verdict that ends the conversation."""
    found = yield from _read_contacts([key["id"]], key["id_property"], settings)
    return next(iter(found.values()), None) if isinstance(found, dict) else found


def _read_contacts(
    ids: list[str], id_property: str, settings: Settings
) -> Generator[Step, Response, dict[str, str] | Verdict | Blocked]:
    """Record id by the value of *id_property*. Those that nobody has come back as errors, and are left out."""
    body: Document = {"idProperty": id_property, "properties": [id_property], "inputs": [{"id": each} for each in ids]}
    assumed = [
        {"id": str(number), "properties": {id_property: each}} for number, each in enumerate(dict.fromkeys(ids), 1)
    ]
    response = yield Step(
        Request("POST", wire.objects_url(settings, "contacts", "batch", "read"), body),
        Response(200, json.dumps({"results": assumed}).encode()),
    )
    if response.status not in (200, 207):
        return judge_one(response)
    results, _ = wire.read_upsert(response)
    found: dict[str, str] = {}
    for result in results:
        properties = result.get("properties") if isinstance(result, dict) else None
        value = properties.get(id_property) if isinstance(properties, dict) else None
        found[str(value)] = _id_of(result)
    return found


# --- writing what the account takes ---


def _send(
    request: Request, draft: _Draft, settings: Settings, wrap: Document | None = None
) -> Generator[Step, Response, Response]:
    """Send the draft until the account takes it or refuses it for another reason than single properties.

    *wrap* makes the draft the one input of an upsert. Ends with the last response, 2xx or not.
    """
    assumed = b'{"id":"1","results":[{"id":"1"}]}'
    response = Response(0)
    for _ in range(MAX_MENDINGS):
        body: Document = {"properties": wire.to_texts(draft.properties)}
        if wrap is not None:
            body = {"inputs": [wire.make_input({**wrap, "properties": draft.properties}, 0)]}
        response = yield Step(Request(request.method, request.url, body), Response(200, assumed))
        refused = refused_properties(response.json_object()) if response.status in (400, 207) else {}
        stop, is_mended = yield from _mend(draft, refused, settings)
        if stop is not None:
            return stop
        if not is_mended:
            return response
    return response


def _mend(
    draft: _Draft, refused: dict[str, str], settings: Settings
) -> Generator[Step, Response, tuple[Response | None, bool]]:
    """Create what is missing or leave it out. Ends with an answer that stops everything, and with whether it helped."""
    is_mended = False
    for name, code in refused.items():
        if name not in draft.properties:
            continue
        if code == TAKEN and draft.kind == "contacts" and name in _told_apart_by(settings):
            return None, False  # it says which contact is meant
        may_create = settings.create_properties and draft.may_create and name not in draft.asked
        may_create = may_create and (draft.has_created or len(draft.asked) < MAX_CREATED)
        if code == MISSING and may_create and draft.properties[name] is not None:  # a null says nothing of its type
            if len(draft.asked) == MAX_CREATED:
                draft.has_more = True
                return Response(400), False
            draft.asked.add(name)
            request = Request("POST", wire.properties_url(settings, draft.kind), _definition(name, draft))
            response = (yield Step(request, Response(201, b"{}"))).unless_page()
            draft.may_create = response.status != 403
            if draft.may_create and not response.is_success and not isinstance(judge_one(response), Dead):
                return response, False
            draft.has_created = draft.has_created or response.is_success
            is_mended = True
        elif code == _NO_DATE and name not in draft.keys and (day := _day_of(draft.properties[name])) is not None:
            draft.properties[name] = day
            draft.warnings.append(f"property {name!r} takes a date alone: its time of day was left out")
            is_mended = True
        elif name not in draft.keys:
            draft.leave_out(name, code or "refused")
            is_mended = True
        else:
            return None, False
    return None, is_mended


def _day_of(value: Any) -> str | None:
    """The date of a moment, which is all that a property of the type ``date`` takes; None where it is one, or no moment. A
    number counts as one from nine digits on, as it does in a text: an age is none."""
    if isinstance(value, int | float) and abs(value) < 1e8:
        return None
    try:
        day = convert.to_date(value)
    except ValueError:
        return None
    return day if day != value else None


def _definition(name: str, draft: _Draft) -> Document:
    """A property of the type that its first value has. What finds an object gets unique values."""
    value = draft.properties[name]
    definition: Document = {"groupName": _GROUPS[draft.kind], "name": name, "label": name}
    if name in draft.keys:
        return definition | {"type": "string", "fieldType": "text", "hasUniqueValue": True}
    if name in _DATETIMES:
        return definition | {"type": "datetime", "fieldType": "date"}
    if isinstance(value, bool):
        options = [{"label": text, "value": text} for text in ("true", "false")]
        return definition | {"type": "bool", "fieldType": "booleancheckbox", "options": options}
    if isinstance(value, int | float):
        return definition | {"type": "number", "fieldType": "number"}
    return definition | {"type": "string", "fieldType": "text"}


def _id_of(item: Any) -> str:
    """The record id in an object, a number in text.

    Raises:
        UnreadableAnswer: there is none.
    """
    record_id = item.get("id") if isinstance(item, dict) else None
    if not isinstance(record_id, str) or not record_id.isdecimal():
        raise UnreadableAnswer(f"expected an object with a record id, got {str(item)[:120]}")
    return record_id
