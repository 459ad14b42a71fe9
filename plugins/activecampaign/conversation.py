"""A contact: its fields looked up, written, less what ActiveCampaign refuses of it, then lists, tags and account.

Source: facts/vendors/activecampaign.md sections 1, 3, 4, 5 and 7.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from plugins.activecampaign.settings import Settings
from plugins.activecampaign.wire import errors_of, judge_one, make_request, words
from router.plugin import (
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
    describe,
)

MAX_MENDINGS: Final = 5
"""How often a contact is sent again with less in it."""
MAX_PAGES: Final = 20
MAX_FOUND_PAGES: Final = 8
"""Of one search: ten tags may be looked for, and a conversation may have 100 requests."""
PAGE: Final = 100
"""The most that a list has on one page."""

Part = Generator[Step, Response, Verdict | Blocked | None]
"""A part of a conversation: ends with None, or with the verdict that ends the whole."""
Said = Generator[Step, Response, str | Verdict | Blocked]
"""One that ends with an id, or with that verdict."""


def converse(payload: Payload, settings: Settings) -> Conversation:
    """What all of it has in common is the account's limit, so it is one endpoint."""
    if "contact" in payload.body:
        return _converse_contact(payload.body, settings)
    if "event_name" in payload.body:
        return _converse_name(payload.body["event_name"], settings)
    return _converse_account(payload.body, settings)


def _converse_contact(body: Document, settings: Settings) -> Conversation:
    """Lists, tags and account are no reason to lose the contact: what is refused of them is a warning."""
    warnings: list[str] = []
    fields = yield from _resolve(body.get("fields", {}), warnings, settings)
    if not isinstance(fields, dict):
        return fields
    contact_id = yield from _sync(body["contact"], fields, warnings, settings)
    if not isinstance(contact_id, str):
        return contact_id
    for part in _parts(contact_id, body, warnings, settings):
        stopped = yield from part
        if stopped is not None:
            return stopped
    return Delivered(tuple(warnings))


def _parts(contact_id: str, body: Document, warnings: list[str], settings: Settings) -> Iterator[Part]:
    """What else there is to do for a contact, in this order."""
    if "lists" in body:
        yield _subscribe(contact_id, body["lists"], warnings, settings)
    for tag in body.get("tags", ()):
        yield _tag(contact_id, tag, warnings, settings)
    if "account" in body:
        yield _join(contact_id, body["account"], warnings, settings)


def _converse_account(body: Document, settings: Settings) -> Conversation:
    """The account, then its contact. An account without the link is better than neither."""
    warnings: list[str] = []
    account_id = yield from _write_account(body["account"], warnings, settings)
    if not isinstance(account_id, str):
        return account_id
    if "email" not in body:
        return Delivered((*warnings, "nobody is linked to the account: the call has no email"))
    contact_id = yield from _sync({"email": body["email"]}, {}, warnings, settings)
    if not isinstance(contact_id, str):
        return contact_id
    stopped = yield from _link(contact_id, account_id, warnings, settings)
    return stopped or Delivered(tuple(warnings))


def _converse_name(name: str, settings: Settings) -> Conversation:
    """Put an event's name among those of the account. A refusal is a warning: it is event tracking that takes the event."""
    warnings: list[str] = []
    what = f"the event {name!r} was not added"
    for page in range(MAX_PAGES):
        query = {"limit": str(PAGE), "offset": str(page * PAGE)}
        request = make_request("GET", settings, "eventTrackingEvents", query=query)
        answer = yield from _ask(request, {"eventTrackingEvents": [{"name": name}]})
        if not isinstance(answer, Response):
            return _settle(answer, what, warnings) or Delivered(tuple(warnings))
        names = [item.get("name") for item in _items(answer, "eventTrackingEvents")]
        if name in names:
            return Delivered()
        if len(names) < PAGE:
            break
    body = {"eventTrackingEvent": {"name": name}}
    answer = yield from _ask(make_request("POST", settings, "eventTrackingEvents", body=body), body)
    if not isinstance(answer, Response):
        return _settle(answer, what, warnings) or Delivered(tuple(warnings))
    return Delivered()


# --- the contact ---


def _resolve(
    fields: Document, warnings: list[str], settings: Settings
) -> Generator[Step, Response, dict[str, str] | Verdict | Blocked]:
    """Value by field id. Names are looked up as titles and personalisation tags; what isn't found is left out."""
    found = {name: value for name, value in fields.items() if name.isdecimal()}
    wanted = {_plain(name): name for name in fields if not name.isdecimal()}
    for page in range(MAX_PAGES):
        if not wanted:
            return found
        query = {"limit": str(PAGE), "offset": str(page * PAGE)}
        assumed = [{"id": f"id of {name}", "title": name} for name in wanted.values()]
        request = make_request("GET", settings, "fields", query=query)
        answer = yield from _ask(request, {"fields": assumed})
        if not isinstance(answer, Response):
            return answer
        listed = _items(answer, "fields")
        for field in listed:
            for key in ("perstag", "title"):
                name = wanted.pop(_plain(field.get(key)), None)
                if name is not None:
                    found[_id_of(field, answer)] = fields[name]
        if len(listed) < PAGE:
            break
    warnings += [f"there is no custom field {name!r}: left out" for name in wanted.values()]
    return found


