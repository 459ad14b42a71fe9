"""The stand-in for Iterable: users, events, purchases, carts and push tokens of one project.

Written from facts/vendors/iterable.md, not from the mapper.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.iterable.sandbox_rules import (
    SUBSCRIPTION_FIELDS,
    Who,
    check_device,
    check_event,
    check_items,
    check_profile,
    check_purchase,
    check_who,
    fields_of,
    merged,
    who_of,
)
from router.plugin.sandbox import Sandbox, json_response

Body = dict[str, Any]

_STATUS = {
    "BadApiKey": 401,
    "Forbidden": 403,
    "UnknownEmailError": 404,
    "UnknownUserIdError": 404,
    "ForgottenUserError": 409,
    "EmailAlreadyExists": 409,
    "UserIdAlreadyExists": 409,
    "BatchTooLarge": 413,
    "RateLimitExceeded": 429,
}
"""By code; all others are a 400."""

_LISTS = {
    "InvalidEmailAddressError": "invalid",
    "InvalidUserIdError": "invalid",
    "UnknownEmailError": "notFound",
    "UnknownUserIdError": "notFound",
    "ForgottenUserError": "forgotten",
    "EmailAlreadyExists": "conflict",
    "UserIdAlreadyExists": "conflict",
}
"""How the lists of a batch begin; all others are ``invalidData``."""

_RATES = {
    "/api/users/update": 500,
    "/api/users/bulkUpdate": 5,
    "/api/events/track": 2_000,
    "/api/events/trackBulk": 10,
    "/api/users/merge": 50,
}
"""Requests a second."""


class _Refused(Exception):
    def __init__(self, code: str, message: str = "") -> None:
        self.code, self.message = code, message or code


class IterableSandbox(Sandbox):
    """One project. *settings*: ``api_key``; ``identity`` (the project's type).

    Accepted kinds: ``user``, ``event``, ``purchase``, ``cart``, ``device``, ``merge``, each as it came; ``subscription`` for an
    update that changes what a user is sent.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_request_bytes = 4_000_000
        self.rates: dict[str, int] = dict(_RATES)
        self.needs_jwt = False
        """The key is one that asks for a token of the user."""
        self.makes_new_fields = True
        """What the project does with a field it does not know, unless a call says otherwise."""
        self.refuses_with_200 = False
        """Refusals of single calls come with a 200, as is seen in practice; only their code tells."""
        self.forgotten: set[str] = set()
        self.conflicting: set[str] = set()
        self.disallowed_events: set[str] = set()
        self.users: dict[Who, Body] = {}
        self.schema: dict[str, str] = {}
        """Type by field, of all users."""
        self.event_schemas: dict[str, dict[str, str]] = {}
        self.events: dict[str, Body] = {}
        """By id: one sent again is updated."""
        self.purchases: dict[str, Body] = {}
        self.carts: dict[Who, list[Any]] = {}
        self._used: dict[str, tuple[int, int]] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/api/users/update", self._guarded(self.update_user)),
            web.post("/api/users/bulkUpdate", self._guarded(self.update_users)),
            web.post("/api/events/track", self._guarded(self.track)),
            web.post("/api/events/trackBulk", self._guarded(self.track_all)),
            web.post("/api/commerce/trackPurchase", self._guarded(self.track_purchase)),
            web.post("/api/commerce/updateCart", self._guarded(self.update_cart)),
            web.post("/api/users/registerDeviceToken", self._guarded(self.register_device)),
            web.post("/api/users/merge", self._guarded(self.merge)),
        ]

    def _guarded(self, handle: Callable[[Body], Body]) -> Any:
        """Key, rate, size, JSON and the shape of errors: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            try:
                if request.headers.get("Api-Key") != self.settings.get("api_key"):
                    raise _Refused("BadApiKey", "Invalid API key")
                if self.needs_jwt:
                    raise _Refused("Forbidden", "This key needs a JWT of the user")
                self._count(request.path)
                return json_response(handle(self._read(await request.read())))
            except _Refused as refused:
                status = _STATUS.get(refused.code, 400)
                is_quiet = self.refuses_with_200 and status in (400, 404, 409)
                body = {"code": refused.code, "msg": refused.message, "params": None}
                return json_response(body, 200 if is_quiet else status)

        return guarded

    def _count(self, path: str) -> None:
        second = math.floor(self.now_s())
        start, used = self._used.get(path, (second, 0))
        used = used if start == second else 0
        if used >= self.rates.get(path, 10_000):
            raise _Refused("RateLimitExceeded")
        self._used[path] = (second, used + 1)

    def _read(self, data: bytes) -> Body:
        if len(data) > self.max_request_bytes:
            raise _Refused("BatchTooLarge")
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise _Refused("BadJsonBody") from None
        if not isinstance(body, dict):
            raise _Refused("BadParams")
        return body

    # --- users ---

    def update_user(self, body: Body) -> Body:
        left_out = self._update(body, body.get("createNewFields"))
        return _success({"filteredOutFields": left_out} if left_out else {})

    def update_users(self, body: Body) -> Body:
        return self._all(body, "users", lambda user: self._update(user, body.get("createNewFields")))

    def _update(self, item: Body, makes_new: Any) -> list[str]:
        """Write a user; returns the fields that were left out."""
        who = self._user(item, is_made=True)
        data = item.get("dataFields", {})
        code = check_profile(data, self.schema)
        if code:
            raise _Refused(code)
        if isinstance(data.get("email"), str) and self._of_email(data["email"]) not in (None, who):
            raise _Refused("EmailAlreadyExists", "Another user has this email")
        makes_new = self.makes_new_fields if makes_new is None else makes_new
        left_out = [] if makes_new else [name for name in data if name not in self.schema]
        data = {name: value for name, value in data.items() if name not in left_out}
        self.schema.update(fields_of(data))
        held = self.users.get(who, {})
        self.users[who] = merged(held, data, item.get("mergeNestedObjects") is True)
        if not set(SUBSCRIPTION_FIELDS).isdisjoint(data):
            self.accept("subscription", item)
        self.accept("user", item)
        return left_out

    def _user(self, item: Any, is_made: bool) -> Who:
        """Who is named; somebody new where the call may make a user."""
        who = who_of(item)
        if who is None:
            raise _Refused("BadParams", "either email or userId")
        code = check_who(who)
        if code:
            raise _Refused(code)
        kind, id = who
        if id in self.forgotten:
            raise _Refused("ForgottenUserError")
        if id in self.conflicting:
            raise _Refused("UserIdAlreadyExists" if kind == "userId" else "EmailAlreadyExists")
        if who in self.users:
            return who
        owner = self._of_email(id) if kind == "email" else self._of_user_id(id)
        if owner is not None:
            return owner
        project = self.settings.get("identity", "hybrid")
        may_make = kind == project or project == "hybrid" or (kind == "userId" and item.get("preferUserId") is True)
        if not is_made or not may_make:
            raise _Refused("UnknownUserIdError" if kind == "userId" else "UnknownEmailError")
        placeholder = {"email": f"{id}@placeholder.email"} if project == "email" and kind == "userId" else {}
        self.users[who] = placeholder
        return who

    def _of_email(self, email: str) -> Who | None:
        """Whose the email is, where the project has each for one user alone.

        Source: support.iterable.com/hc/articles/9216719179796 (a copy of 2026).
        """
        if self.settings.get("identity", "hybrid") != "hybrid":
            return None
        owners = (who for who, data in self.users.items() if who == ("email", email) or data.get("email") == email)
        return next(owners, None)

    def _of_user_id(self, user_id: str) -> Who | None:
        """Who is found by a userId in a project by email, where it is a data field that calls may name a user by as well."""
        if self.settings.get("identity") != "email":
            return None
        return next((who for who, data in self.users.items() if data.get("userId") == user_id), None)

    def merge(self, body: Body) -> Body:
        kind = "UserId" if "sourceUserId" in body else "Email"
        pair = [body.get(f"source{kind}"), body.get(f"destination{kind}")]
        if not all(isinstance(each, str) and each for each in pair):
            raise _Refused("BadParams")
        source, destination = ((kind[0].lower() + kind[1:], str(each)) for each in pair)
        if source not in self.users:
            raise _Refused(f"Unknown{kind}Error")
        self.users[destination] = self.users.pop(source) | self.users.get(destination, {})
        self.accept("merge", body)
        return _success()

    def register_device(self, body: Body) -> Body:
        self._user(body, is_made=False)
        if check_device(body):
            raise _Refused("BadParams")
        self.accept("device", body)
        return _success()

    # --- events ---

    def track(self, body: Body) -> Body:
        left_out = self._track(body)
        if body["eventName"] in self.disallowed_events:
            raise _Refused("BadParams", "this event name is not allowed")
        return _success({"id": body.get("id", ""), **({"filteredOutFields": left_out} if left_out else {})})

    def track_all(self, body: Body) -> Body:
        return self._all(body, "events", self._track)

    def _track(self, item: Body) -> list[str]:
        self._user(item, is_made=False)
        schema = self.event_schemas.setdefault(str(item.get("eventName")), {})
        code = check_event(item, schema)
        if code:
            raise _Refused(code)
        if item["eventName"] in self.disallowed_events:
            return []
        data = item.get("dataFields", {})
        makes_new = item.get("createNewFields", self.makes_new_fields)
        left_out = [] if makes_new else [name for name in data if name not in schema]
        schema.update(fields_of({name: value for name, value in data.items() if name not in left_out}))
        if item.get("id") not in self.events:
            self.accept("event", item)
        if item.get("id"):
            self.events[item["id"]] = item
        return left_out

    # --- commerce ---

    def track_purchase(self, body: Body) -> Body:
        who = self._user(body.get("user"), is_made=True)
        if check_purchase(body):
            raise _Refused("BadParams")
        if body.get("id") not in self.purchases:
            self.accept("purchase", body)
        self.purchases[body.get("id", "")] = body
        self.carts.pop(who, None)
        return _success({"id": body.get("id", "")})

    def update_cart(self, body: Body) -> Body:
        who = self._user(body.get("user"), is_made=True)
        if check_items(body.get("items")):
            raise _Refused("BadParams")
        self.carts[who] = body["items"]
        self.accept("cart", body)
        return _success()

    # --- batches ---

    def _all(self, body: Body, name: str, take: Callable[[Body], list[str]]) -> Body:
        """Every item by itself; who is refused is listed by id, and not by its place."""
        items = body.get(name)
        if not isinstance(items, list) or not items:
            raise _Refused("BadParams", f"{name} must be a list")
        failed: dict[str, list[str]] = {
            f"{why}{kind}": []
            for why in ("invalid", "notFound", "forgotten", "conflict", "invalidData")
            for kind in ("Emails", "UserIds")
        }
        left_out: list[str] = []
        count = 0
        for item in items:
            try:
                left_out += take(item)
            except _Refused as refused:
                count += 1
                who = who_of(item)
                if who is not None:
                    kind = "Emails" if who[0] == "email" else "UserIds"
                    failed[_LISTS.get(refused.code, "invalidData") + kind].append(who[1])
        names = {item.get("eventName") for item in items if isinstance(item, dict)} & self.disallowed_events
        return {
            "successCount": len(items) - count,
            "failCount": count,
            "createdFields": [],
            "filteredOutFields": sorted(set(left_out)),
            "disallowedEventNames": sorted(map(str, names)),
            "failedUpdates": failed,
        }


def _success(params: Body | None = None) -> Body:
    return {"code": "Success", "msg": "", "params": params or None}
