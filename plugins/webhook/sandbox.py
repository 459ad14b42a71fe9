"""The stand-in for a careful receiver: one address that checks credentials, signature and time, and remembers ids.

Written from facts/vendors/webhook.md, not from the mapper.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web

from router.plugin.sandbox import RateWindow, Sandbox, json_response

TOLERANCE_S = 300
"""Five minutes either way; the convention asks for a tolerance and names none."""

_CALLS = frozenset({"identify", "track", "page", "screen", "group", "alias"})
_KEPT_IDS = 200_000
_TOKEN_LIFE_S = 3_600
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")


class Refused(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class WebhookSandbox(Sandbox):
    """One receiver. *settings* are the sender's own: ``url``, ``method``, ``auth`` with its credentials, ``signing`` with its
    secret; what is missing is not asked for.

    Accepted kinds: ``event``, with the ``request_id`` it came under. An event whose ``messageId`` is known, or that comes in
    a request whose id is known, is answered as good and not kept twice.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_request_bytes = 5_000_000
        self.requests_per_s: int | None = None
        self.retry_after_s = 1
        self.repeats = 0
        """Requests whose id was known, and so were left alone."""
        self._request_ids: OrderedDict[str, None] = OrderedDict()
        self._message_ids: OrderedDict[str, None] = OrderedDict()
        self._tokens: dict[str, float] = {}
        self._recent = RateWindow(1)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", "/{path:.*}", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        if self.settings.get("auth") == "oauth2" and request.path == urlsplit(self.settings.get("token_url", "")).path:
            return await self._give_token(request)
        try:
            count = self._take(request, await request.read())
        except Refused as refused:
            headers = {"Retry-After": str(self.retry_after_s)} if refused.status == 429 else {}
            return web.json_response({"error": str(refused)}, status=refused.status, headers=headers)
        return json_response({"received": count})

    def _take(self, request: web.Request, body: bytes) -> int:
        self._check_place(request, body)
        self._check_rate()
        self._check_credentials(request)
        self._check_signature(request, body)
        events = _read_events(body)
        request_id = request.headers.get("webhook-id", "") or request.headers.get("Idempotency-Key", "")
        if "." in request_id:
            raise Refused(400, "an id may hold no dot")
        if request_id and _is_known(self._request_ids, request_id):
            self.repeats += 1
            return len(events)
        for event in events:
            if not _is_known(self._message_ids, event["messageId"]):
                self.accept("event", event, request_id=request_id)
        return len(events)

    def _check_place(self, request: web.Request, body: bytes) -> None:
        url = urlsplit(self.settings.get("url", ""))
        if url.path and request.rel_url.raw_path != url.path:
            raise Refused(404, "there is nothing here")
        if request.method != self.settings.get("method", "POST"):
            raise Refused(405, "not this method")
        if request.content_type != "application/json":
            raise Refused(415, "expected application/json")
        if len(body) > self.max_request_bytes:
            raise Refused(413, "too large")

    def _check_rate(self) -> None:
        if self.requests_per_s is not None and not self._recent.has_room(self.now_s(), self.requests_per_s):
            raise Refused(429, "slow down")

    # --- who is it? ---

    def _check_credentials(self, request: web.Request) -> None:
        settings, sent = self.settings, request.headers.get("Authorization", "")
        auth = settings.get("auth", "none")
        if auth == "basic":
            is_right = _basic(sent) == (settings.get("username", ""), settings.get("password", ""))
        elif auth == "bearer":
            is_right = sent == f"Bearer {settings.get('token')}"
        elif auth == "api_key":
            is_right = request.headers.get(settings.get("api_key_header", "X-Api-Key")) == settings.get("api_key")
        elif auth == "oauth2":
            is_right = self._tokens.get(sent.removeprefix("Bearer "), 0.0) > self.now_s()
        else:
            is_right = True
        if not is_right:
            raise Refused(401, "unknown credentials")

    async def _give_token(self, request: web.Request) -> web.Response:
        """RFC 6749, section 4.4: the client authenticates by HTTP Basic and posts a form."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace")))
        if _basic(request.headers.get("Authorization", "")) != (
            self.settings.get("client_id"),
            self.settings.get("client_secret"),
        ):
            return json_response({"error": "invalid_client"}, 401)
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        if form.get("scope", "") != self.settings.get("scope", ""):
            return json_response({"error": "invalid_scope"}, 400)
        token = f"sandbox-access-{len(self._tokens) + 1}"
        self._tokens[token] = self.now_s() + _TOKEN_LIFE_S
        return json_response({"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE_S})

    # --- is it what was sent? ---

    def _check_signature(self, request: web.Request, body: bytes) -> None:
        secret = self.settings.get("signing_secret", "")
        if not secret:
            return
        check = {
            "standard": self._is_standard,
            "segment": self._is_segment,
            "customerio": self._is_customerio,
            "timestamped": self._is_timestamped,
        }[self.settings.get("signing", "standard")]
        if not check(request.headers, body, secret):
            raise Refused(401, "the signature does not fit the body")

    def _is_standard(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        id, stamp = headers.get("webhook-id", ""), self._fresh(headers.get("webhook-timestamp", ""))
        digest = hmac.digest(key, b".".join([_bytes(id), stamp, body]), "sha256")
        expected = "v1," + base64.b64encode(digest).decode()
        return bool(id) and any(_are_equal(expected, one) for one in headers.get("webhook-signature", "").split(" "))

    def _is_segment(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Of an array only the first element counts; written again without blanks it is what was sent."""
        value = _load(body)
        signed = orjson.dumps(value[0]) if isinstance(value, list) and value else body
        expected = hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest()
        return _are_equal(expected, headers.get("X-Signature", ""))

    def _is_customerio(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        stamp = self._fresh(headers.get("X-CIO-Timestamp", ""))
        expected = hmac.new(secret.encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
        return _are_equal(expected, headers.get("X-CIO-Signature", ""))

    def _is_timestamped(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        name = self.settings.get("signature_header", "X-Webhook-Signature")
        parts = dict(part.partition("=")[::2] for part in headers.get(name, "").split(","))
        expected = hmac.new(secret.encode(), self._fresh(parts.get("t", "")) + b"." + body, hashlib.sha256).hexdigest()
        return _are_equal(expected, parts.get("v1", ""))

    def _fresh(self, stamp: str) -> bytes:
        """The time as it was sent; outside the tolerance somebody may be playing an old request again."""
        if not _UNIX_SECONDS.fullmatch(stamp) or abs(int(stamp) - self.now_s()) > TOLERANCE_S:
            raise Refused(401, "the time of the signature is missing, or too far from now")
        return stamp.encode()


def _bytes(header: str) -> bytes:
    """A header as it came over the wire, whatever was in it."""
    return header.encode("utf-8", "surrogateescape")


def _are_equal(expected: str, sent: str) -> bool:
    return hmac.compare_digest(expected.encode(), _bytes(sent))


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "expected JSON") from None


def _read_events(body: bytes) -> list[dict[str, Any]]:
    value = _load(body)
    events = value if isinstance(value, list) else [value]
    if not events:
        raise Refused(400, "an array of nothing")
    for event in events:
        if not isinstance(event, dict) or event.get("type") not in _CALLS:
            raise Refused(400, "expected events, each with the type of a call")
        if not isinstance(event.get("messageId"), str) or not event["messageId"]:
            raise Refused(400, "expected events, each with a messageId")
    return events


def _is_known(ids: OrderedDict[str, None], id: str) -> bool:
    if id in ids:
        return True
    ids[id] = None
    if len(ids) > _KEPT_IDS:
        ids.popitem(last=False)
    return False


def _basic(header: str) -> tuple[str, str] | None:
    """User and password of HTTP Basic."""
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None