def _plain(name: Any) -> str:
    return str(name).strip().strip("%").casefold()


def _sync(contact: Document, fields: Document, warnings: list[str], settings: Settings) -> Said:
    """Create or update by the email, leaving out what is refused. Ends with the contact's id."""
    for _ in range(MAX_MENDINGS):
        values = [{"field": field, "value": value} for field, value in fields.items()]
        body = {"contact": {**contact, **({"fieldValues": values} if values else {})}}
        request = make_request("POST", settings, "contact", "sync", body=body)
        response = yield Step(request, Response(200, b'{"contact": {"id": "assumed-contact"}}'))
        if response.status not in (404, 422):
            return _read_id(response, "contact")
        refused = {_last(error) for error in errors_of(response)} & contact.keys() - {"email"}
        if refused:
            contact = {name: value for name, value in contact.items() if name not in refused}
            warnings.append(f"{', '.join(sorted(refused))} left out: {words(response)}")
        elif fields and "email" not in {_last(error) for error in errors_of(response)}:
            warnings.append(f"custom fields {', '.join(sorted(fields))} left out: {words(response)}")
            fields = {}
        else:
            break
    if response.status == 404:
        return Blocked(f"{words(response)}: check account_url")
    return Dead(words(response))


def _last(error: Document) -> str:
    """What an error is about: the last part of its pointer."""
    source = error.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return pointer.rpartition("/")[2] if isinstance(pointer, str) else ""


# --- lists and tags ---


def _subscribe(contact_id: str, lists: Document, warnings: list[str], settings: Settings) -> Part:
    """Put on the lists or take off them; without a word of the person's, put on those they were never on."""
    ids: list[str] = list(lists["ids"])
    for page in range(MAX_PAGES if lists["is_on"] is None else 0):
        query = {"limit": str(PAGE), "offset": str(page * PAGE)}
        request = make_request("GET", settings, "contacts", contact_id, "contactLists", query=query)
        answer = yield from _ask(request, {"contactLists": []})
        if not isinstance(answer, Response):
            return _settle(answer, "the contact was put on no list", warnings)
        listed = _items(answer, "contactLists")
        known = {str(item.get("list")) for item in listed}
        ids = [each for each in ids if each not in known]
        if len(listed) < PAGE:
            break
    for each in ids:
        membership = {"list": each, "contact": contact_id, "status": 2 if lists["is_on"] is False else 1}
        request = make_request("POST", settings, "contactLists", body={"contactList": membership})
        answer = yield from _ask(request, {"contactList": membership})
        stopped = _settle(answer, f"list {each} is as it was", warnings)
        if stopped is not None:
            return stopped
    return None


def _tag(contact_id: str, tag: str, warnings: list[str], settings: Settings) -> Part:
    """Find the tag by its name, make it if there is none, put it on."""
    answer: str | Response | Verdict | Blocked = yield from _find_tag(tag, settings)
    if isinstance(answer, str):
        link = {"contactTag": {"contact": contact_id, "tag": answer}}
        answer = yield from _ask(make_request("POST", settings, "contactTags", body=link), link)
    return _settle(answer, f"tag {tag!r} was not put on", warnings)


def _find_tag(tag: str, settings: Settings) -> Said:
    assumed = [{"id": "assumed-tag", "tag": tag}]
    found = yield from _look_up("tags", "tag", tag, assumed, settings)
    if found is not None:
        return found
    made = {"tag": {"tag": tag, "tagType": "contact", "description": ""}}
    answer = yield from _ask(make_request("POST", settings, "tags", body=made), {"tag": {"id": "assumed-tag"}})
    if isinstance(answer, Dead):  # somebody else may have made it since
        return (yield from _look_up("tags", "tag", tag, assumed, settings)) or answer
    return _read_id(answer, "tag") if isinstance(answer, Response) else answer


def _look_up(
    name: str, key: str, wanted: str, assumed: list[Document], settings: Settings
) -> Generator[Step, Response, str | Verdict | Blocked | None]:
    """The id of the one of *name* whose *key* is *wanted*; None where there is none.

    A search finds whatever has *wanted* in it: of the account 12 also 120 to 129."""
    for page in range(MAX_FOUND_PAGES):
        query = {"search": wanted, "limit": str(PAGE), "offset": str(page * PAGE)}
        answer = yield from _ask(make_request("GET", settings, name, query=query), {name: assumed})
        if not isinstance(answer, Response):
            return answer
        found = _find(answer, name, key, wanted)
        if found is not None or len(_items(answer, name)) < PAGE:
            return found
    return None


