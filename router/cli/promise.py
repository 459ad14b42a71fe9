"""The promise: what a 2xx means, by where the log is kept."""

from __future__ import annotations

import structlog

from router.cli.engine import check_event_size, check_extra, opened_log
from router.clock import Clock
from router.config import Config
from router.log.durability import EMBEDDED, Durability, durability
from router.log.interface import Log

_LOGGER = structlog.get_logger()


def tell_promise(config: Config, log: Log) -> None:
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
