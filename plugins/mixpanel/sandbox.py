"""The stand-in for Mixpanel: /import, /engage and /groups of one project.

Written from facts/vendors/mixpanel.md, not from the mapper.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.mixpanel.sandbox_rules import check_event, check_update, cut, to_seconds
from router.plugin.sandbox import Sandbox, json_response

_UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_HIDING = frozenset({"$ignore", "bucket", "$bucket"})
_KEPT_EVENTS = 200_000

Properties = dict[str, Any]


class MixpanelSandbox(Sandbox):
    """One project. *settings*: ``project_token``; ``id_merge`` (simplified unless given); for a service account
    ``service_account_username``, ``service_account_secret`` and ``project_id``.

    Accepted kinds: ``event``, ``profile`` and ``group`` (the update without its token), ``link`` (two ids joined). An event
    sent again is counted as imported and not kept twice, which is what a report shows.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_request_bytes = 10_000_000
        self.max_records = 2_000
        self.max_properties = 2_000
        self.max_events_per_minute = 30_000 * 60
        self.max_bytes_per_minute = 2_000_000_000
        self.profiles: dict[str, Properties] = {}
        """By ``$distinct_id``."""
        self.groups: dict[tuple[str, str], Properties] = {}
        """By ``$group_key`` and ``$group_id``."""
        self.links: dict[str, str] = {}
        """From a device, an anonymous id or an alias to the id it was joined to."""
        self.lost_updates = 0
        """Updates with a wrong token: answered as good and never seen again."""
        self._seen: OrderedDict[tuple[str, str, float, str], None] = OrderedDict()
        self._minute: deque[tuple[float, int, int]] = deque()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/import", self.import_events),
            web.post("/engage", self.update_profiles),
            web.post("/groups", self.update_groups),
        ]

    # --- events ---

    async def import_events(self, request: web.Request) -> web.Response:
        if not self._is_authorised(request):
            return _answer(401, "Unauthorized", error="these credentials are not of this project")
        body = await request.read()
        if len(body) > self.max_request_bytes:
            error = f"the request is larger than {self.max_request_bytes} bytes"
            return _answer(413, "Request Entity Too Large", error=error)
        try:
            records = _read_records(request, body)
        except ValueError as error:
            return _answer(400, "Bad Request", error=str(error))
        if not self._has_room(len(records), len(body)):
            return _answer(429, "Too Many Requests", error="the project is over its rate limit")
        if len(records) > self.max_records:
            return _answer(400, "Bad Request", error=f"more than {self.max_records} events")
        failed = []
        for index, record in enumerate(records):
            fault = check_event(record, self.now_s())
            if fault is None:
                self._keep(record, request)
            else:
                failed.append(_failure(index, record, *fault))
        imported = len(records) - len(failed)
        if failed and request.query.get("strict") == "1":
            return _answer(
                400,
                "Bad Request",
                error="some events were refused",
                num_records_imported=imported,
                failed_records=failed,
            )
        return _answer(200, "OK", num_records_imported=imported)

    def _is_authorised(self, request: web.Request) -> bool:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(text, validate=True).decode().partition(":")
        except ValueError:
            return False
        if scheme != "Basic":
            return False
        if not password:
            return user == self.settings.get("project_token")
        known = [self.settings.get(f"service_account_{part}") for part in ("username", "secret")]
        return [user, password] == known and request.query.get("project_id") == self.settings.get("project_id")

    def _has_room(self, events: int, size: int) -> bool:
        """Whether the rolling minute has room for so many more. What gets a 400 counts as well."""
        now_s = self.now_s()
        while self._minute and self._minute[0][0] <= now_s - 60:
            self._minute.popleft()
        events_so_far = sum(count for _, count, _ in self._minute)
        bytes_so_far = sum(count for _, _, count in self._minute)
        if events_so_far + events > self.max_events_per_minute or bytes_so_far + size > self.max_bytes_per_minute:
            return False
        self._minute.append((now_s, events, size))
        return True

    def _keep(self, record: dict[str, Any], request: web.Request) -> None:
        properties = cut(record["properties"])
        if not _HIDING.isdisjoint(properties):
            return  # counted as imported, and nowhere to be seen
        if to_seconds(properties["time"]) > self.now_s():
            properties["time"] = int(self.now_s() * 1000)
        key = (record["event"], properties["distinct_id"], properties["time"], properties["$insert_id"])
        if key in self._seen:
            return
        self._seen[key] = None
        if len(self._seen) > _KEPT_EVENTS:
            self._seen.popitem(last=False)
        place = "request" if "ip" not in properties else "" if properties["ip"] in (0, "0") else "event"
        self.accept("event", {"event": record["event"], "properties": properties}, placed_by=place)
        self._join(record["event"], properties)

    def _join(self, event: str, properties: Properties) -> None:
        """Join ids as the project's id merge does. A device and an anonymous id belong to one user for good."""
        if self.settings.get("id_merge", "simplified") == "simplified":
            old, new = properties.get("$device_id"), properties.get("$user_id")
        elif event == "$identify":
            old, new = properties.get("$anon_id"), properties.get("$identified_id")
            if not isinstance(old, str) or not _UUID_V4.fullmatch(old):
                return
        elif event == "$create_alias":
            old, new = properties.get("alias"), properties.get("distinct_id")
        else:
            return
        if isinstance(old, str) and isinstance(new, str) and old and new and old not in self.links:
            self.links[old] = new
            self.accept("link", {"from": old, "to": new})

    # --- profiles ---

    async def update_profiles(self, request: web.Request) -> web.Response:
        return await self._update(request, "profile", ("$distinct_id",))

    async def update_groups(self, request: web.Request) -> web.Response:
        return await self._update(request, "group", ("$group_key", "$group_id"))

    async def _update(self, request: web.Request, kind: str, id_fields: tuple[str, ...]) -> web.Response:
        """Take all updates or none. A refusal is a 200 like any answer here: only the body tells."""
        body = await request.read()
        if len(body) > self.max_request_bytes:
            error = f"the request is larger than {self.max_request_bytes} bytes"
            return _answer(413, "Request Entity Too Large", error=error)
        try:
            updates = _read_records(request, body)
        except ValueError as unreadable:
            return _said(request, str(unreadable))
        if len(updates) > self.max_records:
            return _said(request, f"more than {self.max_records} updates")
        for update in updates:
            error = check_update(update, id_fields) or self._check_size(update, kind, id_fields)
            if error:
                return _said(request, error)
        for update in updates:
            if update.get("$token") != self.settings.get("project_token"):
                self.lost_updates += 1
                continue
            self._write(update, kind, id_fields, request)
        return _said(request, None)

    def _profile(self, update: Properties, kind: str, id_fields: tuple[str, ...]) -> Properties:
        if kind == "profile":
            return self.profiles.setdefault(update[id_fields[0]], {})
        return self.groups.setdefault((update[id_fields[0]], update[id_fields[1]]), {})

    def _check_size(self, update: Properties, kind: str, id_fields: tuple[str, ...]) -> str:
        written = update.get("$set") or update.get("$union") or {}
        held = self.profiles.get(update["$distinct_id"], {}) if kind == "profile" else {}
        return "a profile has too many properties" if len(held.keys() | written.keys()) > self.max_properties else ""

    def _write(self, update: Properties, kind: str, id_fields: tuple[str, ...], request: web.Request) -> None:
        profile = self._profile(update, kind, id_fields)
        apply_update(profile, update)
        if kind == "profile" and update.get("$ignore_time") is not True:
            profile["$last_seen"] = self.now_s()
        place = "update" if "$ip" in update else "" if request.query.get("ip") == "0" else "request"
        item = {name: value for name, value in update.items() if name != "$token"}
        self.accept(kind, item, placed_by=place)


