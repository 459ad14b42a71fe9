"""A stand-in for Intercom, written from facts/vendors/intercom.md: it refuses what Intercom refuses.

It knows no more custom attributes than are declared, its search index can lag behind (`search_lag`), its rate limit runs in
windows of ten seconds, and a contact's own ``created_at`` is recorded beside the contact and ignored.

Where the sheet has a limit and not what happens beyond it (texts, event names, custom attributes), the stand-in refuses, so
that nothing comes to rely on more. Two events of one name in one second, which Intercom takes for one, are both kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web

from router.plugin.sandbox import Sandbox, json_response

_MAX_COMPANIES = 1_000
_CONTACT_FIELDS = frozenset(
    {
        "role",
        "external_id",
        "email",
        "phone",
        "name",
        "avatar",
        "signed_up_at",
        "last_seen_at",
        "owner_id",
        "unsubscribed_from_emails",
        "custom_attributes",
    }
)
_READ_ONLY = frozenset({"created_at", "updated_at", "location", "session_count", "last_replied_at"})
_COMPANY_FIELDS = frozenset(
    {
        "company_id",
        "name",
        "plan",
        "size",
        "industry",
        "website",
        "remote_created_at",
        "monthly_spend",
        "custom_attributes",
    }
)
_ATTRIBUTE_NAME = re.compile(r"[\w\- €£¥]+")
_MAX_METADATA_KEYS = 10
_MAX_TEXT = 255
_TYPES = frozenset({"string", "integer", "float", "boolean", "datetime", "date", "options"})


def _is_of_type(value: Any, kind: str) -> bool:
    """Whether an attribute that was declared as *kind* takes *value*; null clears any."""
    if value is None or kind == "options":
        return True
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    return isinstance(value, {"string": str, "float": int | float}.get(kind, int))


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message


class IntercomSandbox(Sandbox):
    """One workspace."""

    requests_per_window: ClassVar[int] = 1_667
    """Requests per ten seconds: 10,000 a minute. Lower it to see 429."""
    window_s: ClassVar[float] = 10.0
    max_event_names: ClassVar[int] = 120
    max_attributes: ClassVar[int] = 250

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.contacts: dict[str, dict[str, Any]] = {}
        self.archived: dict[str, dict[str, Any]] = {}
        """Contacts that a teammate has archived, by id: no call finds or changes them, and their details are not free."""
        self.companies: dict[str, dict[str, Any]] = {}
        self.attributes: dict[str, dict[str, str]] = {"contact": {}, "company": {}}
        self.refuses_created_at = False
        """Answer 400 to a contact's own created_at instead of ignoring it."""
        self.search_lag = 0
        """How many of the newest contacts the search does not find yet."""
        self.teammates: set[int] = set()
        self.event_names: set[str] = set()
        self._numbers = count(1)
        self._window = (0.0, 0)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/contacts/find_by_external_id/{external_id}", self._guarded(self.find_contact)),
            web.post("/contacts/search", self._guarded(self.search_contacts)),
            web.post("/contacts", self._guarded(self.create_contact)),
            web.put("/contacts/{id}", self._guarded(self.update_contact)),
            web.post("/contacts/{id}/unarchive", self._guarded(self.unarchive_contact)),
            web.post("/contacts/{id}/companies", self._guarded(self.attach_company)),
            web.delete("/contacts/{id}/companies/{company}", self._guarded(self.detach_company)),
            web.post("/companies", self._guarded(self.upsert_company)),
            web.post("/events", self._guarded(self.take_event)),
            web.post("/data_attributes", self._guarded(self.declare_attribute)),
        ]

    def _guarded(self, handler: Any) -> Any:
        """Credentials, rate limit, JSON and the error shape, the same for every route."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            limits = self._count_request()
            try:
                self._authorise(request)
                if limits is None:
                    raise _Refusal(429, "rate_limit_exceeded", "Exceeded rate limit")
                body = await self._json(request)
                response: web.StreamResponse = await handler(request, body)
            except _Refusal as refusal:
                error = {"code": refusal.code, "message": refusal.message}
                response = json_response(
                    {"type": "error.list", "request_id": "sandbox", "errors": [error]}, refusal.status
                )
            remaining, reset = limits or (0, self._window[0] + self.window_s)
            response.headers["X-RateLimit-Limit"] = str(self.requests_per_window)
            response.headers["X-RateLimit-Remaining"] = str(remaining)
            response.headers["X-RateLimit-Reset"] = str(int(reset) + 1)
            return response

        return guarded

    def _count_request(self) -> tuple[int, float] | None:
        now = time.time()
        start, used = self._window
        if now - start >= self.window_s:
            start, used = now, 0
        self._window = (start, used + 1)
        return (
            None if used >= self.requests_per_window else (self.requests_per_window - used - 1, start + self.window_s)
        )

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.settings['access_token']}":
            raise _Refusal(401, "unauthorized", "Access Token Invalid")

    async def _json(self, request: web.Request) -> dict[str, Any]:
        if request.method in ("GET", "DELETE") or request.path.endswith("/unarchive"):
            return {}
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise _Refusal(400, "bad_request", "The body is not JSON") from None
        if not isinstance(body, dict):
            raise _Refusal(400, "bad_request", "The body is no object")
        return body

    # --- contacts ---

    async def find_contact(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        contact = self._by_external_id(request.match_info["external_id"])
        if contact is None:
            raise _Refusal(404, "not_found", "Contact Not Found")
        return json_response(contact)

    async def search_contacts(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        query = body.get("query")
        if (
            not isinstance(query, dict)
            or query.get("operator") != "="
            or query.get("field") not in ("external_id", "email")
        ):
            raise _Refusal(400, "parameter_invalid", "query is invalid")
        indexed = list(self.contacts.values())
        indexed = indexed[: len(indexed) - self.search_lag] if self.search_lag else indexed
        data = [each for each in indexed if each.get(query["field"]) == query.get("value")]
        return json_response({"type": "list", "data": data, "total_count": len(data)})

    async def unarchive_contact(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        contact = self.archived.pop(request.match_info["id"], None)
        if contact is None:
            raise _Refusal(404, "not_found", "Contact Not Found")
        self.contacts[contact["id"]] = contact
        self.accept("unarchived", {"id": contact["id"]})
        return json_response({"type": "contact", "id": contact["id"], "archived": False})

    async def create_contact(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        fields = self._contact_fields(body)
        for archived in self.archived.values():
            key = "external_id" if fields.get("external_id") else "email"  # two userIds may have one email
            if fields.get(key) and archived.get(key) == fields[key]:
                details = f"An archived contact matching those details already exists with id={archived['id']}"
                raise _Refusal(409, "conflict", details)
        if not any(fields.get(name) for name in ("email", "external_id", "role")):
            raise _Refusal(400, "parameter_not_found", "email, external_id or role is needed")
        if fields.get("role") == "lead" and fields.get("external_id"):
            raise _Refusal(400, "parameter_invalid", "A lead can't have an external_id")
        existing = self._by_external_id(fields.get("external_id")) or self._user_of_email(fields)
        if existing is not None:
            raise _Refusal(409, "conflict", f"A contact matching those details already exists with id={existing['id']}")
        contact = {"type": "contact", "id": f"c{next(self._numbers):06d}", "role": "user", **fields}
        self.contacts[contact["id"]] = contact
        self._accept_contact(contact, body)
        return json_response(contact)

    async def update_contact(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        contact = self.contacts.get(request.match_info["id"])
        if contact is None:
            raise _Refusal(404, "not_found", "Contact Not Found")
        fields = self._contact_fields(body)
        other = self._by_external_id(fields.get("external_id"))
        if other is not None and other is not contact:
            raise _Refusal(409, "conflict", "Several contacts would have this external_id")
        attributes = {**contact.get("custom_attributes", {}), **fields.pop("custom_attributes", {})}
        contact.update(fields, custom_attributes=attributes)
        self._accept_contact(contact, body)
        return json_response(contact)

    def _accept_contact(self, contact: dict[str, Any], body: dict[str, Any]) -> None:
        """Keep what was sent; the contact's own created_at is not the caller's, so what was said of it stands beside."""
        ignored = {name: body[name] for name in _READ_ONLY & body.keys()}
        self.accept("contact", {**body}, id=contact["id"], ignored=ignored)

    def _contact_fields(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.refuses_created_at and "created_at" in body:
            raise _Refusal(400, "parameter_invalid", "created_at is read-only")
        fields = {name: value for name, value in body.items() if name not in _READ_ONLY}
        unknown = fields.keys() - _CONTACT_FIELDS
        if unknown:
            raise _Refusal(400, "parameter_invalid", f"{sorted(unknown)[0]} is not a field of a contact")
        self._check(fields, ("role", "external_id", "email", "phone", "name", "avatar"), str)
        self._check(fields, ("signed_up_at", "last_seen_at", "owner_id"), int)
        if fields.get("role", "user") not in ("user", "lead"):
            raise _Refusal(400, "parameter_invalid", "role must be user or lead")
        if "owner_id" in fields and fields["owner_id"] not in self.teammates:
            raise _Refusal(400, "parameter_invalid", "owner_id is no teammate")
        self._check_attributes(fields.get("custom_attributes"), "contact")
        return fields

    def _check(self, fields: Mapping[str, Any], names: Iterable[str], kind: type) -> None:
        for name in names:
            value = fields.get(name)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise _Refusal(400, "parameter_invalid", f"{name} must be a {kind.__name__}")

    def _check_attributes(self, attributes: Any, model: str) -> None:
        if attributes is None:
            return
        if not isinstance(attributes, dict):
            raise _Refusal(400, "parameter_invalid", "custom_attributes must be an object")
        for name, value in attributes.items():
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise _Refusal(400, "parameter_invalid", f"Custom attribute name {name!r} is invalid")
            if isinstance(value, dict | list):
                raise _Refusal(400, "parameter_invalid", f"custom_attributes.{name} must be flat")
            if isinstance(value, str) and len(value) > _MAX_TEXT:
                raise _Refusal(
                    400, "parameter_invalid", f"custom_attributes.{name} has more than {_MAX_TEXT} characters"
                )
            if name not in self.attributes[model]:
                raise _Refusal(400, "parameter_invalid", f"Custom attribute '{name}' does not exist")
            kind = self.attributes[model][name]
            if not _is_of_type(value, kind):
                raise _Refusal(400, "parameter_invalid", f"Custom attribute '{name}' is of the type {kind}")

    def _by_external_id(self, external_id: Any) -> dict[str, Any] | None:
        if not external_id:
            return None
        return next((each for each in self.contacts.values() if each.get("external_id") == external_id), None)

    def _user_of_email(self, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """A user of that email without an id of its own stands in the way of another one."""
        if not fields.get("email") or fields.get("external_id"):
            return None
        alike = (each for each in self.contacts.values() if each.get("email") == fields["email"])
        return next(
            (each for each in alike if not each.get("external_id") and each["role"] == fields.get("role", "user")), None
        )

    # --- companies ---

    async def upsert_company(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not body.get("company_id"):
            raise _Refusal(400, "parameter_not_found", "company_id is needed")
        unknown = body.keys() - _COMPANY_FIELDS
        if unknown:
            raise _Refusal(400, "parameter_invalid", f"{sorted(unknown)[0]} is not a field of a company")
        self._check(body, ("company_id", "name", "plan", "industry", "website"), str)
        self._check(body, ("size", "remote_created_at", "monthly_spend"), int)
        self._check_attributes(body.get("custom_attributes"), "company")
        company = self.companies.setdefault(
            body["company_id"], {"type": "company", "id": f"co{next(self._numbers):06d}", "contacts": []}
        )
        company.update(body)
        self.accept("company", body, id=company["id"])
        return json_response({name: value for name, value in company.items() if name != "contacts"})

    async def attach_company(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        contact_id = request.match_info["id"]
        company = next((each for each in self.companies.values() if each["id"] == body.get("id")), None)
        if contact_id not in self.contacts or company is None:
            raise _Refusal(404, "not_found", "Contact or Company Not Found")
        attached = sum(contact_id in each["contacts"] for each in self.companies.values())
        if contact_id not in company["contacts"]:
            if attached >= _MAX_COMPANIES:
                raise _Refusal(400, "contact_company_limit_exceeded", "The contact is in too many companies")
            company["contacts"].append(contact_id)
        self.accept("attachment", {"contact": contact_id, "company": company["company_id"]})
        return json_response({name: value for name, value in company.items() if name != "contacts"})

    async def detach_company(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        contact_id, company_id = request.match_info["id"], request.match_info["company"]
        company = next((each for each in self.companies.values() if each["id"] == company_id), None)
        if company is None or contact_id not in company["contacts"]:
            raise _Refusal(404, "not_found", "Contact or Company Not Found")
        company["contacts"].remove(contact_id)
        self.accept("detachment", {"contact": contact_id, "company": company["company_id"]})
        return json_response({name: value for name, value in company.items() if name != "contacts"})

    # --- events and attributes ---

    async def take_event(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        name, created_at = body.get("event_name"), body.get("created_at")
        if not isinstance(name, str) or not name:
            raise _Refusal(400, "parameter_not_found", "event_name is needed")
        if not isinstance(created_at, int) or isinstance(created_at, bool):
            raise _Refusal(400, "parameter_invalid", "created_at must be Unix seconds")
        self._check_metadata(body.get("metadata", {}))
        contact = self._doer(body)
        if contact is None:
            raise _Refusal(404, "not_found", "Contact Not Found")
        if name not in self.event_names and len(self.event_names) >= self.max_event_names:
            raise _Refusal(400, "parameter_invalid", f"The workspace has {self.max_event_names} event names already")
        self.event_names.add(name)
        kept = dict(list(body.get("metadata", {}).items())[:_MAX_METADATA_KEYS])
        self.accept("event", {**body, "metadata": kept} if "metadata" in body else body, contact=contact["id"])
        return web.Response(status=202)

    def _doer(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Whose the event is. A lead is known by Intercom's own id alone."""
        if event.get("id"):
            return self.contacts.get(event["id"])
        if event.get("user_id"):
            return self._by_external_id(event["user_id"])
        return self._user_by_email(event.get("email"))

    def _user_by_email(self, email: Any) -> dict[str, Any] | None:
        """The only user with this email: where there are several, none is meant."""
        users = [each for each in self.contacts.values() if each["role"] == "user"]
        alike = [each for each in users if email and each.get("email") == email]
        if len(alike) > 1:
            raise _Refusal(409, "conflict", "Multiple existing users match this email address")
        return alike[0] if alike else None

    def _check_metadata(self, metadata: Any) -> None:
        if not isinstance(metadata, dict):
            raise _Refusal(400, "parameter_invalid", "metadata must be an object")
        for key, value in metadata.items():
            if "." in key or "$" in key:
                raise _Refusal(400, "parameter_invalid", f"metadata key {key!r} is invalid")
            if isinstance(value, list) or (
                isinstance(value, dict) and value.keys() not in ({"amount", "currency"}, {"url", "value"})
            ):
                raise _Refusal(400, "parameter_invalid", f"metadata.{key} must be flat")
            if isinstance(value, str) and len(value) > _MAX_TEXT:
                raise _Refusal(400, "parameter_invalid", f"metadata.{key} has more than {_MAX_TEXT} characters")
            if isinstance(value, dict) and "amount" in value and not isinstance(value["amount"], int):
                raise _Refusal(400, "parameter_invalid", f"metadata.{key}.amount must be whole cents")
            if (
                isinstance(value, dict)
                and "amount" in value
                and not re.fullmatch("[A-Za-z]{3}", str(value["currency"]))
            ):
                raise _Refusal(400, "parameter_invalid", f"metadata.{key}.currency must be a currency")

    async def declare_attribute(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        name, model, kind = body.get("name"), body.get("model"), body.get("data_type")
        if not name or model not in self.attributes or kind not in _TYPES:
            raise _Refusal(400, "parameter_invalid", "name, model and data_type are needed")
        if name in self.attributes[model]:
            raise _Refusal(400, "parameter_invalid", f"Custom attribute '{name}' already exists")
        if not isinstance(name, str) or not _ATTRIBUTE_NAME.fullmatch(name):
            raise _Refusal(400, "parameter_invalid", f"Custom attribute name {name!r} is invalid")
        if len(self.attributes[model]) >= self.max_attributes:
            raise _Refusal(400, "parameter_invalid", f"The workspace has {self.max_attributes} attributes already")
        self.attributes[model][name] = kind
        self.accept("attribute", body)
        return json_response({"type": "data_attribute", **body})
