"""Conversations with Attio: the company, the person and the user of an identify; the company of a group call, and its workspace
with its member. What Attio refuses of a record is left out, and the rest is written.

Source: facts/vendors/attio.md sections 3, 4, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from plugins.attio.settings import Settings
from plugins.attio.wire import (
    GONE,
    RACE_ATTEMPTS,
    RACE_S,
    TAKEN,
    add_to_record,
    assert_record,
    code_of,
    email_of,
    held,
    id_of,
    judge,
    read_record,
    reference,
    refused,
    words,
)
from router.plugin import (
    Dead,
    Document,
    Ended,
    Later,
    Request,
    Response,
    Said,
    Step,
    conversation,
    unless_refused,
)

MAX_MENDINGS: Final = 20
"""How often one record is sent again with less in it. So a conversation stays below the hundred requests that it may have."""


@conversation
def converse(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """By what the body has: a ``workspace`` and its ``member``; a ``person``, what is to be ``added``, their ``company`` and
    the ``user``; or a ``company`` alone."""
    if "workspace" in body:
        yield from _write_workspace(body, settings, warnings)
    elif "person" in body or "user" in body:
        yield from _write_person(body, settings, warnings)
    else:
        yield from _assert("companies", "domains", body["company"], settings, warnings)


def _write_person(body: Document, settings: Settings, warnings: list[str]) -> Said[None]:
    """The company, the person, then the user. Where only the userId tells an email, the user goes first: who is known may have
    another one by now, and is the person of that."""
    user: Document = body.get("user", {})
    person: Document = body.get("person", {})
    known: Document = {}
    if "user_if_new" in body:
        found = _assert("users", "user_id", user, settings, warnings, body["user_if_new"])
        known = (yield from unless_refused(found, "", [])) or {}  # a refusal comes again below, after the person
    if email := email_of(known):
        person = {**person, "email_addresses": [email]}
    if person:
        company = yield from _company_of(body, settings, warnings)
        record = yield from _assert("people", "email_addresses", person | company, settings, warnings)
        yield from _add("people", record, _missing(body.get("added", {}), record), settings, warnings)
        if any(each.get("target_record_id") == id_of(record) for each in held(known, "person")):
            return  # the user, who is written already, points at them
        user = user and {**user, "person": reference("people", id_of(record))}
    if user:
        yield from _assert("users", "user_id", user, settings, warnings, body.get("user_if_new"))


def _company_of(body: Document, settings: Settings, warnings: list[str]) -> Said[Document]:
    """Where the person belongs: a company keeps the name that it has, for its people each have their own for it. One that is
    refused doesn't cost the person."""
    if "company" not in body:
        return {}
    company = dict(body["company"])
    name = {"name": company.pop("name")} if "name" in company else {}
    written = _assert("companies", "domains", company, settings, warnings)
    record = yield from unless_refused(written, "the person's company was not written", warnings)
    if record is None:
        return {}
    yield from _add("companies", record, {} if held(record, "name") else name, settings, warnings)
    return {"company": reference("companies", id_of(record))}


def _missing(added: Document, person: Document) -> Document:
    """What of *added* the person doesn't have: a name, or the phone number."""
    numbers = {each.get(form) for each in held(person, "phone_numbers") for form in _PHONE_FORMS}
    has = {
        "name": bool(held(person, "name")),
        "phone_numbers": any(each["original_phone_number"] in numbers for each in added.get("phone_numbers", [])),
    }
    return {name: value for name, value in added.items() if not has[name]}


_PHONE_FORMS: Final = ("original_phone_number", "normalized_phone_number")


def _write_workspace(body: Document, settings: Settings, warnings: list[str]) -> Said[None]:
    """The workspace, then its member: looked up by a write that changes nothing, since a user who isn't there is not made
    without an email."""
    workspace = yield from _assert("workspaces", "workspace_id", body["workspace"], settings, warnings)
    if "member" not in body:
        return
    found = _assert("users", "user_id", {"user_id": body["member"]}, settings, warnings)
    member = yield from unless_refused(found, "the workspace has no such user", warnings)
    if member is not None:
        yield from _add("workspaces", workspace, {"users": reference("users", id_of(member))}, settings, warnings)


# --- writing ---


def _assert(
    kind: str, key: str, values: Document, settings: Settings, warnings: list[str], if_new: Document | None = None
) -> Said[Document]:
    """Write the record that has the value of *key*. Where it turns out to be new and to lack *if_new*, with that."""
    request = partial(assert_record, settings, kind, key)
    return (yield from _write(kind, request, values, key, warnings, if_new or {}))


def _add(kind: str, record: Document, values: Document, settings: Settings, warnings: list[str]) -> Said[None]:
    """Add *values* to the record. What is refused is no reason to lose the rest, which is written."""
    if values:
        written = _write(kind, partial(add_to_record, settings, kind, id_of(record)), values, "", warnings, {})
        yield from unless_refused(written, f"{', '.join(values)} of {kind}: not added", warnings)


def _write(
    kind: str,
    request: Callable[[Document], Request],
    values: Document,
    key: str,
    warnings: list[str],
    if_new: Document,
) -> Said[Document]:
    """Send *values* until Attio takes them, each time without those that it names. Ends with the record."""
    left_out: list[str] = []
    for _ in range(MAX_MENDINGS):
        response = yield Step(request(values), _assumed(kind))
        if response.status in (200, 201):
            warnings += left_out
            return read_record(response)
        if not key and code_of(response) == GONE:  # whose id Attio itself has just told
            raise Ended(Later(words(response), RACE_S, RACE_ATTEMPTS))
        verdict = judge(response)
        if not isinstance(verdict, Dead) or response.status != 400:
            raise Ended(verdict)
        names = refused(values, response)
        if key and code_of(response) == TAKEN and (key in names or not names):  # since it was looked for
            raise Ended(Later(words(response), RACE_S, RACE_ATTEMPTS))
        if not names and if_new:
            values, if_new = values | if_new, {}
        elif not names or key in names or len(names) == len(values):
            raise Ended(Dead("; ".join([words(response), *left_out])))
        else:
            values = {name: value for name, value in values.items() if name not in names}
            left_out += [f"{kind}.{name} was refused, and left out: {words(response)}" for name in names]
    raise Ended(Dead(f"400 too many attributes of {kind} that Attio does not take"))


def _assumed(kind: str) -> Response:
    return Response(200, b'{"data":{"id":{"record_id":"assumed-%s"},"values":{}}}' % kind.encode())
