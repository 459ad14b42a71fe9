"""From the call to the vendor: how long an event takes at a steady 500 events a second to four destinations."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import quantiles

import orjson

from bench.events import calls
from bench.figure import Figure
from bench.load import Connection
from bench.processes import Process, destination, running, start_router, start_vendor, until_taken

EVENTS_PER_S = 500
SECONDS = 10
_TICK_S = 0.02


def measure(directory: Path) -> list[Figure]:
    plugins = {"mixpanel": "mixpanel", "customerio": "customerio", "webhook": "webhook", "webhook2": "webhook"}
    vendors = [start_vendor() for _ in plugins]
    with running(*vendors):
        destinations = {
            name: destination(plugin, vendor) for (name, plugin), vendor in zip(plugins.items(), vendors, strict=True)
        }
        router = start_router(directory, destinations)
        with running(router):
            before = router.cpu_s
            asyncio.run(send_steadily(router, EVENTS_PER_S, SECONDS))
            found = until_taken(vendors, EVENTS_PER_S * SECONDS)
            used = (router.cpu_s - before) / SECONDS
    latencies = [each for one in found for each in one["latencies"]]
    hundredths = quantiles(latencies, n=100)
    p50, p95 = hundredths[49], hundredths[94]
    shown = f"p50 {p50:.2f} s, p95 {p95:.2f} s"
    return [Figure("call to vendor, 500 events/s to 4", shown, f"{used:.0%} of a core", "", "p95 ≤ 2 s")]


async def send_steadily(router: Process, events_per_s: int, seconds: int, seed: int = 1) -> list[float]:
    """Single events (others with another *seed*), evenly, whatever the answers take; returns what each took, in seconds."""
    events = calls(seed)
    idle: list[Connection] = []
    under_way: set[asyncio.Task[None]] = set()
    took: list[float] = []

    async def post(connection: Connection) -> None:
        call = next(events)
        left = time.monotonic()
        await connection.post(f"/v1/{call['type']}", orjson.dumps(call))
        took.append(time.monotonic() - left)
        idle.append(connection)

    began = time.monotonic()
    sent = 0
    while sent < events_per_s * seconds:
        due = min(int((time.monotonic() - began + _TICK_S) * events_per_s), events_per_s * seconds)
        for _ in range(due - sent):
            task = asyncio.create_task(post(idle.pop() if idle else Connection(router.url)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        sent = due
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*under_way)
    return took
