"""Connections: how many there may be, and how long one may keep the gateway waiting.

What a connection is doing, and what ends it when nothing comes::

    idle ──first byte──▶ head ──complete──▶ body ──complete──▶ handled ──answer taken──▶ idle
    idle_timeout_s       head_timeout_s     body_timeout_s     (our turn)                 │
                         max_head_bytes                        body_timeout_s ◀───────────┘

Where there are as many as may be, a new one takes the place of the one that has kept the gateway waiting longest: a client
that sends as fast as it can never is that one. If it is all ours to do, the new one is refused, which every SDK but one sees
as a network fault and tries again (facts/ingest-protocol.md section 2).
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from router.gateway.cors import cors_headers
from router.gateway.limits import Limits
from router.gateway.refusal import RefusalCode, Refused

_END_OF_HEAD = b"\r\n\r\n"
_ORIGIN = re.compile(rb"^origin:[ \t]*([!-~]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Crowd:
    """All connections, the one that has made no progress for longest first."""

    def __init__(self, limits: Callable[[], Limits], room: int, on_loss: Callable[[str], None]) -> None:
        """
        Args:
            limits: gives those of the moment.
            room: how many the process can have at most, whatever the limits say.
            on_loss: is told why, in a word, each time a connection is ended from our side before its time.
        """
        self.limits = limits
        self.on_loss = on_loss
        self._room = room
        self._members: OrderedDict[Connection, None] = OrderedDict()
        self._left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, connection: Connection) -> bool:
        """False: there is no room, and none of the others keeps us waiting."""
        if len(self._members) >= min(self.limits().max_connections, self._room):
            slowest = next((each for each in self._members if each.keeps_us_waiting), None)
            if slowest is None:
                self.on_loss("refused")
                return False
            self.on_loss("crowded_out")
            self.leave(slowest)
            slowest.force_close()
        self._members[connection] = None
        return True

    def progress(self, connection: Connection) -> None:
        """It got a step further on the way that is drawn above. Bytes that trickle in are none."""
        if connection in self._members:
            self._members.move_to_end(connection)

    def leave(self, connection: Connection) -> None:
        self._members.pop(connection, None)
        self._left.set()

    async def empty(self) -> None:
        """Return when there is none left."""
        while self._members:
            self._left.clear()
            await self._left.wait()


class Connection(web.RequestHandler):
    """aiohttp's connection, with time-outs for what comes in, and CORS headers on all that goes out."""

    def __init__(self, server: web.Server, crowd: Crowd, **options: Any) -> None:
        super().__init__(server, **options)
        self._crowd = crowd
        self._is_head = True
        """Idle, or in the midst of a head."""
        self._head = bytearray()
        """Of the request that is coming or under way."""
        self._late: asyncio.TimerHandle | None = None
        self._body: StreamReader | None = None
        """Of the request under way, or of one that was answered before it was read."""
        self._is_answered = False

    @property
    def keeps_us_waiting(self) -> bool:
        return self._body is None or self._is_answered or not self._body.is_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._crowd.enter(self):
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._crowd.leave(self)
        self._stop_clock()
        self._body = None  # it knows us: without this we would wait for the garbage collector
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_answered and self._body is not None and self._body.is_eof():
            self._await_head()  # the rest of a body that nobody wanted is through
        if self._is_head and data and self.connected:
            self._follow_head(data)
        super().data_received(data)

    def begin(self, body: StreamReader) -> None:
        """A head is complete; the server makes a request of it."""
        self._stop_clock()
        self._is_head = self._is_answered = False
        self._body = body
        self._crowd.progress(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Every answer passes here: the gateway's, and what the server itself has to say."""
        resp.headers.update(cors_headers(request.headers.get("Origin") or self._origin_of_head()))
        try:
            async with asyncio.timeout(self._crowd.limits().body_timeout_s):
                result = await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._crowd.on_loss("answer_timeout")
            if self.transport is not None:
                self.transport.abort()
            result = (resp, True)
        self._is_answered = True
        if self._body is None or self._body.is_eof():
            self._await_head()
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, and what went wrong outside the gateway's routes, in the form of all other refusals."""
        super().handle_error(request, status, exc, message)  # it takes notes
        if isinstance(exc, HttpProcessingError):
            return Refused(
                status, RefusalCode.BAD_HTTP, "the request is no HTTP that can be read", is_last=True
            ).response()
        message = "a fault of the router, which has a record of it; try again later"
        return Refused(status, RefusalCode.INTERNAL, message, is_last=True).response()

    def _await_head(self) -> None:
        self._is_head, self._is_answered = True, False
        self._head.clear()
        self._body = None
        self._crowd.progress(self)

    def _follow_head(self, data: bytes) -> None:
        """Let a head neither grow nor trickle in for ever. Only what comes while nothing else is under way is looked at."""
        limits = self._crowd.limits()
        if not self._head:
            data = data.lstrip(b"\r\n")  # may stand before a request, and mean nothing
            self._crowd.progress(self)
        self._head += data[: limits.max_head_bytes + 1]
        end = self._head.find(_END_OF_HEAD)
        if (len(self._head) if end < 0 else end) > limits.max_head_bytes:
            message = f"the headers are too long; expected at most {limits.max_head_bytes} bytes"
            self._refuse(Refused(431, RefusalCode.HEAD_TOO_BIG, message))
        elif end >= 0:
            del self._head[end + len(_END_OF_HEAD) :]
            self._stop_clock()
            self._is_head = False
        elif self._head and self._late is None:
            self._late = asyncio.get_running_loop().call_later(limits.head_timeout_s, self._end_late_head)

    def _end_late_head(self) -> None:
        seconds = self._crowd.limits().head_timeout_s
        message = f"the headers did not arrive within {seconds:g} seconds"
        self._refuse(Refused(408, RefusalCode.HEAD_TIMEOUT, message))

    def _refuse(self, refused: Refused) -> None:
        """Answer a head that never came to its end, and close."""
        self._crowd.on_loss(refused.code)
        self._stop_clock()
        if self.transport is not None:
            self.transport.write(_on_the_wire(refused, self._origin_of_head()))
        self.force_close()

    def _stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _origin_of_head(self) -> str | None:
        """For a request that the server could not read; best effort."""
        found = _ORIGIN.search(self._head)
        return found[1].decode("ascii") if found else None


def _on_the_wire(refused: Refused, origin: str | None) -> bytes:
    """The answer as bytes, where there is no request that the server could answer."""
    response = refused.response()
    body = response.body
    assert isinstance(body, bytes)
    headers = {
        **response.headers,
        **cors_headers(origin),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
