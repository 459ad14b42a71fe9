"""The stand-in for Heap: one environment, its users and its accounts.

Written from facts/vendors/heap.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.heap.sandbox_rules import invalid_account, invalid_event, invalid_user, stored
from router.plugin.sandbox import RateWindow, Sandbox, json_response

Properties = dict[str, Any]
_MOST = 1_000


class HeapSandbox(Sandbox):
    """One environment. *settings*: ``app_id``. What comes for another one is answered as if all were well.

    Accepted kinds: ``event``, ``user`` and ``account``, each as it was sent.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.monotonic
        self.has_accounts = True
        """Whether a user property is set up as Account ID."""
        self.most_of_one, self.most_of_all = 1_000, 15_000
        """Events a minute: of one identity, and of all."""
        self.users: dict[str, Properties] = {}
        self.accounts: dict[str, Properties] = {}
        self._keys: set[str] = set()
        self._of_all = RateWindow(60)
        self._of_one: dict[str, RateWindow] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/api/track", self.track),
            web.post("/api/add_user_properties", self.add_user_properties),
            web.post("/api/add_account_properties", self.add_account_properties),
        ]

    async def track(self, request: web.Request) -> web.Response:
        items, is_ours, refusal = await self._read(request, "events", invalid_event)
        if refusal:
            return _refuse(refusal)
        if not self._has_room(items):
            return json_response({"error": "too many events"}, 429)
        for event in items if is_ours else ():
            key = event.get("idempotency_key")
            if key in self._keys:
                continue
            self._keys |= {key} if key else set()
            self.users.setdefault(_whom(event), {})
            self.accept("event", event, stored=stored(event.get("properties", {})))
        return json_response({})

    async def add_user_properties(self, request: web.Request) -> web.Response:
        items, is_ours, refusal = await self._read(request, "users", invalid_user)
        if refusal:
            return _refuse(refusal)
        for user in items if is_ours else ():
            self.users.setdefault(_whom(user), {}).update(stored(user["properties"]))
            self.accept("user", user)
        return json_response({})

    async def add_account_properties(self, request: web.Request) -> web.Response:
        items, is_ours, refusal = await self._read(request, "accounts", invalid_account)
        if refusal or not self.has_accounts:
            return _refuse(refusal or "Account ID is not configured")
        for account in items if is_ours else ():
            self.accounts.setdefault(account["account_id"], {}).update(stored(account["properties"]))
            self.accept("account", account)
        return json_response({})

    async def _read(
        self, request: web.Request, several: str, invalid: Callable[[Any], str]
    ) -> tuple[list[Properties], bool, str]:
        """The items of a request, whether they are for this environment, and why the request is refused."""
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return [], False, "the body is no JSON"
        if not isinstance(body, dict) or not isinstance(body.get("app_id"), str) or not body["app_id"]:
            return [], False, "app_id is missing"
        items = body.get(several, [body])
        if not isinstance(items, list) or not 1 <= len(items) <= _MOST:
            return [], False, f"{several} is no list of 1 to {_MOST}"
        return items, body["app_id"] == self.settings.get("app_id"), next(filter(None, map(invalid, items)), "")

    def _has_room(self, events: list[Properties]) -> bool:
        now_s = self.now_s()
        return all(
            self._of_all.has_room(now_s, self.most_of_all)
            and self._of_one.setdefault(_whom(event), RateWindow(60)).has_room(now_s, self.most_of_one)
            for event in events
        )


def _whom(item: Properties) -> str:
    return str(item.get("identity") or item.get("user_id"))


def _refuse(why: str) -> web.Response:
    return json_response({"error": why}, 400)
