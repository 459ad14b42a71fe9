"""The stand-in for Vero: users, their events, tags and subscriptions of one project.

Written from facts/vendors/vero.md, not from the mapper.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from router.plugin.sandbox import Sandbox, json_response

User = dict[str, Any]
"""id, email, phone_number, data, channels, tags, is_subscribed"""

_REPEAT_S = 5 * 60
_MAX_TEXT = 255
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class VeroSandbox(Sandbox):
    """One project. *settings*: ``auth_token``, which may stand in the body or in the query.

    Accepted kinds: ``user``, ``event``, ``tags``, ``unsubscribe``, ``resubscribe`` and ``alias``. An event that is the same as
    one of the last five minutes is answered like it and dropped.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.users: dict[str, User] = {}
        self._seen: dict[bytes, float] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/users/track", self._guarded(self.track_user)),
            web.post("/users/unsubscribe", self._guarded(self.unsubscribe)),
            web.post("/users/resubscribe", self._guarded(self.resubscribe)),
            web.put("/users/reidentify", self._guarded(self.reidentify)),
            web.put("/users/tags/edit", self._guarded(self.edit_tags)),
            web.post("/events/track", self._guarded(self.track_event)),
        ]

    def _guarded(self, handle: Callable[[dict[str, Any]], None]) -> Any:
        """Token and JSON: alike for every route."""

        async def guarded(request: web.Request) -> web.Response:
            try:
                body = _read(await request.read())
                token = request.query.get("auth_token", body.pop("auth_token", None))
                if token != self.settings["auth_token"]:
                    raise Refused(401, "Unauthorized.")
                handle(body)
            except Refused as refused:
                return json_response({"status": refused.status, "message": str(refused)}, refused.status)
            return json_response({"status": 200, "message": "Success."})

        return guarded

    def track_user(self, body: dict[str, Any]) -> None:
        user = self._upsert(body)
        phone, data, channels = body.get("phone_number"), body.get("data", {}), body.get("channels", [])
        if phone is not None and not (isinstance(phone, str) and _PHONE.fullmatch(phone)):
            raise Refused(400, "phone_number must be in E.164 format")
        if not isinstance(data, dict):
            raise Refused(400, "data must be an object")
        if not isinstance(channels, list) or not all(map(_is_channel, channels)):
            raise Refused(400, "channels must be a list of type, address and platform")
        user["data"] |= data
        user["channels"] += [channel for channel in channels if channel not in user["channels"]]
        if phone is not None:
            user["phone_number"] = phone
        self.users[user["id"]] = user
        self.accept("user", body)

    def track_event(self, body: dict[str, Any]) -> None:
        identity, name = body.get("identity"), body.get("event_name")
        data, extras = body.get("data", {}), body.get("extras", {})
        if not isinstance(identity, dict):
            raise Refused(400, "identity must be an object")
        if not isinstance(name, str) or not name.strip() or len(name) >= _MAX_TEXT:
            raise Refused(400, "event_name must have less than 255 characters")
        if not isinstance(data, dict) or not isinstance(extras, dict):
            raise Refused(400, "data and extras must be objects")
        if "created_at" in extras and not _is_time(extras["created_at"]):
            raise Refused(400, "created_at must be a time")
        user = self._upsert(identity)
        self.users[user["id"]] = user
        if not self._is_repeated(user["id"], re.sub(r"[ _]+", "_", name.lower()), data or extras.get("check_id")):
            self.accept("event", body)

    def _is_repeated(self, *told: Any) -> bool:
        now_s, key = self.now_s(), orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        is_repeated = now_s - self._seen.get(key, -math.inf) < _REPEAT_S
        if not is_repeated:
            self._seen[key] = now_s
        return is_repeated

    def edit_tags(self, body: dict[str, Any]) -> None:
        lists = [body.get(way, []) for way in ("add", "remove")]
        if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in lists):
            raise Refused(400, "add and remove must be lists of strings")
        user, (added, removed) = self._known(body), lists
        user["tags"] = [tag for tag in dict.fromkeys([*user["tags"], *added]) if tag not in removed]
        self.accept("tags", body)

    def unsubscribe(self, body: dict[str, Any]) -> None:
        self._known(body)["is_subscribed"] = False
        self.accept("unsubscribe", body)

    def resubscribe(self, body: dict[str, Any]) -> None:
        self._known(body)["is_subscribed"] = True
        self.accept("resubscribe", body)

    def reidentify(self, body: dict[str, Any]) -> None:
        """Of a new id that is a user's already it is not known what Vero does: here the other user stays."""
        user, new_id = self._known(body), _id_of(body, "new_id")
        if not new_id:
            raise Refused(400, "new_id is required")
        del self.users[user["id"]]
        self.users.setdefault(new_id, {**user, "id": new_id})
        self.accept("alias", body)

    def _upsert(self, told: dict[str, Any]) -> User:
        """The user of an ``id``, else of an ``email``, which is the id of who has no other."""
        id, email = _id_of(told, "id"), told.get("email")
        if email is not None and not (isinstance(email, str) and len(email) < _MAX_TEXT and _EMAIL.fullmatch(email)):
            raise Refused(400, "email is not valid")
        key = id or email
        if not key:
            raise Refused(400, "id or email is required")
        new = {"id": key, "data": {}, "channels": [], "tags": [], "is_subscribed": True}
        user: User = self.users.get(key, new)
        return user | {"email": email} if email else user

    def _known(self, body: dict[str, Any]) -> User:
        id = _id_of(body, "id")
        if not id:
            raise Refused(400, "id is required")
        if id not in self.users:
            raise Refused(404, "User not found.")
        return self.users[id]


def _read(data: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Refused(400, "expected JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "expected an object")
    return body


def _id_of(told: dict[str, Any], name: str) -> str:
    """The id as text, "" where there is none."""
    id = told.get(name)
    if id is None:
        return ""
    if isinstance(id, bool) or not isinstance(id, str | int) or len(str(id)) >= _MAX_TEXT:
        raise Refused(400, f"{name} must have less than 255 characters")
    return str(id)


def _is_channel(channel: Any) -> bool:
    if not isinstance(channel, dict) or channel.get("type") != "push":
        return False
    address = channel.get("address")
    return isinstance(address, str) and address != "" and channel.get("platform") in ("android", "ios")


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, int) or datetime.fromisoformat(value) is not None
    except (TypeError, ValueError):
        return False
