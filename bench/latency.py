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
CONNECTIONS = 200
"""They are made as they are needed."""
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
            asyncio.run(_send_steadily(router))
            found = until_taken(vendors, EVENTS_PER_S * SECONDS)
            used = (router.cpu_s - before) / SECONDS
    latencies = [each for one in found for each in one["latencies"]]
    hundredths = quantiles(latencies, n=100)
    p50, p95 = hundredths[49], hundredths[94]
    shown = f"p50 {p50:.2f} s, p95 {p95:.2f} s"
    return [Figure("call to vendor, 500 events/s to 4", shown, f"{used:.0%} of a core", "", "p95 ≤ 2 s")]


async def _send_steadily(router: Process) -> None:
    """Single events, evenly, whatever the answers take: what finds no connection free waits, and its time counts."""
    events = calls()
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(Connection(router.url))
    under_way: set[asyncio.Task[None]] = set()

    async def post() -> None:
        call = next(events)
        connection = await idle.get()
        await connection.post(f"/v1/{call['type']}", orjson.dumps(call))
        idle.put_nowait(connection)

    began = time.monotonic()
    sent = 0
    while sent < EVENTS_PER_S * SECONDS:
        due = min(int((time.monotonic() - began + _TICK_S) * EVENTS_PER_S), EVENTS_PER_S * SECONDS)
        for _ in range(due - sent):
            task = asyncio.create_task(post())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        sent = due
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*under_way)
