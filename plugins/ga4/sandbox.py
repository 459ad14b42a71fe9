"""The stand-in for Google Analytics 4: the collection address of one data stream, and its validation address.

Written from facts/vendors/ga4.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.ga4.sandbox_rules import Fault, faults_of_event, faults_of_request
from router.plugin.sandbox import Sandbox, json_response

_STRICT: Final = "ENFORCE_RECOMMENDATIONS"
_DAY_S: Final = 86_400
_OLDEST_S: Final = 72 * 3_600


class Ga4Sandbox(Sandbox):
    """One data stream. *settings*: ``api_secret``, and ``measurement_id`` or ``firebase_app_id``.

    Accepted kinds: ``event`` (with what its request says beside it; ``moved`` where its time was changed) and ``dropped``: what
    was answered 204, as everything is, and thrown away, with the reason.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_bytes = 130_000
        self.events_per_day = 100_000
        """Of one user, as are the next two."""
        self.key_events_per_day = 10_000
        self.sessions_per_day = 2_000
        self.key_events = {"purchase"}
        self._counts: Counter[tuple[str, int, str]] = Counter()
        self._sessions: defaultdict[tuple[str, int], set[Any]] = defaultdict(set)
        self._transactions: set[tuple[str, str]] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/mp/collect", self.collect), web.post("/debug/mp/collect", self.validate)]

    async def collect(self, request: web.Request) -> web.Response:
        """204 for anything that is received."""
        data = await request.read()
        body = _load(data)
        why_not = self._why_not(request, data)
        is_strict = isinstance(body, dict) and body.get("validation_behavior") == _STRICT
        faults = [] if why_not else list(faults_of_request(body, self._is_app, is_strict))
        if why_not or faults:
            self.accept("dropped", body, reason=why_not or _words(faults))
            return web.Response(status=204)
        beside = {name: value for name, value in body.items() if name not in ("events", "validation_behavior")}
        for event in body["events"]:
            self._take(event, beside, is_strict)
        return web.Response(status=204)

    async def validate(self, request: web.Request) -> web.Response:
        """Neither secret nor stream are looked at, and nothing is stored."""
        body = _load(await request.read())
        is_strict = isinstance(body, dict) and body.get("validation_behavior") == _STRICT
        faults = list(faults_of_request(body, self._is_app, is_strict))
        if isinstance(body, dict) and isinstance(body.get("events"), list):
            faults += [fault for event in body["events"] for fault in faults_of_event(event)]
            old = [event for event in body["events"] if isinstance(event, dict) and self._age_s(event) > _OLDEST_S]
            faults += [Fault("events.timestamp_micros", "VALUE_OUT_OF_BOUNDS", "older than 72 hours")] * len(old)
        return json_response(
            {
                "validationMessages": [
                    {"fieldPath": fault.path, "validationCode": fault.code, "description": fault.description}
                    for fault in faults
                ]
            }
        )

    @property
    def _is_app(self) -> bool:
        return bool(self.settings.get("firebase_app_id"))

    def _why_not(self, request: web.Request, data: bytes) -> str:
        """What Google finds wrong without a word before it looks at the events."""
        name = "firebase_app_id" if self._is_app else "measurement_id"
        if f"{name}={self.settings.get(name)}" not in request.rel_url.raw_query_string.split("&"):
            return f"no such {name}"
        if request.query.get("api_secret") != self.settings.get("api_secret"):
            return "wrong api_secret"
        return "too large" if len(data) >= self.max_bytes else ""

    def _age_s(self, event: dict[str, Any]) -> float:
        micros = event.get("timestamp_micros")
        return self.now_s() - micros / 1_000_000 if isinstance(micros, int) else 0.0

    def _take(self, event: Any, beside: dict[str, Any], is_strict: bool) -> None:
        faults = list(faults_of_event(event))
        if faults:
            self.accept("dropped", event, reason=_words(faults))
            return
        is_old = self._age_s(event) > _OLDEST_S
        why_not = "older than 72 hours" if is_old and is_strict else self._over_the_day(event, beside)
        if why_not:
            self.accept("dropped", event, reason=why_not)
            return
        who = str(beside.get("user_id") or beside.get("client_id") or beside.get("app_instance_id"))
        if event["name"] == "purchase" and event.get("params", {}).get("transaction_id"):
            key = (who, str(event["params"]["transaction_id"]))
            if key in self._transactions:
                self.accept("dropped", event, reason="a purchase that is known")
                return
            self._transactions.add(key)
        kept = {**event, "timestamp_micros": int((self.now_s() - _OLDEST_S) * 1_000_000)} if is_old else event
        self.accept("event", {**beside, **kept}, moved=is_old)

    def _over_the_day(self, event: dict[str, Any], beside: dict[str, Any]) -> str:
        who = str(beside.get("user_id") or beside.get("client_id") or beside.get("app_instance_id"))
        day = int(self.now_s() // _DAY_S)
        session = event.get("params", {}).get("session_id")
        sessions = self._sessions[who, day]
        is_key = event["name"] in self.key_events
        if self._counts[who, day, "events"] >= self.events_per_day:
            return "too many events of one user and day"
        if is_key and self._counts[who, day, "key events"] >= self.key_events_per_day:
            return "too many key events of one user and day"
        if session is not None and session not in sessions and len(sessions) >= self.sessions_per_day:
            return "too many sessions of one user and day"
        self._counts[who, day, "events"] += 1
        self._counts[who, day, "key events"] += is_key
        if session is not None:
            sessions.add(session)
        return ""


def _load(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _words(faults: Iterable[Fault]) -> str:
    return "; ".join(f"{fault.code} {fault.path}" for fault in faults)
