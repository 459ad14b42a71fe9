"""One line of the table: what was measured, beside what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.processes import Process


@dataclass(frozen=True)
class Figure:
    """``ratio`` is what the target speaks of; texts, as they are shown."""

    what: str
    router: str
    reference: str = ""
    ratio: str = ""
    target: str = ""


def cost_us(process: Process, work: Callable[[], Any], events: int) -> float:
    """µs of CPU that *process* spends for each of *events*, of which *work* gives it something to do."""
    before = process.cpu_s
    work()
    process.until_idle()
    return (process.cpu_s - before) / events * 1e6


def compare(what: str, router: Sequence[float], reference: Sequence[float], name: str, target: str) -> Figure:
    """The medians of rounds that were measured in turn, and of their ratios."""
    ratio = median(ours / theirs for ours, theirs in zip(router, reference, strict=True))
    return Figure(what, f"{median(router):.0f} µs", f"{name}: {median(reference):.0f} µs", f"{ratio:.1f} ×", target)


def show(figures: Sequence[Figure], title: str) -> None:
    table = Table("what", "router", "reference", "ratio", "target", title=title, title_justify="left")
    for figure in figures:
        table.add_row(figure.what, figure.router, figure.reference, figure.ratio, figure.target)
    Console(width=128).print(table)
