"""The stand-in for Userpilot: one environment, its users and its companies.

Written from facts/vendors/userpilot.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from router.plugin.sandbox import RateWindow, Sandbox, json_response

Properties = dict[str, Any]


class UserpilotSandbox(Sandbox):
    """One environment. *settings*: ``api_key``.

    Accepted kinds: ``user``, ``company`` and ``event``, each as it was sent.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.monotonic
        self.most = 600
        """Requests a minute that identify, and as many that track."""
        self.users: dict[str, Properties] = {}
        self.companies: dict[str, Properties] = {}
        self.company_of: dict[str, str] = {}
        """The one company of a user."""
        self._identified, self._tracked = RateWindow(60), RateWindow(60)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/v1/validate", self.validate),
            web.post("/v1/identify", self._guarded(self.identify, self._identified)),
            web.post("/v1/companies/identify", self._guarded(self.identify_company, self._identified)),
            web.post("/v1/track", self._guarded(self.track, self._tracked)),
        ]

    async def validate(self, request: web.Request) -> web.Response:
        return self._unauthorized(request) or json_response({})

    def identify(self, body: Properties) -> str:
        """Why it is refused, "" where it is taken; as the two below."""
        company = body.get("company", {"id": "none"})
        if not _is_id(body.get("user_id")):
            return "user_id is missing"
        if not isinstance(company, dict) or not _is_id(company.get("id")):
            return "a company needs an id"
        if why := _invalid(body.get("metadata", {})) or _invalid(company):
            return why
        _write(self.users.setdefault(body["user_id"], {}), body.get("metadata", {}))
        if "company" in body:
            parts = {name: value for name, value in company.items() if name != "id"}
            _write(self.companies.setdefault(company["id"], {}), parts)
            self.company_of[body["user_id"]] = company["id"]
        self.accept("user", body)
        return ""

    def identify_company(self, body: Properties) -> str:
        if not _is_id(body.get("company_id")):
            return "company_id is missing"
        if why := _invalid(body.get("metadata", {})):
            return why
        _write(self.companies.setdefault(body["company_id"], {}), body.get("metadata", {}))
        self.accept("company", body)
        return ""

    def track(self, body: Properties) -> str:
        if not _is_id(body.get("user_id")) or not _is_id(body.get("event_name")):
            return "user_id or event_name is missing"
        if why := _invalid(body.get("metadata", {})):
            return why
        self.accept("event", body)
        return ""

    def _guarded(self, take: Callable[[Properties], str], rate: RateWindow) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            if refusal := self._unauthorized(request):
                return refusal
            if not rate.has_room(self.now_s(), self.most):
                return _error(429, "too many requests")
            if request.headers.get("X-API-Version") != "2020-09-22":
                return _error(400, "X-API-Version is missing")
            try:
                body = orjson.loads(await request.read())
            except orjson.JSONDecodeError:
                return _error(400, "the body is no JSON")
            why = take(body) if isinstance(body, dict) else "the body is no object"
            return _error(422, why) if why else json_response({}, 202)

        return handle

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "token" and key == self.settings.get("api_key"):
            return None
        return _error(401, "invalid API key")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _invalid(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return "metadata is no object"
    names = [name for name, value in metadata.items() if isinstance(value, dict | list)]
    return f"{names[0][:50]} is no string, number, boolean or null" if names else ""


def _write(kept: Properties, metadata: Properties) -> None:
    """What is there stays unless it is written anew; a null removes it."""
    kept.update(metadata)
    for name in [name for name, value in kept.items() if value is None]:
        del kept[name]


def _error(status: int, message: str) -> web.Response:
    return json_response({"errors": [{"error": "refused", "message": message}]}, status)
