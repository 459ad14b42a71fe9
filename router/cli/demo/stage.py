"""The demo's own processes: the stand-ins in this one, the router in one that can be killed; and nothing of it is kept."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from ruamel.yaml import YAML

from router.cli.sandboxes import make_sandbox, serve_sandbox
from router.cli.send import key_header
from router.cli.wiring import to_destination
from router.config import Config
from router.destination import Destination
from router.errors import OperatorError
from router.plugin import Plugin
from router.plugin.sandbox import Sandbox
from router.registry import Registry

WRITE_KEY = "demo"
PATIENCE_S = 60.0
LOOK_S = 0.1


class Stage:
    """Use as an async context manager: it is up inside, stand-ins and router."""

    def __init__(self, config: Config, registry: Registry, folder: Path) -> None:
        """*config* says which destinations there are; everything else is made in *folder*."""
        chosen = [each for each in config.destinations.values() if registry.get(each.plugin).sandbox]
        if len(chosen) < 2:
            raise OperatorError("the demo needs a config with two destinations or more whose plugins have a sandbox")
        self.plugins: dict[str, Plugin] = {each.name: registry.get(each.plugin) for each in chosen}
        self.sandboxes: dict[str, Sandbox] = {}
        self.destinations: list[Destination] = []
        """As the router has them, for explaining."""
        self.config_path = folder / "router.yaml"
        self.url = self.admin_url = ""
        self._config, self._registry = config, registry
        self._runners: list[web.AppRunner] = []
        self._router: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Stage:
        self._session = aiohttp.ClientSession(headers=key_header(WRITE_KEY))
        try:
            await self._start_sandboxes()
            await self.start_router()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        if self._router is not None and self._router.returncode is None:
            self._router.terminate()
            await self._router.wait()
        for runner in self._runners:
            await runner.cleanup()

    def name(self, destination: str) -> str:
        """What the vendor calls itself."""
        return self.plugins[destination].name

    # --- processes ---

    async def _start_sandboxes(self) -> None:
        settings: dict[str, Any] = {}
        for name, plugin in self.plugins.items():
            sandbox = self.sandboxes[name] = make_sandbox(plugin)
            runner, url = await serve_sandbox(sandbox)
            self._runners.append(runner)
            settings[name] = {"plugin": plugin.slug, "settings": {**plugin.sandbox_settings, "base_url": url}}
            config = self._config.destinations[name].with_base_url(url)
            self.destinations.append(to_destination(config, self._registry))
        document = {
            "server": {"port": 0},
            "admin": {"port": 0},
            "data": str(self.config_path.parent / "var"),
            "sources": {"website": {"write_key": WRITE_KEY}},
            "destinations": settings,
        }
        with self.config_path.open("w") as file:
            YAML().dump(document, file)

    async def start_router(self) -> float:
        """Start `router run` and read its address from the line it logs when it is ready; returns the seconds that took."""
        began = time.monotonic()
        command = [sys.executable, "-m", "router", "run", "--config", str(self.config_path)]
        self._router = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        assert self._router.stderr is not None
        lines: list[str] = []
        async for line in self._router.stderr:
            lines.append(line.decode())
            if b"router is ready" in line:
                ready = orjson.loads(line)
                self.url, self.admin_url = ready["url"], ready["admin"]
                self._drain = asyncio.create_task(_read_on(self._router.stderr))
                return time.monotonic() - began
        raise OperatorError("the router did not start:\n" + "".join(lines[-20:]))

    async def kill_router(self) -> None:
        assert self._router is not None
        self._router.send_signal(signal.SIGKILL)
        await self._router.wait()

    # --- speaking to the router ---

    async def post(self, body: dict[str, Any], path: str | None = None) -> dict[str, Any]:
        """Post a call, or a batch by its *path*; returns the receipt."""
        async with self._session.post(f"{self.url}/v1/{path or body['type']}", data=orjson.dumps(body)) as response:
            receipt: dict[str, Any] = orjson.loads(await response.read())
            if response.status != 200:
                raise OperatorError(f"the router answered {response.status}: {receipt}")
            return receipt

    async def books(self) -> dict[str, dict[str, int]]:
        """The books of every destination."""
        async with self._session.get(self.admin_url + "/status") as response:
            status = orjson.loads(await response.read())
            return {each["destination"]: each["books"] for each in status["destinations"]}

    async def until(
        self, is_so: Callable[[], Awaitable[bool]], what: str, look: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Wait until it *is_so*, calling *look* now and then.

        Raises:
            OperatorError: *what* did not come within a minute.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not await is_so():
            if time.monotonic() > deadline:
                raise OperatorError(f"{what} did not arrive within {PATIENCE_S:.0f} s: {await self.books()}")
            if look is not None:
                await look()
            await asyncio.sleep(LOOK_S)

    async def is_settled(self) -> bool:
        """Whether nothing is pending anywhere."""
        return all(books["pending"] == 0 for books in (await self.books()).values())


async def _read_on(stream: asyncio.StreamReader) -> None:
    """Take what the router logs, or it would wait for somebody who does."""
    with suppress(ValueError):  # a line that is longer than the stream's limit
        while await stream.readline():
            pass
