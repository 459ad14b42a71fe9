"""Sending one request over HTTP. Credentials are added last, answers are bounded and cleared of secrets, redirects are not
followed."""

from __future__ import annotations

import asyncio
import gzip
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from router.clock import Clock
from router.delivery.resolver import Resolver
from router.guard import PluginFailed
from router.mask import mask
from router.origin import check_url, origin_of
from router.plugin import (
    Basic,
    Bearer,
    BodyField,
    Credential,
    HeaderKey,
    OAuth2,
    PathKey,
    QueryKey,
    Request,
    Response,
    Signature,
    Signing,
)
from router.plugin.credential import basic_token, encode_path, with_field, with_path
from router.plugin.request import FORM, encode_form, set_content_type

MAX_ANSWER_BYTES = 1_000_000
"""A vendor's answer is cut here. No documented answer comes near it."""

MAX_HEADER_BYTES = 65_536
"""A header of a vendor's answer may be as long. The client's own limit of 8 kB is less than what proxies send along (a content
security policy), and an answer that can't be read counts as none: the request would be sent again and again."""

MOST_EXCHANGES = 4
"""The most exchanges in one `HttpSend.send`, each with its own time-out: a token, the request, and both again if the token is
refused."""

_USER_AGENT = "trait-router/1"
_HTTPS_HOST = re.compile(r"https://((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]+)/?", re.ASCII)
"""An https address without a port, a user or a path, and with a name instead of an IP address."""


class SendFailed(Exception):
    """No answer came: network, DNS, TLS, a time-out. Always worth another try."""

    kind: ClassVar[str] = "no answer"
    """How the counts of attempts call it."""


class TimedOut(SendFailed):
    """The answer took too long. The vendor may be overloaded."""


class ConnectTimedOut(TimedOut):
    """No connection in time (name resolution, TCP or TLS). The vendor has not seen the request."""

    kind = "connect timeout"


class ReadTimedOut(TimedOut):
    """A connection, but no complete answer in time. The vendor may have taken the request."""

    kind = "read timeout"


class CredentialsRefused(SendFailed):
    """The credentials themselves are at fault: the token address refuses them, or a key holds a line break. Nothing can be sent
    until the operator acts, and no event is to blame."""


