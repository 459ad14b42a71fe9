"""The chores of the process that writes the log: it keeps it within its retention, and warns before its disk is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import structlog

from router.cli.housekeeping import DISK_WARNING, Step
from router.log.interface import Engine

_LOGGER = structlog.get_logger()


class LogChores:
    def __init__(self, log: Engine, needed_from: Callable[[], Mapping[int, int]]) -> None:
        """*needed_from* tells what all destinations still need of the log (`Fleet.needed_from`)."""
        self._log = log
        self._needed_from = needed_from
        self._is_tight = False

    def __iter__(self) -> Iterator[Step]:
        yield "retention of the log", self._trim
        yield "the disk of the log", self._look_at_disk

    async def _trim(self) -> None:
        await self._log.trim(self._needed_from())

    async def _look_at_disk(self) -> None:
        used = self._log.size_bytes / self._log.max_bytes
        if used >= DISK_WARNING and not self._is_tight:
            _LOGGER.warning(
                "the log has used most of the disk it may use (retention.max_disk); when it is full sources get 503",
                used=f"{used:.0%}",
            )
        self._is_tight = used >= DISK_WARNING
