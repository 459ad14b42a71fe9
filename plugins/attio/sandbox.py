"""A stand-in for one Attio workspace, written from facts/vendors/attio.md: it refuses what Attio refuses.

It has the standard objects with their attributes, and those that the settings name. Kinds that it takes: ``people``,
``companies``, ``users`` and ``workspaces``, each as the values that were sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.attio.sandbox_rules import OBJECTS, Attribute, Refusal, Values, read
from router.plugin.sandbox import RateWindow, Sandbox, json_response

WRITES_PER_S: Final = 25
_SETTINGS: Final = {
    "people": "person_attributes",
    "companies": "company_attributes",
    "users": "user_attributes",
    "workspaces": "workspace_attributes",
}
_TYPES: Final = {"": "any", "list": "any"}
"""What of the settings' types is another one here: an attribute without one takes whatever is no list."""


class AttioSandbox(Sandbox):
    """One workspace. *settings*: ``access_token``; which of the objects are on; the attributes that it has besides."""

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.writes_per_s = WRITES_PER_S
        self.can_write = True
        """The token's scopes allow it."""
        self.enabled = {"people", "companies"} | {
            kind for kind in ("users", "workspaces") if self.settings.get(f"use_{kind}_object")
        }
        self.attributes = {kind: {**known, **self._own(kind)} for kind, known in OBJECTS.items()}
        self.options: dict[str, set[str]] = {}
        """By slug: what an attribute of options takes."""
        self.records: dict[str, dict[str, dict[str, list[Any]]]] = {kind: {} for kind in OBJECTS}
        """By object and id: the values of each attribute."""
        self._numbers = count(1)
        self._writes = RateWindow(1.0)

    def _own(self, kind: str) -> dict[str, Attribute]:
        named = (self.settings.get(_SETTINGS[kind]) or {}).values()
        pairs = (each.partition(":")[::2] for each in named)
        return {slug: Attribute(_TYPES.get(type_, type_), is_multi=type_ == "list") for slug, type_ in pairs}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/v2/self", self.show_token),
            web.put("/v2/objects/{object}/records", self._guarded(self.assert_record)),
            web.patch("/v2/objects/{object}/records/{id}", self._guarded(self.update_record)),
        ]

    async def show_token(self, request: web.Request) -> web.StreamResponse:
        """A token that counts no longer is no error here."""
        if not self._is_known(request):
            return json_response({"active": False})
        return json_response({"active": True, "scope": "record_permission:read-write object_configuration:read"})

    def _is_known(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.settings['access_token']}"

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._authorise(request)
                values = await _values(request)
                record_id = handler(request, request.match_info["object"], values)
                kind = request.match_info["object"]
                self.accept(kind, values, id=record_id)
                return json_response({"data": self._show(kind, record_id)})
            except Refusal as refusal:
                response = json_response(refusal.body, refusal.status)
                if refusal.status == 429:
                    response.headers["Retry-After"] = formatdate(self.now_s() + 1, usegmt=True)
                return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        if not self._is_known(request):
            raise Refusal(401, "unauthorized", "The token is not known.", "auth_error")
        if not self.can_write:
            raise Refusal(403, "unauthorized", "The token lacks record_permission:read-write.", "auth_error")
        if not self._writes.has_room(self.now_s(), self.writes_per_s):
            message = "Rate limit exceeded, please try again later"
            raise Refusal(429, "rate_limit_exceeded", message, "rate_limit_error")
        kind = request.match_info["object"]
        if kind not in self.enabled:
            raise Refusal(404, "not_found", f'Object with slug/ID "{kind}" not found.')

    # --- records ---

    def assert_record(self, request: web.Request, kind: str, values: Values) -> str:
        """Values of the matching attribute are added, those of every other take the place of what is there."""
        key = request.query.get("matching_attribute", "")
        attribute = self._attribute(kind, key)
        if not attribute.is_unique or key not in values:
            raise Refusal(400, "value_not_found", f'"{key}" is no unique attribute with a value.')
        read_values = self._read(kind, values)
        found = [id for id, held in self.records[kind].items() if _share(held.get(key), read_values[key])]
        if len(found) > 1:
            raise Refusal(400, "multiple_match_results", f'More than one record has this "{key}".')
        self._refuse_taken(kind, read_values, found[0] if found else None)
        if not found:
            missing = [slug for slug, each in self.attributes[kind].items() if each.is_required and slug not in values]
            if missing:
                raise Refusal(400, "missing_value", f'Required attribute with slug "{missing[0]}" has no value.')
            found = [f"{kind}-{next(self._numbers)}"]
        held = self.records[kind].setdefault(found[0], {})
        if attribute.is_multi:
            read_values[key] = _joined(held.get(key, []), read_values[key])
        held |= read_values
        return found[0]

    def update_record(self, request: web.Request, kind: str, values: Values) -> str:
        """Values of an attribute that has several are put before those that are there."""
        record_id = request.match_info["id"]
        if record_id not in self.records[kind]:
            raise Refusal(404, "not_found", f'Record with ID "{record_id}" not found.')
        read_values = self._read(kind, values)
        self._refuse_taken(kind, read_values, record_id)
        held = self.records[kind][record_id]
        for slug, new in read_values.items():
            held[slug] = _joined(new, held.get(slug, [])) if self.attributes[kind][slug].is_multi else new
        return record_id

    def _read(self, kind: str, values: Values) -> dict[str, list[Any]]:
        read_values = {}
        for slug, given in values.items():
            attribute = self._attribute(kind, slug)
            if not attribute.is_writable:
                raise Refusal(400, "immutable_value", f'The attribute with slug "{slug}" can\'t be written.')
            read_values[slug] = read(slug, attribute, given)
            if attribute.type in OBJECTS:
                read_values[slug] = [self._referenced(slug, attribute.type, each) for each in read_values[slug]]
            unknown = [each for each in read_values[slug] if slug in self.options and each not in self.options[slug]]
            if unknown:
                raise Refusal(400, "value_not_found", f'Cannot find select option with title "{unknown[0]}".')
        return read_values

    def _attribute(self, kind: str, slug: str) -> Attribute:
        if slug not in self.attributes[kind]:
            raise Refusal(400, "value_not_found", f'Cannot find attribute with slug/ID "{slug}".')
        return self.attributes[kind][slug]

    def _referenced(self, slug: str, kind: str, reference: Values) -> Values:
        """A record by its id, or the only one that has a value."""
        wanted = {name: given for name, given in reference.items() if name != "target_object"}
        if reference["target_object"] != kind or len(wanted) != 1:
            raise Refusal(400, "validation_type", f'An invalid value was passed to attribute with slug "{slug}".')
        [(name, given)] = wanted.items()
        if name == "target_record_id":
            found = [given] if given in self.records[kind] else []
        else:
            values = read(slug, self._attribute(kind, name), given)
            found = [id for id, held in self.records[kind].items() if _share(held.get(name), values)]
        if len(found) != 1:
            raise Refusal(400, "value_not_found", f'No one record is meant by attribute with slug "{slug}".')
        return {"target_object": kind, "target_record_id": found[0]}

    def _refuse_taken(self, kind: str, values: Mapping[str, list[Any]], own: str | None) -> None:
        for slug, new in values.items():
            if not self.attributes[kind][slug].is_unique:
                continue
            if any(_share(held.get(slug), new) for id, held in self.records[kind].items() if id != own):
                what = orjson.dumps({"value": new[0]}).decode()
                message = (
                    f'The value "{what}" provided for attribute with ID "a-{slug}" conflicts with one in the system.'
                )
                raise Refusal(400, "uniqueness_conflict", message)

    def _show(self, kind: str, record_id: str) -> Values:
        held = self.records[kind][record_id]
        values = {slug: [_shown(each) for each in held.get(slug, [])] for slug in self.attributes[kind]}
        return {"id": {"workspace_id": "w1", "object_id": kind, "record_id": record_id}, "values": values}


def _share(held: list[Any] | None, wanted: list[Any]) -> bool:
    return any(each in wanted for each in held or [])


def _joined(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(each for each in second if each not in first)]


def _shown(value: Any) -> Values:
    return value if isinstance(value, dict) else {"value": value}


async def _values(request: web.Request) -> Values:
    """Of a request's body: ``{"data": {"values": {…}}}``."""
    try:
        values = orjson.loads(await request.read())["data"]["values"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "validation_type", "Body payload validation error.")
    return values
