"""Taking events in: batches against the floor, single events against a handler that only reads the body."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import load
from bench.events import calls
from bench.figure import Figure, compare, cost_us
from bench.processes import running, start_floor, start_router

BATCHES = 200
SINGLES = 4_000


def measure(directory: Path, rounds: int) -> list[Figure]:
    router, floor = start_router(directory, {}), start_floor(directory)
    events = calls()
    batched: tuple[list[float], list[float]] = ([], [])
    single: tuple[list[float], list[float], list[float]] = ([], [], [])
    with running(router, floor):
        for process in (router, floor):
            load.send(process.url, load.batches(events, 20))
            process.until_idle()
        for _ in range(rounds):
            requests = load.batches(events, BATCHES)
            for process, costs in zip((router, floor), batched, strict=True):
                costs.append(cost_us(process, partial(load.send, process.url, requests), BATCHES * 100))
        for _ in range(rounds):
            requests = load.singles(events, SINGLES)
            bare = [("/bare", body) for _, body in requests]
            for process, sent, costs in zip((router, floor, floor), (requests, bare, requests), single, strict=True):
                costs.append(cost_us(process, partial(load.send, process.url, sent), SINGLES))
    return [
        compare("ingest, batches of 100, an event", *batched, "floor", "≤ 2 ×"),
        compare("ingest, single events", single[0], single[1], "bare handler", "≤ 2 × (0.5 × its rate)"),
        compare("the same", single[0], single[2], "floor", ""),
    ]
