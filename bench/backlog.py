"""A backlog: what a start, memory and delivery cost when many events wait, beside a log with few."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.events import calls
from bench.figure import Figure
from bench.processes import destination, running, start_router, start_vendor, taken
from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog
from router.normalise import normalise

FEW = 20_000
"""Events delivered while it is measured, in either log."""


def measure(directory: Path, events: int) -> list[Figure]:
    few_s, few_cpu_s, few_mb, few_us = _measure(directory / "few", FEW)
    many_s, many_cpu_s, many_mb, many_us = _measure(directory / "many", events)
    pending = f"{events:,} pending"
    few = f"{FEW:,} pending"
    return [
        Figure(f"start to ready, {pending}", f"{many_s:.1f} s", f"{few}: {few_s:.1f} s", "", "≤ 10 s"),
        Figure("of which CPU", f"{many_cpu_s:.1f} s", f"{few}: {few_cpu_s:.1f} s"),
        Figure(f"resident while delivering, {pending}", f"{many_mb:.0f} MB", f"{few}: {few_mb:.0f} MB", "", "≤ 300 MB"),
        Figure(
            f"delivery of an event, {pending}",
            f"{many_us:.0f} µs",
            f"{few}: {few_us:.0f} µs",
            f"{few_us / many_us:.2f} × the rate",
            "≥ 0.9 × the rate",
        ),
    ]


def _measure(directory: Path, events: int) -> tuple[float, float, float, float]:
    """Seconds to ready, by the clock and of CPU, the most MB resident, and µs of CPU for each delivered event."""
    asyncio.run(_fill(directory / "var" / "log", events))
    vendor = start_vendor()
    with running(vendor):
        began = time.monotonic()
        router = start_router(directory, {"webhook": destination("webhook", vendor, start="beginning")})
        ready_s = time.monotonic() - began
        with running(router):
            start_s = cpu_s = router.cpu_s
            most_mb, delivered = 0.0, 0
            while delivered < FEW:
                time.sleep(0.05)
                delivered += taken(vendor)["events"]
                most_mb = max(most_mb, router.rss_mb)
            cpu_s = router.cpu_s - cpu_s
    return ready_s, start_s, most_mb, cpu_s / delivered * 1e6


async def _fill(directory: Path, events: int) -> None:
    log = await SqliteLog.open(directory, LogOptions(), time.time)
    entries = _entries()
    for _ in range(0, events, 1_000):
        await log.append(list(islice(entries, 1_000)))
    await log.close()


def _entries() -> Iterator[Entry]:
    for call in calls():
        now = time.time()
        event = normalise(call, received_at=datetime.fromtimestamp(now, UTC), new_id=str).event
        yield Entry.of(event, "website", now, event.to_json())
