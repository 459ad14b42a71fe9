"""The engine that keeps the log, chosen by the log's address in the config."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import structlog

from router.cli.wiring import log_directory, log_options, to_access
from router.clock import Clock, PatientClock
from router.config import Config
from router.errors import OperatorError
from router.log.durability import EMBEDDED, Durability, durability
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.log.sqlite import SqliteLog

_LOGGER = structlog.get_logger()

WITHOUT_EXTRA = "log: a NATS cluster needs the extra: pip install 'trait-router[nats]'"


def has_extra() -> bool:
    """Whether the packages that speak to a cluster are installed."""
    return find_spec("nats") is not None


def check_extra() -> None:
    """Call it before importing anything that speaks to a cluster.

    Raises:
        OperatorError: the packages for that are not installed.
    """
    if not has_extra():
        raise OperatorError(WITHOUT_EXTRA)


async def open_log(config: Config, clock: Clock, *, read_only: bool = False, reserve: Reserve = NO_RESERVE) -> Engine:
    """Open the log of *config*, or make it. *reserve* is that of an embedded one.

    Raises:
        OperatorError: it can't be opened or made; with *read_only*, there is none.
    """
    patient = PatientClock(clock)  # what is given up because of a wrong clock is gone for good
    if config.log_urls:
        check_extra()
        from router.log.jetstream.log import NatsLog

        nats = config.nats
        log = await NatsLog.open(
            config.log_urls,
            log_options(config),
            patient.now,
            name=nats.name,
            partitions=nats.partitions,
            replicas=nats.replicas,
            read_only=read_only,
            access=to_access(config),
        )
        try:
            if not read_only:
                check_event_size(config, log)
        except OperatorError:
            await log.close()
            raise
        return log
    directory, options = log_directory(config), log_options(config)
    embedded = await SqliteLog.open(directory, options, patient.now, read_only=read_only, reserve=reserve)
    known_s = await embedded.known_s()
    if known_s is not None:
        patient.doubt(known_s)
    return embedded


@asynccontextmanager
async def opened_log(config: Config, clock: Clock, *, read_only: bool) -> AsyncIterator[Engine]:
    """The log of *config* as `open_log` opens it, for as long as a command needs it."""
    log = await open_log(config, clock, read_only=read_only)
    try:
        yield log
    finally:
        await log.close()


def check_event_size(config: Config, log: Engine) -> None:
    """Check that *log* can hold whatever event the gateway takes by *config*. An embedded one can.

    Raises:
        OperatorError: it can't.
    """
    most = getattr(log, "max_event_bytes", config.server.max_event_bytes)
    if config.server.max_event_bytes > most:
        raise OperatorError(
            f"server.max_event: {config.server.max_event_bytes} bytes, and the cluster takes events of {most} at most. Lower "
            "it, or raise max_payload of the servers."
        )


def tell_promise(config: Config, log: Engine) -> None:
    """Log what a 2xx means, when a router over a cluster starts."""
    if not config.log_urls:
        return
    found = durability(getattr(log, "replicas", 1), config.nats.synced)
    _LOGGER.info("the log is in a cluster", promise=found.promise, partitions=len(log.partitions))
    for warning in found.warnings:
        _LOGGER.warning("a 2xx promises less than it could", problem=warning)


async def durability_of(config: Config, clock: Clock) -> Durability:
    """What a 2xx means. If a cluster keeps the log, it is asked.

    Raises:
        OperatorError: the cluster does not answer, refuses, or takes no event as large as the config allows.
    """
    if not config.log_urls:
        return EMBEDDED
    check_extra()
    from router.log.jetstream.streams import NoLog

    try:
        async with opened_log(config, clock, read_only=True) as log:
            check_event_size(config, log)
            return durability(getattr(log, "replicas", 1), config.nats.synced)
    except NoLog:
        return planned_durability(config)


def planned_durability(config: Config) -> Durability:
    """What a 2xx will mean, as far as the config alone tells."""
    if not config.log_urls:
        return EMBEDDED
    planned = durability(config.nats.replicas or 3, config.nats.synced)
    if config.nats.replicas is not None:
        return planned
    return Durability(f"{planned.promise} That is once the log is made, with three servers.", planned.warnings)
