"""The stand-in for PostHog: the batch endpoint of one project, its people and its groups.

Written from facts/vendors/posthog.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.posthog.sandbox_rules import (
    HIDDEN_AHEAD_S,
    MAX_GROUP_TYPES,
    MAX_ID,
    can_be_joined,
    dropped,
    invalid,
    moment_of,
)
from router.plugin.sandbox import Sandbox, json_response

Properties = dict[str, Any]


class PosthogSandbox(Sandbox):
    """One project. *settings*: ``api_key``.

    Accepted kinds: ``event`` (as it is kept, with ``is_hidden`` beside it), ``merge`` (two ids that are one person from now
    on) and ``warning`` (an ingestion warning: what was answered as good and not done).
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_bytes = 20_000_000
        self.is_strict = True
        """Newer servers refuse a request for one event without a name or an id; older ones drop that event."""
        self.is_over_quota = False
        self.people: dict[str, Properties] = {}
        """Properties, by the id that stands for the person; see `person_of`."""
        self.groups: dict[tuple[str, str], Properties] = {}
        self._same: dict[str, str] = {}
        self._identified: set[str] = set()
        """Ids that stand for a person who is identified, and is merged into nobody any more."""
        self._seen: set[tuple[str, str, str, str]] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/batch/", self.take_batch)]

    async def take_batch(self, request: web.Request) -> web.Response:
        data = await request.read()
        if len(data) > self.max_bytes:
            return _error(413, "request_too_large", "the request is larger than 20 MB")
        try:
            body = orjson.loads(data)
            events, key = body["batch"], body.get("api_key") or body.get("token")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _error(400, "invalid_payload", "expected an object with a batch")
        if key != self.settings.get("api_key"):
            return _error(401, "authentication_error", "API key is not valid: ********")
        if not isinstance(events, list):
            return _error(400, "invalid_payload", "batch is no list")
        faults = [invalid(event) for event in events]
        if any(faults) and self.is_strict:
            return _error(400, "validation_error", next(fault for fault in faults if fault))
        if self.is_over_quota:
            return json_response({"status": "Ok", "quota_limited": ["events"]})
        for event, fault in zip(events, faults, strict=True):
            if fault or dropped(event):
                self.accept("warning", {"type": fault or dropped(event), "event": event})
            else:
                self._keep(event, is_import=body.get("historical_migration") is True)
        return json_response({"status": "Ok"})

    def person_of(self, distinct_id: str) -> str:
        """The id that stands for the person who has *distinct_id*."""
        while distinct_id in self._same:
            distinct_id = self._same[distinct_id]
        return distinct_id

    def _keep(self, event: Properties, is_import: bool) -> None:
        now = datetime.fromtimestamp(self.now_s(), UTC)
        moment = moment_of(event.get("timestamp"), now)
        kept = {**event, "distinct_id": str(event["distinct_id"])[:MAX_ID], "timestamp": moment.isoformat()}
        key = (str(kept.get("uuid")), kept["event"], kept["timestamp"], kept["distinct_id"])
        if kept.get("uuid") and key in self._seen:
            return
        self._seen.add(key)
        is_hidden = (moment - now).total_seconds() > HIDDEN_AHEAD_S
        self.accept("event", kept, is_hidden=is_hidden, is_import=is_import)
        self._process(kept["event"], kept["distinct_id"], kept.get("properties", {}))

    def _process(self, name: str, distinct_id: str, properties: Properties) -> None:
        if name == "$identify" and properties.get("$anon_distinct_id"):
            self._merge(distinct_id, str(properties["$anon_distinct_id"]))
        elif name == "$create_alias":
            self._merge(distinct_id, str(properties.get("alias")))
        elif name == "$groupidentify":
            self._update_group(properties)
        if name in ("$identify", "$create_alias"):
            self._identified.add(self.person_of(distinct_id))
        if properties.get("$process_person_profile") is False:
            if not {"$set", "$set_once", "$unset"}.isdisjoint(properties):
                self._warn("invalid_event_when_process_person_profile_is_false", name)
            return
        person = self.people.setdefault(self.person_of(distinct_id), {})
        person |= properties.get("$set", {})
        for key, value in properties.get("$set_once", {}).items():
            person.setdefault(key, value)
        for key in properties.get("$unset", []):
            person.pop(key, None)

    def _merge(self, kept: str, other: str) -> None:
        """Refused without a word to the sender where the other id is a user's already, or no id at all."""
        if not can_be_joined(kept) or not can_be_joined(other):
            self._warn("cannot_merge_with_illegal_distinct_id", other)
            return
        if self.person_of(other) == self.person_of(kept):
            return
        if self.person_of(other) in self._identified:
            self._warn("cannot_merge_already_identified", other)
            return
        old = self.people.pop(self.person_of(other), {})
        self._same[self.person_of(other)] = self.person_of(kept)
        self.people[self.person_of(kept)] = old | self.people.get(self.person_of(kept), {})
        self.accept("merge", {"kept": kept, "other": other})

    def _update_group(self, properties: Properties) -> None:
        kind, key = properties.get("$group_type"), properties.get("$group_key")
        if not isinstance(kind, str) or not isinstance(key, str):
            self._warn("invalid_group", kind)
            return
        kinds = {known for known, _ in self.groups}
        if kind not in kinds and len(kinds) >= MAX_GROUP_TYPES:
            self._warn("too_many_group_types", kind)
            return
        self.groups.setdefault((kind, key), {}).update(properties.get("$group_set", {}))

    def _warn(self, kind: str, about: Any) -> None:
        self.accept("warning", {"type": kind, "about": about})


def _error(status: int, code: str, detail: str) -> web.Response:
    return json_response({"type": "validation_error", "code": code, "detail": detail}, status)
