"""The daemon: where the parts are wired together, started in order, reloaded, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from router.admin.metrics import BooksCollector, LogCollector
from router.admin.operations import Operations
from router.admin.server import CONNECTIONS_S, SOCKET_NAME, listen_on_socket, port_app, socket_app
from router.cli.sandboxes import Sandboxes
from router.cli.wiring import (
    log_directory,
    reserve_path,
    state_directory,
    to_assignments,
    to_limits,
    to_sources,
    to_surroundings,
)
from router.clock import SystemClock
from router.config import Config, ConfigError
from router.delivery.fleet import Assignment, Fleet
from router.delivery.state import State
from router.delivery.watchdog import LOOK_S, Watchdog
from router.errors import OperatorError
from router.gateway.app import Gateway
from router.gateway.open_files import raise_limit
from router.log.room import Reserve
from router.log.sqlite import LogOptions, SqliteLog
from router.registry import Registry

HOUSEKEEPING_S = 10.0
CALLERS_S = 3.0
"""How long a stop waits for callers whose requests are under way: one that stalls half-way must not hold it up."""
DRAIN_S = 8.0
"""How long a stop waits for flights to land. With the above and the closing of files an exit takes 15 s at most."""
DISK_WARNING = 0.8
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
        self.url = ""
        self.admin_url = ""

    async def run(self, on_ready: Callable[[Daemon], None] = lambda daemon: None) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reloads.

        Raises:
            OperatorError: another daemon has the directory, a port is taken, a state can't be used.
        """
        config = self._config
        raise_limit()
        reserve = Reserve(reserve_path(config), config.retention.reserve_bytes)
        self._log = await SqliteLog.open(log_directory(config), log_options(config), self._clock.now, reserve=reserve)
        self._fleet = Fleet(self._log, state_directory(config), self._clock, random.Random(), reserve)
        self._metrics = CollectorRegistry()
        try:
            await self._start()
            self._listen_to_signals()
            on_ready(self)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._keep_house())
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
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(self._reload_on_signal()))

    async def _reload_on_signal(self) -> None:
        try:
            await self.reload()
        except ConfigError as error:
            _LOGGER.error("reload refused, the old config stays", problems=[str(each) for each in error.problems])
        except OperatorError as error:
            _LOGGER.error("reload refused, the old config stays", problems=[str(error)])

    async def reload(self) -> dict[str, Any]:
        """Read the config again and make the router what it says; a file with any problem is refused whole.

        Raises:
            OperatorError: the file is not valid; nothing has changed.
        """
        async with self._reloading:
            config = await asyncio.to_thread(self._read_config)
            fixed = [
                name
                for name in ("server", "admin", "data", "log", "retention")
                if _fixed_part(config, name) != _fixed_part(self._config, name)
            ]
            assignments = await self._assignments(config)
            self._gateway.configure(to_sources(config), to_limits(config), to_surroundings(config))
            await self._fleet.apply(assignments)
            self._operations.assignments = {assignment.name: assignment for assignment in assignments}
            self._config = config
            if fixed:
                _LOGGER.warning("these parts of the config change with the next start only", parts=fixed)
            _LOGGER.info("config reloaded", destinations=len(assignments))
            return {"reloaded": True, "restart_needed_for": fixed}

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

    # --- housekeeping: nothing here is needed for correctness ---

    async def _keep_house(self) -> None:
        while not self._stop.is_set():
            await self._pause(HOUSEKEEPING_S)
            if not self._stop.is_set():
                try:
                    await self._tidy()
                except Exception as error:  # a disk that is full or fails; it is no reason to stop
                    _LOGGER.error("housekeeping failed, it is tried again", error=f"{type(error).__name__}: {error}")

    async def _tidy(self) -> None:
        self._shed()
        await self._log.trim(self._fleet.needed_from())
        for berth in self._fleet.berths.values():
            for partition in self._log.partitions:
                start = self._log.start(partition)
                await berth.ledger.ask(partial(State.forget_outcomes, partition=partition, before=start))
        used = self._log.size_bytes / self._config.retention.max_disk_bytes
        if used >= DISK_WARNING:
            _LOGGER.warning("the log has used most of the disk it may use (retention.max_disk)", used=f"{used:.0%}")

    def _shed(self) -> None:
        """Destinations whose backlog outgrew their ``max_backlog`` give up its oldest segments' events."""
        for berth in self._fleet.berths.values():
            if berth.worker is None:
                continue
            for partition, window in berth.ledger.windows.items():
                last = self._log.sequence_at_backlog(partition, berth.assignment.max_backlog_bytes)
                if last > window.position:
                    _LOGGER.error(
                        "backlog is over max_backlog: its oldest events become dead letters",
                        destination=berth.assignment.name,
                    )
                    berth.worker.shed(partition, last)

    async def _shut_down(self) -> None:
        """The order is the contract: no new events, flights land, positions are saved, then everything else closes."""
        if hasattr(self, "_gateway"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gateway.close(), CALLERS_S)
        for runner in reversed(self._runners):
            await runner.cleanup()
        await self._fleet.stop(DRAIN_S)
        await self._sandboxes.stop()
        await self._log.close()
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
