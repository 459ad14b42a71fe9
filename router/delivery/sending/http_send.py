"""Sending one request over HTTP. Credentials are added last, answers are bounded and cleared of secrets, redirects are not
followed."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import aiohttp
from yarl import URL

from router.clock import Clock
from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.resolver import Resolver
from router.delivery.sending.send import ConnectTimedOut, ReadTimedOut, SendFailed
from router.delivery.sending.tokens import Tokens
from router.mask import mask
from router.origin import check_url, origin_of
from router.plugin import Credential, OAuth2, Request, Response

MAX_ANSWER_BYTES = 1_000_000
"""A vendor's answer is cut here. No documented answer comes near it."""

MAX_HEADER_BYTES = 65_536
"""A header of a vendor's answer may be as long. The client's own limit of 8 kB is less than what proxies send along (a content
security policy), and an answer that can't be read counts as none: the request would be sent again and again."""

MOST_EXCHANGES = 4
"""The most exchanges in one `HttpSend.send`, each with its own time-out: a token, the request, and both again if the token is
refused."""

_USER_AGENT = "trait-router/1"


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
        self._tokens = Tokens(partial(self._exchange, "POST"), self._origin, clock)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        check_url(request.url, self._origins)
        tokens = await self._tokens.held(credentials)
        response = await self._send_once(request, credentials, tokens, id)
        if response.status == 401 and tokens:  # once more with a fresh one
            self._tokens.drop(tokens)
            tokens = await self._tokens.held(credentials)
            response = await self._send_once(request, credentials, tokens, id)
        return response

    async def _send_once(
        self, request: Request, credentials: Sequence[Credential], tokens: dict[OAuth2, str], id: str
    ) -> Response:
        for named in (self._tokens.named[each] for each in tokens if each in self._tokens.named):
            if origin_of(request.url) == self._origin:
                request = replace(request, url=named + request.url.removeprefix(self._origin))
        url, headers, body = add_credentials(request, credentials, tokens, id, int(self._clock.now()))
        response = await self._exchange(request.method, url, headers, body, request.timeout_s or 0.0)
        return replace(response, body=mask(response.body, credentials, tokens, headers))

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
