"""A stand-in for SendGrid's contacts, written from facts/vendors/sendgrid-marketing.md: it refuses what SendGrid refuses.

It has the custom fields and lists that its settings name, and the fields made meanwhile. A job is worked on at once. Kinds that
it takes: ``contact`` (what was sent), ``field`` (a definition).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web

from plugins.sendgrid.sandbox_rules import IDENTIFIERS, check_contact, check_definition
from router.plugin.sandbox import Sandbox, json_response

_MAX_CONTACTS = 30_000
_MAX_BYTES = 6_000_000
_MAX_FIELDS = 500
_TYPES = {"T": "Text", "N": "Number", "D": "Date", "text": "Text", "number": "Number", "date": "Date"}
_NAMED_FIELD = re.compile(r"(\w+?(?:_([TND]))?)(?::(\w+))?")


class _Refusal(Exception):
    def __init__(self, status: int, *errors: tuple[str | None, str]) -> None:
        self.status, self.errors = status, errors


class SendgridSandbox(Sandbox):
    """One account. *settings*: ``api_key``; ``list_ids``, ``custom_fields`` and ``group_fields`` say what it has."""

    window_s: ClassVar[int] = 60

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.requests_per_window = 100_000
        self.may_write_contacts = True
        """Whether the key has the scope of Marketing."""
        self.may_read_account = False
        """Whether it has that of the account besides."""
        self.lists: set[str] = set(self.settings.get("list_ids") or ())
        self.fields: dict[str, str] = {}
        """Type by id."""
        for setting in ("custom_fields", "group_fields"):
            for named in (self.settings.get(setting) or {}).values():
                match = _NAMED_FIELD.fullmatch(named)
                if match:
                    self.fields[match[1]] = _TYPES[match[3] or match[2] or "T"]
        self.names: dict[str, str] = {field_id: field_id for field_id in self.fields}
        self.contacts: list[dict[str, Any]] = []
        self.members: set[tuple[str, int]] = set()
        """List and place of the contact."""
        self.jobs: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)
        self._window = (0, 0)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.put("/v3/marketing/contacts", self._guarded(self.write_contacts)),
            web.get("/v3/marketing/contacts/imports/{job_id}", self._guarded(self.tell_job)),
            web.get("/v3/marketing/field_definitions", self._guarded(self.list_fields)),
            web.post("/v3/marketing/field_definitions", self._guarded(self.define_field)),
            web.get("/v3/user/account", self._guarded(self.tell_account)),
        ]

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            left = self._count_request()
            try:
                self._authorise(request)
                if left < 0:
                    raise _Refusal(429, (None, "too many requests"))
                response: web.StreamResponse = await handler(request, await _json(request))
            except _Refusal as refusal:
                errors = [{"field": field, "message": message} for field, message in refusal.errors]
                response = json_response({"errors": errors}, refusal.status)
            reset = (int(self.now_s()) // self.window_s + 1) * self.window_s
            response.headers["X-RateLimit-Limit"] = str(self.requests_per_window)
            response.headers["X-RateLimit-Remaining"] = str(max(0, left))
            response.headers["X-RateLimit-Reset"] = str(reset)
            return response

        return guarded

    def _count_request(self) -> int:
        window = int(self.now_s()) // self.window_s
        started, used = self._window
        self._window = (window, used + 1 if started == window else 1)
        return self.requests_per_window - self._window[1]

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.settings['api_key']}":
            raise _Refusal(401, (None, "authorization required"))
        wanted = self.settings.get("on_behalf_of", "")
        if not self.may_write_contacts or request.headers.get("on-behalf-of", "") != wanted:
            raise _Refusal(403, (None, "access forbidden"))

    # --- contacts ---

    async def write_contacts(self, request: web.Request, body: Any) -> web.StreamResponse:
        """All of them or none; what was taken is worked on as a job."""
        contacts = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(contacts, list) or not contacts:
            raise _Refusal(400, ("contacts", "contacts is a list that is not empty"))
        if len(contacts) > _MAX_CONTACTS:
            raise _Refusal(400, ("contacts", f"at most {_MAX_CONTACTS} contacts"))
        unknown = [each for each in body.get("list_ids", []) if each not in self.lists]
        if unknown:
            raise _Refusal(404, ("list_ids", f"list {unknown[0]} does not exist"))
        faults = [
            (f"contacts[{place}]{field}", message)
            for place, contact in enumerate(contacts)
            for field, message in check_contact(contact, self.fields)
        ]
        if faults:
            raise _Refusal(400, *faults)
        job_id = f"job-{next(self._numbers)}"
        for contact in contacts:
            place = self._upsert(contact)
            self.members |= {(each, place) for each in body.get("list_ids", [])}
        self.jobs[job_id] = {"id": job_id, "status": "completed", "results": {"requested_count": len(contacts)}}
        return json_response({"job_id": job_id}, 202)

    def _upsert(self, sent: dict[str, Any]) -> int:
        """A contact is the same only where the request has all the identifiers that it has. Returns its place."""
        contact = {**sent, **({"email": sent["email"].lower()} if "email" in sent else {})}
        ids = {name: contact[name] for name in IDENTIFIERS if contact.get(name)}
        self.accept("contact", sent)
        for place, known in enumerate(self.contacts):
            known_ids = {name: known[name] for name in IDENTIFIERS if known.get(name)}
            if known_ids.items() <= ids.items():
                custom = {**known.get("custom_fields", {}), **contact.get("custom_fields", {})}
                known.update(contact)
                if custom:
                    known["custom_fields"] = custom
                return place
        self.contacts.append(contact)
        return len(self.contacts) - 1

    async def tell_job(self, request: web.Request, body: Any) -> web.StreamResponse:
        job = self.jobs.get(request.match_info["job_id"])
        if job is None:
            raise _Refusal(404, (None, "resource not found"))
        return json_response(job)

    # --- fields and account ---

    async def list_fields(self, request: web.Request, body: Any) -> web.StreamResponse:
        fields = [
            {"id": field_id, "name": self.names[field_id], "field_type": type} for field_id, type in self.fields.items()
        ]
        return json_response({"custom_fields": fields, "reserved_fields": []})

    async def define_field(self, request: web.Request, body: Any) -> web.StreamResponse:
        faults = list(check_definition(body))
        if faults:
            raise _Refusal(400, *faults)
        if len(self.fields) >= _MAX_FIELDS:
            raise _Refusal(400, ("name", f"there are {_MAX_FIELDS} definitions already"))
        if body["name"].lower() in {name.lower() for name in self.names.values()}:
            raise _Refusal(400, ("name", f"{body['name']} exists already"))
        field_id = f"e{len(self.fields) + 1}_{body['field_type'][0]}"
        self.fields[field_id], self.names[field_id] = body["field_type"], body["name"]
        self.accept("field", body)
        return json_response({"id": field_id, **body})

    async def tell_account(self, request: web.Request, body: Any) -> web.StreamResponse:
        if not self.may_read_account:
            raise _Refusal(403, (None, "access forbidden"))
        return json_response({"type": "paid", "reputation": 100})


async def _json(request: web.Request) -> Any:
    data = await request.read()
    if len(data) > _MAX_BYTES:
        raise _Refusal(413, (None, "request too large"))
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        raise _Refusal(400, (None, "request body is not JSON")) from None
