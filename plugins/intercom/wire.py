"""Conversations with Intercom: look up, then create or update; a company, then attach; an event, of a lead by its id.

Source: facts/vendors/intercom.md sections 1, 3, 5 and 7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from typing import Any, Final

from plugins.intercom.settings import Settings
from router.plugin import (
    OF_THE_SET_UP,
    Bearer,
    Blocked,
    Conversation,
    Credential,
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
    build_url,
    describe,
    is_outage,
)

RATE_LIMIT_PER_S: Final = 160.0
"""10,000 requests a minute and app, with room for the other users of the app."""
APP: Final = "app"
RESET_HEADER: Final = "x-ratelimit-reset"
DECLARED_MORE_S: Final = 1.0
NOT_INDEXED_YET_S: Final = 5.0
"""The search index follows a write after some seconds."""
UNKNOWN_CONTACT_ATTEMPTS: Final = 5
"""An event whose contact never comes must not hold its user's later events for days."""
SEVERAL: Final = "several"
"""In place of the id of a contact, where more than one may be meant."""
MAX_MENDINGS: Final = 30
"""Fields that one write is sent again for, one by one, before all custom attributes are left out of it."""
MAX_DECLARED: Final = 15
"""Custom attributes to be declared for one write; more are left to the next try, if Intercom declares any. So a contact with
its company stays below the requests that one conversation may have (100)."""

_EXISTING_ID = re.compile(r"\bid=([\w-]+)")
_ARCHIVED = re.compile(r"\barchived\b")
_UNKNOWN_ATTRIBUTE = re.compile(r"[Cc]ustom attribute ['\"]([^'\"]+)['\"]")
_BLOCKED = (*OF_THE_SET_UP, 401, 403, 405)
"""405: whoever answers at `base_url` takes no such requests."""
_KEPT: Final = frozenset({"company_id", "custom_attributes", "external_id", "role"})
"""What no write is without: who it is about, and what is left out one by one."""
_DATES: Final = frozenset({"birthday"})
"""Custom attributes in Unix seconds; the type of one can't be changed once it is declared."""

Said = Generator[Step, Response, "tuple[str, list[str]] | Verdict | Blocked"]
"""A part of a conversation: ends with an id and warnings, or with the verdict that ends the whole."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.access_token)]


def check_credentials(settings: Settings) -> Request:
    """Searches for a contact that nobody is: changes nothing."""
    return _search("external_id", "nobody", settings)


def _search(field: str, value: str, settings: Settings) -> Request:
    query = {"query": {"field": field, "operator": "=", "value": value}}
    return _request("POST", settings, "contacts", "search", body=query)


# --- events ---


def converse_event(payload: Payload, settings: Settings) -> Conversation:
    """Send the event. One of an email that Intercom knows no user by may be of a lead, whom events reach by Intercom's own id
    alone: the contact is looked up, and the event is sent again with that."""
    event = payload.body
    response = yield Step(_request("POST", settings, "events", body=event), Response(202))
    if response.status == 404 and "email" in event:
        found = yield from _find_contact({"email": event["email"]}, settings, is_known=True)
        if found is not None and not isinstance(found, str):
            return found
        if found not in (None, SEVERAL):
            by_id = {"id": found} | {name: value for name, value in event.items() if name != "email"}
            response = yield Step(_request("POST", settings, "events", body=by_id), Response(202))
    if response.status == 404:  # a contact that is not there yet
        return Later(_describe(response), NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
    return Delivered() if response.unless_page().is_success else _judge(response)


# --- contacts and companies ---


def converse_contact(payload: Payload, settings: Settings) -> Conversation:
    """Find the contact, update or create it; then its company, if the call names one, which it joins or leaves."""
    contact, if_new = payload.body["contact"], payload.body.get("if_new", {})
    found = yield from _find_contact({**if_new, **contact}, settings, is_known=False)
    if not isinstance(found, str) and found is not None:
        return found
    written = yield from _write_contact(found, contact, if_new, settings)
    if not isinstance(written, tuple):
        return written
    contact_id, warnings = written
    if "company" in payload.body:
        company = yield from _write_company(payload.body["company"], settings)
        if not isinstance(company, tuple):
            return company
        company_id, more = company
        link = _detach if "leaves" in payload.body else _attach
        linked = yield from link(contact_id, company_id, settings)
        if not isinstance(linked, tuple):
            return linked
        warnings += more + linked[1]
    return Delivered(tuple(warnings))


def converse_company(payload: Payload, settings: Settings) -> Conversation:
    """Write the company, then attach the contact. A company without the contact is better than neither; but of one who is known
    by email alone, the search may not yet find what an identify has just made."""
    written = yield from _write_company(payload.body["company"], settings)
    if not isinstance(written, tuple):
        return written
    company_id, warnings = written
    if "contact" not in payload.body:
        return Delivered(tuple(warnings))
    found = yield from _find_contact(payload.body["contact"], settings, is_known=True)
    if found is None and "email" in payload.body["contact"]:
        return Later("no contact of the group call's email is found", NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
    if found == SEVERAL:
        why = "several contacts have the email of the group call: the company has no link to one"
        return Delivered((*warnings, why))
    if found is None:
        return Delivered((*warnings, "the contact of the group call is not known: the company has no link to it"))
    if not isinstance(found, str):
        return found
    attached = yield from _attach(found, company_id, settings)
    if not isinstance(attached, tuple):
        return attached
    return Delivered((*warnings, *attached[1]))


def _find_contact(
    contact: Document, settings: Settings, *, is_known: bool
) -> Generator[Step, Response, str | Verdict | Blocked | None]:
    """The contact's id, `SEVERAL`, None if there is none, or the verdict that ends the conversation. *is_known*: what explain
    assumes.

    With ``lookup_field: email`` the email comes first, but nobody known by the userId becomes the contact of another system
    that has their new email: Intercom would refuse it, for two would have the userId."""
    external_id, email = contact.get("external_id"), contact.get("email")
    is_by_email = settings.lookup_field == "email" and bool(email)
    if external_id and not is_by_email:
        found = yield from _find_by_external_id(external_id, settings, is_known=is_known)
        if found is not None:
            return found
    if not email:
        return None
    data = [{"id": "assumed-contact", "external_id": external_id}] if is_known else []
    assumed = Response(200, json.dumps({"data": data}).encode())
    response = yield Step(_search("email", str(email).strip().lower(), settings), assumed)
    if response.status != 200:
        return _judge(response)
    fitting = _fitting(response, external_id)
    if is_by_email and external_id and fitting and not any(each.get("external_id") for each in fitting):
        found = yield from _find_by_external_id(external_id, settings, is_known=is_known)
        if found is not None:
            return found
    if len(fitting) > 1:
        return SEVERAL
    return str(fitting[0]["id"]) if fitting else None


def _find_by_external_id(
    external_id: str, settings: Settings, *, is_known: bool
) -> Generator[Step, Response, str | Verdict | Blocked | None]:
    request = _request("GET", settings, "contacts", "find_by_external_id", external_id)
    response = yield Step(request, Response(200, b'{"id":"assumed-contact"}') if is_known else Response(404))
    if response.status == 200:
        return _id_of(response)
    return None if response.status == 404 else _judge(response)


def _fitting(response: Response, external_id: str | None) -> list[Document]:
    """The contacts that may be meant: not a lead, and nobody else's. Of several none is guessed."""
    answer = response.json()
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise UnreadableAnswer(f"a search without data: {describe(response)}")
    return [
        each
        for each in data
        if isinstance(each, dict)
        and "id" in each
        and (external_id is None or (each.get("external_id") in (None, "", external_id) and each.get("role") != "lead"))
    ]


