"""A router that has nothing to do: four destinations, no events."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figure import Figure
from bench.processes import destination, running, start_router, start_vendor


def measure(directory: Path) -> list[Figure]:
    vendor = start_vendor()
    with running(vendor):
        plugins = {"mixpanel": "mixpanel", "customerio": "customerio", "webhook": "webhook", "webhook2": "webhook"}
        began = time.monotonic()
        router = start_router(directory, {name: destination(plugin, vendor) for name, plugin in plugins.items()})
        ready_s = time.monotonic() - began
        with running(router):
            start_s = router.cpu_s
            router.until_idle()
            before = router.cpu_s
            time.sleep(5)
            used = (router.cpu_s - before) / 5
            resident = router.rss_mb
    return [
        Figure("start to ready, idle", f"{ready_s:.1f} s", f"{start_s:.1f} s of CPU", "", "≤ 3 s"),
        Figure("resident, idle", f"{resident:.0f} MB", f"{used:.1%} of a core", "", "≤ 120 MB"),
    ]
