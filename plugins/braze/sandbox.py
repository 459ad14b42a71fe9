"""The stand-in for Braze: /users/track, /users/identify and /users/merge of one workspace.

Written from facts/vendors/braze.md, not from the mapper.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.braze.sandbox_rules import ARRAYS, check_alias, check_attributes, check_event, written
from router.plugin.sandbox import Sandbox, json_response

Person = tuple[str, str]
"""How somebody is named, and the name: ``("external_id", "u-17")``, ``("anonymous_id", "anon-5")`` for an alias."""


class _Refused(Exception):
    """Nothing of the request is taken."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


class BrazeSandbox(Sandbox):
    """One workspace. *settings*: ``api_key``; ``max_objects`` (75 unless given).

    Accepted kinds: ``attributes``, ``event``, ``purchase``, ``identify`` and ``merge``, each as it came; ``profile`` for each
    profile that comes into being.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.permissions = {"users.track", "users.identify", "users.merge"}
        """What the key may do."""
        self.is_in_maintenance = False
        """Everything is queued and answered with 202."""
        self.suppressed: set[str] = set()
        """External ids that Braze refuses."""
        self.max_request_bytes = 4_000_000
        self.max_product_ids = 5_000
        self.track_per_3_s = 3_000
        self.identity_per_min = 20_000
        self.profiles: dict[Person, dict[str, Any]] = {}
        self.product_ids: set[str] = set()
        self._used: dict[str, deque[float]] = {"track": deque(), "identity": deque()}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/users/track", self._guarded("users.track", self.track)),
            web.post("/users/identify", self._guarded("users.identify", self.identify)),
            web.post("/users/merge", self._guarded("users.merge", self.merge)),
        ]

    def _guarded(self, permission: str, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        """Key, permission, rate, size and JSON: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            limits: dict[str, str] = {}
            try:
                if request.headers.get("Authorization") != f"Bearer {self.settings.get('api_key')}":
                    raise _Refused(401, "Invalid API key")
                if permission not in self.permissions:
                    raise _Refused(403, f"The API key lacks the permission {permission}")
                limits = self._count("track" if permission == "users.track" else "identity")
                if limits.pop("over", ""):
                    raise _Refused(429, "Rate limit exceeded")
                body = await request.read()
                if len(body) > self.max_request_bytes:
                    raise _Refused(413, "Request body too large")
                answer = handle(_read_object(body))
            except _Refused as refused:
                return _with_headers(json_response({"message": refused.message}, refused.status), limits)
            if self.is_in_maintenance:
                return json_response({"message": "queued"}, 202)
            return _with_headers(json_response(answer, 201), limits)

        return guarded

    def _count(self, kind: str) -> dict[str, str]:
        """The headers of the limit; "over" beside them where there is no room. Windows begin at fixed times."""
        window_s, most = (3.0, self.track_per_3_s) if kind == "track" else (60.0, self.identity_per_min)
        now_s = self.now_s()
        start_s = math.floor(now_s / window_s) * window_s
        used = self._used[kind]
        while used and used[0] < start_s:
            used.popleft()
        headers = {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(0, most - len(used) - 1)),
            "X-RateLimit-Reset": str(math.ceil(start_s + window_s)),
        }
        if len(used) >= most:
            return {**headers, "over": "yes"}
        used.append(now_s)
        return headers

    # --- /users/track ---

    def track(self, body: dict[str, Any]) -> dict[str, Any]:
        arrays = {name: body[name] for name in ARRAYS if name in body}
        if not arrays or not all(isinstance(items, list) for items in arrays.values()):
            raise _Refused(400, "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.")
        most = int(self.settings.get("max_objects", 75))
        if sum(map(len, arrays.values())) > most:
            raise _Refused(400, f"a single request may not contain more than {most} objects")
        answer: dict[str, Any] = {"message": "success"}
        errors = []
        for name, items in arrays.items():
            taken = 0
            for index, item in enumerate(items):
                fault = self._check(name, item)
                if fault:
                    errors.append({"type": fault, "input_array": name, "index": index})
                else:
                    taken += 1
                    self._take(name, item)
            if taken:
                answer[f"{name}_processed"] = taken
        if errors:
            answer["errors"] = errors
        return answer

    def _check(self, array: str, item: Any) -> str:
        fault = check_attributes(item) if array == "attributes" else check_event(item, array)
        if fault:
            return fault
        if item.get("external_id") in self.suppressed:
            return "provided external_id is blacklisted and disallowed"
        if array == "purchases" and item["product_id"] not in self.product_ids:
            if len(self.product_ids) >= self.max_product_ids:
                return "there are too many product_ids"
            self.product_ids.add(item["product_id"])
        return ""

    def _take(self, array: str, item: dict[str, Any]) -> None:
        profile = self._profile_of(item)
        if profile is None:
            return  # update only, and there is nobody to update
        kind = array if array == "attributes" else array.removesuffix("s")
        if array == "attributes":
            for name, value in written(item).items():
                if value is None:
                    profile.pop(name, None)
                else:
                    profile[name] = value
        elif datetime.fromisoformat(item["time"]).timestamp() > self.now_s():
            item = {**item, "time": datetime.fromtimestamp(self.now_s(), UTC).isoformat()}
        self.accept(kind, item)

    def _profile_of(self, item: dict[str, Any]) -> dict[str, Any] | None:
        person = self._person(item)
        # Only an external id makes a profile by itself.
        updates_only = item.get("_update_existing_only", person[0] != "external_id")
        if person not in self.profiles and updates_only:
            return None
        if person not in self.profiles:
            self.accept("profile", list(person))
        return self.profiles.setdefault(person, {})

    def _person(self, item: dict[str, Any]) -> Person:
        if isinstance(item.get("external_id"), str):
            return "external_id", item["external_id"]
        if "user_alias" in item:
            return item["user_alias"]["alias_label"], item["user_alias"]["alias_name"]
        for name in ("braze_id", "email", "phone"):
            if isinstance(item.get(name), str):
                known = [person for person, profile in self.profiles.items() if profile.get(name) == item[name]]
                identified = [person for person in known if person[0] == "external_id"]
                return (identified or known or [(name, item[name])])[-1]
        raise _Refused(400, "nobody is named")

    # --- joining ---

    def identify(self, body: dict[str, Any]) -> dict[str, Any]:
        items = _read_list(body, "aliases_to_identify")
        if body.get("merge_behavior", "merge") not in ("merge", "none"):
            raise _Refused(400, "'merge_behavior' must be 'merge' or 'none'")
        errors = []
        for index, item in enumerate(items):
            if not isinstance(item, dict) or not isinstance(item.get("external_id"), str):
                raise _Refused(400, "'aliases_to_identify' must hold objects with an 'external_id'")
            fault = check_alias(item.get("user_alias"))
            if fault:
                raise _Refused(400, fault)
            old = (item["user_alias"]["alias_label"], item["user_alias"]["alias_name"])
            if old not in self.profiles:
                errors.append({"type": "the alias does not exist", "input_array": "user_identifiers", "index": index})
                continue
            self._join(old, ("external_id", item["external_id"]), body.get("merge_behavior", "merge"))
            self.accept("identify", item)
        answer = {"aliases_processed": len(items) - len(errors), "message": "success"}
        return {**answer, "errors": errors} if errors else answer

    def merge(self, body: dict[str, Any]) -> dict[str, Any]:
        items = _read_list(body, "merge_updates")
        errors = []
        for index, item in enumerate(items):
            pair = [item.get(name) if isinstance(item, dict) else None for name in _MERGE_NAMES]
            if not all(isinstance(each, dict) and isinstance(each.get("external_id"), str) for each in pair):
                raise _Refused(400, "identifiers must be objects with an 'external_id'")
            old, new = (("external_id", each["external_id"]) for each in pair if each)
            if old not in self.profiles:
                errors.append({"type": "the user does not exist", "input_array": "merge_updates", "index": index})
                continue
            self._join(old, new, "merge")
            self.accept("merge", item)
        answer: dict[str, Any] = {"message": "success"}
        return {**answer, "errors": errors} if errors else answer

    def _join(self, old: Person, new: Person, behavior: str) -> None:
        """What the profile kept has already stays."""
        gone = self.profiles.pop(old)
        kept = self.profiles.setdefault(new, {})
        if behavior == "merge":
            self.profiles[new] = {**gone, **kept}


_MERGE_NAMES = ("identifier_to_merge", "identifier_to_keep")


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Refused(400, "the body is no JSON") from None
    if not isinstance(value, dict):
        raise _Refused(400, "the body is no object")
    return value


def _read_list(body: dict[str, Any], name: str) -> list[Any]:
    items = body.get(name)
    if not isinstance(items, list) or not items:
        raise _Refused(400, f"'{name}' must be an array of objects")
    if len(items) > 50:
        raise _Refused(400, f"a single request may not contain more than 50 entries in '{name}'")
    return items


def _with_headers(response: web.Response, headers: Mapping[str, str]) -> web.Response:
    response.headers.update(headers)
    return response
