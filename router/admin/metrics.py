"""The metrics of the log and of delivery that Prometheus scrapes. They are read at the moment of the scrape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from router.clock import Clock
from router.delivery.fleet import Fleet
from router.delivery.ledger import Ledger
from router.delivery.order import WAITED
from router.delivery.tally import Histogram
from router.log.interface import Engine, Log

_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)

STATES = ("going", "throttled", "probing", "blocked", "broken", "disabled", "unusable", "down")
DIED = {("dead", ""): "", ("replayed", "dead"): "replayed"}
"""Columns of the books that fall when a dead letter is delivered after all, and what that is counted as. Prometheus takes a
counter that falls for one that began anew, and everything that ever died would seem to have died now."""
AGES_WITHIN_S = 0.1
"""How long a scrape waits for the ages of the oldest events, which come from the disk. After that it shows the last ones."""


class LogCollector(Collector):
    """The log as a whole, and whether anything inside is stuck."""

    def __init__(self, log: Engine, stuck: Callable[[], Sequence[str]]) -> None:
        self._log = log
        self._stuck = stuck

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("router_log_bytes", "Of the log on disk.", value=self._log.size_bytes)
        yield GaugeMetricFamily(
            "router_log_max_bytes", "What it may come to (retention.max_disk).", value=self._log.max_bytes
        )
        yield GaugeMetricFamily(
            "router_log_refusing",
            "1 while events can't be stored, and sources are told to come back.",
            value=float(bool(self._log.obstacle)),
        )
        yield GaugeMetricFamily(
            "router_stuck", "How many things inside are stuck; GET /health names them.", value=len(self._stuck())
        )


class BooksCollector(Collector):
    """For each destination: ``router_destination_events_total`` by outcome, pending and parked events, the state of its
    pace."""

    def __init__(self, fleet: Fleet, log: Log, clock: Clock) -> None:
        self._fleet = fleet
        self._log = log
        self._clock = clock
        self._oldest_s: dict[str, float | None] = {}

    async def refresh(self) -> None:
        """Look up what has to come from the disk, if that is quick."""
        looks = {
            name: asyncio.ensure_future(berth.ledger.oldest_pending_s(self._log))
            for name, berth in self._fleet.shown.items()
        }
        if looks:
            await asyncio.wait(looks.values(), timeout=AGES_WITHIN_S)
        seen = {}
        for name, look in looks.items():
            if look.done() and not look.exception():
                seen[name] = look.result()
            else:
                look.cancel()
                seen[name] = self._oldest_s.get(name)
        self._oldest_s = seen

    def collect(self) -> Iterator[Metric]:
        berths = self._fleet.shown
        ledgers = {name: berth.ledger for name, berth in berths.items()}
        workers = {name: berth.worker for name, berth in berths.items() if berth.worker is not None}
        books = {name: ledger.books(self._log.end) for name, ledger in ledgers.items()}
        accepted = CounterMetricFamily(
            "router_destination_accepted", "Events in the log since the destination was added.", labels=["destination"]
        )
        yield _filled(accepted, {name: each.accepted for name, each in books.items()})
        pending = GaugeMetricFamily("router_destination_pending", "Events not yet settled.", labels=["destination"])
        yield _filled(pending, {name: each.pending for name, each in books.items()})
        parked = GaugeMetricFamily("router_destination_parked", "Of these, parked.", labels=["destination"])
        yield _filled(parked, {name: ledger.parked_events for name, ledger in ledgers.items()})
        unaccounted = GaugeMetricFamily(
            "router_destination_unaccounted",
            "Accepted, and neither settled nor pending; other than 0 is a bug.",
            labels=["destination"],
        )
        yield _filled(unaccounted, {name: each.unaccounted for name, each in books.items()})
        concurrency = GaugeMetricFamily(
            "router_destination_concurrency",
            "Requests that may be under way at a time, as the vendor lets us.",
            labels=["destination"],
        )
        yield _filled(concurrency, {name: worker.pace.concurrency for name, worker in workers.items()})
        oldest = GaugeMetricFamily(
            "router_destination_oldest_pending_seconds",
            "Age of the oldest event not yet settled; 0 when there is none.",
            labels=["destination"],
        )
        yield _filled(oldest, {name: self._age_s(self._oldest_s.get(name)) for name in berths})
        pace = states()
        for name in berths:
            if name not in self._fleet.problems:
                add_state(pace, name, workers[name].state[0] if name in workers else "disabled")
        for name in self._fleet.problems:
            add_state(pace, name, "unusable")
        yield pace
        yield CounterMetricFamily(
            "router_events_unknown_integrations",
            "Events whose integrations name what is no destination.",
            value=self._fleet.unknown_names.events,
        )
        yield from _counts(ledgers)
        yield from _tallies(ledgers)

    def _age_s(self, received_s: float | None) -> float:
        return 0.0 if received_s is None else max(0.0, self._clock.now() - received_s)


def _filled(family: _Family, values: Mapping[str, float]) -> _Family:
    """*family* with the value of each destination."""
    for name, value in values.items():
        family.add_metric([name], value)
    return family


def _counts(ledgers: Mapping[str, Ledger]) -> Iterator[Metric]:
    """What each ledger has counted: outcomes, waits, and what is notable besides."""
    settled = CounterMetricFamily(
        "router_destination_events",
        "Events settled at a destination; what a retry delivers was dead before, and stays counted as that too.",
        labels=["destination", "outcome", "reason"],
    )
    beside = CounterMetricFamily(
        "router_destination_notable",
        "Outages, warnings, odd flags, replays, retries; calls into the plugin broken off, and stops because of it.",
        labels=["destination", "kind", "reason"],
    )
    waited = CounterMetricFamily(
        "router_destination_waited_events",
        "Events that had to wait for an earlier one of their user, each once, by where they waited.",
        labels=["destination", "where"],
    )
    for name, ledger in ledgers.items():
        for (kind, reason), count in sorted(ledger.counts.items()):
            if kind == WAITED:
                waited.add_metric([name, reason], count)
                continue
            if (kind, reason) in DIED:
                count += ledger.counts["retried", DIED[kind, reason]]
            family = settled if kind in ("delivered", "skipped", "dead") else beside
            family.add_metric([name, kind, reason], count)
    yield from (settled, beside, waited)


def _tallies(ledgers: Mapping[str, Ledger]) -> Iterator[Metric]:
    """What requests have been like since the start."""
    attempts = CounterMetricFamily(
        "router_destination_attempts", "Requests sent, by how they ended.", labels=["destination", "status"]
    )
    batches = HistogramMetricFamily("router_destination_batch_events", "Events in one request.", labels=["destination"])
    latencies = HistogramMetricFamily(
        "router_destination_latency_seconds",
        "From the acceptance of an event to the vendor's yes.",
        labels=["destination"],
    )
    for name, ledger in ledgers.items():
        tally = ledger.tally
        for status, count in sorted(tally.attempts.items()):
            attempts.add_metric([name, status], count)
        batches.add_metric([name], _buckets(tally.batch_sizes), tally.batch_sizes.sum)
        latencies.add_metric([name], _buckets(tally.latencies_s), tally.latencies_s.sum)
    yield from (attempts, batches, latencies)


def states() -> GaugeMetricFamily:
    """The family of destinations' states, still empty; see `add_state`."""
    return GaugeMetricFamily("router_destination_state", "1 for the state it is in.", labels=["destination", "state"])


def add_state(pace: GaugeMetricFamily, name: str, current: str) -> None:
    for state in STATES:
        pace.add_metric([name, state], float(current == state))


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """The buckets as Prometheus wants them: each counts everything below its bound."""
    below = 0
    buckets = []
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    return buckets
