"""What order per user costs, ``python -m bench.order``: the same events to a webhook with ``order: strict`` and ``none``.

Row 9 of docs/reliability.md speaks of 1,000 sources and 10,000 users. Order knows users only, so one source will do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer

from bench import load
from bench.events import calls
from bench.figure import Figure, compare, cost_us, show
from bench.processes import Process, destination, running, start_router, start_vendor, until_taken

USERS = 10_000
BATCHES = 50


def measure(directory: Path, rounds: int) -> list[Figure]:
    """The CPU time of ingest and delivery of an event, and the ratio."""
    strict, loose = (_start(directory / order, order) for order in ("strict", "none"))
    events = (
        {**call, "userId": f"user-{number * 7_919 % USERS}"} for number, call in enumerate(calls())
    )  # no two neighbours are of one user, and all have their turn
    costs: tuple[list[float], list[float]] = ([], [])
    with running(*strict, *loose):
        for router, vendor in (strict, loose):
            load.send(router.url, load.batches(events, 20))
            until_taken([vendor], 2_000)
        for _ in range(rounds):
            requests = load.batches(events, BATCHES)
            for (router, vendor), found in zip((strict, loose), costs, strict=True):
                found.append(cost_us(router, partial(_work, router, vendor, requests), BATCHES * 100))
    return [compare("ingest + webhook, order: strict", *costs, "order: none", "≤ 1.15 ×")]


def _start(directory: Path, order: str) -> tuple[Process, Process]:
    """A router, and the vendor it delivers to."""
    directory.mkdir()
    vendor = start_vendor()
    return start_router(directory, {"webhook": destination("webhook", vendor, delivery={"order": order})}), vendor


def _work(router: Process, vendor: Process, requests: Sequence[tuple[str, bytes]]) -> None:
    load.send(router.url, requests)
    until_taken([vendor], BATCHES * 100)


def main(rounds: int = typer.Option(5, help="The median counts.")) -> None:
    """The CPU time of an event with order and without."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        show(measure(Path(folder), rounds), f"CPU time of the process, medians of {rounds}")


if __name__ == "__main__":
    typer.run(main)
