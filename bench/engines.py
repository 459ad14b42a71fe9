"""Engine against engine: what taking and delivering an event costs the router, with the log in a folder and in a cluster.

One NATS server on this machine, which syncs every write, stands for the cluster: its own CPU time is not the router's, and is
told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import psutil

from bench import load
from bench.events import calls
from bench.figure import Figure, compare, cost_us
from bench.processes import Process, destination, running, start_router, start_vendor
from tests.nats.server import Cluster

BATCHES = 100
SINGLES = 3_000
WARM_UP = 3
"""Rounds before those that count; meanwhile two routers share the partitions out."""


def measure(directory: Path, rounds: int) -> list[Figure]:
    cluster = Cluster.make(directory / "nats", is_synced=True, max_payload="1MB", max_store="1TB")
    cluster.start()
    try:
        return [
            *_taking(directory, cluster, rounds),
            *_delivering(directory, cluster, rounds),
            _sharing(directory, cluster, rounds, 100),
            _sharing(directory, cluster, rounds, 10),
        ]
    finally:
        cluster.clear()


def _routers(
    directory: Path, cluster: Cluster, name: str, **destinations: dict[str, object]
) -> tuple[Process, Process]:
    folders = [directory / f"{name}-{kind}" for kind in ("folder", "cluster")]
    for folder in folders:
        folder.mkdir()
    embedded = start_router(folders[0], destinations)
    return embedded, start_router(folders[1], destinations, log=cluster.url, nats={"name": name})


def _taking(directory: Path, cluster: Cluster, rounds: int) -> list[Figure]:
    embedded, clustered = _routers(directory, cluster, "taking")
    [node] = cluster.nodes
    assert node.process is not None
    server = psutil.Process(node.process.pid)
    events = calls()
    batched: tuple[list[float], list[float]] = ([], [])
    single: tuple[list[float], list[float]] = ([], [])
    at_server: list[float] = []
    with running(embedded, clustered):
        for process in (embedded, clustered):
            load.send(process.url, load.batches(events, 20))
            process.until_idle()
        for _ in range(rounds):
            requests, before = load.batches(events, BATCHES), sum(server.cpu_times()[:2])
            for process, costs in zip((embedded, clustered), batched, strict=True):
                costs.append(cost_us(process, _sending(process, requests), BATCHES * 100))
            at_server.append((sum(server.cpu_times()[:2]) - before) / (BATCHES * 100) * 1e6)
        for _ in range(rounds):
            requests = load.singles(events, SINGLES)
            for process, costs in zip((embedded, clustered), single, strict=True):
                costs.append(cost_us(process, _sending(process, requests), SINGLES))
    return [
        compare("taking into a cluster, batches of 100, an event", batched[1], batched[0], "embedded log", ""),
        compare("taking into a cluster, single events", single[1], single[0], "embedded log", ""),
        compare("the server's own, batches of 100, an event", at_server, batched[1], "router", ""),
    ]


def _delivering(directory: Path, cluster: Cluster, rounds: int) -> list[Figure]:
    """All of it: taken, read, mapped, sent and settled."""
    vendors = start_vendor(), start_vendor()
    costs: tuple[list[float], list[float]] = ([], [])
    routers = []
    for kind, vendor in zip(("folder", "cluster"), vendors, strict=True):
        folder = directory / f"delivering-{kind}"
        folder.mkdir()
        sections = {"log": cluster.url, "nats": {"name": "delivering"}} if kind == "cluster" else {}
        routers.append(start_router(folder, {"mixpanel": destination("mixpanel", vendor)}, **sections))
    events = calls()
    with running(*routers, *vendors):
        for process in routers:
            load.send(process.url, load.batches(events, 20))
            process.until_idle()
        for _ in range(rounds):
            requests = load.batches(events, BATCHES)
            for process, each in zip(routers, costs, strict=True):
                each.append(cost_us(process, _sending(process, requests), BATCHES * 100))
    return [compare("taken and delivered, batches of 100, an event", costs[1], costs[0], "embedded log", "")]


def _sharing(directory: Path, cluster: Cluster, rounds: int, size: int) -> Figure:
    """One router against two that share a log: what the same events cost in requests of *size*, all CPU added up."""
    count = BATCHES * 100 // 2 // size
    vendors = start_vendor(), start_vendor()
    teams: list[list[Process]] = []
    for names, vendor in zip((["alone"], ["first", "second"]), vendors, strict=True):
        folders = [directory / f"{name}-{size}" for name in names]
        for folder in folders:
            folder.mkdir()
        wanted = {"mixpanel": destination("mixpanel", vendor)}
        nats = {"name": f"{names[0]}-{size}"}
        teams.append([start_router(folder, wanted, log=cluster.url, nats=nats) for folder in folders])
    costs: tuple[list[float], list[float]] = ([], [])
    events = calls()
    with running(*teams[0], *teams[1], *vendors), ThreadPoolExecutor(2) as threads:
        for round_number in range(-WARM_UP, rounds):
            requests = load.batches(events, count, size)
            for team, found in zip(teams, costs, strict=True):
                before = sum(process.cpu_s for process in team)
                shares = [requests[number :: len(team)] for number in range(len(team))]
                list(threads.map(load.send, [process.url for process in team], shares))
                for process in team:
                    process.until_idle()
                if round_number >= 0:
                    found.append((sum(process.cpu_s for process in team) - before) / (count * size) * 1e6)
    ratio = median(alone / shared for alone, shared in zip(*costs, strict=True))
    alone, shared = (f"{median(each):.0f} µs" for each in costs)
    what = f"events per CPU-second, two routers beside one, requests of {size}"
    return Figure(what, shared, f"one: {alone}", f"{ratio:.2f} ×", "≥ 0.9 ×")


def _sending(process: Process, requests: list[tuple[str, bytes]]) -> Callable[[], object]:
    return lambda: load.send(process.url, requests)
