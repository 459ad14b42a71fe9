"""Hours of load: ``make soak``, or ``python -m bench.soak --hours 8``. Row 4 of docs/reliability.md.

200 events a second to four destinations. A little after a quarter of the time the last vendor stops answering, and comes back;
what had to wait for it must leave the disk again. Memory is judged by the second half, by which caches have filled and the
outage is over.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median, quantiles

import typer

from bench.events import calls
from bench.figure import Figure, show
from bench.load import send_steadily
from bench.processes import Process, destination, running, start_router, start_vendor, taken
from router.log.dedup_index import INDEX_NAME
from tests.system.disk import file_bytes

PLUGINS = ("mixpanel", "customerio", "webhook", "webhook")
EVENTS_PER_S = 200
KEPT_S = 60
"""The log's retention, and the window of duplicates: so that the disk reaches its steady size within minutes. Not the index of
what was seen: it has its keys for an hour more."""
SETTLE_S = 90
"""Until the disk has that size; before, nothing is judged."""
LOOK_S = 5.0
DRAIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of the router at one moment, seconds after the start of the load."""

    at_s: float
    rss_mb: float
    descriptors: int
    disk_mb: float


class Watch:
    """Looks at the router every few seconds, and takes from the vendors what they counted."""

    def __init__(self, router: Process, vendors: Sequence[Process], data: Path, seconds: float) -> None:
        self.looks: list[Look] = []
        self.came = [0] * len(vendors)
        self.latencies: list[float] = []
        """Of the vendors that answer all the time; those of the last hour."""
        self._router, self._vendors, self._data = router, vendors, data
        self._began = time.monotonic()
        self._outage = (0.3 * seconds, 0.4 * seconds)
        self._is_down = False

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._turn_the_last_vendor()
            self.look()
            await asyncio.to_thread(self.count)

    def look(self) -> None:
        disk = sum(map(file_bytes, _files(self._data)))
        at_s = time.monotonic() - self._began
        self.looks.append(Look(at_s, self._router.rss_mb, self._router.descriptors, disk / 1e6))
        if len(self.looks) % 12 == 0:
            seen = self.looks[-1]
            print(
                f"{seen.at_s / 60:6.1f} min  {seen.rss_mb:6.1f} MB resident  {seen.descriptors:4d} descriptors  "
                f"{seen.disk_mb:7.1f} MB on disk  {min(self.came):,} events{'  one vendor is down' * self._is_down}",
                flush=True,
            )

    def count(self) -> None:
        """Not what a vendor has that doesn't answer: that is asked of it later."""
        for place, vendor in enumerate(self._vendors):
            if not (self._is_down and vendor is self._vendors[-1]):
                found = taken(vendor)
                self.came[place] += found["events"]
                if vendor is not self._vendors[-1]:
                    self.latencies += found["latencies"]
        del self.latencies[: -EVENTS_PER_S * 3_600 * 3]

    def _turn_the_last_vendor(self) -> None:
        begin_s, end_s = self._outage
        is_down = begin_s <= time.monotonic() - self._began < end_s
        if is_down != self._is_down:
            (self._vendors[-1].pause if is_down else self._vendors[-1].resume)()
        self._is_down = is_down


def _files(directory: Path) -> list[Path]:
    """The log's files and the states. Not ``reserve``, which never changes its size, nor the index, which grows for an hour."""
    return [path for path in directory.rglob("*") if not path.name.startswith(("reserve", INDEX_NAME))]


def measure(directory: Path, hours: float) -> list[Figure]:
    seconds = max(hours * 3_600, 4 * SETTLE_S)
    vendors = [start_vendor() for _ in PLUGINS]
    with running(*vendors):
        destinations = {
            f"{plugin}{place}": destination(plugin, vendor)
            for place, (plugin, vendor) in enumerate(zip(PLUGINS, vendors, strict=True), 1)
        }
        kept = f"{KEPT_S}s"
        router = start_router(directory, destinations, retention={"age": kept, "dedup_window": kept, "segment": "4MB"})
        with running(router):
            watch = Watch(router, vendors, directory / "var", seconds)
            sent = asyncio.run(_load(router, watch, seconds))
            deadline = time.monotonic() + DRAIN_S
            while min(watch.came) < sent and time.monotonic() < deadline:
                time.sleep(0.5)
                watch.count()
    return _judge(watch, sent)


async def _load(router: Process, watch: Watch, seconds: float) -> int:
    """How many events were acknowledged."""
    async with asyncio.TaskGroup() as tasks:  # whoever of the two fails ends the other
        watching = tasks.create_task(watch.run())
        took = await send_steadily(router.url, calls(), EVENTS_PER_S, int(EVENTS_PER_S * seconds))
        watching.cancel()
    watch.look()
    return len(took)


def _judge(watch: Watch, sent: int) -> list[Figure]:
    seconds = watch.looks[-1].at_s
    settled = [look for look in watch.looks if look.at_s >= SETTLE_S]
    late = [look for look in settled if look.at_s >= seconds / 2]
    early = [look for look in settled if look.at_s < 0.3 * seconds]
    slope_mb = _slope(late)
    steady_mb, last_mb = (_median(looks, lambda look: look.disk_mb) for looks in (early or settled, late[-12:]))
    resident = f"{min(look.rss_mb for look in late):.0f} to {max(look.rss_mb for look in late):.0f} MB"
    descriptors = [look.descriptors for look in late]
    before = f"before the outage: {_median(early or settled, lambda look: look.descriptors):.0f}"
    p50, p95 = (quantiles(watch.latencies, n=100)[at] for at in (49, 94))
    most_mb = max(look.disk_mb for look in settled)
    lost, twice = (sum(max(0, sign * (sent - came)) for came in watch.came) for sign in (1, -1))
    return [
        Figure(
            "resident, the second half",
            resident,
            "slope of the least in each minute",
            f"{slope_mb:+.2f} MB/h",
            "< 1 MB/h over 8 h",
        ),
        Figure("descriptors, the second half", f"{min(descriptors)} to {max(descriptors)}", before, "", "flat"),
        Figure(
            "disk, at the end",
            f"{last_mb:.1f} MB",
            f"before the outage: {steady_mb:.1f} MB; at most {most_mb:.1f} MB",
            f"{last_mb / steady_mb:.2f} ×",
            "< 2 ×",
        ),
        Figure("call to vendor", f"p50 {p50:.2f} s, p95 {p95:.2f} s", "of the three that never stopped", "", ""),
        Figure("lost; came twice", f"{lost}; {twice}", f"{sent:,} events to {len(PLUGINS)}", "", "0; in flight"),
    ]


def _slope(looks: Sequence[Look]) -> float:
    """MB/h, of the least in each minute: what is in memory for a moment says nothing."""
    least: dict[int, float] = {}
    for look in looks:
        minute = int(look.at_s / 60)
        least[minute] = min(look.rss_mb, least.get(minute, look.rss_mb))
    return linear_regression([minute / 60 for minute in least], list(least.values())).slope if len(least) > 1 else 0.0


def _median(looks: Sequence[Look], of: Callable[[Look], float]) -> float:
    return median(of(look) for look in looks)


def main(hours: float = typer.Option(8.0, help="How long; a tenth of it is the outage of one vendor.")) -> None:
    """200 events a second to four destinations, for hours."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        show(
            measure(Path(folder), hours),
            f"{hours:g} h of {EVENTS_PER_S} events a second to {len(PLUGINS)} destinations",
        )


if __name__ == "__main__":
    typer.run(main)
