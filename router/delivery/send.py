"""Sending one request over HTTP: credentials added last, answers bounded, redirects not followed."""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from yarl import URL

from router.clock import Clock
from router.plugin import (
    Basic,
    Bearer,
    BodyField,
    Credential,
    HeaderKey,
    OAuth2,
    QueryKey,
    Request,
    Response,
    Signature,
    Signing,
)
from router.plugin.credential import with_field

MAX_ANSWER_BYTES = 1_000_000
"""A vendor's answer is cut here; none of the documented ones is near it."""

_USER_AGENT = "trait-router/1"


class SendFailed(Exception):
    """No answer came: network, DNS, TLS, a time-out. Always worth another try."""


class Send(Protocol):
    """What sends one request; what limits or retries it has the same shape."""

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        """Send *request* with *credentials*; *id* is stable over attempts, for signatures.

        Raises:
            SendFailed: no answer came.
        """


class HttpSend:
    """One destination's HTTP client: its own connections, so that no other destination waits for them."""

    def __init__(self, origin: str, timeout_s: float, connections: int, clock: Clock) -> None:
        """*origin* is the only scheme, host and port that requests may go to."""
        self._origin = origin
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=timeout_s)
        self._connections = connections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._tokens: dict[OAuth2, tuple[str, float]] = {}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self._origin:
            raise ValueError(f"a request may only go to {self._origin}, the plugin made one for {parts.netloc}")
        response = await self._send_once(request, credentials, id)
        tokens = [credential for credential in credentials if isinstance(credential, OAuth2)]
        if response.status == 401 and any(self._tokens.pop(token, None) for token in tokens):
            response = await self._send_once(request, credentials, id)  # the token may have been revoked: a fresh one
        return response

    async def _send_once(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        tokens = {c: await self._token(c) for c in credentials if isinstance(c, OAuth2)}
        url, headers, body = add_credentials(request, credentials, tokens, id, int(self._clock.now()))
        return await self._exchange(request.method, url, headers, body)

    async def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Response:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, headers={"User-Agent": _USER_AGENT}
            )
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Response(
                    answer.status,
                    await _read_bounded(answer),
                    {name.lower(): value for name, value in answer.headers.items()},
                )
        except TimeoutError:
            raise SendFailed(f"no answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            detail = str(error) if isinstance(error, OSError) else ""  # other errors may quote a URL with a key in it
            raise SendFailed(f"{type(error).__name__}: {detail}".rstrip(": ")) from error

    async def _token(self, credential: OAuth2) -> str:
        """A token that is still good, fetched when there is none.

        Source: RFC 6749 section 4.4 (client credentials, the client authenticates by HTTP Basic).
        """
        held = self._tokens.get(credential)
        if held is not None and held[1] > self._clock.monotonic():
            return held[0]
        form = {"grant_type": "client_credentials"} | ({"scope": credential.scope} if credential.scope else {})
        headers = _basic(credential.client_id.get_secret_value(), credential.client_secret.get_secret_value())
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = await self._exchange("POST", credential.token_url, headers, urlencode(form).encode())
        try:
            token = orjson.loads(answer.body)
            access_token, life_s = str(token["access_token"]), float(token.get("expires_in") or 300)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise SendFailed(f"the token address answered {answer.status} and no access token") from None
        self._tokens[credential] = (access_token, self._clock.monotonic() + max(life_s - 30, 1))
        return access_token


async def _read_bounded(answer: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_chunked(65_536):
        chunks.append(chunk)
        size += len(chunk)
        if size >= MAX_ANSWER_BYTES:
            answer.close()
            break
    return b"".join(chunks)[:MAX_ANSWER_BYTES]


def add_credentials(
    request: Request, credentials: Sequence[Credential], tokens: dict[OAuth2, str], id: str, now_s: int
) -> tuple[str, dict[str, str], bytes | None]:
    """The URL, headers and body bytes that go over the wire. Pure.

    The body is serialised once; a signature covers those very bytes.

    Raises:
        ValueError: a header holds a line break or NUL.
    """
    url, headers, json = request.url, dict(request.headers), request.json
    signatures: list[Callable[[Signing], Any]] = []
    for credential in credentials:
        match credential:
            case Basic(user, password):
                headers |= _basic(user.get_secret_value(), password.get_secret_value())
            case Bearer(token, scheme):
                headers["Authorization"] = f"{scheme} {token.get_secret_value()}"
            case OAuth2():
                headers["Authorization"] = f"Bearer {tokens[credential]}"
            case HeaderKey(name, key):
                headers[name] = key.get_secret_value()
            case QueryKey(name, key):
                url = str(URL(url, encoded=True).update_query({name: key.get_secret_value()}))
            case BodyField(path, key):
                json = with_field(json, path.split("."), key.get_secret_value())
            case Signature(sign):
                signatures.append(sign)
    body = None if json is None else orjson.dumps(json)
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        if request.gzip:
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
    for sign in signatures:
        headers |= sign(Signing(body or b"", id, now_s))
    for name, value in headers.items():
        if any(char in name + value for char in "\r\n\0"):
            raise ValueError(f"header {name!r} holds a line break or NUL")
    return url, headers, body


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


class RateLimited:
    """At most so many requests a second, evenly spaced: a burst is what vendors punish."""

    def __init__(self, send: Send, per_second: float, clock: Clock) -> None:
        self._send = send
        self._interval_s = 1.0 / per_second
        self._clock = clock
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        async with self._turn:
            wait_s = self._next - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            self._next = max(self._clock.monotonic(), self._next) + self._interval_s
        return await self._send.send(request, credentials, id)
