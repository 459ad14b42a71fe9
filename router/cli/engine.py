"""Which engine keeps the log: chosen by its address in the config."""

from __future__ import annotations

from collections.abc import Callable

from router.cli.wiring import log_directory, log_options
from router.config import Config
from router.errors import OperatorError
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.log.sqlite import SqliteLog


async def open_log(
    config: Config, clock: Callable[[], float], *, read_only: bool = False, reserve: Reserve = NO_RESERVE
) -> Engine:
    """Open the log of *config*, or make it. *reserve* is that of an embedded one.

    Raises:
        OperatorError: it can't be opened or made; with *read_only*, there is none.
    """
    if config.log_urls:
        try:
            from router.log.jetstream.log import NatsLog
        except ModuleNotFoundError:
            raise OperatorError("log: a NATS cluster needs the extra: pip install 'trait-router[nats]'") from None
        nats = config.nats
        return await NatsLog.open(
            config.log_urls,
            log_options(config),
            clock,
            name=nats.name,
            partitions=nats.partitions,
            replicas=nats.replicas,
            read_only=read_only,
        )
    return await SqliteLog.open(log_directory(config), log_options(config), clock, read_only=read_only, reserve=reserve)
