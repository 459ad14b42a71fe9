"""A vendor, as a process apart from the router: a plugin's stand-in whose every request is written down as it comes in.

The stand-in's own memory (``--record``) holds what the vendor keeps, repeats left out where the vendor knows them by their
idempotency key. The arrivals (``--arrivals``) hold every request, repeats included: one line when it came, with its body, and
one when it was answered. Prints its address on its first line.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import itertools
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from router.plugin import Plugin
from router.plugin.sandbox import Handler, Sandbox

HOST = "127.0.0.1"
ARRIVING = 4_096
"""Connections that may wait to be accepted. Of 200 destinations at once some would otherwise wait a second for the kernel."""
KEY_HEADERS = ("webhook-id", "Idempotency-Key")
"""Where vendors that take one event a request have its idempotency key."""


class Arrivals:
    """The file of arrivals. Each line is written at once, so that it holds whatever happens to anybody afterwards."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._numbers = itertools.count(1)

    def note(self, **facts: Any) -> None:
        self._file.write(orjson.dumps({**facts, "at": time.time()}) + b"\n")

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_sandbox/"):
                return await handler(request)
            number = next(self._numbers)
            key = next((request.headers[name] for name in KEY_HEADERS if name in request.headers), None)
            self.note(request=number, path=request.path, key=key, body=_json(await request.read()))
            response = await handler(request)
            self.note(request=number, status=response.status)
            return response

        return middleware


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def make_stand_in(slug: str, record: Path) -> Sandbox:
    plugin: Plugin = importlib.import_module(f"plugins.{slug}").PLUGIN
    module, _, name = plugin.sandbox.partition(":")
    sandbox: Sandbox = getattr(importlib.import_module(module), name)(dict(plugin.sandbox_settings), record)
    return sandbox


async def serve(sandbox: Sandbox, arrivals: Arrivals) -> None:
    app = sandbox.app()
    app.middlewares.insert(0, arrivals.middleware)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, backlog=ARRIVING).start()
    sys.stdout.write(f"http://{HOST}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("plugin")
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--arrivals", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(make_stand_in(options.plugin, options.record), Arrivals(options.arrivals)))


if __name__ == "__main__":
    main()
