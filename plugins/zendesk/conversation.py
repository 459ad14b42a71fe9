"""Conversations with Zendesk: write a user or an organization, mend what it refuses, link the two, merge users.

Zendesk wants a name for somebody new and keeps that of somebody known, ignores fields that are not defined, and adds an
email that is new to a user as a second one. Each of these shows in an answer, and what comes next depends on it.

Source: facts/vendors/zendesk.md sections 1, 3, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from plugins.zendesk.settings import Settings
from plugins.zendesk.wire import BLOCKED, CONFLICT_ATTEMPTS, request
from router.plugin import (
    OF_THE_SET_UP,
    Blocked,
    Dead,
    Document,
    Ended,
    Later,
    Response,
    Said,
    Step,
    UnreadableAnswer,
    Verdict,
    conversation,
    describe,
    is_outage,
)

Model = Literal["user", "organization"]
MAX_MENDINGS: Final = 20
"""Fields left out of one write before it is given up."""
MAX_DEFINED: Final = 40
"""Fields defined for one user or organization; more are left to the next try. So a user with an organization stays below the
requests that one conversation may have (100)."""
DEFINED_MORE_S: Final = 1.0
DEFINED_MORE_ATTEMPTS: Final = 10
_ID: Final = "external_id"
_OF_ANOTHER: Final = frozenset({"email", "name"})
"""What another user or organization may have already. Only where an id says whose the rest is, it goes without."""
_PATHS: Final = {"user": "users", "organization": "organizations"}


class IsThere(Ended):
    """What was to be created is there already."""


@conversation
def converse_user(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """The organization, if the person's company is to become one; then the user, whom a refused organization does not cost;
    then the primary email."""
    user, company = dict(body["user"]), body.get("company", {})
    if company and settings.create_organizations:
        try:
            organization = yield from _write(
                "organization", company, company.get("external_id", ""), settings, warnings
            )
            user["organization_id"] = _id_of(organization)
        except Ended as ended:
            if not isinstance(ended.verdict, Dead):
                raise
            if _ID in company or not isinstance(ended, IsThere):  # a name alone links the user all the same
                warnings.append(f"the user's organization was not written: {ended.verdict.reason}")
    if (
        "name" in company
        and "organization_id" not in user
        and (not settings.create_organizations or _ID not in company)
    ):
        user["organization"] = {"name": company["name"]}
    written = yield from _write("user", user, body["name_if_new"], settings, warnings)
    email = body.get("primary")
    if email and str(written.get("email") or email).lower() != email:
        yield from _make_primary(_id_of(written), email, settings, warnings)


@conversation
def converse_organization(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """The organization, then the membership of the user, if the call names one that is known."""
    fields = dict(body["organization"])
    domains = fields.pop("domain_names", [])
    organization = yield from _write("organization", fields, body["name_if_new"], settings, warnings)
    yield from _add_domains(organization, domains, settings, warnings)
    member = body.get("member", {})
    if not member:
        return
    by_email = None if "external_id" in member else member["email"]
    user_id = yield from _find_user(member.get("external_id"), by_email, settings)
    if user_id is None:
        warnings.append("the user of the group call is not known: the organization has no such member")
        return
    membership = {"user_id": user_id, "organization_id": _id_of(organization)}
    response = yield from _ask(
        "POST",
        settings,
        "organization_memberships",
        body={"organization_membership": membership},
        assumed=Response(201, b'{"organization_membership":{"id":1}}'),
    )
    if response.status == 422 or _is_gone(response):  # a search finds a user for a while who has been deleted
        if not _is_there(response):
            warnings.append(f"the user did not become a member: {_words(response)}")
    elif response.unless_page().status not in (200, 201):
        raise Ended(_refused(response))


@conversation
def converse_merge(body: Any, settings: Settings, warnings: list[str]) -> Said[None]:
    """Find both, then merge. After it the previous user is gone, so that a repeat finds nobody to merge."""
    loser = yield from _find_user(body["loser"], None, settings, "assumed-loser")
    if loser is None:
        warnings.append("nobody is known by the previousId: there is nobody to merge")
        return
    winner = yield from _find_user(body["winner"], None, settings, "assumed-winner")
    if winner is None:
        raise Ended(Dead("nobody is known by the userId: there is nobody to merge into"))
    response = yield from _ask(
        "PUT",
        settings,
        "users",
        str(loser),
        "merge",
        body={"user": {"id": winner}},
        assumed=Response(200, b'{"user":{}}'),
    )
    if response.unless_page().status != 200:
        raise Ended(_refused(response))


# --- writing ---


def _write(model: Model, fields: Document, name_if_new: str, settings: Settings, warnings: list[str]) -> Said[Document]:
    """Create or update, leaving out field by field what Zendesk refuses. Returns what it then has."""
    fields = dict(fields)
    written = yield from _upsert(model, fields, name_if_new, settings, warnings)
    unknown = _unknown_fields(model, fields, written)
    if unknown and settings.create_fields:
        defined = []
        for key in unknown[:MAX_DEFINED]:
            is_defined = yield from _define(model, key, fields[f"{model}_fields"][key], settings)
            defined += [key] if is_defined else []
        if defined and len(unknown) > MAX_DEFINED:
            more = f"{len(defined)} fields were defined, and there are more"
            raise Ended(Later(more, DEFINED_MORE_S, DEFINED_MORE_ATTEMPTS))
        if defined:
            written = yield from _upsert(model, fields, name_if_new, settings, warnings)
            unknown = [key for key in unknown if key not in defined]
    warnings += [f"{model} field {key!r} is not defined in Zendesk; left out" for key in unknown]
    return written


def _upsert(
    model: Model, fields: Document, name_if_new: str, settings: Settings, warnings: list[str]
) -> Said[Document]:
    """*fields* loses what is refused, and gets a name where one is missed: but none in place of one that was refused, for
    that somebody is new then, and would be there twice. Only a new group whose name another one has gets the name with its id
    beside it. An organization that has the name and no id, as one that an agent made, is the one that is meant: Zendesk itself
    looks for ids alone. Where the id has one already, that keeps the name it has."""
    by_id = ("POST", (_PATHS[model], "create_or_update"))
    method, path = by_id
    assumed = Response(200, b'{"%s":{"id":"assumed-%s"}}' % (model.encode(), model.encode()))
    told = fields.get("name", name_if_new)
    of_name: Response | None = None
    for _ in range(MAX_MENDINGS):
        response = yield from _ask(method, settings, *path, body={model: dict(fields)}, assumed=assumed)
        if response.status in (200, 201):
            return _object(response, model)
        details = _details(response) if response.status == 422 else {}
        if model == "organization" and {_ID, "name"} <= fields.keys() and "name" in details and method == "POST":
            named = yield from _find_organization(fields["name"], settings)
            if named is not None and not named.get(_ID):
                method, path, of_name = "PUT", (_PATHS[model], str(_id_of(named))), response
                continue
        if _ID in details and _is_there(response):
            if method == "POST" or of_name is None:  # made since it was looked for, by a call that runs beside this one
                raise Ended(Later(_words(response), None, CONFLICT_ATTEMPTS))
            del fields["name"]
            warnings.append(f"name was refused, and left out: {_words(of_name)}")
            method, path = by_id
            continue
        if "name" in details and "name" not in fields:
            name = name_if_new if of_name is None else ""
            if of_name is not None and told and model == "organization" and _is_there(of_name):
                name, told = f"{told} ({fields[_ID]})", ""
            if not name:
                raise Ended(_refused(of_name or response))
            fields["name"] = name
            continue
        name = _leave_out(model, fields, details)
        if not name:
            raise (IsThere if _is_there(response) else Ended)(_refused(response))
        of_name = response if name == "name" else of_name
        warnings.append(f"{name} was refused, and left out: {_words(response)}")
    raise Ended(Dead("422 too many fields that Zendesk does not take"))


def _leave_out(model: Model, fields: Document, details: Document) -> str:
    """Take out of *fields* what *details* name, and end with its name; "" where nothing may go.

    A field of the account's own may be named by its key; where nothing is named that was sent, it is one of those: a dropdown
    takes none but its options, and all of them go.
    """
    kept = {_ID} if _ID in fields else _OF_ANOTHER
    if not details or details.keys() & kept & fields.keys():
        return ""
    of_account = f"{model}_fields"
    own: Document = fields.get(of_account, {})
    named = next((name for name in details if name in fields), None)
    key = next((name for name in details if name in own), None)
    if named is None and key is not None and len(own) > 1:
        fields[of_account] = {name: value for name, value in own.items() if name != key}
        return key
    name = named or (of_account if own else "")
    fields.pop(name, None)
    return name


def _add_domains(organization: Document, domains: list[str], settings: Settings, warnings: list[str]) -> Said[None]:
    """Beside those that it has: what is written takes the place of all, and by them Zendesk tells whose a new user is.

    Source: developer.zendesk.com/api-reference/ticketing/organizations/organizations (a copy of 2026).
    """
    held = organization.get("domain_names")
    held = held if isinstance(held, list) else []
    missing = [domain for domain in domains if domain not in held]
    if not missing:
        return
    response = yield from _ask(
        "PUT",
        settings,
        "organizations",
        str(_id_of(organization)),
        body={"organization": {"domain_names": [*held, *missing]}},
        assumed=Response(200, b'{"organization":{}}'),
    )
    if response.status == 422:
        warnings.append(f"domain_names was refused, and left out: {_words(response)}")
    elif response.unless_page().status != 200:
        raise Ended(_refused(response))


def _unknown_fields(model: Model, fields: Document, written: Document) -> list[str]:
    """Keys that were sent and that Zendesk ignored; none where the answer does not list its fields."""
    known = written.get(f"{model}_fields")
    sent = fields.get(f"{model}_fields", {})
    return [key for key in sent if key not in known] if isinstance(known, dict) else []


def _define(model: Model, key: str, value: Any, settings: Settings) -> Said[bool]:
    """Define a field, or find it defined. A refusal is no reason to fail: the field is left out then."""
    kind = "checkbox" if isinstance(value, bool) else "decimal" if isinstance(value, int | float) else "text"
    step = request(
        "POST", settings, f"{model}_fields", body={f"{model}_field": {"key": key, "title": key, "type": kind}}
    )
    response = yield Step(step, Response(201, b"{}"))
    if is_outage(response.status) or response.status in (*OF_THE_SET_UP, 401, 409):
        raise Ended(_refused(response))
    return response.unless_page().status in (200, 201) or _is_there(response)


def _make_primary(user_id: Any, email: str, settings: Settings, warnings: list[str]) -> Said[None]:
    response = yield from _ask(
        "GET", settings, "users", str(user_id), "identities", assumed=Response(200, b'{"identities":[]}')
    )
    identities = _list(response, "identities")
    found = [each for each in identities if str(each.get("value")).lower() == email and each.get("type") == "email"]
    if not found:
        warnings.append("the new email is none of the user's addresses: it did not become the primary one")
        return
    path = ("users", str(user_id), "identities", str(_id_of(found[0])), "make_primary")
    response = yield from _ask("PUT", settings, *path, assumed=Response(200, b'{"identities":[]}'))
    if response.unless_page().status != 200:
        warnings.append(f"the new email did not become the primary one: {_words(response)}")


def _find_user(
    external_id: str | None, email: str | None, settings: Settings, assumed_id: str = "assumed-user"
) -> Said[Any]:
    """The id of the only user who is found, or None."""
    query = {"external_id": external_id} if external_id is not None else {"query": f"email:{email}"}
    response = yield from _ask(
        "GET",
        settings,
        "users",
        "search",
        query=query,
        assumed=Response(200, b'{"users":[{"id":"%s"}]}' % assumed_id.encode()),
    )
    users = _list(response, "users")
    return _id_of(users[0]) if len(users) == 1 else None


def _find_organization(name: str, settings: Settings) -> Said[Document | None]:
    """The only one of that name."""
    response = yield from _ask(
        "GET",
        settings,
        "organizations",
        "search",
        query={"name": name},
        assumed=Response(200, b'{"organizations":[]}'),
    )
    found = _list(response, "organizations")
    return found[0] if len(found) == 1 else None


# --- reading ---


def _ask(
    method: str,
    settings: Settings,
    *segments: str,
    assumed: Response,
    body: Any = None,
    query: Mapping[str, str] | None = None,
) -> Said[Response]:
    """One step; what speaks for the whole account ends the conversation."""
    response = yield Step(request(method, settings, *segments, body=body, query=query), assumed)
    if response.status in BLOCKED or is_outage(response.status) or response.status == 409:
        raise Ended(_refused(response))
    return response


def _refused(response: Response) -> Verdict | Blocked:
    if response.status in BLOCKED:
        return Blocked(_words(response))
    if response.status == 404 and not _is_gone(response):
        # no id is unknown here, but the address
        return Blocked(f"{_words(response)} (another subdomain or base_url?)")
    if response.status == 409:
        return Later(_words(response), None, CONFLICT_ATTEMPTS)
    if is_outage(response.status):
        return Later(_words(response), is_outage=None if _is_of_account(response) else False)
    if response.is_success:
        raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")
    return Dead(_words(response))


def _is_of_account(response: Response) -> bool:
    """Whether a refusal is for all. A 429 that leaves requests to the account is for the five writes a minute of one user."""
    left = response.headers.get("x-rate-limit-remaining", "")
    return response.status != 429 or not left.isdecimal() or int(left) == 0


def _is_gone(response: Response) -> bool:
    """Whether there is nothing of that id, and not no such address."""
    return response.status == 404 and response.json_object().get("error") == "RecordNotFound"


def _is_there(response: Response) -> bool:
    """Whether a 422 says that there is one already: another conversation may just have made it."""
    return response.status == 422 and any(word in response.text for word in ("already", "Duplicate", "taken"))


def _details(response: Response) -> Document:
    """By field, what is wrong with it."""
    details = response.json_object().get("details")
    return details if isinstance(details, dict) else {}


def _words(response: Response) -> str:
    """Zendesk's own words: of each field if it names some."""
    parts = [
        f"{name}: {error.get('description') or error.get('error')}"
        for name, errors in _details(response).items()
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    return f"{response.status} {'; '.join(parts)}"[:300] if parts else describe(response)


def _object(response: Response, name: str) -> Document:
    body = response.json()
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise UnreadableAnswer(f"expected {name}, got {describe(response)}")
    return found


def _list(response: Response, name: str) -> list[Document]:
    if response.status != 200:
        raise Ended(_refused(response))
    body = response.json()
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UnreadableAnswer(f"expected {name}, got {describe(response)}")
    return found


def _id_of(found: Document) -> Any:
    id = found.get("id")
    if not isinstance(id, int | str) or isinstance(id, bool):
        raise UnreadableAnswer("an object without an id")
    return id
