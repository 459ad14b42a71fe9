"""The stand-in for one Pipedrive account: its people, organizations and notes, found and written as the fact sheet says.

Written from facts/vendors/pipedrive.md, not from the mapper. It has the custom fields that its settings name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.pipedrive.sandbox_rules import Fields, Refusal, check_note, check_record
from router.plugin.sandbox import RateWindow, Sandbox, json_response

WINDOW_S: Final = 2
COSTS: Final = {"read": 1, "list": 10, "write": 5, "search": 20}
"""Of version 2, in tokens; version 1 costs twice as much."""
_KINDS: Final = {"persons": "person", "organizations": "organization"}


class PipedriveSandbox(Sandbox):
    """One account. *settings*: ``api_token``; which custom fields it has, say ``person_id_field``, ``organization_id_field``,
    ``fields`` and ``group_fields``.

    Accepted kinds: ``person``, ``organization`` (what was sent) and ``note``.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.is_limited = False
        """Whether the limits count. Off, so that a rehearsal of many events goes through."""
        self.requests_per_window = 20
        self.searches_per_window = 10
        self.tokens_per_day = 30_000
        self.is_unpaid = False
        self.records: dict[str, dict[int, Fields]] = {"person": {}, "organization": {}}
        self.notes: list[Fields] = []
        self.types: dict[str, dict[str, Fields]] = {
            "person": self._types_of("person_id_field", "fields"),
            "organization": self._types_of("organization_id_field", "group_fields"),
        }
        """By key."""
        self.requests_in_window = RateWindow(WINDOW_S)
        self.searches_in_window = RateWindow(WINDOW_S)
        self._spent = 0
        self._numbers = count(901)

    def _types_of(self, id_setting: str, fields_setting: str) -> dict[str, Fields]:
        id_field = self.settings.get(id_setting)
        named = {
            each["key"]: {"type": "varchar", **each} for each in (self.settings.get(fields_setting) or {}).values()
        }
        return named | ({id_field: {"type": "varchar"}} if id_field else {})

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        kinds = "/api/v2/{kinds:persons|organizations}"
        return [
            web.get("/api/v1/users/me", self._guarded(self.show_user, 2 * COSTS["read"])),
            web.get("/api/v1/notes", self._guarded(self.list_notes, 2 * COSTS["list"])),
            web.post("/api/v1/notes", self._guarded(self.add_note, 2 * COSTS["write"])),
            web.get("/api/v2/itemSearch/field", self._guarded(self.search_field, COSTS["search"], is_search=True)),
            web.get(f"{kinds}/search", self._guarded(self.search, COSTS["search"], is_search=True)),
            web.get(f"{kinds}/{{id}}", self._guarded(self.show, COSTS["read"])),
            web.post(kinds, self._guarded(self.create, COSTS["write"])),
            web.patch(f"{kinds}/{{id}}", self._guarded(self.update, COSTS["write"])),
        ]

    # --- what every route has ---

    def _guarded(self, handler: Any, cost: int, *, is_search: bool = False) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._authorise(request)
                self._count(cost, is_search=is_search)
                data = handler(request, await _json(request))
                return json_response({"success": True, "data": data}, 201 if request.method == "POST" else 200)
            except Refusal as refusal:
                response = json_response(refusal.body, refusal.status)
                response.headers.update(refusal.headers)
                return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("x-api-token") != self.settings["api_token"]:
            raise Refusal(401, "unauthorized access")
        if self.is_unpaid:
            raise Refusal(402, "Company account is not open")

    def _count(self, cost: int, *, is_search: bool) -> None:
        if not self.is_limited:
            return
        now = self.now_s()
        windows = [(self.requests_in_window, self.requests_per_window)]
        windows += [(self.searches_in_window, self.searches_per_window)] if is_search else []
        for window, most in windows:
            if not window.has_room(now, most):
                raise Refusal(
                    429,
                    "request over limit",
                    {
                        "x-ratelimit-limit": str(most),
                        "x-ratelimit-remaining": "0",
                        "x-ratelimit-reset": str(WINDOW_S),
                        "x-daily-ratelimit-token-remaining": str(self.tokens_per_day - self._spent),
                    },
                )
        if self._spent + cost > self.tokens_per_day:
            headers = {
                "x-daily-ratelimit-token-limit": str(self.tokens_per_day),
                "x-daily-ratelimit-token-remaining": "0",
            }
            raise Refusal(429, "daily token budget exceeded", headers)
        self._spent += cost

    def show_user(self, request: web.Request, sent: Any) -> Any:
        return {"id": 1, "name": "sandbox"}

    # --- people and organizations ---

    def create(self, request: web.Request, sent: Any) -> Any:
        kind = _kind(request)
        check_record(kind, sent, self.types[kind], is_new=True)
        self._check_organization(sent)
        record: Fields = {
            "id": next(self._numbers),
            "is_deleted": False,
            "custom_fields": dict.fromkeys(self.types[kind]),
        }
        if kind == "person":
            record |= {"org_id": None, "emails": [], "phones": []}
        self.records[kind][record["id"]] = record
        return self._keep(kind, record, sent)

    def update(self, request: web.Request, sent: Any) -> Any:
        kind, record = _kind(request), self._known(request)
        check_record(kind, sent, self.types[kind], is_new=False)
        self._check_organization(sent)
        return self._keep(kind, record, sent)

    def _keep(self, kind: str, record: Fields, sent: Fields) -> Fields:
        """A list takes the place of the one that was there; custom fields that are not sent stay."""
        custom = record["custom_fields"] | sent.get("custom_fields", {})
        record |= sent | {"custom_fields": custom}
        self.accept(kind, sent, id=record["id"])
        return record

    def _check_organization(self, sent: Fields) -> None:
        if "org_id" in sent and not self._is_there("organization", sent["org_id"]):
            raise Refusal(400, "Validation failed: org_id: Organization not found")

    def show(self, request: web.Request, sent: Any) -> Any:
        """A record that was deleted is shown as that for a while, then it is gone."""
        return self._known(request)

    def _known(self, request: web.Request) -> Fields:
        kind, id = _kind(request), request.match_info["id"]
        if not id.isdecimal() or int(id) not in self.records[kind]:
            raise Refusal(404, f"{kind} not found")
        return self.records[kind][int(id)]

    def _is_there(self, kind: str, id: int) -> bool:
        return id in self.records[kind] and not self.records[kind][id]["is_deleted"]

    # --- searches: letter case doesn't count, and the best match need not be the oldest ---

    def search(self, request: web.Request, sent: Any) -> Any:
        kind, query = _kind(request), request.query
        by = query.get("fields")
        if by not in (("email", "name") if kind == "person" else ("name",)) or query.get("exact_match") != "true":
            raise Refusal(400, "Validation failed: this stand-in knows exact searches by email and name")
        return self._found(kind, _term(request), lambda record: _values(record, by))

    def search_field(self, request: web.Request, sent: Any) -> Any:
        kind, key = request.query.get("entity_type", ""), request.query.get("field", "")
        if request.query.get("match") != "exact" or key not in self.types.get(kind, {}):
            raise Refusal(400, f"Validation failed: field: Unknown key '{key}'")
        return self._found(kind, _term(request), lambda record: [record["custom_fields"].get(key)])

    def _found(self, kind: str, term: str, values_of: Callable[[Fields], list[Any]]) -> Fields:
        """The index of the search still has what was deleted a moment ago."""
        records = [
            record
            for record in self.records[kind].values()
            if term in [str(value).casefold() for value in values_of(record) if value is not None]
        ]
        items = [{"result_score": 1.2, "item": {"id": each["id"], "type": kind}} for each in reversed(records)]
        return {"items": items[:100]}

    # --- notes ---

    def list_notes(self, request: web.Request, sent: Any) -> Any:
        person_id, start = request.query.get("person_id", ""), request.query.get("start_date", "")
        return [
            note for note in self.notes if str(note["person_id"]) == person_id and note["add_time"] >= start
        ] or None

    def add_note(self, request: web.Request, sent: Any) -> Any:
        check_note(sent)
        if not self._is_there("person", sent["person_id"]):
            raise Refusal(400, "Validation failed: person_id: Person not found")
        note = {"id": next(self._numbers), **sent}
        self.notes.append(note)
        self.accept("note", sent)
        return note


def _kind(request: web.Request) -> str:
    return _KINDS[request.match_info["kinds"]]


def _term(request: web.Request) -> str:
    term = request.query.get("term", "")
    if not term:
        raise Refusal(400, "Validation failed: term: Required")
    return term.casefold()


def _values(record: Fields, by: str | None) -> list[Any]:
    return [entry["value"] for entry in record["emails"]] if by == "email" else [record["name"]]


async def _json(request: web.Request) -> Any:
    data = await request.read()
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        raise Refusal(400, "Bad request") from None
