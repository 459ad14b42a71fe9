"""The stand-in for Loops: it keeps the vendor's rules. Written from the documentation, not from the mapping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web
from router.plugin.sandbox import Sandbox, json_response

RESERVED = ("id", "listId", "softDeleteAt", "teamId", "updatedAt")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class MyLoopsSandbox(Sandbox):
    """One team. Accepted kinds: ``contact``, ``event``."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.contacts: list[dict[str, Any]] = []
        self.keys: set[str] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/v1/api-key", self.tell_team),
            web.put("/v1/contacts/update", self.update_contact),
            web.post("/v1/events/send", self.send_event),
        ]

    async def tell_team(self, request: web.Request) -> web.Response:
        if not self._has_key(request):
            return json_response({"error": "Invalid API key"}, 401)
        return json_response({"success": True, "teamName": "Sandbox"})

    async def update_contact(self, request: web.Request) -> web.Response:
        try:
            fields = await self._read(request)
            contact = self._find(fields)
            if contact is None and not fields.get("email"):
                raise Refused(400, "a new contact needs an email")
        except Refused as refused:
            return self._refuse(refused)
        if contact is None:
            contact = {}
            self.contacts.append(contact)
        contact |= fields
        self.accept("contact", fields)
        return json_response({"success": True, "id": f"contact-{self.contacts.index(contact) + 1}"})

    async def send_event(self, request: web.Request) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        try:
            fields = await self._read(request)
            if not isinstance(fields.get("eventName"), str) or not fields["eventName"]:
                raise Refused(400, "eventName is missing")
            _check_values(fields.get("eventProperties", {}))
            if len(key) > 100:
                raise Refused(400, "the idempotency key is longer than 100 characters")
            if key in self.keys:
                raise Refused(409, "this idempotency key was used within 24 hours")
            if self._find(fields) is None and not fields.get("email"):
                raise Refused(404, "no such contact")
        except Refused as refused:
            return self._refuse(refused)
        if key:
            self.keys.add(key)
        self.accept("event", fields)
        return json_response({"success": True})

    def _has_key(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.settings['api_key']}"

    async def _read(self, request: web.Request) -> dict[str, Any]:
        if not self._has_key(request):
            raise Refused(401, "Invalid API key")
        try:
            fields = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise Refused(400, "expected JSON") from None
        if not isinstance(fields, dict) or not (fields.get("email") or fields.get("userId")):
            raise Refused(400, "email or userId is missing")
        _check_values(
            {name: value for name, value in fields.items() if name not in ("eventProperties", "mailingLists")}
        )
        return fields

    def _find(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        for contact in self.contacts:
            if any(fields.get(name) and contact.get(name) == fields[name] for name in ("email", "userId")):
                return contact
        return None

    def _refuse(self, refused: Refused) -> web.Response:
        if refused.status == 401:
            return json_response({"error": str(refused)}, 401)
        return json_response({"success": False, "message": str(refused)}, refused.status)


def _check_values(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name in RESERVED:
            raise Refused(400, f"{name} is reserved")
        if isinstance(value, dict | list):
            raise Refused(400, f"{name} is an object or a list")
        if isinstance(value, str) and len(value) + 2 > 500:
            raise Refused(400, "some key or value is longer than allowable")
