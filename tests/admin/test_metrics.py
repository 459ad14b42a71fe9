"""What Prometheus is shown of delivery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from router.admin.metrics import BooksCollector
from router.log.record import Record
from tests.delivery.stand import Stand, assignment


def counters(collector: BooksCollector) -> dict[tuple[str, ...], float]:
    """By the values of their labels but for the destination, which is one."""
    return {
        tuple(value for name, value in sample.labels.items() if name != "destination"): sample.value
        for family in collector.collect()
        if family.name in ("router_destination_events", "router_destination_notable")
        for sample in family.samples
    }


async def test_no_counter_falls_when_a_dead_letter_is_delivered_after_all(tmp_path: Path) -> None:
    """For Prometheus a counter that falls began anew: one retry showed as if all that ever died had died at once."""
    stand, paused = Stand(tmp_path), assignment("paused", is_enabled=False)
    await stand.open(paused)
    await stand.add(3)
    ledger = stand.fleet.berths["paused"].ledger
    collector = BooksCollector(stand.fleet, stand.log, stand.clock)
    for record in await stand.log.read(0, 0, 3):
        assert isinstance(record, Record)
        ledger.kill(record, "400 no")
    ledger.count("replayed", "dead")
    before = counters(collector)
    first, second, third = await stand.letters("paused")

    ledger.revive(first, job=1)
    ledger.revive(second, job=1, reason="flags: today")
    ledger.revive(replace(third, is_replayed=True), job=1)

    after = counters(collector)
    assert before == {("dead", ""): 3, ("replayed", "dead"): 1}
    assert after == before | {
        ("delivered", ""): 1,
        ("skipped", "flags"): 1,
        ("retried", ""): 2,
        ("replayed", "delivered"): 1,
        ("retried", "replayed"): 1,
    }
    assert (stand.books("paused").dead, stand.books("paused").unaccounted) == (1, 0)
    await stand.close()
