"""The built-in stand-ins: started for destinations with ``sandbox: true``, on free ports of the loopback address."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from pydantic import SecretStr

from router.cli.rebinding import keep_pages_out
from router.config import Config
from router.errors import OperatorError
from router.guard import cut, describe_error
from router.mask import mask_text
from router.place import at_place
from router.plugin import Plugin
from router.plugin.sandbox import Sandbox
from router.plugin_output import printing_aside
from router.registry import Registry

HOST = "127.0.0.1"


def make_sandbox(plugin: Plugin, settings: dict[str, Any] | None = None, record: Path | None = None) -> Sandbox:
    """The plugin's stand-in. *settings* (default: the plugin's ``sandbox_settings``) hold the credentials that it accepts.

    Raises:
        OperatorError: the plugin has no stand-in, or it can't be made.
    """
    if not plugin.sandbox:
        raise OperatorError(f"{plugin.name} has no sandbox")
    module, _, name = plugin.sandbox.partition(":")
    try:
        with printing_aside():
            factory = getattr(importlib.import_module(module), name)
            sandbox: Sandbox = factory({**plugin.sandbox_settings, **(settings or {})}, record)
    except Exception as error:
        given = sorted((each for each in (settings or {}).values() if isinstance(each, str)), key=len, reverse=True)
        told = describe_error(error, lambda text: cut(mask_text(text, given)))  # any of them may be a secret
        raise OperatorError(
            f'plugin {plugin.slug}: its sandbox "{plugin.sandbox}" could not be made: {told}{at_place(error)}. '
            "Correct the plugin, or take `sandbox: true` out"
        ) from error
    return sandbox


async def serve_sandbox(sandbox: Sandbox, port: int = 0) -> tuple[web.AppRunner, str]:
    """Serve a stand-in on loopback. Returns the runner, to be cleaned up, and the address."""
    app = sandbox.app()
    keep_pages_out(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    address = runner.addresses[0]
    return runner, f"http://{HOST}:{address[1]}"


def tell_of_sandboxes(config: Config) -> None:
    """Log which destinations deliver to a stand-in, so that their vendors receive nothing."""
    names = [name for name, each in config.destinations.items() if each.sandbox and each.enabled]
    if names:
        structlog.get_logger().info("these deliver to built-in sandboxes, not to the vendors", destinations=names)


Wanted = Mapping[str, tuple[Plugin, dict[str, Any]]]
"""Stand-ins by destination: each with its plugin, and the operator's own settings."""


def wanted_sandboxes(config: Config, registry: Registry) -> Wanted:
    """The stand-ins that destinations of *config* deliver to."""
    return {
        name: (registry.get(each.plugin), _plain(each.settings.model_dump()))
        for name, each in config.destinations.items()
        if each.sandbox and each.enabled
    }


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings for a stand-in in the same process: secrets in plain text, and without empty ones, so that its defaults hold."""
    shown = {
        key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in settings.items()
    }
    return {key: value for key, value in shown.items() if value not in ("", None)}


class Sandboxes:
    """The stand-ins of one daemon, by destination. They live as long as the daemon, so a reload keeps what they hold."""

    def __init__(self) -> None:
        self.sandboxes: dict[str, Sandbox] = {}
        self.urls: dict[str, str] = {}
        self._plugins: dict[str, Plugin] = {}
        self._runners: list[web.AppRunner] = []

    async def apply(self, wanted: Wanted) -> None:
        """Start the *wanted* stand-ins.

        Raises:
            OperatorError: one can't be made. Those that run accept what they accepted before.
        """
        new = [name for name, (plugin, _) in wanted.items() if self._plugins.get(name) is not plugin]
        for name in dict.fromkeys((*new, *wanted)):
            await self._start(name, *wanted[name])

    async def _start(self, destination: str, plugin: Plugin, settings: dict[str, Any]) -> None:
        """Start the stand-in of a destination. One that runs already accepts *settings* from now on, so that a credential
        changed by a reload is not refused. One of another plugin is left alone, and a new one is started."""
        if self._plugins.get(destination) is plugin:
            self.sandboxes[destination].settings = {**plugin.sandbox_settings, **settings}
            return
        sandbox = make_sandbox(plugin, settings)
        runner, url = await serve_sandbox(sandbox)
        self.sandboxes[destination], self.urls[destination] = sandbox, url
        self._plugins[destination] = plugin
        self._runners.append(runner)

    async def accepted(self, destination: str, limit: int = 20) -> dict[str, Any]:
        """What a stand-in has accepted, newest last. The admin operation behind ``router sandbox show``."""
        sandbox = self.sandboxes.get(destination)
        if sandbox is None:
            raise OperatorError(
                f"{destination} has no sandbox running; running are: {', '.join(self.sandboxes) or 'none'}"
            )
        items = list(sandbox.accepted)
        return {"destination": destination, "url": self.urls[destination], "total": len(items), "items": items[-limit:]}

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
