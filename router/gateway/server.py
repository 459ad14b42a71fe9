"""The HTTP server around the gateway's routes."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


def make_runner(app: web.Application, shutdown_timeout_s: float) -> web.AppRunner:
    """A server for *app*, not started yet: the caller adds a site, and cleans up.

    Decompression is left to us: aiohttp's limits hold for a piece and not for a body. An access log there is none, because an
    address can have a write key in it. A client that hangs up does not cancel an append.
    """
    return web.AppRunner(
        app,
        auto_decompress=False,
        access_log=None,
        handler_cancellation=False,
        shutdown_timeout=shutdown_timeout_s,
        logger=_LOGGER,
    )


class _WithoutBadHttp(logging.Filter):
    """Drops what the server has to say of bytes that are no HTTP. It quotes them, and a write key may be among them.

    They are answered with 400. Anyone can send them to a public port, at any rate.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOGGER = logging.getLogger(__name__)
_LOGGER.addFilter(_WithoutBadHttp())
