"""The daemon: wires the parts together, starts them in order, reloads them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from router.admin.metrics import LogCollector
from router.admin.server import CONNECTIONS_S, closing_app, listen_on_socket, port_app, socket_app
from router.cli.cluster.role import Role
from router.cli.data_folder import rejected_path, reserve_of, socket_path, suppressed_path
from router.cli.deliveries import DRAIN_S, Deliveries, OwnDeliveries
from router.cli.engine import check_event_size, open_log
from router.cli.listening import listen
from router.cli.logging import tell_where_on_signal
from router.cli.memory import give_big_blocks_back
from router.cli.processes.deliveries import ProcessDeliveries
from router.cli.promise import tell_promise
from router.cli.rebinding import keep_pages_out
from router.cli.sandboxes import Sandboxes, tell_of_sandboxes, wanted_sandboxes
from router.cli.supervisor import Sockets, Supervisor, is_on_loopback
from router.cli.suppression import Suppression
from router.cli.wiring import to_limits, to_sources, to_surroundings
from router.clock import SystemClock
from router.config import Config, ConfigError
from router.delivery.watchdog import LOOK_S
from router.errors import OperatorError
from router.gateway import Source
from router.gateway.app import Gateway
from router.gateway.health import health_response
from router.own_thread import in_own_thread
from router.registry import Registry
from router.rejected import RejectedCalls
from router.suppressed import Suppressed
from router.unless import pause, unless

KEPT_ALIVE_S = 1.0
"""How long a stop waits for kept-alive connections to bring one more request, whose answer then ends them."""
CALLERS_S = 2.0
"""How long a stop waits for callers whose requests are under way. One that stalls half-way must not hold it up."""
RELOAD_S = 2.0
"""How long a stop waits for a reload under way, since what a reload started afterwards would not be stopped in order. With the
times above, `DRAIN_S` and the closing of files, an exit takes at most 15 s."""
READ_S = 5.0
"""How long it may take to read the config before that is told of."""
SOCKETS = ("server", "admin")
"""The names of a supervisor's sockets: the sections of the config whose ports they replace."""

_LOGGER = structlog.get_logger()


