"""From the call to the vendor: how long an event takes at a steady 500 events a second to four destinations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import quantiles

from bench.events import calls
from bench.figure import Figure
from bench.load import send_steadily
from bench.processes import destination, running, start_router, start_vendor, until_taken

EVENTS_PER_S = 500
SECONDS = 10


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
            asyncio.run(send_steadily(router.url, calls(), EVENTS_PER_S, EVENTS_PER_S * SECONDS))
            found = until_taken(vendors, EVENTS_PER_S * SECONDS)
            used = (router.cpu_s - before) / SECONDS
    latencies = [each for one in found for each in one["latencies"]]
    hundredths = quantiles(latencies, n=100)
    p50, p95 = hundredths[49], hundredths[94]
    shown = f"p50 {p50:.2f} s, p95 {p95:.2f} s"
    return [Figure("call to vendor, 500 events/s to 4", shown, f"{used:.0%} of a core", "", "p95 ≤ 2 s")]
