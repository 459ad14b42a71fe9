"""``python -m bench``: measure, and print one table."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import typer

from bench import backlog, delivery, engines, idle, ingest, isolation, latency, mapping
from bench.figure import Figure, show


def main(
    only: list[str] = typer.Option(
        [],
        help="Only these parts: mapping, ingest, delivery, numbers, latency, isolation, backlog, idle, engines.",
    ),
    rounds: int = typer.Option(5, help="Of each comparison; the median counts."),
    pending: int = typer.Option(100_000, help="Events of the backlog; the target speaks of a million."),
) -> None:
    """Measure this router beside the floor. Some minutes on two cores."""
    parts: Mapping[str, Callable[[Path], list[Figure]]] = {
        "mapping": lambda folder: mapping.measure(rounds),
        "ingest": lambda folder: ingest.measure(folder, rounds),
        "delivery": lambda folder: delivery.measure_plugins(folder, rounds),
        "numbers": lambda folder: delivery.measure_numbers(folder, rounds),
        "latency": latency.measure,
        "isolation": lambda folder: isolation.measure(folder, rounds),
        "backlog": lambda folder: backlog.measure(folder, pending),
        "idle": idle.measure,
        "engines": lambda folder: engines.measure(folder, rounds),
    }
    unknown = set(only) - set(parts)
    if unknown:
        raise typer.BadParameter(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    figures: list[Figure] = []
    for name, measure in parts.items():
        if not only or name in only:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                figures += measure(Path(folder))
    cpus = psutil.cpu_count()
    show(figures, f"CPU time of the process, medians of {rounds}; Python {platform.python_version()}, {cpus} CPUs")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
