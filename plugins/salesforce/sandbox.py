"""The stand-in for Salesforce: tokens, upserts, records and queries of one org.

Written from facts/vendors/salesforce.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.salesforce.sandbox_rules import STANDARD, faults_of, known_fields, parse_query
from router.plugin.sandbox import Sandbox, json_response

_MAX_RECORDS: Final = 200
_OLDEST_VERSION: Final = 31
_SYSTEM: Final = ("Id", "IsConverted", "IsDeleted", "ConvertedContactId")

Record = dict[str, Any]
Handler = Callable[[web.Request, Any], Awaitable[web.Response]]


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        self.status, self.code, self.message, self.field = status, code, message, field


class SalesforceSandbox(Sandbox):
    """One org. *settings*: those of a destination; the fields that they name are the org's custom fields.

    Accepted kinds: the objects' names (``Lead``), with what was written; beside it the record's ``id`` and whether it was
    ``created``.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.records: dict[str, dict[str, Record]] = {}
        """By object and id."""
        self.tokens: set[str] = set()
        """Those that are good; empty it, and all have expired."""
        self.instance_url = ""
        """What a token answer names as the place of requests; else the sandbox itself."""
        self.is_refreshing = False
        """Another process asks for a token at this very moment."""
        self.calls = 0
        self.calls_per_day = 100_000
        self.is_disabled = False
        """The org has no API."""
        self.may_view_setup = False
        """The user has "View Setup and Configuration"."""
        self.has_picklists = False
        """State and Country picklists are on."""
        self.has_duplicate_rule = False
        """One person an email."""
        self.is_limited = False
        """A trigger of the org's does too much."""
        self.locked: set[str] = set()
        """Ids of records that another transaction holds."""
        self._numbers = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        data = "/services/data/{version}"
        return [
            web.post("/services/oauth2/token", self.give_token),
            web.get(f"{data}/limits", self._guarded(self.get_limits)),
            web.get(f"{data}/query", self._guarded(self.query)),
            web.patch(f"{data}/composite/sobjects/{{object}}/{{field}}", self._guarded(self.upsert)),
            web.get(f"{data}/sobjects/{{object}}", self._guarded(self.tell_object)),
            web.post(f"{data}/sobjects/{{object}}", self._guarded(self.create)),
            web.patch(f"{data}/sobjects/{{object}}/{{id}}", self._guarded(self.update)),
        ]

    # --- tokens and limits ---

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (self.settings.get("client_id"), self.settings.get("client_secret")):
            return _token_error("invalid_client", "invalid client credentials")
        if form.get("grant_type") == "refresh_token":
            if self.is_refreshing:
                return _token_error("invalid_grant", "token request is already being processed")
            if not form.get("refresh_token") or form["refresh_token"] != self.settings.get("refresh_token"):
                return _token_error("invalid_grant", "expired access/refresh token")
        elif form.get("grant_type") != "client_credentials":
            return _token_error("unsupported_grant_type", "grant type not supported")
        token = f"00D-token-{next(self._numbers)}"
        self.tokens.add(token)
        return json_response(
            {
                "access_token": token,
                "instance_url": self.instance_url or str(request.url.origin()),
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Token, version, the day's calls and the shape of errors, alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            try:
                self._check(request)
                response = await handler(request, await _json(request))
            except _Refusal as refusal:
                error = {"message": refusal.message, "errorCode": refusal.code}
                error |= {"fields": [refusal.field]} if refusal.field else {}  # type: ignore[dict-item]
                response = json_response([error], refusal.status)
            response.headers["Sforce-Limit-Info"] = f"api-usage={self.calls}/{self.calls_per_day}"
            return response

        return guarded

    def _check(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise _Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.is_disabled:
            raise _Refusal(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization")
        if self.calls >= self.calls_per_day:
            raise _Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.calls += 1
        version = request.match_info["version"].removeprefix("v").removesuffix(".0")
        if not version.isdecimal() or int(version) < _OLDEST_VERSION:
            raise _Refusal(404, "NOT_FOUND", "The requested resource does not exist")

    async def get_limits(self, request: web.Request, body: Any) -> web.Response:
        if not self.may_view_setup:
            raise _Refusal(403, "INSUFFICIENT_ACCESS", "The user has no View Setup and Configuration")
        left = self.calls_per_day - self.calls
        return json_response({"DailyApiRequests": {"Max": self.calls_per_day, "Remaining": left}})

    # --- records ---

    async def tell_object(self, request: web.Request, body: Any) -> web.Response:
        name = request.match_info["object"]
        self._fields(name)
        return json_response({"objectDescribe": {"name": name}, "recentItems": []})

    async def query(self, request: web.Request, body: Any) -> web.Response:
        parsed = parse_query(request.query.get("q", ""))
        if parsed is None:
            raise _Refusal(400, "MALFORMED_QUERY", "unexpected token")
        columns, name, conditions, limit = parsed
        known = {*self._fields(name), *_SYSTEM}
        for column in (*columns, *(field for field, _ in conditions)):
            if column not in known:
                raise _Refusal(400, "INVALID_FIELD", f"No such column '{column}' on entity '{name}'")
        found = [
            record
            for record in self._of(name).values()
            if not record.get("IsDeleted")
            and any(str(record.get(field) or "").casefold() == text.casefold() for field, text in conditions)
        ]
        rows = [
            {
                "attributes": {"type": name},
                **{each: record.get(each, False if each in ("IsConverted", "IsDeleted") else None) for each in columns},
            }
            for record in found[:limit]
        ]
        return json_response({"totalSize": len(rows), "done": True, "records": rows})

    async def upsert(self, request: web.Request, body: Any) -> web.Response:
        name, id_field = request.match_info["object"], request.match_info["field"]
        self._fields(name)
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not records:
            raise _Refusal(400, "JSON_PARSER_ERROR", "The records are missing")
        if len(records) > _MAX_RECORDS:
            raise _Refusal(
                400, "LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {_MAX_RECORDS} records"
            )
        if not id_field or id_field != self._id_field(name):
            raise _Refusal(404, "NOT_FOUND", f"Provided external ID field does not exist: {id_field}")
        for record in records:
            if not isinstance(record, dict) or record.get("attributes", {}).get("type") != name:
                raise _Refusal(400, "INVALID_TYPE", f"every record must have attributes of type {name}")
            self._check_fields(name, record)
        ids = [str(record.get(id_field) or "").casefold() for record in records]
        results = []
        for record, id in zip(records, ids, strict=True):
            if not id:
                results.append(_failure("MISSING_ARGUMENT", f"{id_field} not specified", id_field))
            elif ids.count(id) > 1:
                results.append(_failure("DUPLICATE_VALUE", f"Duplicate external id specified: {id}", id_field))
            else:
                results.append(self._upsert_one(request, name, id_field, record))
        return json_response(results)

    def _upsert_one(self, request: web.Request, name: str, id_field: str, record: Record) -> Record:
        same = [each for each in self._of(name).values() if _is_same(each.get(id_field), record[id_field])]
        try:
            id = self._write(request, name, record, same[0]["Id"] if same else None)
        except _Refusal as refusal:
            return _failure(refusal.code, refusal.message, refusal.field)
        return {"id": id, "success": True, "errors": [], "created": not same}

    async def create(self, request: web.Request, body: Any) -> web.Response:
        name = request.match_info["object"]
        self._check_fields(name, body)
        field = self._id_field(name)
        if any(_is_same(each.get(field), body.get(field)) for each in self._of(name).values()):
            raise _Refusal(400, "DUPLICATE_VALUE", f"duplicate value found: {field}", field)
        return json_response({"id": self._write(request, name, body, None), "success": True, "errors": []}, 201)

    async def update(self, request: web.Request, body: Any) -> web.Response:
        name, id = request.match_info["object"], request.match_info["id"]
        self._check_fields(name, body)
        if id not in self._of(name):
            raise _Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        self._write(request, name, body, id)
        return web.Response(status=204)

    def _write(self, request: web.Request, name: str, sent: Record, id: str | None) -> str:
        written = {field: value for field, value in sent.items() if field != "attributes"}
        held = self._of(name).get(id or "", {})
        if self.is_limited:
            message = "Lead trigger: System.LimitException: Too many SOQL queries: 101"
            raise _Refusal(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        if id in self.locked:
            raise _Refusal(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        if held.get("IsDeleted"):
            raise _Refusal(400, "ENTITY_IS_DELETED", "entity is deleted")
        if held.get("IsConverted"):
            raise _Refusal(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        for fault in faults_of(name, written, id is None, self.has_picklists):
            raise _Refusal(400, *fault)
        allows = request.headers.get("Sforce-Duplicate-Rule-Header", "").replace(" ", "") == "allowSave=true"
        others = [each for each in self._of(name).values() if each["Id"] != id]
        is_double = any(_is_same(each.get("Email"), written.get("Email")) for each in others)
        if self.has_duplicate_rule and is_double and not allows:
            raise _Refusal(400, "DUPLICATES_DETECTED", "Use one of these records?")
        new_id = id or f"00Q{next(self._numbers):012d}"
        self._of(name)[new_id] = {**held, **written, "Id": new_id}
        self.accept(name, written, id=new_id, created=id is None)
        return new_id

    def _of(self, name: str) -> dict[str, Record]:
        return self.records.setdefault(name, {})

    def _id_field(self, name: str) -> str:
        """The object's External ID field: the one that the settings name."""
        prefix = "account_" if name == "Account" else "event_" if name == self.settings.get("event_object") else ""
        return str(self.settings.get(f"{prefix}external_id_field", ""))

    def _fields(self, name: str) -> set[str]:
        """The object's fields, those that the settings name among them."""
        if name not in STANDARD and name != self.settings.get("event_object"):
            raise _Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        setting = {"Lead": "custom_fields", "Contact": "custom_fields", "Account": "account_custom_fields"}
        custom = self.settings.get(setting.get(name, "event_fields"), {}).values()
        return known_fields(name, frozenset({self._id_field(name), *custom}), self.has_picklists)

    def _check_fields(self, name: str, record: Any) -> None:
        if not isinstance(record, dict):
            raise _Refusal(400, "JSON_PARSER_ERROR", "The body is no object")
        for field in record.keys() - self._fields(name) - {"attributes"}:
            raise _Refusal(400, "INVALID_FIELD", f"No such column '{field}' on sobject of type {name}", field)


async def _json(request: web.Request) -> Any:
    if request.method == "GET":
        return None
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise _Refusal(400, "JSON_PARSER_ERROR", "The body is not JSON") from None


def _is_same(value: Any, other: Any) -> bool:
    """External ids and emails know no letter case."""
    return value is not None and str(value).casefold() == str(other).casefold()


def _failure(code: str, message: str, field: str) -> Record:
    return {
        "success": False,
        "errors": [{"statusCode": code, "message": message, "fields": [field] if field else []}],
    }


def _token_error(error: str, words: str) -> web.Response:
    return json_response({"error": error, "error_description": words}, 400)
