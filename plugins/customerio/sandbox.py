"""A stand-in for one Customer.io workspace: Track API v2 and Pipelines, as the fact sheet describes them.

What it takes is remembered under these kinds: of Track ``person``, ``event``, ``page``, ``screen``, ``device``, ``merge``,
``object``; of Pipelines ``identify``, ``track``, ``page``, ``screen``, ``group``, ``alias``.

Source: facts/vendors/customerio.md.
"""

from __future__ import annotations

import base64
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.customerio.sandbox_rules import BATCH_LIMIT_BYTES, ITEM_LIMIT_BYTES, refuse_call, refuse_entity
from router.plugin.sandbox import RateWindow, Sandbox, json_response

_KEPT_PEOPLE = 100_000
_KEPT_IDS = 200_000
_UNAUTHORIZED = {"meta": {"error": "Unauthorized request"}}
_KINDS = {"identify": "person", "add_device": "device", "delete_device": "device"}
_CALL_KINDS = ("identify", "track", "page", "screen", "group", "alias")


class CustomerioSandbox(Sandbox):
    """``site_id`` and ``api_key`` of the settings open Track; ``api_key`` alone opens Pipelines."""

    requests_per_s = 1_000
    """Track: 1000 a second; Pipelines: 3000 in three seconds."""
    region = "us"

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.object_types = {"1"}
        self.people: OrderedDict[str, dict[str, Any]] = OrderedDict()
        """Attributes of each person, under ``id:…``, ``email:…`` or ``cio_id:…``; bounded, the oldest go first."""
        self.suppressed: set[str] = set()
        """People of whom everything is answered as taken, and nothing is."""
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._recent = RateWindow(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/api/v1/accounts/region", self._get_region),
            web.post("/api/v2/entity", self._post_entity),
            web.post("/api/v2/batch", self._post_entities),
            web.post("/v1/batch", self._post_calls),
            *(web.post(f"/v1/{kind}", self._post_call) for kind in _CALL_KINDS),
        ]

    async def _get_region(self, request: web.Request) -> web.Response:
        if not self._knows_site(request):
            return json_response(_UNAUTHORIZED, 401)
        return json_response({"region": self.region})

    async def _post_entity(self, request: web.Request) -> web.Response:
        early = self._refuse_early(request)
        if early is not None:
            return early
        data = await request.read()
        if len(data) > ITEM_LIMIT_BYTES:
            return json_response({"errors": [{"reason": "invalid", "message": "request too large"}]}, 413)
        try:
            item = orjson.loads(data)
        except orjson.JSONDecodeError:
            return json_response({"errors": [{"reason": "invalid", "message": "no JSON"}]}, 400)
        refusal = refuse_entity(item, self.object_types)
        if refusal:
            return json_response({"errors": [refusal]}, 400)
        self._take_entity(item)
        return json_response({})

    async def _post_entities(self, request: web.Request) -> web.Response:
        early = self._refuse_early(request)
        if early is not None:
            return early
        data = await request.read()
        if len(data) > BATCH_LIMIT_BYTES:
            return json_response({"errors": [{"reason": "invalid", "message": "request too large"}]}, 413)
        items = _batch_of(data)
        if items is None:
            error = {"reason": "required", "field": "batch", "message": "must be a list that is not empty"}
            return json_response({"errors": [error]}, 400)
        errors = []
        for index, item in enumerate(items):
            refusal = refuse_entity(item, self.object_types)
            if refusal:
                errors.append({"batch_index": index, **refusal})
            else:
                self._take_entity(item)
        return json_response({"errors": errors}, 207) if errors else json_response({})

    async def _post_call(self, request: web.Request) -> web.Response:
        data = await request.read()
        kind = request.path.rsplit("/", 1)[-1]
        try:
            item = orjson.loads(data)
        except orjson.JSONDecodeError:
            item = None
        problem = self._refuse_key(request) or _bad(refuse_call(item, kind))
        if problem is None and self._is_too_fast():
            return web.Response(status=429)
        if problem is None:
            self._take_call(item, kind, item.get("context"))
        return _answer_call(request, problem)

    async def _post_calls(self, request: web.Request) -> web.Response:
        data = await request.read()
        items = _batch_of(data)
        problem = self._refuse_key(request)
        if problem is None and self._is_too_fast():
            return web.Response(status=429)
        if problem is None and len(data) > BATCH_LIMIT_BYTES:
            problem = (400, "a batch may have 500KB")
        if problem is None and items is None:
            problem = (400, "batch must be a list that is not empty")
        for item in items or []:
            problem = problem or _bad(refuse_call(item) or _refuse_in_batch(item))
        if problem is None and items is not None:
            context = orjson.loads(data).get("context")
            for item in items:
                self._take_call(item, item["type"], context)
        return _answer_call(request, problem)

    def _refuse_early(self, request: web.Request) -> web.Response | None:
        if not self._knows_site(request):
            return json_response(_UNAUTHORIZED, 401)
        return web.Response(status=429) if self._is_too_fast() else None

    def _knows_site(self, request: web.Request) -> bool:
        return _basic(request) == (self.settings.get("site_id"), self.settings.get("api_key"))

    def _refuse_key(self, request: web.Request) -> tuple[int, str] | None:
        if _basic(request) == (self.settings.get("api_key"), ""):
            return None
        return 401, "unknown source key"

    def _is_too_fast(self) -> bool:
        return not self._recent.has_room(time.monotonic(), self.requests_per_s)

    def _is_repeated(self, key: str) -> bool:
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _KEPT_IDS:
            self._seen.popitem(last=False)
        return False

    def _take_call(self, item: dict[str, Any], kind: str, context: Any) -> None:
        message_id = item.get("messageId")
        if isinstance(message_id, str) and self._is_repeated(f"{kind} {message_id}"):
            return
        self.accept(kind, item, context=context)

    def _take_entity(self, item: dict[str, Any]) -> None:
        action = item["action"]
        if self._is_suppressed(item):
            return
        if action in ("event", "page", "screen") and "id" in item and self._is_repeated(item["id"]):
            return
        if item["type"] == "object":
            self.accept("object", item)
            return
        if action == "merge":
            if not self._merge(item):
                return
        elif action == "identify":
            self._identify(item)
        self.accept(_KINDS.get(action, action), item)

    def _is_suppressed(self, item: dict[str, Any]) -> bool:
        """Whether the item is of somebody who is suppressed, from it on or since an earlier one."""
        if item["type"] != "person" or item["action"] == "merge":
            return False
        key = _key(item["identifiers"])
        if item["action"] == "suppress":
            self.suppressed.add(key)
        elif item["action"] == "unsuppress":
            self.suppressed.discard(key)
        return key in self.suppressed

    def _identify(self, item: dict[str, Any]) -> None:
        """Attributes are added and replaced; null and the empty text take one away."""
        key = _key(item["identifiers"])
        attributes = item.get("attributes", {})
        email = attributes.get("email")
        person = self.people.get(key)
        if person is None and isinstance(email, str):
            person = self.people.get(f"email:{email}")
        person = {} if person is None else person
        person.update({name: value for name, value in attributes.items() if value not in (None, "")})
        for name, value in attributes.items():
            if value in (None, ""):
                person.pop(name, None)
        self.people[key] = person
        if isinstance(email, str) and email:
            self.people[f"email:{email}"] = person
        while len(self.people) > _KEPT_PEOPLE:
            self.people.popitem(last=False)

    def _merge(self, item: dict[str, Any]) -> bool:
        """False where the primary does not exist: then nothing happens, and nobody is told."""
        primary = self.people.get(_key(item["primary"]))
        if primary is None:
            return False
        secondary = self.people.pop(_key(item["secondary"]), {})
        for name, value in secondary.items():
            primary.setdefault(name, value)
        return True


def _basic(request: web.Request) -> tuple[str, str] | None:
    """User and password of HTTP Basic."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None


def _batch_of(data: bytes) -> list[Any] | None:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    items = body.get("batch") if isinstance(body, dict) else None
    return items if isinstance(items, list) and items else None


def _refuse_in_batch(item: Any) -> str | None:
    """What a batch does not take although the call alone is fine: an alias."""
    return "alias is not taken in a batch" if item["type"] == "alias" else None


def _bad(problem: str | None) -> tuple[int, str] | None:
    return (400, problem) if problem else None


def _answer_call(request: web.Request, problem: tuple[int, str] | None) -> web.Response:
    """Without ``X-Strict-Mode: 1`` every answer is 200, whatever happened."""
    if problem is None or request.headers.get("X-Strict-Mode") != "1":
        return json_response({"success": True})
    status, message = problem
    return json_response({"error": message}, status)


def _key(identifiers: dict[str, str]) -> str:
    [(name, value)] = identifiers.items()
    return f"{name}:{value}"
