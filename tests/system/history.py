"""A log that was filled before the router of a test starts, with events of days ago."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from router.event import Event
from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog

AT_ONCE: Final = 1_000


def fill_log(data: Path, calls: Iterable[Mapping[str, Any]], received_at_s: float) -> None:
    """Append the *calls* (stored events without their times) to the log of the data directory; no router may have it open.

    The first is received at that time (Unix seconds), each other one a millisecond after the one before.
    """
    asyncio.run(_fill(data / "log", calls, received_at_s))


async def _fill(directory: Path, calls: Iterable[Mapping[str, Any]], received_at_s: float) -> None:
    log = await SqliteLog.open(directory, LogOptions(), lambda: received_at_s)
    try:
        entries = _entries(calls, received_at_s)
        while batch := list(islice(entries, AT_ONCE)):
            await log.append(batch)
    finally:
        await log.close()


def _entries(calls: Iterable[Mapping[str, Any]], received_at_s: float) -> Iterator[Entry]:
    for number, call in enumerate(calls):
        at = _iso(received_at_s + number / 1_000)
        event = Event.of_document({**call, "timestamp": at, "receivedAt": at})
        yield Entry.of(event, "website", received_at_s + number / 1_000, event.to_json())


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
