"""The admin server: a port with metrics and status, for machines, and a socket with operations, for the ``router`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from router.admin.answer import Operation
from router.errors import OperatorError

SOCKET_NAME = "admin.sock"
LONGEST_PATH = 107 if sys.platform == "linux" else 103
"""Bytes. Source: unix(7), sun_path."""
MAX_ARGUMENTS_BYTES = 100_000_000
"""Of one operation: it may concern a hundred thousand people."""
CONNECTIONS_S = 1.0
"""How long a stop waits for connections to close, after requests have had their time."""


def port_app(
    status: Operation,
    metrics: CollectorRegistry,
    refresh: Callable[[], Awaitable[None]],
    health: Callable[[], web.Response],
) -> web.Application:
    """``GET /metrics``, before which *refresh* is awaited, ``GET /status`` and ``GET /health``. None changes anything."""

    async def get_metrics(request: web.Request) -> web.Response:
        await refresh()
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def get_status(request: web.Request) -> web.Response:
        try:
            return _json(await status())
        except OperatorError as error:  # the cluster, which would know, is away
            return _json({"message": str(error)}, 503)

    async def get_health(request: web.Request) -> web.Response:
        return health()

    app = web.Application()
    app.add_routes([web.get("/metrics", get_metrics), web.get("/status", get_status), web.get("/health", get_health)])
    return app


def socket_app(calls: Mapping[str, Operation]) -> web.Application:
    """``POST /OPERATION`` with the arguments as a JSON object; *calls* are the operations by name.

    An `OperatorError` is answered 400 with its text, which the command prints as its own.
    """

    async def call(request: web.Request) -> web.Response:
        name = request.match_info["operation"]
        if name not in calls:
            return _json({"message": f"this daemon knows no {name!r}: it is of another version than the command"}, 404)
        arguments = orjson.loads(await request.read() or b"{}")
        try:
            return _json(await calls[name](**arguments))
        except OperatorError as error:
            return _json({"message": str(error)}, 400)

    app = web.Application(client_max_size=MAX_ARGUMENTS_BYTES)
    app.add_routes([web.post("/{operation}", call)])
    return app


def closing_app() -> web.Application:
    """Refuses every operation: the router is going down, and there is nothing left to ask."""

    async def refuse(request: web.Request) -> web.Response:
        return _json({"message": "the router is going down. Ask again in a moment."}, 503)

    app = web.Application()
    app.add_routes([web.post("/{operation}", refuse)])
    return app


def check_socket_path(path: Path) -> None:
    """Check that a socket can have this path.

    Raises:
        OperatorError: it can't.
    """
    size = len(os.fsencode(path))
    if size > LONGEST_PATH:
        raise OperatorError(
            f"data: {path} has {size} bytes, and the path of a socket {LONGEST_PATH} at most. Choose a shorter `data` folder."
        )


async def listen_on_socket(app: web.Application, path: Path) -> web.AppRunner:
    """Serve *app* on a Unix socket that only this user may open (mode 0600)."""
    path.unlink(missing_ok=True)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CONNECTIONS_S)
    await runner.setup()
    mask = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(path)).start()
    finally:
        os.umask(mask)
    return runner


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
