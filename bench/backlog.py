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
from bench.processes import Process, destination, running, start_router, start_vendor, taken
from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog
from router.normalise import normalise

FEW = 30_000
"""Events of the log with few, more than are measured: where the measuring ends, the router is at work on what follows in
either."""
WARM, MEASURED = 5_000, 15_000
"""Events delivered before it is measured, and while it is."""


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
            start_s = router.cpu_s
            _, _, mb = _deliver(router, vendor, WARM)
            more, more_s, more_mb = _deliver(router, vendor, MEASURED)
    return ready_s, start_s, max(mb, more_mb), more_s / more * 1e6


def _deliver(router: Process, vendor: Process, events: int) -> tuple[int, float, float]:
    """Wait for that many events or some more: how many came, the seconds of CPU that passed, and the most MB resident."""
    before, delivered, most_mb = router.cpu_s, 0, 0.0
    while delivered < events:
        time.sleep(0.02)
        delivered += taken(vendor)["events"]
        most_mb = max(most_mb, router.rss_mb)
    return delivered, router.cpu_s - before, most_mb


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
