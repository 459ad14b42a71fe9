"""Metrics of several that deliver side by side, shown as those of one router: of processes, or of fleets of partitions."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from router.admin.crew import ANSWER_S, Crew
from router.admin.metrics import BooksCollector, add_state, states

HIGHEST = frozenset(
    {"router_destination_state", "router_destination_oldest_pending_seconds", "router_destination_concurrency"}
)
"""Of partitions, the highest of these values counts, not the sum: a destination has one pace for all that it sends from."""

Join = Callable[[float, float], float]


class SummedBooks(Collector):
    """The metrics of the partitions that this router delivers. Each router shows its own part, so that the sum over all routers
    is the whole."""

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
        yield from merge((family for part in self._seen.values() for family in part.collect()), sum_or_highest)


def sum_or_highest(family: str) -> Join:
    """How the values of partitions are joined in that *family*."""
    return max if family in HIGHEST else operator.add


class GatheredMetrics(Collector):
    """The metrics of all crews, as of the last `refresh`, and whether each crew is up."""

    def __init__(self, crews: Sequence[Crew]) -> None:
        self._crews = crews
        self._texts: list[str] = []
        self._down: list[str] = []

    async def refresh(self) -> None:
        """Ask each crew for its metrics."""
        crews = [crew for crew in self._crews if crew.names]
        answers = await asyncio.gather(
            *(crew.call("metrics", within_s=ANSWER_S) for crew in crews), return_exceptions=True
        )
        self._texts = [answer["text"] for answer in answers if not isinstance(answer, BaseException)]
        self._down = [
            name
            for crew, answer in zip(crews, answers, strict=True)
            if isinstance(answer, BaseException)
            for name in crew.names
        ]

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("router_process_up", "1 while a process that delivers is up.", labels=["process"])
        starts = CounterMetricFamily("router_process_starts", "How often it was started.", labels=["process"])
        for crew in self._crews:
            if crew.names:
                up.add_metric([str(crew.number)], float(crew.is_up))
                starts.add_metric([str(crew.number)], crew.starts)
        pace = states()
        for name in self._down:
            add_state(pace, name, "down")
        yield from (up, starts)
        told = [family for text in self._texts for family in text_string_to_metric_families(text)]
        yield from merge([*told, pace], lambda family: max)  # all processes read the same events, and count them alike


def merge(families: Iterable[Metric], join_of: Callable[[str], Join]) -> list[Metric]:
    """One family per name, and one sample per set of labels: *join_of* the family's name joins their values. Pure."""
    merged: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for family in families:
        merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        into, join = values.setdefault(family.name, {}), join_of(family.name)
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            into[key] = join(into[key], sample.value) if key in into else sample.value
    for name, family in merged.items():
        family.samples = [Sample(each, dict(labels), value) for (each, labels), value in values[name].items()]
    return list(merged.values())