def apply_update(profile: Properties, update: Properties) -> None:
    """Do to *profile* what the one operation in *update* says."""
    profile |= cut(update.get("$set", {}))
    profile |= {name: value for name, value in update.get("$set_once", {}).items() if name not in profile}
    for name, items in update.get("$union", {}).items():
        held = profile.get(name)
        held = held if isinstance(held, list) else []
        profile[name] = [*held, *(item for item in items if item not in held)]
    for name, amount in update.get("$add", {}).items():
        profile[name] = profile.get(name, 0) + amount
    for name, item in update.get("$append", {}).items():
        profile[name] = [*profile.get(name, []), item]
    for name, item in update.get("$remove", {}).items():
        profile[name] = [held for held in profile.get(name, []) if held != item]
    for name in update.get("$unset", ()):
        profile.pop(name, None)
    if "$delete" in update:
        profile.clear()


def _read_records(request: web.Request, body: bytes) -> list[Any]:
    """The records of a JSON array or of one JSON object a line.

    Raises:
        ValueError: the body is neither.
    """
    if request.content_type == "application/x-ndjson":
        return [orjson.loads(line) for line in body.splitlines() if line.strip()]
    records = orjson.loads(body)
    if not isinstance(records, list):
        raise ValueError("expected a JSON array")
    return records


def _failure(index: int, record: Any, field: str, message: str) -> dict[str, Any]:
    properties = record.get("properties") if isinstance(record, dict) else None
    insert_id = properties.get("$insert_id") if isinstance(properties, dict) else None
    return {"index": index, "$insert_id": insert_id, "field": field, "message": f"{field} {message}".strip()}


def _answer(status: int, word: str, **facts: Any) -> web.Response:
    return json_response({"code": status, "status": word, **facts}, status)


def _said(request: web.Request, error: str | None) -> web.Response:
    """200 in any case: JSON with ``verbose=1``, else a bare 1 or 0."""
    status = 0 if error else 1
    if request.query.get("verbose") == "1":
        return json_response({"status": status, "error": error})
    return web.Response(text=str(status))
