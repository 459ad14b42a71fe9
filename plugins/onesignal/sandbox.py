"""The stand-in for OneSignal: users, their identity and custom events of one app.

Written from facts/vendors/onesignal.md, not from the mapper.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from plugins.onesignal.sandbox_rules import check_event, check_identity, check_properties, check_subscriptions
from router.plugin.sandbox import Sandbox, json_response

User = dict[str, Any]
"""identity, tags, properties, subscriptions"""

_KEY_KEPT_S = 4 * 3_600


class _Refused(Exception):
    def __init__(self, status: int, code: str, title: str = "", **meta: Any) -> None:
        self.status, self.error = status, {"code": code, "title": title or code, **({"meta": meta} if meta else {})}


class OneSignalSandbox(Sandbox):
    """One app. *settings*: ``app_id``, ``api_key``.

    Accepted kinds: ``user`` (each upsert as it came), ``identity`` and ``event``. An event whose key was seen in the last four
    hours is ignored.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_request_bytes = 1_000_000
        self.max_requests_per_s = 1_000
        self.user_interval_s = 0.0
        """How long a user has to be left alone between two requests: a second at OneSignal. Off here unless a test or a
        rehearsal sets it, since each 429 makes a destination wait."""
        self.max_tags = 100
        """What the plan allows; beyond it a call is refused."""
        self.users: list[User] = []
        self._numbers = count(1)
        self._second = (0, 0)
        self._touched: dict[str, float] = {}
        self._keys: dict[str, float] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        users = "/apps/{app_id}/users"
        return [
            web.get("/apps/{app_id}", self._guarded(self.view_app)),
            web.get("/apps/{app_id}/segments", self._guarded(self.view_segments)),
            web.post(users, self._guarded(self.upsert)),
            web.patch(users + "/by/{label}/{id}/identity", self._guarded(self.rename)),
            web.post("/apps/{app_id}/custom_events", self._guarded(self.take_events)),
        ]

    def _guarded(self, handle: Callable[[web.Request, dict[str, Any]], tuple[int, dict[str, Any]]]) -> Any:
        """Key, app, rate, size and JSON: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            try:
                if request.headers.get("Authorization") != f"Key {self.settings.get('api_key')}":
                    raise _Refused(401, "unauthorized")
                if request.match_info["app_id"] != self.settings.get("app_id"):
                    raise _Refused(403, "forbidden", "this key is of another app")
                if not self._has_room():
                    return _too_many()
                status, answer = handle(request, self._read(await request.read()))
                return json_response(answer, status)
            except _Refused as refused:
                if refused.status == 429:
                    return _too_many()
                return json_response({"errors": [refused.error]}, refused.status)

        return guarded

    def _has_room(self) -> bool:
        second = math.floor(self.now_s())
        used = self._second[1] if self._second[0] == second else 0
        self._second = (second, used + 1)
        return used < self.max_requests_per_s

    def _touch(self, user: str) -> None:
        """One request a second for a user."""
        now_s = self.now_s()
        if now_s - self._touched.get(user, -math.inf) < self.user_interval_s:
            raise _Refused(429, "rate")
        self._touched[user] = now_s

    def _read(self, data: bytes) -> dict[str, Any]:
        if len(data) > self.max_request_bytes:
            raise _Refused(413, "too_large")
        try:
            body = orjson.loads(data or b"{}")
        except orjson.JSONDecodeError:
            raise _Refused(400, "invalid_json") from None
        if not isinstance(body, dict):
            raise _Refused(400, "invalid_json", "expected an object")
        return body

    def view_app(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raise _Refused(403, "forbidden", "this takes the key of the organization, not that of an app")

    def view_segments(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"total_count": 0, "offset": 0, "limit": int(request.query.get("limit", 300)), "segments": []}

    # --- users ---

    def upsert(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        identity, properties = body.get("identity"), body.get("properties", {})
        subscriptions = body.get("subscriptions", [])
        fault = check_identity(identity) or check_properties(properties) or check_subscriptions(subscriptions)
        if fault or not isinstance(identity, dict):
            raise _Refused(400, "invalid", fault)
        self._touch(orjson.dumps(identity).decode())
        found = [user for user in map(self.find, identity, identity.values()) if user is not None]
        if any(user is not found[0] for user in found):
            raise _Refused(409, "conflict", conflicting_aliases=identity)
        status = 200 if found else 201
        user = found[0] if found else self._new_user()
        tags = {**user["tags"], **properties.get("tags", {})}
        tags = {name: value for name, value in tags.items() if value != ""}
        if len(tags) > self.max_tags:
            raise _Refused(409, "entitlement", "the plan allows no more tags")
        if not found:
            self.users.append(user)
        user["identity"] |= identity
        user["tags"] = tags
        user["properties"] |= {name: value for name, value in properties.items() if name != "tags"}
        user["subscriptions"] += [each for each in subscriptions if each not in user["subscriptions"]]
        self.accept("user", body)
        return status, user

    def find(self, label: str, id: str) -> User | None:
        return next((user for user in self.users if user["identity"].get(label) == id), None)

    def _new_user(self) -> User:
        identity = {"onesignal_id": str(UUID(int=next(self._numbers)))}
        return {"identity": identity, "tags": {}, "properties": {}, "subscriptions": []}

    def rename(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        identity = body.get("identity")
        fault = check_identity(identity)
        if fault or not isinstance(identity, dict):
            raise _Refused(400, "invalid", fault)
        user = self.find(request.match_info["label"], request.match_info["id"])
        if user is None:
            raise _Refused(404, "not_found", "no such user")
        others = {label: id for label, id in identity.items() if self.find(label, id) not in (None, user)}
        if others:
            raise _Refused(409, "conflict", "the alias is another user's", conflicting_aliases=others)
        user["identity"] |= identity
        self.accept("identity", {"label": request.match_info["label"], "id": request.match_info["id"], **body})
        return 200, {"identity": user["identity"]}

    # --- events ---

    def take_events(self, request: web.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        events = body.get("events")
        if not isinstance(events, list) or not events:
            raise _Refused(400, "invalid", "events must be a list")
        for event in events:
            fault = check_event(event)
            if fault:
                raise _Refused(400, "invalid", fault)
        errors = []
        for event in events:
            label = "external_id" if "external_id" in event else "onesignal_id"
            if self.find(label, event[label]) is None:
                error = {"code": "not found", "title": "no such user"}
                errors.append(
                    {"event_user_id": event[label], "event_id": event.get("idempotency_key", ""), "error": error}
                )
            elif not self._is_repeated(event.get("idempotency_key")):
                self.accept("event", event)
        return 202, {"errors": errors} if errors else {}

    def _is_repeated(self, key: str | None) -> bool:
        if key is None:
            return False
        now_s = self.now_s()
        is_repeated = now_s - self._keys.get(key, -math.inf) < _KEY_KEPT_S
        self._keys[key] = now_s
        return is_repeated


def _too_many() -> web.Response:
    response = json_response({"errors": ["API rate limit exceeded."]}, 429)
    response.headers["Retry-After"] = "1"
    return response
