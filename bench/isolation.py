"""What a vendor that hangs takes from everybody else: the gateway's answers, and four other destinations.

Two routers, side by side: of the five destinations of one the last hangs, taking every request and answering none. They get the
same load in turn, a few seconds each, so that what else the machine does falls on both.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from bench.figure import Figure
from bench.latency import send_steadily
from bench.processes import Process, destination, running, start_router, start_vendor, until_taken

EVENTS_PER_S: Final = 50
SECONDS: Final = 5
TIMEOUT: Final = "1s"
"""Of the one that hangs: short, so that it is tried often while it is looked at."""


@dataclass
class Side:
    """One of the two routers, and what each round has shown."""

    router: Process
    vendors: Sequence[Process]
    answer_p99_s: list[float] = field(default_factory=list)
    delivery_p95_s: list[float] = field(default_factory=list)

    def measure(self) -> None:
        took = asyncio.run(send_steadily(self.router, EVENTS_PER_S, SECONDS, seed=len(self.answer_p99_s)))
        found = until_taken(self.vendors, EVENTS_PER_S * SECONDS)
        self.answer_p99_s.append(quantiles(took, n=100)[98])
        self.delivery_p95_s.append(quantiles([each for one in found for each in one["latencies"]], n=20)[-1])


def measure(directory: Path, rounds: int) -> list[Figure]:
    vendors = [start_vendor() for _ in range(9)]
    with running(*vendors), closing(socket.create_server(("127.0.0.1", 0), backlog=1_024)) as silent:
        places = [directory / name for name in ("quiet", "troubled")]
        for place in places:
            place.mkdir()
        named = [{f"vendor{number}": destination("webhook", each) for number, each in enumerate(vendors[:5])}]
        named += [{f"vendor{number}": destination("webhook", each) for number, each in enumerate(vendors[5:])}]
        hanging = destination("webhook", vendors[0], delivery={"timeout": TIMEOUT})
        hanging["settings"]["base_url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        named[1]["hanging"] = hanging
        routers = [start_router(place, each) for place, each in zip(places, named, strict=True)]
        with running(*routers):
            quiet, troubled = Side(routers[0], vendors[:5]), Side(routers[1], vendors[5:])
            for _ in range(rounds):
                quiet.measure()
                troubled.measure()
    return [
        _compare("answers to single events, p99", quiet.answer_p99_s, troubled.answer_p99_s),
        _compare("call to vendor at the others, p95", quiet.delivery_p95_s, troubled.delivery_p95_s),
    ]


def _compare(what: str, quiet: Sequence[float], troubled: Sequence[float]) -> Figure:
    ratio = median(troubled) / median(quiet)
    return Figure(
        f"{what}, one of 5 hangs",
        f"{median(troubled) * 1e3:.0f} ms",
        f"none hangs: {median(quiet) * 1e3:.0f} ms",
        f"{ratio:.2f} ×",
        "≤ 1.1 ×",
    )
