"""The metrics of the gateway. Labels come from the config and from lists in the code, never from a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from router.gateway.rejection import Rejection
from router.log.record import Appended


class GatewayMetrics:
    """Counters in *registry*. Make it once per registry; it outlives reloads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        self._accepted = counter("router_gateway_events_accepted", "Events that were stored.", "source")
        self._duplicate = counter("router_gateway_events_duplicate", "Events that had been stored before.", "source")
        self._rejected = counter(
            "router_gateway_events_rejected", "Calls that are no event, by reason.", "source", "code"
        )
        self._suppressed = counter(
            "router_gateway_events_suppressed", "Events of suppressed people, which were not stored.", "source"
        )
        self._mended = counter(
            "router_gateway_events_mended", "Events stored although something was odd about them.", "source"
        )
        self._refused = counter(
            "router_gateway_requests_refused", "Requests of which nothing was taken, by reason.", "code"
        )
        self._throttled = counter(
            "router_gateway_requests_throttled", "Requests refused because their source made too many.", "source"
        )
        self._lost = counter(
            "router_gateway_connections_ended",
            "Connections ended from our side before their time, by reason.",
            "reason",
        )
        self._connections = Gauge("router_gateway_connections", "Connections at this moment.", registry=registry)
        self._of_receipts: dict[str, tuple[Counter, Counter, Counter]] = {}
        """By source: accepted, duplicate, mended. Kept because finding a counter by its label takes longer than counting."""

    def watch_connections(self, count: Callable[[], int]) -> None:
        """Use *count* to tell how many connections there are."""
        self._connections.set_function(count)

    def show_sources(self, names: Iterable[str]) -> None:
        """Show the counts of *names* from zero on, so that the first event is an increase."""
        for name in names:
            self._of_receipt(name)
            self._throttled.labels(name)

    def _of_receipt(self, source: str) -> tuple[Counter, Counter, Counter]:
        found = self._of_receipts.get(source)
        if found is None:
            found = self._accepted.labels(source), self._duplicate.labels(source), self._mended.labels(source)
            self._of_receipts[source] = found
        return found

    def count_receipt(
        self, source: str, appended: Sequence[Appended], rejections: Sequence[Rejection], mended: int
    ) -> None:
        """Count a request once its events are on disk. A request refused as a whole will come again."""
        of_accepted, of_duplicate, of_mended = self._of_receipt(source)
        duplicates = sum([answer.is_duplicate for answer in appended])
        if len(appended) > duplicates:
            of_accepted.inc(len(appended) - duplicates)
        if duplicates:
            of_duplicate.inc(duplicates)
        if mended:
            of_mended.inc(mended)
        for rejection in rejections:
            self._rejected.labels(source, str(rejection.code)).inc(rejection.count)

    def count_suppressed(self, source: str, events: int) -> None:
        self._suppressed.labels(source).inc(events)

    def count_refusal(self, code: str) -> None:
        self._refused.labels(str(code)).inc()

    def count_throttled(self, source: str) -> None:
        self._throttled.labels(source).inc()

    def count_lost_connection(self, reason: str) -> None:
        self._lost.labels(str(reason)).inc()
