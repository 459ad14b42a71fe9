"""The HTTP server around the gateway's routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.typedefs import Handler

from router.gateway.connections import Connection
from router.gateway.crowd import Crowd
from router.gateway.doorstep import Doorstep


class Answering(Protocol):
    """Makes an answer from whatever *handler* returns or raises."""

    def __call__(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]: ...


class _Server(web.Server):
    """aiohttp's server, which makes connections of our kind."""

    def __init__(self, inner: web.Server, answer: Answering, crowd: Crowd, **options: Any) -> None:
        super().__init__(partial(answer, handler=inner.request_handler), request_factory=self._begin)
        self._factory = inner.request_factory
        self._crowd = crowd
        self._options = options

    def __call__(self) -> Doorstep:  # type: ignore[override]  # it becomes the promised type in time
        return Doorstep(self._crowd, self._connection)

    def _connection(self) -> Connection:
        limits = self._crowd.limits()
        return Connection(
            self,
            self._crowd,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_timeout_s,
            # All of a head may be one line: a page's cookies are one header.
            max_line_size=limits.max_head_bytes,
            max_field_size=limits.max_head_bytes,
            **self._options,
        )

    def pre_shutdown(self) -> None:
        super().pre_shutdown()
        self._crowd.send_away(Doorstep)

    def _begin(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        cast(Connection, protocol).begin(payload)
        return self._factory(message, payload, protocol, writer, task)


class _Runner(web.AppRunner):
    def __init__(self, app: web.Application, answer: Answering, crowd: Crowd, shutdown_timeout_s: float) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout_s)
        self._answer = answer
        self._crowd = crowd

    async def _make_server(self) -> web.Server:
        return _Server(
            await super()._make_server(),
            self._answer,
            self._crowd,
            auto_decompress=False,
            access_log=None,
            logger=_LOGGER,
        )


def make_runner(app: web.Application, answer: Answering, crowd: Crowd, shutdown_timeout_s: float) -> web.AppRunner:
    """A server for *app*, not started yet: the caller adds a site and cleans up.

    *answer* wraps all of *app*, including the search for the route. A middleware would do the same with twice as many calls.

    aiohttp does not decompress, since its limits hold for a piece and not for a body. There is no access log, since an address
    can hold a write key. A client that hangs up does not cancel an append.
    """
    return _Runner(app, answer, crowd, shutdown_timeout_s)


class _WithoutBadHttp(logging.Filter):
    """Drops the server's messages about bytes that are not HTTP. They quote the bytes, which may hold a write key.

    The bytes are answered with 400. Anyone can send them to a public port, as fast as they like.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOGGER = logging.getLogger(__name__)
_LOGGER.addFilter(_WithoutBadHttp())
