"""A stand-in for one Klaviyo account, written from facts/vendors/klaviyo.md: it refuses what Klaviyo refuses.

Kinds that it takes: ``profile``, ``event`` (with its profile), ``list`` (a profile's place on a list).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web

from plugins.klaviyo.sandbox_rules import IDS, Fault, attributes_of, check_event, check_profile, data_of, read_time
from router.plugin.sandbox import Sandbox, json_response

MAX_BODY_BYTES = 5_000_000
REVISIONS = frozenset({"2025-10-15", "2026-01-15", "2026-04-15", "2026-07-15", "2026-10-15"})
RETIRED = frozenset({"2023-02-22", "2023-10-15"})
_TYPES = ("application/vnd.api+json", "application/json")
Attributes = dict[str, Any]


class _Refusal(Exception):
    def __init__(self, status: int, *errors: Attributes, **headers: str) -> None:
        self.status, self.errors, self.headers = status, errors, headers


def _error(code: str, detail: str, pointer: str = "/data", **meta: Any) -> Attributes:
    return {"code": code, "title": code, "detail": detail, "source": {"pointer": pointer}, "meta": meta}


class KlaviyoSandbox(Sandbox):
    """One account. *settings*: ``private_key``, and ``list_id`` for the list that there is."""

    limits: ClassVar[Mapping[str, tuple[int, int]]] = {
        "/api/events": (350, 3_500),
        "/api/profile-import": (75, 750),
        "/api/event-bulk-create-jobs": (10, 150),
        "/api/profile-bulk-import-jobs": (10, 150),
    }
    """Requests a second and a minute."""

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.is_limited = False
        """Whether `limits` count. Off, so that a rehearsal of many events goes through."""
        self.missing_scopes: set[str] = set()
        self.profiles: dict[str, Attributes] = {}
        """By Klaviyo's id."""
        self.lists: dict[str, set[str]] = {}
        if self.settings.get("list_id"):
            self.lists[self.settings["list_id"]] = set()
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}
        self._seen: set[tuple[Any, ...]] = set()
        self._numbers = count(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/api/profile-import", self._guarded(self.import_profile, "profiles:write")),
            web.post("/api/profile-bulk-import-jobs", self._guarded(self.import_profiles, "lists:write")),
            web.post("/api/events", self._guarded(self.take_event, "events:write")),
            web.post("/api/event-bulk-create-jobs", self._guarded(self.take_events, "events:write")),
            web.post("/api/lists/{id}/relationships/profiles", self._guarded(self.add_to_list, "lists:write")),
        ]

    # --- what every route has ---

    def _guarded(self, handler: Any, scope: str) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._authorise(request, scope)
                limits = self._count_request(request.path)
                response: web.StreamResponse = await handler(request, await self._json(request))
                response.headers.update(limits)
            except _Refusal as refusal:
                errors = [{"id": "sandbox", "status": refusal.status, **error} for error in refusal.errors]
                response = json_response({"errors": errors}, refusal.status)
                response.headers.update({name.replace("_", "-"): value for name, value in refusal.headers.items()})
            return response

        return guarded

    def _authorise(self, request: web.Request, scope: str) -> None:
        if request.headers.get("Authorization") != f"Klaviyo-API-Key {self.settings['private_key']}":
            raise _Refusal(401, _error("not_authenticated", "Missing or invalid private key."))
        if scope in self.missing_scopes:
            raise _Refusal(403, _error("permission_denied", f"The key lacks the scope {scope}."))
        revision = request.headers.get("revision", "")
        if revision in RETIRED:
            raise _Refusal(410, _error("gone", f"Revision {revision} is retired."))
        if revision not in REVISIONS:
            raise _Refusal(400, _error("invalid", f"Revision {revision!r} is not valid.", "/headers/revision"))
        if request.content_type not in _TYPES:
            raise _Refusal(415, _error("unsupported_media_type", f"Unsupported media type {request.content_type}."))
        accepted = request.headers.get("Accept", "*/*")
        if not any(each in accepted for each in (*_TYPES, "*/*")):
            raise _Refusal(406, _error("not_acceptable", "Could not satisfy the request's Accept header."))

    def _count_request(self, path: str) -> dict[str, str]:
        burst, steady = self.limits.get(path, (10, 150))
        now = self.now_s()
        for length, most in ((1, burst), (60, steady)):
            window = int(now // length)
            started, used = self._windows.get((path, length), (window, 0))
            used = used + 1 if started == window else 1
            self._windows[path, length] = (window, used)
            if self.is_limited and used > most:
                wait_s = math.ceil((window + 1) * length - now) or 1
                raise _Refusal(429, _error("throttled", "Request was throttled."), Retry_After=str(wait_s))
        return {
            "RateLimit-Limit": f"{steady}, {burst};w=1, {steady};w=60",
            "RateLimit-Remaining": str(max(0, steady - self._windows[path, 60][1])),
            "RateLimit-Reset": str(60 - int(now % 60)),
        }

    async def _json(self, request: web.Request) -> Any:
        data = await request.read()
        if len(data) > MAX_BODY_BYTES:
            raise _Refusal(413, _error("payload_too_large", "A request may have 5 MB."))
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            raise _Refusal(400, _error("parse_error", "JSON parse error.")) from None

    # --- profiles ---

    async def import_profile(self, request: web.Request, body: Any) -> web.StreamResponse:
        attributes = attributes_of(data_of(body), "profile")
        if attributes is None:
            raise _Refusal(400, _error("invalid", "A profile with attributes is required."))
        _refuse(check_profile(attributes), "/data/attributes")
        found = self._matching(attributes)
        if len(found) > 1:
            detail = "A profile already exists with one of these identifiers."
            raise _Refusal(409, _error("duplicate_profile", detail, duplicate_profile_id=found[-1]))
        profile_id = self._write(attributes, found)
        answer = {"data": {"type": "profile", "id": profile_id, "attributes": self.profiles[profile_id]}}
        return json_response(answer, 200 if found else 201)

    async def import_profiles(self, request: web.Request, body: Any) -> web.StreamResponse:
        """A fault anywhere refuses the job; what belongs to two profiles is dropped later, and nobody is told."""
        job = attributes_of(data_of(body), "profile-bulk-import-job") or {}
        items = _items(job.get("profiles"), "profile", 10_000, "/data/attributes/profiles/data")
        lists = data_of((data_of(body).get("relationships") or {}).get("lists")) or []
        for each in lists:
            self._list(str(each.get("id")))
        place = "/data/attributes/profiles/data/{}/attributes"
        _refuse(
            fault for number, item in enumerate(items) for fault in _below(check_profile(item), place.format(number))
        )
        for item in items:
            found = self._matching(item)
            if len(found) <= 1:
                profile_id = self._write(item, found)
                for each in lists:
                    self._add(str(each.get("id")), profile_id)
        return _accepted("profile-bulk-import-job")

    def _matching(self, attributes: Attributes) -> list[str]:
        """Klaviyo's ids of the profiles that have one of these identifiers."""
        wanted = [(name, attributes[name]) for name in IDS if attributes.get(name)]
        return [
            profile_id
            for profile_id, profile in self.profiles.items()
            if any(profile.get(name) == value for name, value in wanted)
        ]

    def _write(self, attributes: Attributes, found: list[str]) -> str:
        """null clears, what is left out stays."""
        profile_id = found[0] if found else f"P{next(self._numbers):06d}"
        profile = self.profiles.setdefault(profile_id, {})
        for name, value in attributes.items():
            if isinstance(value, dict):
                inner = {**profile.get(name, {}), **value}
                profile[name] = {key: item for key, item in inner.items() if item is not None}
            elif value is None:
                profile.pop(name, None)
            else:
                profile[name] = value
        self.accept("profile", attributes, id=profile_id)
        return profile_id

    async def add_to_list(self, request: web.Request, body: Any) -> web.StreamResponse:
        list_id = request.match_info["id"]
        self._list(list_id)
        data = data_of(body)
        if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
            raise _Refusal(400, _error("invalid", "A list of profiles is required."))
        for each in data:
            if each.get("id") not in self.profiles:
                raise _Refusal(404, _error("not_found", f"A profile with id {each.get('id')} does not exist."))
            self._add(list_id, each["id"])
        return web.Response(status=204)

    def _list(self, list_id: str) -> None:
        if list_id not in self.lists:
            raise _Refusal(404, _error("not_found", f"A list with id {list_id} does not exist."))

    def _add(self, list_id: str, profile_id: str) -> None:
        self.lists[list_id].add(profile_id)
        self.accept("list", {"list": list_id, "profile": profile_id})

    # --- events ---

    async def take_event(self, request: web.Request, body: Any) -> web.StreamResponse:
        attributes = attributes_of(data_of(body), "event")
        if attributes is None:
            raise _Refusal(400, _error("invalid", "An event with attributes is required."))
        profile = attributes_of(data_of(attributes.get("profile")), "profile") or {}
        _refuse(self._check(attributes, profile), "/data/attributes")
        self._keep(profile, attributes)
        return web.Response(status=202)

    async def take_events(self, request: web.Request, body: Any) -> web.StreamResponse:
        """One fault refuses the whole job, and says where it is."""
        job = attributes_of(data_of(body), "event-bulk-create-job") or {}
        root = "/data/attributes/events-bulk-create/data"
        items = _items(job.get("events-bulk-create"), "event-bulk-create", 1_000, root)
        made = []
        faults: list[Fault] = []
        for number, item in enumerate(items):
            profile = attributes_of(data_of(item.get("profile")), "profile") or {}
            place = f"{root}/{number}/attributes"
            faults += _below(check_profile(profile, allow_anonymous=True), f"{place}/profile/data/attributes")
            for inner, event in enumerate(_items(item.get("events"), "event", 1_000, f"{place}/events/data")):
                faults += _below(check_event(event, self._now()), f"{place}/events/data/{inner}/attributes")
                made.append((profile, event))
        if len(made) > 1_000:
            faults.append((root, "A job may have 1000 events."))
        _refuse(faults)
        for profile, event in made:
            self._keep(profile, event)
        return _accepted("event-bulk-create-job")

    def _check(self, attributes: Attributes, profile: Attributes) -> Iterator[Fault]:
        yield from _below(check_profile(profile, allow_anonymous=True), "/profile/data/attributes")
        yield from check_event(attributes, self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s(), UTC)

    def _keep(self, profile: Attributes, attributes: Attributes) -> None:
        """The first of a ``unique_id`` counts; without one, of a second."""
        who = tuple(profile.get(name) for name in (*IDS, "anonymous_id"))
        metric = attributes["metric"]["data"]["attributes"]["name"]
        what = attributes.get("unique_id") or str(read_time(attributes.get("time")) or self._now())
        if (who, metric, what) in self._seen:
            return
        self._seen.add((who, metric, what))
        event = {name: value for name, value in attributes.items() if name not in ("metric", "profile")}
        self.accept("event", {"metric": metric, "profile": profile, **event})


def _items(document: Any, type: str, most: int, pointer: str) -> list[Attributes]:
    """The attributes of each item of *type* in a JSON:API list."""
    data = data_of(document)
    items = [attributes_of(each, type) for each in data] if isinstance(data, list) else []
    if not items or None in items:
        raise _Refusal(400, _error("invalid", f"A list of {type} is required.", pointer))
    if len(items) > most:
        raise _Refusal(400, _error("invalid", f"A list may have {most} items.", pointer))
    return [item for item in items if item is not None]


def _below(faults: Iterable[Fault], pointer: str) -> list[Fault]:
    return [(pointer + below, problem) for below, problem in faults]


def _refuse(faults: Iterable[Fault], pointer: str = "") -> None:
    """Raises:
    _Refusal: there are faults; each is told with its place.
    """
    errors = [_error("invalid", problem, pointer + below) for below, problem in faults]
    if errors:
        raise _Refusal(400, *errors)


def _accepted(type: str) -> web.Response:
    return json_response({"data": {"type": type, "id": "sandbox", "attributes": {"status": "queued"}}}, 202)
