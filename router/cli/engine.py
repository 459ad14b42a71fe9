"""The engine that keeps the log, chosen by the log's address in the config."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from router.cli.data_folder import log_directory
from router.cli.wiring import log_options, to_access
from router.clock import Clock, PatientClock
from router.config import Config
from router.errors import OperatorError
from router.log.interface import Engine
from router.log.room import NO_RESERVE, Reserve
from router.log.sqlite import SqliteLog

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
