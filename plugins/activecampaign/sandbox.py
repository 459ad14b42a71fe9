"""A stand-in for one ActiveCampaign account, written from facts/vendors/activecampaign.md: it refuses what the account refuses.

It has the custom fields, lists and tags that its settings name. An import is worked on at once. Where the sheet doesn't say
what becomes of a field that there is not, the stand-in refuses the contact; nor what becomes of an event whose name the account
doesn't have, and it refuses that. Event tracking, which has a host of its own, is here too. Kinds that it takes: ``contact``,
``import``, ``tag``, ``contact tag``, ``list``, ``account``, ``link``, ``event name``, ``event``.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web

from plugins.activecampaign.sandbox_rules import (
    MAX_EVENT_NAME,
    Fault,
    check_account,
    check_contact,
    check_event,
    check_imported,
    unknown_fields,
)
from router.plugin.sandbox import Sandbox, json_response

MAX_IMPORTED = 250
MAX_IMPORT_BYTES = 400_000
_LOGIN = "<!DOCTYPE html><html><head><title>Login</title></head></html>"


class _Refusal(Exception):
    def __init__(self, status: int, *errors: Fault, **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body: dict[str, Any] = {
            "errors": [
                {"title": title, "detail": "", "code": code, "source": {"pointer": f"/data/attributes/{last}"}}
                for code, title, last in errors
            ]
        }


def _missing(what: str) -> _Refusal:
    refusal = _Refusal(404)
    refusal.body = {"message": f"No Result found for {what}"}
    return refusal


class ActiveCampaignSandbox(Sandbox):
    """*settings*: ``api_key``, ``actid``, ``event_key``; ``fields``, ``group_fields``, ``events`` and ``lists`` say what the
    account has."""

    per_second: ClassVar[int] = 5
    imports_per_minute: ClassVar[tuple[int, int]] = (20, 100)
    """With one contact, with several."""

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.is_limited = False
        """Whether the limits count. Off, so that a rehearsal of many events goes through."""
        self.is_unpaid = False
        self.shows_login = False
        """Whether a wrong key gets a page with a 200 instead of a 403."""
        self.fields: dict[str, str] = {}
        """Type by id."""
        self.titles: dict[str, str] = {}
        """Title by id; the personalisation tag is made from it."""
        rules = (self.settings.get("events") or {}).values()
        of_events = [named for rule in rules for named in rule.get("fields", {}).values()]
        for named in [*(self.settings.get("fields") or {}).values(), *of_events]:
            self.add_field(*named.partition(":")[::2])
        self.account_fields = frozenset(
            named.partition(":")[0] for named in (self.settings.get("group_fields") or {}).values()
        )
        self.lists: dict[str, dict[str, int]] = {each: {} for each in self.settings.get("lists") or ()}
        """By list the status of each contact."""
        self.contacts: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, str] = {}
        self.accounts: dict[str, dict[str, Any]] = {}
        self.links: dict[str, str] = {}
        """The one account of a contact."""
        self.event_names: list[str] = []
        self._numbers = count(101)
        self._times: dict[str, deque[float]] = {}

    def add_field(self, named: str, kind: str = "") -> None:
        """A custom field by its id, or by its title under the next free id."""
        field = named if named.isdecimal() else str(900 + len(self.fields))
        self.fields[field] = kind or "text"
        self.titles[field] = f"Field {field}" if named.isdecimal() else named

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        root = "/api/3"
        return [
            web.get(f"{root}/users/me", self._guarded(self.tell_user)),
            web.post(f"{root}/contact/sync", self._guarded(self.sync)),
            web.get(f"{root}/contacts/{{id}}/contactLists", self._guarded(self.list_lists)),
            web.post(f"{root}/contactLists", self._guarded(self.subscribe)),
            web.get(f"{root}/fields", self._guarded(self.list_fields)),
            web.get(f"{root}/tags", self._guarded(self.list_tags)),
            web.post(f"{root}/tags", self._guarded(self.make_tag)),
            web.post(f"{root}/contactTags", self._guarded(self.tag)),
            web.get(f"{root}/accounts", self._guarded(self.list_accounts)),
            web.post(f"{root}/accounts", self._guarded(self.make_account)),
            web.put(f"{root}/accounts/{{id}}", self._guarded(self.change_account)),
            web.get(f"{root}/accountContacts", self._guarded(self.list_links)),
            web.post(f"{root}/accountContacts", self._guarded(self.link)),
            web.post(f"{root}/import/bulk_import", self._guarded(self.bulk_import)),
            web.get(f"{root}/eventTrackingEvents", self._guarded(self.list_event_names)),
            web.post(f"{root}/eventTrackingEvents", self._guarded(self.add_event_name)),
            web.post("/event", self.track),
        ]

    # --- what every route has ---

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Api-Token") != self.settings["api_key"] and self.shows_login:
                return web.Response(text=_LOGIN, content_type="text/html")
            try:
                self._authorise(request)
                left = self._count("requests", self.per_second, 1.0)
                response: web.StreamResponse = await handler(request, await _json(request))
                response.headers.update(_limits(self.per_second, left))
            except _Refusal as refusal:
                response = json_response(refusal.body, refusal.status)
                response.headers.update({name.replace("_", "-"): value for name, value in refusal.headers.items()})
            return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Api-Token") != self.settings["api_key"]:
            refusal = _Refusal(403)
            refusal.body = {"message": "You do not have permission to view or perform the requested action"}
            raise refusal
        if self.is_unpaid:
            raise _Refusal(402, ("payment_required", "The account is not active.", "account"))

    def _count(self, what: str, most: int, length_s: float) -> int:
        """Count one request; how many are left in the window that slides."""
        times = self._times.setdefault(what, deque())
        now = self.now_s()
        while times and times[0] <= now - length_s:
            times.popleft()
        if self.is_limited and len(times) >= most:
            wait_s = math.ceil(times[0] + length_s - now) or 1
            raise _Refusal(429, ("rate_limited", "Too many requests.", ""), Retry_After=str(wait_s), **_limits(most, 0))
        times.append(now)
        return max(0, most - len(times))

    async def tell_user(self, request: web.Request, body: Any) -> web.StreamResponse:
        return json_response({"user": {"id": "1", "username": "sandbox"}})

    # --- contacts ---

    async def sync(self, request: web.Request, body: Any) -> web.StreamResponse:
        contact = _part(body, "contact")
        unknown = unknown_fields(contact, self.fields)
        if unknown:
            raise _missing(f"Field with id {unknown[0]}")
        _refuse(check_contact(contact, self.fields))
        contact_id, is_new = self._write(
            contact, {each["field"]: each["value"] for each in contact.get("fieldValues", [])}
        )
        self.accept("contact", contact, id=contact_id)
        answer = {
            "fieldValues": contact.get("fieldValues", []),
            "contact": {"id": contact_id, "email": contact["email"]},
        }
        return json_response(answer, 201 if is_new else 200)

    def _write(self, sent: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, bool]:
        """The email is the key; what is not sent stays."""
        email = sent["email"].lower()
        known = [each for each, contact in self.contacts.items() if contact["email"] == email]
        contact_id = known[0] if known else str(next(self._numbers))
        contact = self.contacts.setdefault(contact_id, {"email": email, "fields": {}, "tags": set()})
        contact.update({name: sent[name] for name in ("firstName", "lastName", "phone") if name in sent})
        contact["fields"].update({str(field): value for field, value in values.items()})
        return contact_id, not known

    async def bulk_import(self, request: web.Request, body: Any) -> web.StreamResponse:
        """Queues those that are right and says why not of the others; where none is right, 400."""
        contacts = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(contacts, list) or not 1 <= len(contacts) <= MAX_IMPORTED:
            return json_response({"success": 0, "message": "expected 1 to 250 contacts", "failureReasons": []}, 400)
        if len(await request.read()) > MAX_IMPORT_BYTES:
            raise _Refusal(413, ("too_large", "An import may have 400 KB.", ""))
        self._count("imports", self.imports_per_minute[len(contacts) > 1], 60.0)
        reasons = []
        for contact in contacts:
            wrong = check_imported(contact, self.fields)
            if wrong:
                email = contact.get("email") if isinstance(contact, dict) else None
                reasons.append({"contact": {"email": email}, "failureReason": wrong})
            else:
                self._import(contact)
        queued = len(contacts) - len(reasons)
        answer = {
            "success": int(queued > 0),
            "queued_contacts": queued,
            "batchId": "b-1",
            "message": "Contact import queued",
        }
        return json_response(answer | ({"failureReasons": reasons} if reasons else {}), 200 if queued else 400)

    def _import(self, contact: Mapping[str, Any]) -> None:
        names = {
            "firstName": contact.get("first_name"),
            "lastName": contact.get("last_name"),
            "phone": contact.get("phone"),
        }
        sent = {"email": contact["email"], **{name: value for name, value in names.items() if value is not None}}
        contact_id, _ = self._write(sent, {field["id"]: field["value"] for field in contact.get("fields", [])})
        self.contacts[contact_id]["tags"] |= set(contact.get("tags", []))
        for name, status in (("subscribe", 1), ("unsubscribe", 2)):
            for each in contact.get(name, []):
                self.lists.setdefault(str(each["listid"]), {})[contact_id] = status
        self.accept("import", contact, id=contact_id)

    # --- lists, fields and tags ---

    async def list_lists(self, request: web.Request, body: Any) -> web.StreamResponse:
        contact_id = self._known("contact", request.match_info["id"], self.contacts)
        held = [(each, members[contact_id]) for each, members in self.lists.items() if contact_id in members]
        return _page(request, "contactLists", [{"list": each, "status": str(status)} for each, status in held])

    async def subscribe(self, request: web.Request, body: Any) -> web.StreamResponse:
        sent = _part(body, "contactList")
        each = self._known("list", sent.get("list"), self.lists)
        contact_id = self._known("contact", sent.get("contact"), self.contacts)
        if sent.get("status") not in (1, 2):
            raise _Refusal(422, ("field_invalid", "The status is 1 or 2.", "status"))
        self.lists[each][contact_id] = sent["status"]
        self.accept("list", sent)
        return json_response({"contactList": sent}, 201)

    async def list_fields(self, request: web.Request, body: Any) -> web.StreamResponse:
        fields = [
            {"id": field, "title": title, "perstag": title.upper().replace(" ", "_"), "type": self.fields[field]}
            for field, title in self.titles.items()
        ]
        return _page(request, "fields", fields)

    async def list_tags(self, request: web.Request, body: Any) -> web.StreamResponse:
        wanted = request.query.get("search", "").lower()
        tags = [{"id": tag_id, "tag": name} for tag_id, name in self.tags.items() if wanted in name.lower()]
        return _page(request, "tags", tags)

    async def make_tag(self, request: web.Request, body: Any) -> web.StreamResponse:
        sent = _part(body, "tag")
        if not sent.get("tag") or sent.get("tagType") not in ("contact", "template"):
            raise _Refusal(422, ("field_missing", "A tag has a name and a type.", "tag"))
        if sent["tag"].lower() in [name.lower() for name in self.tags.values()]:
            raise _Refusal(422, ("duplicate", "The tag exists already.", "tag"))
        tag_id = str(next(self._numbers))
        self.tags[tag_id] = sent["tag"]
        self.accept("tag", sent)
        return json_response({"tag": {"id": tag_id, **sent}}, 201)

    async def tag(self, request: web.Request, body: Any) -> web.StreamResponse:
        sent = _part(body, "contactTag")
        contact_id = self._known("contact", sent.get("contact"), self.contacts)
        name = self.tags[self._known("tag", sent.get("tag"), self.tags)]
        self.contacts[contact_id]["tags"].add(name)
        self.accept("contact tag", {"contact": contact_id, "tag": name})
        return json_response({"contactTag": sent}, 201)

    # --- accounts ---

    async def list_accounts(self, request: web.Request, body: Any) -> web.StreamResponse:
        wanted = request.query.get("search", "").lower()
        found = [
            {"id": each, **account} for each, account in self.accounts.items() if wanted in account["name"].lower()
        ]
        return _page(request, "accounts", found)

    async def make_account(self, request: web.Request, body: Any) -> web.StreamResponse:
        account = _part(body, "account")
        if account.get("name") in [each["name"] for each in self.accounts.values()]:
            raise _Refusal(422, ("duplicate", "An account of this name exists already.", "name"))
        return self._write_account(account, str(next(self._numbers)), 201)

    async def change_account(self, request: web.Request, body: Any) -> web.StreamResponse:
        return self._write_account(
            _part(body, "account"), self._known("account", request.match_info["id"], self.accounts), 200
        )

    def _write_account(self, sent: dict[str, Any], account_id: str, status: int) -> web.Response:
        _refuse(check_account(sent, self.account_fields))
        self.accounts.setdefault(account_id, {}).update(sent)
        self.accept("account", sent, id=account_id)
        return json_response({"account": {"id": account_id, "name": sent["name"]}}, status)

    async def list_links(self, request: web.Request, body: Any) -> web.StreamResponse:
        wanted = request.query.get("filters[contact]")
        found = [
            {"contact": contact_id, "account": account_id}
            for contact_id, account_id in self.links.items()
            if wanted in (None, contact_id)
        ]
        return _page(request, "accountContacts", found)

    async def link(self, request: web.Request, body: Any) -> web.StreamResponse:
        """One account for each contact."""
        sent = _part(body, "accountContact")
        contact_id = self._known("contact", sent.get("contact"), self.contacts)
        account_id = self._known("account", sent.get("account"), self.accounts)
        if contact_id in self.links:
            raise _Refusal(422, ("duplicate", "The contact has an account already.", "contact"))
        self.links[contact_id] = account_id
        self.accept("link", sent)
        return json_response({"accountContact": sent}, 201)

    # --- events ---

    async def list_event_names(self, request: web.Request, body: Any) -> web.StreamResponse:
        return _page(request, "eventTrackingEvents", [{"name": name} for name in self.event_names])

    async def add_event_name(self, request: web.Request, body: Any) -> web.StreamResponse:
        sent = _part(body, "eventTrackingEvent")
        name = sent.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_EVENT_NAME:
            raise _Refusal(422, ("field_invalid", "A name has 1 to 32 characters.", "name"))
        if name in self.event_names:
            raise _Refusal(422, ("duplicate", "An event of this name exists already.", "name"))
        self.event_names.append(name)
        self.accept("event name", sent)
        return json_response({"eventTrackingEvent": sent}, 201)

    async def track(self, request: web.Request) -> web.StreamResponse:
        """A refusal is a 200 as well. A body that is no form has no fields."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        if (form.pop("actid", ""), form.pop("key", "")) != (self.settings.get("actid"), self.settings.get("event_key")):
            return json_response({"success": 0, "message": "Invalid actid or key"})
        wrong = check_event(form, self.event_names)
        if wrong:
            return json_response({"success": 0, "message": wrong})
        self.accept("event", form)
        return json_response({"success": 1, "message": "Event spawned"})

    def _known(self, what: str, item_id: Any, among: Mapping[str, Any]) -> str:
        if str(item_id) not in among:
            raise _missing(f"{what} with id {item_id}")
        return str(item_id)


def _limits(most: int, left: int) -> dict[str, str]:
    return {"RateLimit-Limit": str(most), "RateLimit-Remaining": str(left)}


def _refuse(faults: Iterable[Fault]) -> None:
    found = list(faults)
    if found:
        raise _Refusal(422, *found)


def _part(body: Any, name: str) -> dict[str, Any]:
    part = body.get(name) if isinstance(body, dict) else None
    if not isinstance(part, dict):
        raise _Refusal(422, ("field_missing", f"The {name} was not provided.", name))
    return part


def _page(request: web.Request, name: str, items: list[Any]) -> web.Response:
    """20 on a page, 100 at most."""
    limit, offset = (int(request.query.get(key, default)) for key, default in (("limit", "20"), ("offset", "0")))
    page = items[offset : offset + min(limit, 100)]
    return json_response({name: page, "meta": {"total": str(len(items))}})


async def _json(request: web.Request) -> Any:
    data = await request.read()
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        raise _Refusal(400, ("json_invalid", "The body is not JSON.", "")) from None
