"""The stand-in for Meta's Conversions API: the events edge of one pixel.

Written from facts/vendors/facebook-conversions-api.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.facebook_conversions.sandbox_rules import BAD_PARAMETER, faults_of
from router.plugin.sandbox import Sandbox, json_response

_MAX_EVENTS: Final = 1_000
_DEDUPLICATION_S: Final = 48 * 3_600


class FacebookSandbox(Sandbox):
    """One pixel. *settings*: ``pixel_id``, ``access_token``.

    Accepted kind: ``event``; one that is sent again within 48 hours is taken and not kept twice.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.checks_age = False
        """Refuse events that are too old, or in the future. Off, since a rehearsal may replay what is long past."""
        self.error: dict[str, Any] = {}
        """What the Graph API has to say instead: ``{"code": 4}``; ``status`` beside it is that of the answer."""
        self.max_bytes = 1_000_000
        self._seen: dict[tuple[str, str], float] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/{version}/{pixel_id}/events", self.take_events)]

    async def take_events(self, request: web.Request) -> web.Response:
        response = self._answer(request, await request.read())
        response.headers["Date"] = formatdate(self.now_s(), usegmt=True)
        return response

    def _answer(self, request: web.Request, data: bytes) -> web.Response:
        if len(data) > self.max_bytes:
            return web.Response(status=413)
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            return _refuse("(#100) The body is not JSON", 100)
        if not isinstance(body, dict):
            return _refuse("(#100) The body is no object", 100)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or request.query.get("access_token", "") or str(body.get("access_token", ""))
        if token != self.settings.get("access_token"):
            return _refuse("Error validating access token: the session is invalid", 190, 463, 401)
        if request.match_info["pixel_id"] != self.settings.get("pixel_id"):
            return _refuse("Unsupported post request. Object does not exist or lacks permissions", 100, 33)
        if self.error:
            return _refuse("The sandbox was told to refuse", **{"status": 400, **self.error})
        events = body.get("data")
        if not isinstance(events, list) or not events:
            return _refuse("(#100) param data must be non-empty", 100)
        if len(events) > _MAX_EVENTS:
            return _refuse("Invalid parameter", 100, BAD_PARAMETER, words=f"at most {_MAX_EVENTS} events")
        now_s = self.now_s() if self.checks_age else None
        for event in events:
            for subcode, words in faults_of(event, now_s):
                return _refuse("Invalid parameter", 100, subcode, words=words)
        for event in events:
            self._keep(event, body)
        return json_response({"events_received": len(events), "messages": [], "fbtrace_id": "sandbox"})

    def _keep(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        now = self.now_s()
        key = (event["event_name"], str(event.get("event_id")))
        if "event_id" in event and now - self._seen.get(key, float("-inf")) < _DEDUPLICATION_S:
            return
        self._seen[key] = now
        self.accept("event", event, is_test="test_event_code" in body)


def _refuse(message: str, code: int, subcode: int | None = None, status: int = 400, **more: Any) -> web.Response:
    words = more.pop("words", None)
    error = {"message": message, "type": "OAuthException", "code": code, "is_transient": False, "fbtrace_id": "sandbox"}
    if subcode is not None:
        error["error_subcode"] = subcode
    if words is not None:
        error["error_user_msg"] = words
    return json_response({"error": error | more}, status)
