"""``router run``: the daemon."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path

import structlog
import typer

from router.admin.server import SOCKET_NAME, check_socket_path
from router.cli import logging
from router.cli.cluster.role import Role
from router.cli.config_file import read_config
from router.cli.daemon import SOCKETS, Daemon
from router.cli.memory import spare_the_collector
from router.cli.open_files import fit, limit, most_at_a_time, raise_limit
from router.cli.options import DEFAULT_CONFIG, ConfigPath
from router.cli.processes.orders import check_portable, socket_name
from router.cli.room import room_oddities
from router.cli.sandboxes import tell_of_sandboxes
from router.cli.supervisor import Supervisor, inherited_sockets, is_public
from router.cli.wiring import to_assignments
from router.config import Config, load_config
from router.config.checks import DEMO_KEY, is_loopback
from router.errors import OperatorError
from router.registry import Registry

MAX_PROCESSES = 64
"""A higher number is a typing error."""


class Level(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    log_level: Level = typer.Option(Level.info, help="Log from this level on."),
    processes: int | None = typer.Option(
        None,
        min=1,
        max=MAX_PROCESSES,
        metavar="N",
        help="Deliver from N processes of their own, beside the one that takes events; without it, one process does all.",
    ),
    role: Role = typer.Option(Role.all, help="In a cluster: only take events, only deliver them, or both."),
) -> None:
    """Run the router until it is told to stop (SIGTERM, Ctrl-C); SIGHUP reads the config again.

    Example: `router run --config config/router.yaml`
    """
    logging.set_up(log_level.value)
    # Hold SIGHUP back until the daemon listens for it: before that it would end this process. The config is read only below.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        run_daemon(config, processes, log_level.value, role)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_daemon(path: Path, processes: int | None, log_level: str, role: Role) -> None:
    """Run a daemon in this process, with *processes* delivering ones beside it; None: alone."""
    try:
        import uvloop as loops
    except ImportError:  # pragma: no cover - no uvloop on this platform
        import asyncio as loops  # type: ignore[no-redef]
    # Until the daemon handles it. As an exception it would count as an error of the plugin that is being imported.
    signal.signal(signal.SIGTERM, _leave)
    raise_limit()
    supervisor = Supervisor(os.environ)
    sockets = inherited_sockets(os.environ, os.getpid(), SOCKETS)
    settings, registry = read_config(path)
    settings = _fit(settings, processes)
    if processes is not None:
        check_portable(settings)
    handed = sockets.get("server", ())
    is_reachable = is_public(handed) if handed else not is_loopback(settings.server.host)
    _check_demo_key(settings, is_reachable)
    _check_role(settings, processes, role)
    for name in (SOCKET_NAME, *map(socket_name, range(1, (processes or 0) + 1))):
        check_socket_path(settings.data / name)
    logger = structlog.get_logger()
    found = [f"{each.plugin.slug} {each.plugin.version} ({each.origin})" for each in registry]
    logger.info("plugins found", plugins=found)
    for warning in registry.warnings:
        logger.warning("plugin package left out", problem=warning)
    for warning in room_oddities(settings):
        logger.warning("the room on the disk may not do", problem=warning)

    def announce(daemon: Daemon) -> None:
        spare_the_collector()
        logger.info(
            "router is ready",
            url=daemon.url,
            admin=daemon.admin_url,
            sources=list(settings.sources),
            destinations=[name for name, each in settings.destinations.items() if each.enabled],
        )
        tell_of_sandboxes(settings)

    def read_again(candidate: Registry) -> Config:
        config = _fit(load_config(path, candidate), processes)
        to_assignments(config, candidate)  # also refuse destinations that a plugin can't use
        _check_demo_key(config, is_reachable)  # the addresses stay as they are
        if processes is not None:
            check_portable(config)
        return config

    daemon = Daemon(settings, registry, read_again, supervisor, sockets, processes, log_level, role)
    loops.run(daemon.run(announce))
    logger.info("router has stopped")


def _fit(config: Config, processes: int | None) -> Config:
    """See `fit`. Where it takes something away from destinations, the log tells."""
    allowed = limit()
    fitted = fit(config, allowed, processes)
    most = most_at_a_time(fitted)
    if most < most_at_a_time(config):
        structlog.get_logger().warning(
            "too few open files for all connections: destinations make fewer requests at a time. Raise the limit (ulimit -Hn; "
            "LimitNOFILE of a service, ulimits of a container)",
            open_files=allowed,
            requests_at_a_time=most,
        )
    return fitted


def _leave(*_: object) -> None:
    """End at once: opening a log may take long, and there is nothing to tidy up yet."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + signal.SIGTERM)  # still here: it is the first process of a container


def _check_role(config: Config, processes: int | None, role: Role) -> None:
    if config.log_urls and processes is not None:
        raise OperatorError("--processes is for a log on this machine; in a cluster, run another router instead")
    if not config.log_urls and role is not Role.all:
        raise OperatorError(
            f"--role {role.value}: the log is on this machine (log: sqlite), so that this router has to do all. Share the log "
            "through a cluster (log: nats://…), or leave --role out."
        )


def _check_demo_key(config: Config, is_reachable: bool) -> None:
    """Refuse a key "demo" where the router really listens, as the config's checks do for its own host. *is_reachable*: whether
    other machines reach it there."""
    if not is_reachable:
        return
    for name, source in config.sources.items():
        if DEMO_KEY in source.keys:
            raise OperatorError(
                f"sources.{name}: everybody knows the demo key, so it is refused where the router listens on an address that "
                "isn't loopback; choose another"
            )
