"""A stand-in for one HubSpot account, written from facts/vendors/hubspot.md: it refuses what HubSpot refuses.

It has HubSpot's own properties, those that the settings name, and those created meanwhile; as custom events those of the
settings. Kinds that it takes: ``contact``, ``company``, ``link``, ``merge``, ``event``, ``property``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web

from plugins.hubspot.sandbox_rules import (
    COMPANY,
    CONTACT,
    Property,
    Refusal,
    check_definition,
    check_event,
    check_properties,
    strings,
)
from router.plugin.sandbox import Sandbox, json_response

_MAX_INPUTS = 100
_MAX_OCCURRENCES = 500
_MAX_IDENTITIES = 250
_VERSIONS = (
    ("/crm/v3/objects", "/crm/v4/objects", "/crm/v3/properties", "/events/v3/send"),
    ("/crm/objects/2026-03", "/crm/objects/2026-03", "/crm/properties/2026-03", "/events/2026-03/send"),
)
Record = dict[str, str]


class HubspotSandbox(Sandbox):
    """One account. *settings*: ``access_token``, ``hub_id``; ``events``, ``user_id_property`` and the like say what it has."""

    window_s: ClassVar[float] = 10.0

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.requests_per_window = 100_000
        self.requests_per_day = 10_000_000
        self.missing_scopes: set[str] = set()
        """``contacts``, ``companies``, ``events`` or ``schemas``: what the token may not."""
        self.is_expired = False
        self.locked: set[str] = set()
        """Record ids that answer 423."""
        self.migration_s: int | None = None
        """The account is between data centres: 477, and so many seconds to wait."""
        self.is_forgetful = False
        """Answer an upsert with neither results nor errors, as has been seen."""
        self.records: dict[str, dict[str, Record]] = {"contacts": {}, "companies": {}}
        self.links: set[tuple[str, str]] = set()
        self.identities: dict[str, int] = {}
        self.schemas = self._schemas()
        self._uuids: set[tuple[str, str]] = set()
        self._numbers = count(51)
        self._window = (0.0, 0)
        self._today = (0, 0)

    def _schemas(self) -> dict[str, dict[str, Property]]:
        contact = {**CONTACT, **strings(*(self.settings.get("contact_properties") or ()))}
        company = {**COMPANY, **strings(*(self.settings.get("company_properties") or ()))}
        for schema, key in ((contact, "user_id_property"), (company, "company_key")):
            if self.settings.get(key):
                schema[self.settings[key]] = Property(is_unique=True)
        return {"contacts": contact, "companies": company}

    def _definitions(self) -> dict[str, frozenset[str] | None]:
        """Custom events by their full names, with their properties; None for any."""
        named = [
            (each.get("name") or event.lower().replace(" ", "_"), each.get("properties", {}))
            for event, each in (self.settings.get("events") or {}).items()
        ]
        for setting, name in (("page_event", "viewed_page"), ("screen_event", "viewed_screen")):
            each = self.settings.get(setting)
            if each:
                named.append((each.get("name") or name, each.get("properties", {})))
        prefix = f"pe{self.settings.get('hub_id', '')}_"
        return {
            name if name.startswith("pe") else prefix + name: None if known == "all" else frozenset(known.values())
            for name, known in named
        }

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        for objects, links, properties, events in _VERSIONS:
            yield from (
                web.post(f"{objects}/{{kind}}/batch/upsert", self._guarded(self.upsert)),
                web.post(f"{objects}/{{kind}}/batch/read", self._guarded(self.read)),
                web.post(f"{objects}/contacts/merge", self._guarded(self.merge)),
                web.post(f"{objects}/{{kind}}", self._guarded(self.create)),
                web.patch(f"{objects}/{{kind}}/{{id}}", self._guarded(self.update)),
                web.put(f"{links}/contact/{{id}}/associations/default/company/{{company}}", self._guarded(self.link)),
                web.post(f"{properties}/{{kind}}", self._guarded(self.create_property)),
                web.post(events, self._guarded(self.take_event)),
                web.post(f"{events}/batch", self._guarded(self.take_events)),
            )

    # --- what every route has ---

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse
            try:
                self._authorise(request)
                self._count_request()
                response = await handler(request, await _json(request))
            except Refusal as refusal:
                response = json_response(refusal.body(), refusal.status)
                response.headers.update({name.replace("_", "-"): value for name, value in refusal.headers.items()})
            except _TooMany as over:
                body = {"status": "error", "message": "You have reached your limit.", "errorType": "RATE_LIMIT"}
                response = json_response({**body, "correlationId": "sandbox", "policyName": over.policy}, 429)
            left = max(0, self.requests_per_window - self._window[1])
            response.headers["X-HubSpot-RateLimit-Max"] = str(self.requests_per_window)
            response.headers["X-HubSpot-RateLimit-Remaining"] = str(left)
            response.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(int(self.window_s * 1000))
            return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.settings['access_token']}":
            raise Refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if self.is_expired:
            raise Refusal(401, "EXPIRED_AUTHENTICATION", "The access token expired.")
        kind = request.match_info.get("kind", "contacts")
        scope = "events" if "/events/" in request.path else "schemas" if "/properties" in request.path else kind
        if scope in self.missing_scopes:
            raise Refusal(403, "MISSING_SCOPES", f"This app hasn't been granted all required scopes for {scope}.")
        if self.migration_s is not None:
            raise Refusal(477, "MIGRATION_IN_PROGRESS", "The account is moved.", Retry_After=str(self.migration_s))

    def _count_request(self) -> None:
        now = self.now_s()
        start, used = self._window
        self._window = (now, 1) if now - start >= self.window_s else (start, used + 1)
        day, today = self._today
        self._today = (int(now // 86_400), 1 if now // 86_400 != day else today + 1)
        if self._today[1] > self.requests_per_day:
            raise _TooMany("DAILY")
        if self._window[1] > self.requests_per_window:
            raise _TooMany("TEN_SECONDLY_ROLLING")

    def _unlocked(self, record_id: str) -> str:
        if record_id in self.locked:
            raise Refusal(423, "LOCKED", "The record is locked.")
        return record_id

    # --- contacts and companies ---

    async def create(self, request: web.Request, body: Any) -> web.StreamResponse:
        kind = _kind(request)
        properties = check_properties(_object(body).get("properties"), self.schemas[kind])
        self._refuse_taken(kind, properties, None)
        record_id = self._add(kind, properties)
        return json_response({"id": record_id, "properties": self.records[kind][record_id]}, 201)

    async def update(self, request: web.Request, body: Any) -> web.StreamResponse:
        kind, key = _kind(request), request.query.get("idProperty", "hs_object_id")
        record_id = self._find(kind, key, request.match_info["id"])
        if record_id is None:
            raise Refusal(404, "OBJECT_NOT_FOUND", "resource not found")
        properties = check_properties(_object(body).get("properties"), self.schemas[kind])
        self._refuse_taken(kind, properties, record_id)
        self._change(kind, record_id, properties)
        return json_response({"id": record_id, "properties": self.records[kind][record_id]})

    async def upsert(self, request: web.Request, body: Any) -> web.StreamResponse:
        """All or nothing, unless each input has a trace id of its own: then each is answered for."""
        kind, inputs = _kind(request), _inputs(body, _MAX_INPUTS)
        keys = [(each.get("idProperty"), each.get("id")) for each in inputs]
        if any(key == "email" for key, _ in keys):
            raise Refusal(400, "VALIDATION_ERROR", "Partial upserts are not supported when idProperty is email")
        if len(set(keys)) < len(keys):
            raise Refusal(409, "CONFLICT", "Duplicate IDs found in batch input")
        if self.is_forgetful:
            return json_response({"status": "COMPLETE", "results": []})
        traces = [each.get("objectWriteTraceId") for each in inputs]
        is_traced = all(isinstance(trace, str) and trace for trace in traces) and len(set(traces)) == len(traces)
        results, errors = [], []
        for each in inputs:
            try:
                results.append(self._upsert_one(kind, each, is_dry=not is_traced))
            except Refusal as refusal:
                if not is_traced:
                    raise
                context = {"ids": [each.get("id")], "objectWriteTraceId": [each["objectWriteTraceId"]]}
                errors.append({"status": "error", **refusal.error(), "context": context})
        if not is_traced:
            results = [self._upsert_one(kind, each) for each in inputs]
        answer = {"status": "COMPLETE", "results": results[::-1], "startedAt": "", "completedAt": ""}
        return (
            json_response({**answer, "numErrors": len(errors), "errors": errors}, 207)
            if errors
            else json_response(answer)
        )

    def _upsert_one(self, kind: str, each: dict[str, Any], is_dry: bool = False) -> dict[str, Any]:
        key, value = each.get("idProperty"), each.get("id")
        check_properties({key: value} if isinstance(key, str) else None, self.schemas[kind])
        properties = check_properties(each.get("properties"), self.schemas[kind])
        record_id = self._find(kind, str(key), str(value))
        self._refuse_taken(kind, properties, record_id)
        if is_dry:
            return {}
        is_new = record_id is None
        if record_id is None:
            record_id = self._add(kind, {str(key): str(value), **properties})
        else:
            self._change(kind, record_id, properties)
        return {"id": record_id, "new": is_new, "properties": self.records[kind][record_id]}

    async def read(self, request: web.Request, body: Any) -> web.StreamResponse:
        kind, inputs = _kind(request), _inputs(body, _MAX_INPUTS)
        key, wanted = body.get("idProperty", "hs_object_id"), body.get("properties", [])
        found = {str(each.get("id")): self._find(kind, key, str(each.get("id"))) for each in inputs}
        results = [
            {"id": record_id, "properties": {name: self.records[kind][record_id].get(name) for name in wanted}}
            for record_id in found.values()
            if record_id is not None
        ]
        missing = [value for value, record_id in found.items() if record_id is None]
        answer = {"status": "COMPLETE", "results": results}
        if not missing:
            return json_response(answer)
        message = "Could not get some CONTACT objects, they may be deleted or not exist."
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
        return json_response({**answer, "numErrors": 1, "errors": [error]}, 207)

    async def merge(self, request: web.Request, body: Any) -> web.StreamResponse:
        contacts = self.records["contacts"]
        primary, other = _object(body).get("primaryObjectId"), body.get("objectIdToMerge")
        if primary not in contacts or other not in contacts or primary == other:
            raise Refusal(404, "OBJECT_NOT_FOUND", "resource not found")
        identities = self.identities.get(primary, 1) + self.identities.get(other, 1)
        if identities > _MAX_IDENTITIES:
            raise Refusal(414, "VALIDATION_ERROR", f"the contact would have more than {_MAX_IDENTITIES} identities")
        contacts[primary] = {**contacts.pop(other), **contacts[primary]}
        self.identities[primary] = identities
        self.accept("merge", body)
        return json_response({"id": primary, "properties": contacts[primary]})

    async def link(self, request: web.Request, body: Any) -> web.StreamResponse:
        contact, company = self._unlocked(request.match_info["id"]), self._unlocked(request.match_info["company"])
        if contact not in self.records["contacts"] or company not in self.records["companies"]:
            raise Refusal(404, "OBJECT_NOT_FOUND", "resource not found")
        self.links.add((contact, company))
        self.accept("link", {"contact": contact, "company": company})
        return json_response({"status": "COMPLETE", "results": []})

    def _find(self, kind: str, key: str, value: str) -> str | None:
        if key == "hs_object_id":
            return self._unlocked(value) if value in self.records[kind] else None
        known = self.schemas[kind].get(key)
        if known is None:
            check_properties({key: value}, self.schemas[kind])
        if known is None or not known.is_unique:
            raise Refusal(400, "VALIDATION_ERROR", f"{key} has no unique values")
        wanted = value.lower() if key == "email" else value
        found = (record_id for record_id, record in self.records[kind].items() if record.get(key) == wanted)
        record_id = next(found, None)
        return None if record_id is None else self._unlocked(record_id)

    def _refuse_taken(self, kind: str, properties: dict[str, str], own: str | None) -> None:
        """Source: answers that public integrations keep in their tests (read 2026-11-27)."""
        for name, value in properties.items():
            if value and self.schemas[kind][name].is_unique:
                other = self._find(kind, name, value)
                if other in (None, own):
                    continue
                if name == "email":
                    raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {other}")
                what = f"PropertyValueCoordinates{{portalId=1, propertyName={name}, value={value}}}"
                message = f"Cannot set {what} on {own or next(self._numbers)}. {other} already has that value."
                raise Refusal(400, "VALIDATION_ERROR", message)

    def _add(self, kind: str, properties: dict[str, str]) -> str:
        record_id = str(next(self._numbers))
        self.records[kind][record_id] = {}
        self._change(kind, record_id, properties)
        return record_id

    def _change(self, kind: str, record_id: str, properties: dict[str, str]) -> None:
        record = self.records[kind][record_id]
        for name, value in properties.items():
            if value == "":
                record.pop(name, None)
            else:
                record[name] = value.lower() if name == "email" else value
        self.accept("contact" if kind == "contacts" else "company", properties, id=record_id)

    # --- schema and events ---

    async def create_property(self, request: web.Request, body: Any) -> web.StreamResponse:
        schema = self.schemas[_kind(request)]
        created = check_definition(body)
        if body["name"] in schema:
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", f"A property named '{body['name']}' already exists.")
        schema[body["name"]] = created
        self.accept("property", body)
        return json_response(body, 201)

    async def take_event(self, request: web.Request, body: Any) -> web.StreamResponse:
        return self._take([body])

    async def take_events(self, request: web.Request, body: Any) -> web.StreamResponse:
        return self._take(_inputs(body, _MAX_OCCURRENCES))

    def _take(self, occurrences: list[Any]) -> web.StreamResponse:
        definitions = self._definitions()
        for each in occurrences:
            check_event(each, definitions)
        for each in occurrences:
            key = (each["eventName"], str(each.get("uuid", next(self._numbers))))
            if key not in self._uuids:  # the first one within a year counts
                self._uuids.add(key)
                self.accept("event", each)
        return web.Response(status=204)


class _TooMany(Exception):
    def __init__(self, policy: str) -> None:
        self.policy = policy


async def _json(request: web.Request) -> Any:
    data = await request.read()
    try:
        return orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        raise Refusal(400, "VALIDATION_ERROR", "Invalid input JSON") from None


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "VALIDATION_ERROR", "Invalid input JSON: expected an object")
    return body


def _kind(request: web.Request) -> str:
    kind = request.match_info["kind"]
    if kind not in ("contacts", "companies"):
        raise Refusal(404, "OBJECT_NOT_FOUND", "resource not found")
    return kind


def _inputs(body: Any, most: int) -> list[dict[str, Any]]:
    inputs = _object(body).get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, dict) for each in inputs):
        raise Refusal(400, "VALIDATION_ERROR", "inputs must be a list of objects")
    if len(inputs) > most:
        raise Refusal(400, "VALIDATION_ERROR", f"at most {most} inputs")
    return inputs
