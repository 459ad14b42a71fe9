"""The stand-in for Userlist: users, companies, their relationships and events of one account.

Written from facts/vendors/userlist.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from router.plugin.sandbox import RateWindow, Sandbox, json_response

Resource = dict[str, Any]
"""A user or a company: identifier, email or name, signed_up_at, properties."""

_CODES = {401: "unauthorized", 403: "forbidden", 413: "content_too_large", 422: "unprocessable_content"}
_TIMES = ("signed_up_at", "last_seen_at")


class Refused(Exception):
    """An answer other than 202."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status


class UserlistSandbox(Sandbox):
    """One account. *settings*: ``push_key``. Accepted kinds: ``user``, ``company``, ``event``, each as it came.

    A user or a company that is named by an object is made or updated with it; one named by its id has to be there. A user goes
    by identifier or email: the official clients want either (github.com/userlist, read 2026-11-28).
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_request_bytes = 100_000
        self.max_requests_per_minute = 1_000
        self.has_companies = True
        """Whether the plan has them; without, each request that tells of one is a 403."""
        self.users: list[Resource] = []
        self.companies: list[Resource] = []
        self.relationships: dict[tuple[str, str], Any] = {}
        """The properties of each by user (their identifier, else their email) and company."""
        self._minute = RateWindow(60.0)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/users", self._guarded(self.push_user)),
            web.post("/companies", self._guarded(self.push_company)),
            web.post("/events", self._guarded(self.push_event)),
        ]

    def _guarded(self, handle: Callable[[dict[str, Any]], None]) -> Any:
        """Key, rate, size and JSON: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            try:
                if request.headers.get("Authorization") != f"Push {self.settings['push_key']}":
                    raise Refused(401, "Invalid push key")
                if not self._minute.has_room(self.now_s(), self.max_requests_per_minute):
                    raise Refused(429, "Too many requests")
                handle(self._read(await request.read()))
            except Refused as refused:
                code = _CODES.get(refused.status, "error")
                answer = {"status": refused.status, "code": code, "errors": list(refused.args)}
                return json_response(answer, refused.status)
            return web.Response(status=202)

        return guarded

    def _read(self, data: bytes) -> dict[str, Any]:
        if len(data) > self.max_request_bytes:
            raise Refused(413, "The payload is too large")
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Refused(422, "The payload is no JSON") from None
        if not isinstance(body, dict):
            raise Refused(422, "The payload must be an object")
        return body

    def push_user(self, body: dict[str, Any]) -> None:
        user = self._user(body)
        companies = [body["company"]] if "company" in body else []
        for relationship in _list(body, "relationships"):
            companies.append(relationship.get("company"))
        for company in map(self._company, companies):
            self.relationships[_name_of(user), company["identifier"]] = {}
        self.accept("user", body)

    def push_company(self, body: dict[str, Any]) -> None:
        company = self._company(body)
        for relationship in _list(body, "relationships"):
            user = self._user(relationship.get("user"))
            self.relationships[_name_of(user), company["identifier"]] = relationship.get("properties", {})
        self.accept("company", body)

    def push_event(self, body: dict[str, Any]) -> None:
        _check_text(body, "name")
        _check_properties(body)
        _check_time(body, "occurred_at")
        if "user" not in body and "company" not in body:
            raise Refused(422, "User must exist")
        if "user" in body:
            self._user(body["user"])
        if "company" in body:
            self._company(body["company"])
        self.accept("event", body)

    def _user(self, told: Any) -> Resource:
        return _upsert(self.users, told, "User", ("identifier", "email"), "email")

    def _company(self, told: Any) -> Resource:
        if not self.has_companies:
            raise Refused(403, "Your plan has no companies")
        return _upsert(self.companies, told, "Company", ("identifier",), "name")


def _upsert(known: list[Resource], told: Any, kind: str, keys: Sequence[str], text: str) -> Resource:
    """The user or company that *told* names by its id, or describes: with one of *keys* at least. A null removes a property."""
    told_of = told if isinstance(told, dict) else {"identifier": told}
    found = next((each for each in known if _is_same(each, told_of, keys)), None)
    if not isinstance(told, dict):
        if found is None:
            raise Refused(422, f"{kind} must exist")
        return found
    if not told.keys() & set(keys):
        raise Refused(422, f"{keys[-1]} can't be blank".capitalize())
    for name in (*keys, text):
        if name in told:
            _check_text(told, name)
    _check_properties(told)
    for name in _TIMES:
        _check_time(told, name)
    if found is None:
        found = {"properties": {}}
        known.append(found)
    found |= {name: told[name] for name in (*keys, text, *_TIMES) if name in told}
    properties = {**found["properties"], **told.get("properties", {})}
    found["properties"] = {name: value for name, value in properties.items() if value is not None}
    return found


def _is_same(known: Resource, told: Resource, keys: Sequence[str]) -> bool:
    """By the first of *keys* that both have."""
    key = next((key for key in keys if key in known and key in told), "")
    return bool(key) and known[key] == told[key]


def _name_of(user: Resource) -> str:
    return str(user.get("identifier") or user["email"])


def _list(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = body.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Refused(422, f"{name} must be a list of objects")
    return found


def _check_text(body: dict[str, Any], name: str) -> None:
    if not isinstance(body.get(name), str) or not body[name].strip():
        raise Refused(422, f"{name} can't be blank")


def _check_properties(body: dict[str, Any]) -> None:
    if not isinstance(body.get("properties", {}), dict):
        raise Refused(422, "properties must be an object")


def _check_time(body: dict[str, Any], name: str) -> None:
    try:
        datetime.fromisoformat(body.get(name, "2026-01-01"))
    except (TypeError, ValueError):
        raise Refused(422, f"{name} must be an ISO 8601 time") from None