# --- the account ---


def _join(contact_id: str, account: Document, warnings: list[str], settings: Settings) -> Part:
    """The account that an identify names, and the link to it."""
    account_id = yield from _write_account(account, warnings, settings)
    if not isinstance(account_id, str):
        return _settle(account_id, "the account was not written", warnings)
    return (yield from _link(contact_id, account_id, warnings, settings))


def _write_account(account: Document, warnings: list[str], settings: Settings) -> Said:
    """Find the account by its name, update or create it; once more without its custom fields, then without its address, where
    it is refused. Ends with its id."""
    answer = yield from _save_account(account, settings)
    left_out: list[str] = []
    for part, what in (("fields", "custom fields"), ("accountUrl", "address")):
        if not isinstance(answer, Dead) or part not in account:
            continue
        refused, account = answer, {name: value for name, value in account.items() if name != part}
        left_out.append(what)
        answer = yield from _save_account(account, settings)
        if isinstance(answer, str):
            warnings.append(f"{' and '.join(left_out)} of the account left out: {refused.reason}")
    return answer


def _save_account(account: Document, settings: Settings) -> Said:
    """Find the account by its name, update or create it. Ends with its id."""
    found = yield from _look_up("accounts", "name", account["name"], [], settings)
    if found is None:
        request = make_request("POST", settings, "accounts", body={"account": account})
        answer = yield from _ask(request, {"account": {"id": "assumed-account"}})
        if not isinstance(answer, Dead):
            return _read_id(answer, "account") if isinstance(answer, Response) else answer
        # somebody else may have made it since
        found = (yield from _look_up("accounts", "name", account["name"], [], settings)) or answer
    if not isinstance(found, str):
        return found
    request = make_request("PUT", settings, "accounts", found, body={"account": account})
    answer = yield from _ask(request, {"account": {"id": "assumed-account"}})
    return _read_id(answer, "account") if isinstance(answer, Response) else answer


def _link(contact_id: str, account_id: str, warnings: list[str], settings: Settings) -> Part:
    """A contact has one account; a second one is refused, and the same one again, so the one that it has is looked at first.

    Source: developers.activecampaign.com/reference/list-all-associations-1 (a copy of 2026).
    """
    what = "the contact was not linked to the account"
    query = {"filters[contact]": contact_id}
    answer = yield from _ask(make_request("GET", settings, "accountContacts", query=query), {"accountContacts": []})
    if isinstance(answer, Response):
        links = _items(answer, "accountContacts")
        held = {str(link.get("account")) for link in links if str(link.get("contact")) == contact_id}
        if held:
            warnings += [] if account_id in held else [f"{what}: it has another one, and can have one alone"]
            return None
    elif not isinstance(answer, Dead):
        return _settle(answer, what, warnings)
    body = {"accountContact": {"contact": contact_id, "account": account_id}}
    answer = yield from _ask(make_request("POST", settings, "accountContacts", body=body), body)
    return _settle(answer, what, warnings)


def _settle(answer: str | Response | Verdict | Blocked, what: str, warnings: list[str]) -> Verdict | Blocked | None:
    """None where the conversation goes on: with what was taken, or with a warning where it was refused."""
    if isinstance(answer, Dead):
        warnings.append(f"{what}: {answer.reason}")
    return answer if isinstance(answer, Later | Blocked) else None


# --- answers ---


def _ask(request: Request, assumed: Any) -> Generator[Step, Response, Response | Verdict | Blocked]:
    """One request. Ends with the answer where it is a good one, else with what it means."""
    response = yield Step(request, Response(200, json.dumps(assumed).encode()))
    verdict = judge_one(response)
    return response if isinstance(verdict, Delivered) else verdict


def _items(response: Response, name: str) -> Sequence[Document]:
    """The list of objects under *name*.

    Raises:
        UnreadableAnswer: there is none.
    """
    items = response.json_object().get(name)
    if not isinstance(items, list):
        raise UnreadableAnswer(f"expected a list of {name}, got {describe(response)}")
    return [item for item in items if isinstance(item, dict)]


def _find(response: Response, name: str, key: str, wanted: str) -> str | None:
    """The id of the item whose *key* is *wanted*, in any case."""
    fitting = [item for item in _items(response, name) if str(item.get(key)).casefold() == wanted.casefold()]
    return _id_of(fitting[0], response) if fitting else None


def _id_of(item: Any, response: Response) -> str:
    found = item.get("id") if isinstance(item, dict) else None
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found):
        raise UnreadableAnswer(f"expected an id, got {describe(response)}")
    return str(found)


def _read_id(response: Response, name: str) -> str | Verdict | Blocked:
    """The id of what was written, or what the answer means.

    Raises:
        UnreadableAnswer: a 2xx without it.
    """
    verdict = judge_one(response)
    return _id_of(response.json_object().get(name), response) if isinstance(verdict, Delivered) else verdict
