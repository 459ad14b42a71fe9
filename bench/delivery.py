"""Taking events in and delivering them: against the floor, and by number of destinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench import load
from bench.events import calls
from bench.figure import Figure, compare, cost_us
from bench.processes import Process, destination, running, start_floor, start_router, start_vendor, until_taken

BATCHES = 100


def measure_plugins(directory: Path, rounds: int) -> list[Figure]:
    """The three plugins that send batches."""
    plugins = ("mixpanel", "customerio", "webhook")
    vendors = [start_vendor() for _ in plugins]
    with running(*vendors):
        destinations = {name: destination(name, vendor) for name, vendor in zip(plugins, vendors, strict=True)}
        costs = _measure(directory, destinations, vendors, rounds)
    return [compare("ingest + Mixpanel, Customer.io and webhook", *costs, "floor", "≤ 2 ×")]


def measure_numbers(directory: Path, rounds: int) -> list[Figure]:
    """1, 3 and 10 webhooks."""
    figures = []
    for number in (1, 3, 10):
        vendors = [start_vendor() for _ in range(number)]
        folder = directory / str(number)
        folder.mkdir()
        with running(*vendors):
            destinations = {f"webhook{place}": destination("webhook", vendor) for place, vendor in enumerate(vendors)}
            costs = _measure(folder, destinations, vendors, rounds)
        figures.append(compare(f"ingest + {number} webhook{'s'[: number - 1]}", *costs, "floor", ""))
    return figures


def _measure(
    directory: Path, destinations: Mapping[str, Any], vendors: Sequence[Process], rounds: int
) -> tuple[list[float], list[float]]:
    """µs an event of the router and of the floor, round by round."""
    router, floor = start_router(directory, destinations), start_floor(directory, vendors)
    costs: tuple[list[float], list[float]] = ([], [])
    events = calls()
    with running(router, floor):
        for process in (router, floor):
            load.send(process.url, load.batches(events, 20))
            until_taken(vendors, 2_000)
        for _ in range(rounds):
            requests = load.batches(events, BATCHES)
            for process, found in zip((router, floor), costs, strict=True):
                found.append(cost_us(process, partial(_send, process, requests, vendors), BATCHES * 100))
    return costs


def _send(process: Process, requests: Sequence[tuple[str, bytes]], vendors: Sequence[Process]) -> None:
    load.send(process.url, requests)
    until_taken(vendors, BATCHES * 100)