class Daemon:
    """One router process over one data directory."""

    def __init__(
        self,
        config: Config,
        registry: Registry,
        read_config: Callable[[Registry], Config],
        supervisor: Supervisor,
        sockets: Sockets,
        processes: int | None = None,
        log_level: str = "info",
        role: Role = Role.all,
    ) -> None:
        """
        Args:
            read_config: reads the file again, for a reload. It raises `OperatorError` for an invalid file. The registry that
                it is given has the installed plugins, and gets those that the file names.
            sockets: listening sockets that replace ports of the config, by a name of `SOCKETS`.
            processes: how many processes deliver beside this one, logging from *log_level* on. None: this one does it all.
            role: this router's part of the work that the routers of a cluster share.
        """
        self._config = config
        self._registry = registry
        self._read_config = read_config
        self._supervisor = supervisor
        self._sockets = sockets
        self._clock = SystemClock()
        self._stop = asyncio.Event()
        self._processes = processes
        self._log_level = log_level
        self._role = role
        self._sandboxes = Sandboxes()
        self._runners: list[web.AppRunner] = []
        self._socket_runner: web.AppRunner | None = None
        self._gateway_runner: web.AppRunner | None = None
        self._reading = asyncio.Lock()
        """Held by the one reload that reads the config, until it is applied."""
        self._is_reload_due = False
        """A reload was asked for, and has not begun to read."""
        self._reloading = asyncio.Lock()
        """Held while what is delivered, and how, changes."""
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
        self._log = await open_log(config, self._clock, reserve=reserve_of(config))
        tell_promise(config, self._log)
        self._rejected = RejectedCalls(rejected_path(config))
        self._deliveries = await self._make_deliveries()
        self._suppression = Suppression(
            suppressed_path(config),
            self._log,
            self._rejected,
            self._clock,
            self._enforce,
            lambda people, tombstones: self._deliveries.calls()["erase"](people=people, tombstones=tombstones),
        )
        self._metrics = CollectorRegistry()
        try:
            self._listen_to_signals()
            if await self._has_started():
                on_ready(self)
                self._supervisor.ready(f"takes events at {self.url}" if self.url else "delivers events")
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._deliveries.run(self._stop))
                    tasks.create_task(self._suppression.run(self._stop))
                    tasks.create_task(self._tell_alive())
        finally:
            await self._shut_down()

    async def _has_started(self) -> bool:
        """Start. False if it is told to stop before that is done. A reload requested meanwhile happens afterwards."""
        async with self._reading, self._reloading:
            return await unless(self._stop, self._start())

    async def _start(self) -> None:
        config = self._config
        self._suppression.load()
        await self._start_sandboxes(config, self._registry)
        calls = {
            **self._deliveries.calls(),
            **self._suppression.calls(),
            "reload": self.reload,
            "sandbox": self._sandboxes.accepted,
        }
        # Before states are opened, which may take long: who asks would be told that no router runs.
        self._socket_runner = await listen_on_socket(socket_app(calls), socket_path(config))
        self._runners.append(self._socket_runner)
        await self._deliveries.apply(config, self._sandboxes.urls, self._suppression.people)
        self._metrics.register(self._deliveries.collector)
        self._metrics.register(LogCollector(self._log, self._stuck))
        # A router that takes no events has no other port to say there that it is alive.
        admin = port_app(
            calls["status"], self._metrics, self._deliveries.refresh, lambda: health_response(self._stuck())
        )
        if is_on_loopback(self._sockets.get("admin", ()), config.admin.host):
            keep_pages_out(admin)
        self.admin_url = await self._listen(
            web.AppRunner(admin, access_log=None, shutdown_timeout=CONNECTIONS_S),
            config.admin.host,
            config.admin.port,
            "admin",
        )
        if self._role is Role.delivery:
            return
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
            obstacles=lambda: ["stopping"] if self._stop.is_set() else [],
        )
        self._take_nothing_of(self._suppression.people)
        self._gateway_runner = self._gateway.runner(CONNECTIONS_S)
        self.url = await self._listen(self._gateway_runner, config.server.host, config.server.port, "server")

    def _stuck(self) -> list[str]:
        """What is stuck inside, for ``/health``. Never names a vendor."""
        return list(dict.fromkeys([*self._log.stuck, *self._deliveries.stuck]))

    async def _make_deliveries(self) -> Deliveries:
        if self._config.log_urls:
            from router.cli.cluster.deliveries import ClusterDeliveries  # the extra may not be installed

            return await ClusterDeliveries.open(
                self._log, self._config, self._registry, self._clock, self._stuck, self._role is not Role.gateway
            )
        if self._processes is None:
            return OwnDeliveries(self._log, self._config, self._registry, self._clock, self._stuck)
        return ProcessDeliveries(
            self._processes, self._log, self._config, self._registry, self._log_level, self._clock, self._stuck
        )

    async def _listen(self, runner: web.AppRunner, host: str, port: int, section: str) -> str:
        await runner.setup()
        self._runners.append(runner)
        return await listen(runner, self._sockets.get(section, ()), host, port, section)

    async def _start_sandboxes(self, config: Config, registry: Registry) -> None:
        await self._sandboxes.apply(wanted_sandboxes(config, registry))

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one may have come while the log was opened
        tell_where_on_signal()

    def _begin_reload(self) -> None:
        if self._is_reload_due:
            return  # that one reads what the file says by now
        self._is_reload_due = True
        task = asyncio.create_task(self._reload_on_signal())
        self._reloads.add(task)  # nobody else holds a reference to it
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
        """Read the config again and make the router what it says. A file with any problem is refused whole.

        A destination that can't start is reported and stays out for the time being. It does not hinder the others. One whose
        requests have not ended yet is reported too.

        Raises:
            OperatorError: the file is not valid. Nothing has changed.
        """
        async with self._reading:
            self._is_reload_due = False
            registry, _ = self._registry.with_named(())
            # It may import a plugin, or read from a disk that hangs, and wait there without an end: only further reloads wait
            # for that.
            reading = asyncio.create_task(in_own_thread(partial(self._read_config, registry), "reading the config"))
            await asyncio.wait({reading}, timeout=READ_S)
            if not reading.done():
                _LOGGER.warning(
                    "a reload can't read the config to its end yet: a file that it names, or a plugin, takes long. The old one "
                    "stays until then"
                )
            config = await reading
            async with self._reloading:
                return await self._take_over(config, registry)

    async def _take_over(self, config: Config, registry: Registry) -> dict[str, Any]:
        """Make the router what *config* says, with the plugins of *registry*. Raises as `reload` does."""
        if self._stop.is_set():
            raise OperatorError("the router is going down")
        check_event_size(config, self._log)
        config, fixed = _with_fixed_parts(config, self._config)
        await self._start_sandboxes(config, registry)
        before, sources = to_sources(self._config), to_sources(config)
        # A new source waits until the destinations know it: until then they leave its events out, or send them where they
        # must not go. One that is gone stays for as long, since it may only have another name.
        with contextlib.suppress(ValueError):  # a key that goes from one to another goes when all do
            self._configure_gateway(config, {name: sources.get(name, source) for name, source in before.items()})
        self._config = config
        self._registry.adopt(registry)
        told: list[str] = []
        try:
            await self._deliveries.apply(config, self._sandboxes.urls, self._suppression.people)
        except OperatorError as error:
            told = str(error).splitlines()
        finally:
            self._configure_gateway(config, sources)
        problems = list(self._deliveries.problems)
        problems += [line for line in told if not any(line in problem for problem in problems)]
        if fixed:
            _LOGGER.warning("these parts of the config change with the next start only", parts=fixed)
        facts = {"problems": problems} if problems else {}
        _LOGGER.info("config reloaded", destinations=max(0, len(config.destinations) - len(problems)), **facts)
        tell_of_sandboxes(config)
        return {"reloaded": True, "restart_needed_for": fixed, "problems": problems}

    async def _enforce(self, suppressed: Suppressed) -> list[str]:
        """Take and send nothing of *suppressed* from now on. Returns where that can't be said yet.

        Raises:
            OperatorError: the router is going down.
        """
        async with self._reloading:
            if self._stop.is_set():
                raise OperatorError("the router is going down; what was noted holds from the next start on")
            if self._role is not Role.delivery:
                self._take_nothing_of(suppressed)
            try:
                await self._deliveries.apply(self._config, self._sandboxes.urls, suppressed)
            except OperatorError as error:
                return [str(error)]
        return []

    def _take_nothing_of(self, suppressed: Suppressed) -> None:
        self._gateway.suppress(suppressed)
        self._rejected.suppress(suppressed)

    def _configure_gateway(self, config: Config, sources: Mapping[str, Source]) -> None:
        """Raises ValueError if two sources have the same write key."""
        if self._role is not Role.delivery:
            self._gateway.configure(sources, to_limits(config), to_surroundings(config))

    async def _tell_alive(self) -> None:
        """Tell the supervisor that the router is alive, unless something is stuck: then a restart may help. A failing disk does
        not count, since a restart would not help."""
        while not self._stop.is_set():
            if not self._deliveries.stuck:
                self._supervisor.alive()
            await pause(self._stop, min(LOOK_S, self._supervisor.alive_every_s or LOOK_S))

    async def _shut_down(self) -> None:
        """The order is the contract: flights land and positions are saved; then no more events are taken; then all else closes.

        Events are taken for as long as possible, so that callers are refused for as short a time as possible. What comes after
        the last flight is delivered after the next start.
        """
        self._stop.set()
        self._supervisor.stopping()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reloading.acquire(), RELOAD_S)
        refusing = await self._refuse_commands()
        gateway = self._gateway_runner
        for runner in reversed(self._runners):
            if runner is not gateway:
                await runner.cleanup()
        await self._deliveries.stop(DRAIN_S)
        if gateway is not None:
            await self._close_gateway(gateway)
        await self._rejected.close()
        await self._sandboxes.stop()
        if refusing is not None:
            await refusing.cleanup()
        with contextlib.suppress(FileNotFoundError):
            socket_path(self._config).unlink()
        await self._log.close()  # last: from here on the socket may be another router's

    async def _refuse_commands(self) -> web.AppRunner | None:
        """Tell those who ask from now on that the router goes down. If nobody listened, they would take it that no router runs,
        and open the files."""
        if self._socket_runner is None:
            return None
        for site in list(self._socket_runner.sites):
            await site.stop()
        with contextlib.suppress(OSError):  # a full disk
            return await listen_on_socket(closing_app(), socket_path(self._config))
        return None

    async def _close_gateway(self, runner: web.AppRunner) -> None:
        for site in list(runner.sites):
            await site.stop()  # new connections wait in a supervisor's backlog, or are refused
        await self._gateway.drain(KEPT_ALIVE_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gateway.close(), CALLERS_S)
        await runner.cleanup()


def _with_fixed_parts(config: Config, running: Config) -> tuple[Config, list[str]]:
    """*config* with the parts that a reload can't change as they are in *running*, and the names of those that differ.

    So a later reader of the config (a process that is started again, a stop) finds the folder that this router uses.
    """
    server = config.server.model_copy(update={"host": running.server.host, "port": running.server.port})
    fixed = {
        "server": server,
        **{name: getattr(running, name) for name in ("admin", "data", "log", "nats", "retention")},
    }
    return config.model_copy(update=fixed), [name for name, part in fixed.items() if part != getattr(config, name)]
