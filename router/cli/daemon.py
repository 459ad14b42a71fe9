"""The daemon: where the parts are wired together, started in order, reloaded, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import random
import signal
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from router.admin.metrics import BooksCollector, LogCollector
from router.admin.operations import Operations
from router.admin.server import CONNECTIONS_S, SOCKET_NAME, listen_on_socket, port_app, socket_app
from router.cli.housekeeping import Housekeeping
from router.cli.memory import give_big_blocks_back
from router.cli.sandboxes import Sandboxes
from router.cli.wiring import (
    log_directory,
    rejected_path,
    reserve_path,
    state_directory,
    to_assignments,
    to_limits,
    to_sources,
    to_surroundings,
)
from router.clock import SystemClock
from router.config import Config, ConfigError
from router.delivery.alarm import Alarm
from router.delivery.fleet import Assignment, Fleet
from router.delivery.watchdog import LOOK_S, Watchdog
from router.errors import OperatorError
from router.gateway.app import Gateway
from router.gateway.open_files import raise_limit
from router.log.room import Reserve
from router.log.sqlite import LogOptions, SqliteLog
from router.registry import Registry
from router.rejected import RejectedCalls

CALLERS_S = 3.0
"""How long a stop waits for callers whose requests are under way: one that stalls half-way must not hold it up."""
RELOAD_S = 2.0
"""How long a stop waits for a reload under way: what that started afterwards would not be stopped in order."""
DRAIN_S = 7.0
"""How long a stop waits for flights to land. With the above and the closing of files an exit takes 15 s at most."""
BACKLOG = 1_024
"""Connections that wait to be taken: every open page may make one for each of a burst of calls."""

_LOGGER = structlog.get_logger()


class Daemon:
    """One router process over one data directory."""

    def __init__(self, config: Config, registry: Registry, read_config: Callable[[], Config]) -> None:
        """*read_config* reads the file again, for a reload; it raises `OperatorError` for a file that is not valid."""
        self._config = config
        self._registry = registry
        self._read_config = read_config
        self._clock = SystemClock()
        self._stop = asyncio.Event()
        self._watchdog = Watchdog(self._clock.monotonic)
        self._sandboxes = Sandboxes()
        self._runners: list[web.AppRunner] = []
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self.url = ""
        self.admin_url = ""

    async def run(self, on_ready: Callable[[Daemon], None] = lambda daemon: None) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reloads.

        Raises:
            OperatorError: another daemon has the directory, a port is taken, a state can't be used.
        """
        config = self._config
        give_big_blocks_back()
        raise_limit()
        reserve = Reserve(reserve_path(config), config.retention.reserve_bytes)
        self._log = await SqliteLog.open(log_directory(config), log_options(config), self._clock.now, reserve=reserve)
        self._rejected = RejectedCalls(rejected_path(config))
        self._fleet = Fleet(self._log, state_directory(config), self._clock, random.Random(), reserve)
        self._alarm = Alarm(self._fleet.note_hang)
        self._metrics = CollectorRegistry()
        try:
            self._alarm.set()
            await self._start()
            self._listen_to_signals()
            on_ready(self)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(Housekeeping(self._log, self._fleet).run(self._stop))
        finally:
            await self._shut_down()

    async def _start(self) -> None:
        config = self._config
        assignments = await self._assignments(config)
        await self._fleet.apply(assignments)
        books = BooksCollector(self._fleet, self._log, self._clock)
        self._metrics.register(books)
        self._metrics.register(LogCollector(self._log, self._stuck))
        self._operations = Operations(
            self._log, state_directory(config), assignments, self._clock, self._fleet, self._stuck
        )
        further = {"reload": self.reload, "sandbox": self._sandboxes.accepted}
        self._runners.append(await listen_on_socket(socket_app(self._operations, further), config.data / SOCKET_NAME))
        self.admin_url = await self._listen(
            web.AppRunner(
                port_app(self._operations, self._metrics, books.refresh),
                access_log=None,
                shutdown_timeout=CONNECTIONS_S,
            ),
            config.admin.host,
            config.admin.port,
            "admin",
        )
        self._gateway = Gateway(
            self._log,
            sources=to_sources(config),
            limits=to_limits(config),
            surroundings=to_surroundings(config),
            clock=self._clock.now,
            new_id=lambda: str(uuid4()),
            metrics=self._metrics,
            keep_rejected=self._rejected.keep,
            stuck=self._stuck,
        )
        runner = self._gateway.runner(CONNECTIONS_S)
        self.url = await self._listen(runner, config.server.host, config.server.port, "server")

    def _stuck(self) -> list[str]:
        """What inside is stuck, for ``/health``; no vendor is ever in it."""
        return [*self._log.stuck, *self._fleet.broken, *self._watchdog.stuck]

    async def _listen(self, runner: web.AppRunner, host: str, port: int, section: str) -> str:
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError as error:
            raise OperatorError(
                f"{section}.port: can't listen on {host}:{port} ({error.strerror or error}). Is another router running? "
                "Stop it, or choose another port in the config."
            ) from error
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{runner.addresses[0][1]}"

    async def _assignments(self, config: Config) -> list[Assignment]:
        for destination in config.destinations.values():
            if destination.sandbox and destination.enabled:
                plugin = self._registry.get(destination.plugin)
                await self._sandboxes.start(destination.name, plugin, _plain(destination.settings.model_dump()))
        return to_assignments(config, self._registry, self._sandboxes.urls)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # no stderr that is a file
            faulthandler.register(signal.SIGUSR2)  # where every thread is, from a process that answers nothing any more

    def _begin_reload(self) -> None:
        task = asyncio.create_task(self._reload_on_signal())
        self._reloads.add(task)  # nobody else holds it
        task.add_done_callback(self._reloads.discard)

    async def _reload_on_signal(self) -> None:
        try:
            await self.reload()
        except ConfigError as error:
            _LOGGER.error("reload refused, the old config stays", problems=[str(each) for each in error.problems])
        except OperatorError as error:
            _LOGGER.error("reload refused, the old config stays", problems=[str(error)])
        except Exception as error:
            _LOGGER.error("reload failed: a bug in the router", exc_info=error)

    async def reload(self) -> dict[str, Any]:
        """Read the config again and make the router what it says; a file with any problem is refused whole.

        A destination that can't start is told of and stays out for the time being; it hinders none of the others.

        Raises:
            OperatorError: the file is not valid; nothing has changed.
        """
        async with self._reloading:
            if self._stop.is_set():
                raise OperatorError("the router is going down")
            config = await asyncio.to_thread(self._read_config)
            fixed = [
                name
                for name in ("server", "admin", "data", "log", "retention")
                if _fixed_part(config, name) != _fixed_part(self._config, name)
            ]
            assignments = await self._assignments(config)
            self._gateway.configure(to_sources(config), to_limits(config), to_surroundings(config))
            self._config = config
            self._operations.assignments = {assignment.name: assignment for assignment in assignments}
            with contextlib.suppress(OperatorError):
                await self._fleet.apply(assignments)
            problems = list(self._fleet.problems.values())
            if fixed:
                _LOGGER.warning("these parts of the config change with the next start only", parts=fixed)
            _LOGGER.info("config reloaded", destinations=len(assignments) - len(problems))
            return {"reloaded": True, "restart_needed_for": fixed, "problems": problems}

    async def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._watchdog.look(self._fleet.glances())
            except Exception as error:
                _LOGGER.error("the watchdog can't look: a bug in the router", exc_info=error)
            await self._pause(LOOK_S)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _shut_down(self) -> None:
        """The order is the contract: no new events, flights land, positions are saved, then everything else closes."""
        self._stop.set()
        if hasattr(self, "_gateway"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gateway.close(), CALLERS_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reloading.acquire(), RELOAD_S)
        for runner in reversed(self._runners):
            await runner.cleanup()
        await self._rejected.close()
        await self._fleet.stop(DRAIN_S)
        await self._sandboxes.stop()
        await self._log.close()
        self._alarm.clear()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._config.data / SOCKET_NAME)


def _fixed_part(config: Config, name: str) -> Any:
    """What of a part of the config a reload can't change."""
    return (config.server.host, config.server.port) if name == "server" else getattr(config, name)


def log_options(config: Config) -> LogOptions:
    retention = config.retention
    return LogOptions(
        segment_bytes=retention.segment_bytes,
        max_bytes=retention.max_disk_bytes,
        retention_s=retention.age_s,
        dedup_window_s=retention.dedup_window_s,
    )


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings for a stand-in in the same process: secrets in the clear, what is empty left to its defaults."""
    shown = {
        key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in settings.items()
    }
    return {key: value for key, value in shown.items() if value not in ("", None)}
