"""The summed metrics of several fleets that deliver to the same destinations, each from its own partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from router.admin.metrics import BooksCollector

HIGHEST = frozenset(
    {"router_destination_state", "router_destination_oldest_pending_seconds", "router_destination_concurrency"}
)
"""For these the highest value counts, not the sum: a destination has one pace for all partitions that it sends from."""


class SummedBooks(Collector):
    """The metrics of what this router delivers. Each router shows its own part, so that the sum over all routers is the
    whole."""

    def __init__(self, parts: Callable[[], Mapping[int, BooksCollector]]) -> None:
        """*parts* gives the books of each partition that is delivered here."""
        self._parts = parts
        self._seen: Mapping[int, BooksCollector] = {}

    async def refresh(self) -> None:
        """Look up what is not in memory."""
        self._seen = self._parts()
        await asyncio.gather(*(part.refresh() for part in self._seen.values()))

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "router_partitions", "Partitions of the log that this router delivers.", value=len(self._seen)
        )
        yield from add_up(family for part in self._seen.values() for family in part.collect())


def add_up(families: Iterable[Metric]) -> list[Metric]:
    """One family per name, and one sample per set of labels. Pure."""
    added: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for family in families:
        added.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        into = values.setdefault(family.name, {})
        for sample in family.samples:
            key = (sample.name, tuple(sample.labels.items()))
            before = into.get(key, 0.0)
            into[key] = max(before, sample.value) if family.name in HIGHEST else before + sample.value
    for name, family in added.items():
        family.samples = [Sample(each, dict(labels), value) for (each, labels), value in values[name].items()]
    return list(added.values())
