"""The stand-in for a tracking API of Segment's family: the batch address of one source, in the manner of one flavour.

Written from facts/vendors/segment-compatible.md, not from the mapper.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from router.plugin.sandbox import RateWindow, Sandbox, json_response

MAX_REQUEST_BYTES: Final = {
    "segment": 500_000,
    "rudderstack": 4_000 * 1024,
    "customerio": 500_000,
    "jitsu": 1_000_000,
    "trait_router": 10_000_000,
}
MAX_EVENT_BYTES: Final = {"segment": 32_000, "customerio": 32_000, "trait_router": 1_000_000}
REMEMBERS_S: Final = {"segment": 24 * 3_600.0, "trait_router": 7 * 86_400.0}
"""How long a messageId is known. RudderStack forgets at once unless told otherwise; of the others nothing is published."""
_CALLS: Final = frozenset({"identify", "track", "page", "screen", "group", "alias"})


class SegmentCompatibleSandbox(Sandbox):
    """One source. *settings*: ``flavour`` (default ``segment``) and ``write_key``.

    Accepted kinds: ``event`` (as it is kept, its time corrected where the request says when it was sent) and ``dropped``: what
    was answered as good and thrown away, with the reason.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.flavour: str = self.settings.get("flavour", "segment")
        self.max_request_bytes = MAX_REQUEST_BYTES[self.flavour]
        self.max_event_bytes = MAX_EVENT_BYTES.get(self.flavour)
        self.max_events = 2_500 if self.flavour in ("segment", "trait_router") else None
        self.remembers_s = REMEMBERS_S.get(self.flavour, 0.0)
        self.requests_per_s: int | None = 1_000 if self.flavour == "segment" else None
        self.is_disabled = False
        """The source is switched off (RudderStack)."""
        self.has_destination = True
        """Something is attached to the source (Jitsu)."""
        self._seen: dict[str, float] = {}
        self._recent = RateWindow(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/v1/batch", self.take_batch)]

    async def take_batch(self, request: web.Request) -> web.Response:
        data = await request.read()
        limited = self._limit()
        if limited is not None:
            return limited
        has_key = _basic_user(request) == self.settings.get("write_key")
        is_strict = request.headers.get("X-Strict-Mode") == "1"
        if not has_key and self.flavour != "segment" and (self.flavour != "customerio" or is_strict):
            return _refuse(401, "invalid write key")
        if self.is_disabled:
            return _refuse(404, "source is disabled")
        if len(data) > self.max_request_bytes:
            return _refuse(400 if self.flavour == "segment" else 413, "too large")
        if self.flavour == "jitsu" and request.content_type != "application/json":
            return _refuse(400, "expected application/json")
        try:
            body = orjson.loads(data)
            batch = body["batch"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _refuse(400, "invalid JSON")
        if not isinstance(batch, list) or (self.flavour == "rudderstack" and not batch):
            return _refuse(400, "empty batch payload")
        if self.flavour == "rudderstack" and not all(map(_is_event, batch)):
            return _refuse(400, "an item is no event, or has no id")
        if self.flavour == "customerio" and is_strict:
            reason = next(filter(None, (self._fault(index, item) for index, item in enumerate(batch))), "")
            if reason:
                return _refuse(400, reason)
        return self._take(batch, body.get("sentAt"), "" if has_key else "unknown write key")

    def _limit(self) -> web.Response | None:
        if self.requests_per_s is None or self._recent.has_room(self.now_s(), self.requests_per_s):
            return None
        response = _refuse(429, "too many requests")
        response.headers["Retry-After"] = response.headers["X-RateLimit-Reset"] = "1"
        return response

    def _take(self, batch: list[Any], sent_at: Any, why_not: str) -> web.Response:
        rejections, errors, duplicates = [], [], 0
        for index, item in enumerate(batch):
            reason = why_not or self._fault(index, item)
            id = item.get("messageId") if isinstance(item, dict) else None
            if reason:
                rejections.append({"index": index, "messageId": id, **_rejection(reason)})
                errors.append(f"Message ID: {id}: {reason}")
                self.accept("dropped", item, reason=reason)
            elif not self._keep(item, sent_at):
                duplicates += 1
        if self.flavour == "jitsu":
            answer = {"ok": not errors, "receivedEvents": len(batch), "okEvents": len(batch) - len(errors)}
            return json_response(answer | ({"errors": errors} if errors else {}))
        if self.flavour == "trait_router":
            good = len(batch) - len(rejections) - duplicates
            counts = {"accepted": good, "duplicate": duplicates, "rejected": len(rejections)}
            return json_response({"success": True, **counts, "rejections": rejections})
        return web.Response(text="OK") if self.flavour == "rudderstack" else json_response({"success": True})

    def _fault(self, index: int, item: Any) -> str:
        """Why an item is not kept; "" where it is."""
        if self.max_events is not None and index >= self.max_events:
            return "too many events"
        if not self.has_destination:
            return "no destinations found for the stream"
        if not isinstance(item, dict) or item.get("type") not in _CALLS:
            return "no event"
        if not _has_id(item) and not (self.flavour == "trait_router" and item["type"] in ("identify", "group")):
            return "no userId and no anonymousId"
        if self.max_event_bytes is not None and len(orjson.dumps(item)) > self.max_event_bytes:
            return "the event is too large"
        if self.flavour == "segment" and len(str(item.get("messageId", ""))) >= 100:
            return "the messageId is too long"
        return ""

    def _keep(self, item: dict[str, Any], sent_at: Any) -> bool:
        """Whether it is new."""
        kept = {**item, "messageId": self._own_id(str(item.get("messageId")))}
        now = self.now_s()
        if now - self._seen.get(kept["messageId"], float("-inf")) < self.remembers_s:
            return False
        self._seen[kept["messageId"]] = now
        if sent_at or item.get("sentAt"):
            late = timedelta(seconds=now - datetime.fromisoformat(item.get("sentAt") or sent_at).timestamp())
            kept["timestamp"] = (datetime.fromisoformat(kept["timestamp"]) + late).isoformat()
        self.accept("event", kept)
        return True

    def _own_id(self, id: str) -> str:
        return re.sub("[^A-Za-z0-9_-]", "_", id[:64]) if self.flavour == "jitsu" else id


def _is_event(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") in _CALLS and _has_id(item)


def _has_id(item: Mapping[str, Any]) -> bool:
    return bool(item.get("userId") or item.get("anonymousId"))


def _rejection(reason: str) -> dict[str, Any]:
    return {"code": "INVALID", "field": "", "expected": "an event", "found": reason}


def _refuse(status: int, reason: str) -> web.Response:
    return json_response({"success": False, "error": reason}, status)


def _basic_user(request: web.Request) -> str:
    """The key, which may have a colon in it; a last colon is what separates it from no password."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        text = base64.b64decode(encoded).decode() if scheme == "Basic" else ""
    except ValueError:
        return ""
    return text.removesuffix(":")
