"""The stand-in for Acme: it keeps the vendor's rules. Written from the documentation, not from the mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from router.plugin.sandbox import Sandbox, json_response

MAX_ITEMS = 100


class AcmeSandbox(Sandbox):
    """One account. Accepted kinds: ``person``, ``event``."""

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.keys: set[str] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/v1/people", self.take_people), web.post("/v1/events", self.take_events)]

    async def take_people(self, request: web.Request) -> web.Response:
        return await self._take(request, "people", "person", ("id",))

    async def take_events(self, request: web.Request) -> web.Response:
        return await self._take(request, "events", "event", ("name", "person_id", "at", "idempotency_key"))

    async def _take(self, request: web.Request, key: str, kind: str, required: tuple[str, ...]) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.settings['api_key']}":
            return json_response({"error": "wrong API key"}, 401)
        try:
            items: list[Any] = orjson.loads(await request.read())[key]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return json_response({"error": f"expected an object with {key}"}, 400)
        if len(items) > MAX_ITEMS:
            return json_response({"error": f"more than {MAX_ITEMS} {key}"}, 413)
        refused = []
        for index, item in enumerate(items):
            missing = [name for name in required if not item.get(name)]
            key_of_item = item.get("idempotency_key")
            if missing:
                refused.append({"index": index, "reason": f"{missing[0]} is missing"})
            elif key_of_item not in self.keys:  # a repeat is taken without a word, and not kept
                self.accept(kind, item)
                if key_of_item is not None:
                    self.keys.add(key_of_item)
        return json_response({"refused": refused})
