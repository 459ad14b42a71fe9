"""The stand-in for Loops: the contacts of one team, and their events.

Written from facts/vendors/loops.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from router.plugin.sandbox import RateWindow, Sandbox, json_response

Properties = dict[str, Any]

RESERVED = ("id", "listId", "softDeleteAt", "teamId", "updatedAt")
_KEY_KEPT_S = 24 * 3_600


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LoopsSandbox(Sandbox):
    """One team. *settings*: ``api_key``. Accepted kinds: ``contact`` and ``event``, each as it came.

    Properties that a contact or an event has not been declared to have are taken, so that it serves without being set up.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_requests_per_s = 10
        self.contacts: list[Properties] = []
        self.lists: set[str] | None = None
        """The mailing lists by id; None: whichever is named."""
        self._keys: dict[str, float] = {}
        """Idempotency keys, and when each came."""
        self._second = RateWindow(1.0)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.get("/v1/api-key", self._guarded(self.tell_team)),
            web.put("/v1/contacts/update", self._guarded(self.update_contact)),
            web.post("/v1/events/send", self._guarded(self.send_event)),
        ]

    def _guarded(self, handle: Callable[[Properties, str], Properties]) -> Any:
        """Key, rate and JSON: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {self.settings['api_key']}":
                return json_response({"error": "Invalid API key"}, 401)
            try:
                if not self._second.has_room(self.now_s(), self.max_requests_per_s):
                    raise Refused(429, "Rate limit exceeded")
                data = await request.read()
                answer = handle(_read(data) if data else {}, request.headers.get("Idempotency-Key", ""))
            except Refused as refused:
                return json_response({"success": False, "message": str(refused)}, refused.status)
            return json_response({"success": True, **answer})

        return guarded

    def tell_team(self, body: Properties, key: str) -> Properties:
        return {"teamName": "Sandbox"}

    def update_contact(self, body: Properties, key: str) -> Properties:
        contact = self._write(body)
        self.accept("contact", body)
        return {"id": f"contact-{self.contacts.index(contact) + 1}"}

    def send_event(self, body: Properties, key: str) -> Properties:
        if len(key) > 100:
            raise Refused(400, "Idempotency-Key is longer than 100 characters")
        if key in self._keys and self.now_s() - self._keys[key] < _KEY_KEPT_S:
            raise Refused(409, "Idempotency-Key has been used")
        if not isinstance(body.get("eventName"), str) or not body["eventName"]:
            raise Refused(400, "eventName is missing")
        properties = body.get("eventProperties", {})
        if not isinstance(properties, dict):
            raise Refused(400, "eventProperties must be an object")
        _check(properties)
        if None in properties.values():
            raise Refused(400, "an event property is a string, a number, a boolean or a date")
        self._write({name: value for name, value in body.items() if name != "eventProperties"})
        if key:
            self._keys[key] = self.now_s()
        self.accept("event", body)
        return {}

    def _write(self, told: Properties) -> Properties:
        """Find or make the contact, and write what is told of it; a null clears a property."""
        named = {name: told[name] for name in ("email", "userId") if name in told}
        if not named or not all(isinstance(value, str) and value.strip() for value in named.values()):
            raise Refused(400, "email or userId is missing")
        if "email" in named and "@" not in named["email"]:
            raise Refused(400, "email is invalid")
        lists = told.get("mailingLists", {})
        if not isinstance(lists, dict) or not all(isinstance(value, bool) for value in lists.values()):
            raise Refused(400, "mailingLists must be an object of booleans")
        if self.lists is not None and lists.keys() - self.lists:
            raise Refused(404, "Mailing list not found")
        if not isinstance(told.get("subscribed", True), bool):
            raise Refused(400, "subscribed must be a boolean")
        _check({name: value for name, value in told.items() if name != "mailingLists"})
        contact = next((each for each in self.contacts if any(each.get(key) == named[key] for key in named)), None)
        if contact is None:
            if "email" not in named:
                raise Refused(400, "userId not found and cannot create a new contact without an email.")
            contact = {}
            self.contacts.append(contact)
        if lists:
            told = {**told, "mailingLists": {**contact.get("mailingLists", {}), **lists}}
        contact |= {name: value for name, value in told.items() if name != "eventName"}
        for name in [name for name, value in contact.items() if value is None]:
            del contact[name]
        return contact


def _read(data: bytes) -> Properties:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body is no object")
    return body


def _check(properties: Properties) -> None:
    for name, value in properties.items():
        if name in RESERVED:
            raise Refused(400, f"{name} is reserved")
        if isinstance(value, dict | list):
            raise Refused(400, f"{name[:50]} is no string, number, boolean or date")
        if any(isinstance(text, str) and len(text) + 2 > 500 for text in (name, value)):
            raise Refused(400, "some key or value is longer than allowable")
