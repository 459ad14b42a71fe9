"""The stand-in for Amplitude: the two event endpoints of one project.

Written from facts/vendors/amplitude.md, not from the mapper.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.amplitude.sandbox_rules import cut, faults_of
from router.plugin.sandbox import Sandbox, json_response

_DEFAULT_MIN_ID_LENGTH: Final = 5
_DEDUPLICATION_S: Final = 7 * 86_400.0
_RATE_WINDOW_S: Final = 30.0
_DAY_S: Final = 86_400.0

Properties = dict[str, Any]
Keyed = Mapping[str, list[int]]
"""From the field at fault to the places of the events."""


class AmplitudeSandbox(Sandbox):
    """One project. *settings*: ``api_key``.

    Accepted kinds: ``event`` (``$identify`` and ``$groupidentify`` too, as it is kept) and ``link`` (a device that belongs to a
    user from now on). An event sent again within seven days is counted as ingested and not kept twice.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_bytes = {"http_v2": 1_000_000, "batch": 20_000_000}
        self.max_events = {"http_v2": 1_999, "batch": 2_000}
        self.events_per_s = {"http_v2": 30, "batch": 1_000}
        """Of one user or device, on average over 30 seconds."""
        self.events_per_day = {"http_v2": float("inf"), "batch": 500_000}
        self.max_event_types = 2_000
        self.updates_per_hour = 1_800
        """Of one user's properties; further ones are dropped without a word."""
        self.silenced_devices: set[str] = set()
        self.is_barred = False
        """The sender is behind a firewall or in a sanctioned region."""
        self.users: dict[str, Properties] = {}
        """Properties, by user or device."""
        self.groups: dict[tuple[str, str], Properties] = {}
        self.links: dict[str, str] = {}
        """From a device to the user it belongs to."""
        self.event_types: set[str] = set()
        self._seen: dict[tuple[str, str], float] = {}
        self._sent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._updates: defaultdict[str, deque[float]] = defaultdict(deque)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/2/httpapi", self.take_http_v2), web.post("/batch", self.take_batch)]

    async def take_http_v2(self, request: web.Request) -> web.Response:
        return self._take("http_v2", await request.read())

    async def take_batch(self, request: web.Request) -> web.Response:
        return self._take("batch", await request.read())

    def _take(self, endpoint: str, data: bytes) -> web.Response:
        """All events of a request or none of them."""
        if self.is_barred:
            return json_response({"code": 403, "error": "Forbidden"}, 403)
        if len(data) > self.max_bytes[endpoint]:
            return json_response({"code": 413, "error": "Payload too large"}, 413)
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            return _refuse("Invalid JSON request body")
        if not isinstance(body, dict) or not body.get("api_key"):
            return _refuse("Request missing required field", missing_field="api_key")
        if body["api_key"] != self.settings.get("api_key"):
            return _refuse("Invalid API key: ********")
        events = body.get("events")
        if not isinstance(events, list) or not events:
            return _refuse("Request missing required field", missing_field="events")
        if len(events) > self.max_events[endpoint]:
            return json_response({"code": 413, "error": "Payload too large"}, 413)
        options = body.get("options")
        shortest = options.get("min_id_length") if isinstance(options, dict) else None
        refusal = self._check(endpoint, events, shortest or _DEFAULT_MIN_ID_LENGTH)
        if refusal is not None:
            return refusal
        for event in events:
            self._keep(event)
        return json_response(
            {
                "code": 200,
                "events_ingested": len(events),
                "payload_size_bytes": len(data),
                "server_upload_time": int(self.now_s() * 1000),
            }
        )

    def _check(self, endpoint: str, events: list[Any], min_id_length: int) -> web.Response | None:
        faults: dict[str, defaultdict[str, list[int]]] = {
            kind: defaultdict(list) for kind in ("missing", "invalid", "short")
        }
        for place, event in enumerate(events):
            for kind, field in dict.fromkeys(faults_of(event, min_id_length)):
                if endpoint == "batch" or not faults[kind][field]:  # HTTP V2 names but the first of each field
                    faults[kind][field].append(place)
        if faults["missing"] or faults["invalid"]:
            return _refuse(
                "Invalid field values on some events" if faults["invalid"] else "Missing fields on some events",
                invalid=faults["invalid"],
                missing=faults["missing"],
            )
        if faults["short"]:
            return _refuse("Invalid id length for user_id or device_id")
        silenced = [place for place, event in enumerate(events) if event.get("device_id") in self.silenced_devices]
        if silenced:
            return json_response(
                {
                    "code": 400,
                    "error": "Events silenced for device_id",
                    "silenced_devices": sorted({events[place]["device_id"] for place in silenced}),
                    "silenced_events": silenced,
                    "throttled_events": [],
                },
                400,
            )
        return self._check_rate(endpoint, events)

    def _check_rate(self, endpoint: str, events: list[Any]) -> web.Response | None:
        """30 seconds' average and the day's sum of each user and device. What is refused counts for neither."""
        now = self.now_s()
        counts: dict[str, defaultdict[str, int]] = {"users": defaultdict(int), "devices": defaultdict(int)}
        for event in events:
            for name, id_field in (("users", "user_id"), ("devices", "device_id")):
                if event.get(id_field):
                    counts[name][event[id_field]] += 1
        throttled: dict[str, dict[str, int]] = {"users": {}, "devices": {}}
        exceeded: dict[str, dict[str, int]] = {"users": {}, "devices": {}}
        for name, ids in counts.items():
            for id, count in ids.items():
                sent = self._sent[f"{name} {id}"]
                while sent and sent[0][0] <= now - _DAY_S:
                    sent.popleft()
                if sum(number for _, number in sent) + count > self.events_per_day[endpoint]:
                    exceeded[name][id] = count
                recent = sum(number for at, number in sent if at > now - _RATE_WINDOW_S) + count
                if recent > self.events_per_s[endpoint] * _RATE_WINDOW_S:
                    throttled[name][id] = round(recent / _RATE_WINDOW_S)
        if any(throttled.values()) or any(exceeded.values()):
            hit = [
                place
                for place, event in enumerate(events)
                if event.get("user_id") in throttled["users"] or event.get("device_id") in throttled["devices"]
            ]
            return json_response(
                {
                    "code": 429,
                    "error": "Too many requests for some devices and users",
                    "eps_threshold": self.events_per_s[endpoint],
                    "throttled_devices": throttled["devices"],
                    "throttled_users": throttled["users"],
                    "exceeded_daily_quota_users": exceeded["users"],
                    "exceeded_daily_quota_devices": exceeded["devices"],
                    "throttled_events": hit,
                },
                429,
            )
        for name, ids in counts.items():
            for id, count in ids.items():
                self._sent[f"{name} {id}"].append((now, count))
        return None

    def _keep(self, sent: Properties) -> None:
        now = self.now_s()
        event: Properties = cut(sent)
        user = event.get("user_id")
        device = event.setdefault("device_id", hashlib.sha256(str(user).encode()).hexdigest()[:36])
        event.setdefault("time", int(now * 1000))
        insert_id = event.get("insert_id")
        if insert_id is not None:
            if now - self._seen.get((device, insert_id), float("-inf")) < _DEDUPLICATION_S:
                return
            self._seen[device, insert_id] = now
        if user and device not in self.links:
            self.links[device] = user
            self.accept("link", {"device_id": device, "user_id": user})
        self.event_types.add(event["event_type"])
        is_indexed = len(self.event_types) <= self.max_event_types
        self.accept("event", event, is_indexed=is_indexed)
        if event["event_type"] == "$groupidentify":
            for kind, value in event["groups"].items():
                apply_operations(self.groups.setdefault((kind, value), {}), event.get("group_properties", {}))
        else:
            self._update_user(str(user or self.links.get(device, device)), event.get("user_properties", {}))

    def _update_user(self, who: str, properties: Properties) -> None:
        if not properties:
            return
        now = self.now_s()
        updates = self._updates[who]
        while updates and updates[0] <= now - 3_600:
            updates.popleft()
        if len(updates) >= self.updates_per_hour:
            return
        updates.append(now)
        apply_operations(self.users.setdefault(who, {}), properties)


def apply_operations(held: Properties, properties: Properties) -> None:
    """Do to *held* what ``$set``, ``$setOnce``, ``$unset`` and ``$clearAll`` say; plain names are set."""
    if "$clearAll" in properties:
        held.clear()
    held |= {name: value for name, value in properties.items() if not name.startswith("$")}
    held |= properties.get("$set", {})
    for name, value in properties.get("$setOnce", {}).items():
        held.setdefault(name, value)
    for name in properties.get("$unset", {}):
        held.pop(name, None)


def _refuse(
    error: str, missing_field: str | None = None, invalid: Keyed | None = None, missing: Keyed | None = None
) -> web.Response:
    return json_response(
        {
            "code": 400,
            "error": error,
            "missing_field": missing_field,
            "events_with_invalid_fields": invalid or {},
            "events_with_missing_fields": missing or {},
        },
        400,
    )