class NoToken(SendFailed):
    """The token address gave no token but does not refuse the credentials. Its answer may say how long to wait."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"the token address answered {answer.status} and no access token")
        self.answer = answer


class Send(Protocol):
    """What sends one request. Wrappers that limit or count requests have the same method."""

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        """Send *request* with *credentials*. *id*, for signatures, is the same for all attempts.

        Raises:
            SendFailed: no answer came (`CredentialsRefused`: none will come).
            UrlTooLong: it was not sent.
            ValueError: this request can never be sent: HTTP does not allow its URL or one of its headers.
        """


class HttpSend:
    """One destination's HTTP client: its own connections, so that no other destination waits for them."""

    def __init__(
        self,
        origins: tuple[str, ...],
        timeout_s: float,
        connections: int,
        clock: Clock,
        connect_timeout_s: float = 5.0,
    ) -> None:
        """*origins* are the only schemes, hosts and ports that requests may go to. The first is the destination's own.

        *timeout_s* is for the whole request, unless it says that it needs longer; *connect_timeout_s* for the connection that
        it may need. The connection gets at most half of *timeout_s*, so that it is clear which of the two took too long.
        """
        self._origins = origins
        self._origin = origins[0]
        self._timeout_s = timeout_s
        connect_s = min(connect_timeout_s, timeout_s / 2)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=connect_s)
        self.longest_s = timeout_s
        """The longest that one request so far might have taken."""
        self._connections = connections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._tokens: dict[OAuth2, tuple[str, float]] = {}
        self._named: dict[OAuth2, str] = {}
        """Where requests go according to the token's answer, by credential."""
        self._fetching = asyncio.Lock()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        check_url(request.url, self._origins)
        tokens = await self._tokens_for(credentials)
        response = await self._send_once(request, credentials, tokens, id)
        if response.status == 401 and tokens:  # the token may have been revoked: once more with a fresh one
            for credential, token in tokens.items():
                if self._tokens.get(credential, ("", 0.0))[0] == token:
                    del self._tokens[credential]
            tokens = await self._tokens_for(credentials)
            response = await self._send_once(request, credentials, tokens, id)
        return response

    async def _send_once(
        self, request: Request, credentials: Sequence[Credential], tokens: dict[OAuth2, str], id: str
    ) -> Response:
        for named in (self._named[each] for each in tokens if each in self._named):
            if origin_of(request.url) == self._origin:
                request = replace(request, url=named + request.url.removeprefix(self._origin))
        url, headers, body = add_credentials(request, credentials, tokens, id, int(self._clock.now()))
        response = await self._exchange(request.method, url, headers, body, request.timeout_s or 0.0)
        return replace(response, body=mask(response.body, credentials, tokens))

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, needed_s: float = 0.0
    ) -> Response:
        """*needed_s* is how long the vendor may take for it, if that is longer than usual."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, resolver=Resolver())
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": _USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=MAX_HEADER_BYTES,
            )
        timeout = self._timeout
        if needed_s > self._timeout_s:
            timeout = aiohttp.ClientTimeout(total=needed_s, connect=timeout.connect)
            self.longest_s = max(self.longest_s, needed_s)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as answer:
                return Response(
                    answer.status,
                    await _read_bounded(answer),
                    {name.lower(): value for name, value in answer.headers.items()},
                )
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            _let_go(error)
            raise self._failure(error, timeout) from None

    def _failure(self, error: Exception, timeout: aiohttp.ClientTimeout) -> SendFailed | ValueError:
        """What *error*, raised by the HTTP client, means."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return ConnectTimedOut(f"no connection within {timeout.connect:g} s")
            case TimeoutError():
                return ReadTimedOut(f"no answer within {timeout.total:g} s")
            case aiohttp.InvalidURL():
                return ValueError("the URL of the request is not valid")
            case aiohttp.ClientPayloadError():
                return SendFailed("the answer is cut short, or is not packed as it says")
            case aiohttp.ClientResponseError():
                hint = "; does the address want https?" if self._origin.startswith("http:") else ""
                return SendFailed(f"the answer is no HTTP that can be read{hint}")
            case aiohttp.ServerDisconnectedError():
                return SendFailed("the connection was closed without an answer")
            case _:
                detail = str(error) if isinstance(error, OSError) else ""  # others may quote a URL with a key in it
                return SendFailed(f"{type(error).__name__}: {detail}".rstrip(": "))

    async def _tokens_for(self, credentials: Sequence[Credential]) -> dict[OAuth2, str]:
        return {each: await self._token(each) for each in credentials if isinstance(each, OAuth2)}

    async def _token(self, credential: OAuth2) -> str:
        """A token that is still good; fetched if there is none."""
        async with self._fetching:  # all lanes find the token stale at once, and only one fetches a new one
            held = self._tokens.get(credential)
            if held is not None and held[1] > self._clock.monotonic():
                return held[0]
            return await self._fetch_token(credential)

    async def _fetch_token(self, credential: OAuth2) -> str:
        """Fetch a token. Keep it, and the address for requests if the answer names one.

        Source: RFC 6749 section 5.2 (errors: 400 or 401).
        """
        headers, form = token_request(credential)
        try:
            answer = await self._exchange("POST", credential.token_url, headers, urlencode(form).encode())
        except ValueError:
            raise CredentialsRefused("the token address is not a valid URL") from None
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(f"the token address answered {answer.status}: client id and secret are not taken")
        try:
            token = orjson.loads(answer.body)
            access_token, life_s = token["access_token"], float(token.get("expires_in") or 300)
            if not isinstance(access_token, str) or not access_token:
                raise ValueError("no text")
        except (KeyError, TypeError, ValueError):
            raise NoToken(answer) from None
        if credential.host_field:
            self._named[credential] = named_origin(token.get(credential.host_field), credential, self._origin)
        self._tokens[credential] = (access_token, self._clock.monotonic() + max(life_s - 30, 1))
        return access_token


