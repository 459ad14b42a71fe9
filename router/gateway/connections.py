"""Connections, and how long one may keep the gateway waiting.

What a connection does, and which time-out ends it if nothing comes::

    idle ──first byte──▶ head ──complete──▶ body ──complete──▶ handled ──answer taken──▶ idle
    idle_timeout_s       head_timeout_s     body_timeout_s     (our turn)                 │
                         max_head_bytes                        body_timeout_s ◀───────────┘

Until its first head is complete, a connection is a `doorstep`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from router.gateway.cors import cors_headers
from router.gateway.crowd import Crowd
from router.gateway.head import Head
from router.gateway.refusal import RefusalCode, Refused


class Connection(web.RequestHandler):
    """aiohttp's connection, with time-outs for what comes in and CORS headers on every answer."""

    def __init__(self, server: web.Server, crowd: Crowd, **options: Any) -> None:
        super().__init__(server, **options)
        self._crowd = crowd
        self._is_head = True
        """Whether it is idle or in the middle of a head."""
        self._head = Head(crowd, self._end)
        """The head of the request that is coming or under way."""
        self._body: StreamReader | None = None
        """The body of the request under way, or of one that was answered before its body was read."""
        self._is_answered = False
        self._late: asyncio.TimerHandle | None = None
        """A timer that runs while there is no room for more of an answer."""

    @property
    def keeps_us_waiting(self) -> bool:
        return self._body is None or self._is_answered or not self._body.is_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._crowd.leave(self)
        self._head.stop_clock()
        self._stop_late()
        self._body = None  # it refers to us: a cycle, which only the garbage collector would free
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._late is None:
            body_timeout_s = self._crowd.limits().body_timeout_s
            self._late = asyncio.get_running_loop().call_later(body_timeout_s, self._end_late_answer)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_late()

    def _stop_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def data_received(self, data: bytes) -> None:
        if self._is_answered and self._body is not None:
            self._await_head()  # once the rest of a body that nobody read is through
        if self._is_head and data and self.connected:
            self._follow_head(data)
        super().data_received(data)

    def _follow_head(self, data: bytes) -> None:
        """Look at *data* only while nothing else is under way."""
        is_first = not self._head.received
        if self._head.take(data):
            self._head.forget_body()
            self._is_head = False
        elif is_first:
            self._crowd.progress(self)

    def begin(self, body: StreamReader) -> None:
        """A head is complete, and the server makes a request from it."""
        self._head.stop_clock()
        self._is_head = self._is_answered = False
        self._body = body
        self._crowd.progress(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Every answer passes here, the gateway's and the server's own."""
        # If the server could not read the head, the request has no headers.
        origin = request.headers.get("Origin") if request.headers else self._head.origin
        resp.headers.update(cors_headers(origin))
        result = await super().finish_response(request, resp, start_time)
        self._is_answered = True
        self._await_head()
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are not HTTP, and errors outside the gateway's routes, in the form of all other refusals."""
        super().handle_error(request, status, exc, message)  # it logs the error
        code, message = RefusalCode.INTERNAL, "a fault of the router, which has a record of it; try again later"
        if isinstance(exc, HttpProcessingError):
            code, message = RefusalCode.BAD_HTTP, "the request is no HTTP that can be read"
        self._crowd.on_refusal(code)
        return Refused(status, code, message, is_last=True).response()

    def _await_head(self) -> None:
        """Wait for the next head, unless more of the body is to come or the next head came along with its end: then `begin` is
        called next."""
        if self._messages or (self._body is not None and not self._body.is_eof()):
            return
        self._is_head, self._is_answered = True, False
        self._head.clear()
        self._body = None
        self._crowd.progress(self)

    def _end_late_answer(self) -> None:
        """End a connection whose caller does not take the answer. A write that waits for it returns."""
        self._crowd.on_loss("answer_timeout")
        if self.transport is not None:
            self.transport.abort()

    def _end(self, last_words: bytes) -> None:
        """Answer a head that was never completed, and close."""
        if self.transport is not None:
            self.transport.write(last_words)
        self.force_close()