def _write_contact(found: str | None, contact: Document, if_new: Document, settings: Settings) -> Said:
    if found is None or found == SEVERAL:
        created = yield from _write(("contacts",), "POST", {**contact, **if_new}, "contact", settings)
        if not isinstance(created, Response):
            return created
        match = _EXISTING_ID.search(created.text)  # 409: it exists after all, the index had not caught up
        if match is None:
            return Later(_describe(created), NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
        found = match[1]
        if _ARCHIVED.search(created.text):
            # Nothing is found or written of it until then. A 400 says that it is no longer archived.
            request = _request("POST", settings, "contacts", found, "unarchive")
            restored = yield Step(request, Response(200, b'{"id":"assumed-contact"}'))
            if restored.unless_page().status not in (200, 400, 404):
                return _judge(restored)
    updated = yield from _write(("contacts", found), "PUT", contact, "contact", settings)
    if isinstance(updated, Response):
        return Dead(_describe(updated))
    if isinstance(updated, Dead) and updated.reason.startswith("404"):
        return Later(f"the contact is gone: {updated.reason}", NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
    return updated


def _write_company(company: Document, settings: Settings) -> Said:
    """A 409: another of its people's calls, which may be in a lane of their own, has just created it."""
    written = yield from _write(("companies",), "POST", company, "company", settings)
    if isinstance(written, Response):
        return Later(_describe(written), NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
    return written


def _attach(contact_id: str, company_id: str, settings: Settings) -> Said:
    request = _request("POST", settings, "contacts", contact_id, "companies", body={"id": company_id})
    response = yield Step(request, Response(200, b'{"id":"assumed-company"}'))
    if response.unless_page().status == 200:
        return company_id, []
    if response.status == 400:  # the contact is in as many companies as can be
        return company_id, [f"the contact was not attached to the company: {_describe(response)}"]
    if response.status == 404:
        return Later(_describe(response), NOT_INDEXED_YET_S, UNKNOWN_CONTACT_ATTEMPTS)
    return _judge(response)


def _detach(contact_id: str, company_id: str, settings: Settings) -> Said:
    request = _request("DELETE", settings, "contacts", contact_id, "companies", company_id)
    response = yield Step(request, Response(200, b'{"id":"assumed-company"}'))
    if response.unless_page().status in (200, 404):  # it may not have been attached
        return company_id, []
    return _judge(response)


def _write(
    path: tuple[str, ...], method: str, body: Document, model: str, settings: Settings
) -> Generator[Step, Response, tuple[str, list[str]] | Response | Verdict | Blocked]:
    """Create or update, leaving out field by field what this workspace doesn't take.

    Ends with the id and warnings, with the response itself where it is a 409, or with a verdict.
    """
    body = dict(body)
    warnings: list[str] = []
    asked: set[str] = set()
    """Of the custom attributes: those that were to be declared here, whether Intercom did or not."""
    has_declared = False
    assumed = Response(200, b'{"id":"assumed-%s"}' % model.encode())
    for mending in range(MAX_MENDINGS + 1):
        response = yield Step(_request(method, settings, *path, body=body), assumed)
        if response.status == 200:
            return _id_of(response), warnings
        if response.status == 409 and method == "PUT" and {"email", "external_id"} <= body.keys():
            del body["email"]
            warnings.append(f"email was left out: {_describe(response)}")
            continue
        if response.status == 409:
            return response
        if response.status not in (400, 422):
            return _judge(response)
        if has_declared and len(asked) == MAX_DECLARED:
            return Later(f"{MAX_DECLARED} custom attributes were declared, and there are more", DECLARED_MORE_S)
        if mending == MAX_MENDINGS - 1 and "custom_attributes" in body:
            del body["custom_attributes"]
            # First, for of many warnings only the first are told.
            warnings.insert(0, "the workspace does not know most of the custom attributes; all were left out")
            continue
        name = _unknown_attribute(response, body)
        if name is not None and settings.create_data_attributes and name not in asked and len(asked) < MAX_DECLARED:
            asked.add(name)
            is_declared = yield from _declare(name, body["custom_attributes"][name], model, settings)
            if not isinstance(is_declared, bool):
                return is_declared
            has_declared = has_declared or is_declared
            continue
        mended = _leave_out(body, name, response)
        if mended is None:
            return Dead(_describe(response))
        body, warning = mended
        warnings.append(warning)
    return Dead("400 too many fields that this workspace does not take")


def _unknown_attribute(response: Response, body: Document) -> str | None:
    match = _UNKNOWN_ATTRIBUTE.search(response.text)
    return match[1] if match and match[1] in body.get("custom_attributes", {}) else None


def _leave_out(body: Document, attribute: str | None, response: Response) -> tuple[Document, str] | None:
    """*body* without what the 400 is about, and a warning that says so; None if that is not known."""
    if attribute is not None:
        attributes = {name: value for name, value in body["custom_attributes"].items() if name != attribute}
        return body | {"custom_attributes": attributes}, f"custom attribute {attribute!r} is not declared; left out"
    if "created_at" in body and re.search(r"(?<!remote_)\bcreated_at\b", response.text):
        rest = {name: value for name, value in body.items() if name != "created_at"}
        rest.setdefault("signed_up_at", body["created_at"])
        return rest, "created_at was refused; sent as signed_up_at alone (setting created_at_field)"
    field = _refused_field(response)
    if field in body and field not in _KEPT and (field != "email" or "external_id" in body):
        return {
            name: value for name, value in body.items() if name != field
        }, f"{field} was left out: {_describe(response)}"
    return None


def _refused_field(response: Response) -> str:
    """The field that the first error is about: its ``field``, else the first word of its message; "" for none."""
    error = _first_error(response)
    named = error.get("field") or str(error.get("message", "")).partition(" ")[0]
    return named.lower() if isinstance(named, str) else ""


def _declare(
    name: str, value: Any, model: str, settings: Settings
) -> Generator[Step, Response, Verdict | Blocked | bool]:
    """Declare a custom attribute, for good. Ends with whether it is: a refusal is no reason to fail, the attribute is left out.

    Every number is a float: one that is whole the first time need not stay so.
    """
    kind = "boolean" if isinstance(value, bool) else "float"
    if isinstance(value, str):
        kind = "string"
    elif name in _DATES:
        kind = "date"
    request = _request("POST", settings, "data_attributes", body={"name": name, "model": model, "data_type": kind})
    response = (yield Step(request, Response(200, b"{}"))).unless_page()
    is_stopped = is_outage(response.status) or response.status in (*OF_THE_SET_UP, 401)
    return _judge(response) if is_stopped else response.is_success


def _judge(response: Response) -> Verdict | Blocked:
    if response.status in _BLOCKED:
        return Blocked(_describe(response))
    if is_outage(response.status):
        return Later(_describe(response))
    if response.is_success:
        raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")
    return Dead(_describe(response))


def _describe(response: Response) -> str:
    """The vendor's own words: code and message of the first error."""
    first = _first_error(response)
    return (
        f"{response.status} {first.get('code', '')}: {first.get('message', '')}"[:300] if first else describe(response)
    )


def _first_error(response: Response) -> Document:
    """Empty where the answer has none."""
    errors = response.json_object().get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _id_of(response: Response) -> str:
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
        raise UnreadableAnswer(f"an object without an id: {describe(response)}")
    return str(answer["id"])


def _request(method: str, settings: Settings, *segments: str, body: Any = None) -> Request:
    headers = {"Intercom-Version": settings.api_version, "Accept": "application/json"}
    return Request(method, build_url(settings.api_url, *segments), body, headers)