def token_request(credential: OAuth2) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form of a request for a token. Pure.

    Source: RFC 6749 sections 2.3.1 (where the client's id and secret stand), 4.4 (client credentials), 6 (refresh token).
    """
    client_id, secret = credential.client_id.get_secret_value(), credential.client_secret.get_secret_value()
    refresh_token = credential.refresh_token.get_secret_value()
    form = {"grant_type": "refresh_token" if refresh_token else "client_credentials"}
    form |= {"refresh_token": refresh_token} if refresh_token else {}
    form |= {"scope": credential.scope} if credential.scope else {}
    form |= {"client_id": client_id, "client_secret": secret} if credential.client_in_body else {}
    headers = {} if credential.client_in_body else {"Authorization": f"Basic {basic_token(client_id, secret)}"}
    return headers | {"Content-Type": FORM}, form


def named_origin(address: Any, credential: OAuth2, origin: str) -> str:
    """Where requests go according to a token answer: *origin* itself, or https with a host that has a declared suffix.

    Raises:
        CredentialsRefused: the answer names any other address, or none. Neither the token nor an event goes there (promise 10).
    """
    text = address if isinstance(address, str) else ""
    if text.rstrip("/") == origin:
        return origin
    named = _HTTPS_HOST.fullmatch(text)
    if named is None or not named[1].lower().endswith(credential.host_suffixes):
        found = named[1] if named else "no https address"  # never the answer's own text, which may hold a secret
        allowed = " or ".join(credential.host_suffixes)
        raise CredentialsRefused(f"{credential.host_field} of the token answer: {found}, expected a host of {allowed}")
    return f"https://{named[1].lower()}"


def _let_go(error: BaseException | None) -> None:
    """Let go of the body and everything else that the frames of *error* hold. The errors of a refused connection refer to each
    other in a cycle, so at each try of a vendor that is down the body would stay in memory until the next garbage
    collection."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


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

    The body is serialised once, and a signature covers exactly those bytes.

    Raises:
        ValueError: a header of the request holds a line break or NUL, or its form holds anything but texts.
        CredentialsRefused: a header of the credentials holds one, or a signature can't be made.
    """
    url, headers, json = request.url, dict(request.headers), request.json
    for name in _broken(headers):
        raise ValueError(f"header {name!r} holds a line break or NUL")
    signatures: list[Callable[[Signing], Any]] = []
    for credential in credentials:
        match credential:
            case Basic(user, password):
                headers["Authorization"] = f"Basic {basic_token(user.get_secret_value(), password.get_secret_value())}"
            case Bearer(token, scheme):
                headers["Authorization"] = f"{scheme} {token.get_secret_value()}"
            case OAuth2():
                headers["Authorization"] = f"Bearer {tokens[credential]}"
            case HeaderKey(name, key):
                headers[name] = key.get_secret_value()
            case QueryKey(name, key):
                url = str(URL(url, encoded=True).update_query({name: key.get_secret_value()}))
            case PathKey():
                url = with_path(url, encode_path(credential))
            case BodyField(path, key):
                json = with_field(json, path.split("."), key.get_secret_value())
            case Signature(sign):
                signatures.append(sign)
    body = None
    if json is not None:
        body = encode_form(json) if request.form else orjson.dumps(json)
        set_content_type(headers, request)
        if request.gzip:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
    for sign in signatures:
        try:
            headers |= sign(Signing(body or b"", id, now_s))
        except Exception as error:  # its text is left out, since it may quote the secret; the guard's message does not
            what = str(error) if isinstance(error, PluginFailed) else type(error).__name__
            raise CredentialsRefused(f"the request can't be signed ({what}): check the secret") from None
    for name in _broken(headers):
        raise CredentialsRefused(f"the credential for header {name!r} holds a line break or NUL")
    return url, headers, body


def _broken(headers: Mapping[str, str]) -> Iterator[str]:
    """The names of headers whose values would break out of their line."""
    return (name for name, value in headers.items() if any(char in name + value for char in "\r\n\0"))
