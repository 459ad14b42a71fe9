"""What Prometheus scrapes of delivery: the books of each destination, read at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.delivery.fleet import Fleet
from router.log.interface import Log

STATES = ("going", "throttled", "probing", "blocked", "disabled", "unusable")


class BooksCollector(Collector):
    """Per destination: ``router_destination_events_total`` by outcome, the pending, the parked, the state of its pace."""

    def __init__(self, fleet: Fleet, log: Log) -> None:
        self._fleet = fleet
        self._log = log

    def collect(self) -> Iterator[Metric]:
        settled = CounterMetricFamily(
            "router_destination_events", "Events settled at a destination.", labels=["destination", "outcome", "reason"]
        )
        accepted = CounterMetricFamily(
            "router_destination_accepted", "Events in the log since the destination was added.", labels=["destination"]
        )
        pending = GaugeMetricFamily("router_destination_pending", "Events not yet settled.", labels=["destination"])
        parked = GaugeMetricFamily("router_destination_parked", "Of these, parked.", labels=["destination"])
        unaccounted = GaugeMetricFamily(
            "router_destination_unaccounted",
            "Accepted, and neither settled nor pending; other than 0 is a bug.",
            labels=["destination"],
        )
        pace = GaugeMetricFamily(
            "router_destination_state", "1 for the state it is in.", labels=["destination", "state"]
        )
        beside = CounterMetricFamily(
            "router_destination_notable",
            "Outages, warnings, odd flags, replays.",
            labels=["destination", "kind", "reason"],
        )
        for name, berth in self._fleet.berths.items():
            books = berth.ledger.books(self._log.end)
            accepted.add_metric([name], books.accepted)
            pending.add_metric([name], books.pending)
            parked.add_metric([name], berth.ledger.parked_events)
            unaccounted.add_metric([name], books.unaccounted)
            for (kind, reason), count in sorted(berth.ledger.counts.items()):
                family = settled if kind in ("delivered", "skipped", "dead") else beside
                family.add_metric([name, kind, reason], count)
            _add_state(pace, name, berth.worker.pace.state if berth.worker else "disabled")
        for name in self._fleet.problems:
            _add_state(pace, name, "unusable")
        unknown = CounterMetricFamily(
            "router_events_unknown_integrations", "Events whose integrations name what is no destination."
        )
        unknown.add_metric([], self._fleet.unknown_names.events)
        yield from (accepted, settled, pending, parked, unaccounted, pace, beside, unknown, *self._log_sizes())

    def _log_sizes(self) -> Iterator[Metric]:
        for name, attribute, what in (
            ("router_log_bytes", "size_bytes", "What the log takes on disk."),
            ("router_log_max_bytes", "max_bytes", "What it may take; beyond it sources get 503."),
        ):
            value = getattr(self._log, attribute, None)  # not every engine knows
            if value is not None:
                yield GaugeMetricFamily(name, what, value=value)


def _add_state(pace: GaugeMetricFamily, name: str, current: str) -> None:
    for state in STATES:
        pace.add_metric([name, state], float(current == state))
