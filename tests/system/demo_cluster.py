"""``make demo-cluster``: three NATS nodes, two routers, one of them killed before your eyes; figures before, during and after.

Everything runs on loopback: real servers, real router processes, a stand-in for the vendor, and two senders that do what an SDK
does, of which one is sent on to the other router when its own has died.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.system.evidence import find_inversions, find_lost, find_repeats
from tests.system.harness import Generator, Router, Stage, Vendor, until
from tests.system.routers import TAKEOVER_S, Routers, divert, partitions_of, running, until_shared

PARTITIONS = 8
PHASE_S = 8.0
TICK_S = 1.0

console = Console()


@dataclass
class Show:
    routers: tuple[Router, Router]
    senders: list[Generator]
    vendor: Vendor

    def counts(self) -> tuple[int, int]:
        """Events acknowledged, and events that the vendor has."""
        return sum(len(sender.acked()) for sender in self.senders), len(set(self.vendor.kept()))

    def watch(self, name: str, seconds: float) -> list[str]:
        """Print what happens, second by second; returns the row of this phase."""
        console.rule(name)
        began, first = time.monotonic(), self.counts()
        before = first
        while time.monotonic() - began < seconds:
            time.sleep(TICK_S)
            now = self.counts()
            owned = " · ".join(f"{router.name}: {_owned(router)}" for router in self.routers)
            rates = f"{now[0] - before[0]:5,} taken, {now[1] - before[1]:5,} delivered"
            console.print(f"{rates}   partitions at {owned}", highlight=False)
            before = now
        took_s = time.monotonic() - began
        return [
            name,
            f"{took_s:.0f} s",
            f"{(before[0] - first[0]) / took_s:,.0f}/s",
            f"{(before[1] - first[1]) / took_s:,.0f}/s",
        ]


def _owned(router: Router) -> str:
    if not router.is_running:
        return "dead"
    return ", ".join(map(str, partitions_of(router))) or "none"


def play(folder: Path) -> bool:
    """From beginning to end. False: something that was promised does not hold."""
    stage = Stage(folder)
    console.print(
        "Three NATS nodes, each of which syncs every write; two routers; a vendor; two senders. All on this machine."
    )
    try:
        with running(folder / "nats", 3, is_synced=True) as cluster:
            [vendor] = stage.vendors("mixpanel")
            destination = vendor.destination(delivery={"concurrency": 2})
            routers = Routers(stage, cluster, {"mixpanel": destination}, PARTITIONS)
            first, second = routers.start("router-1", "router-2")
            until_shared(first, second, partitions=PARTITIONS)
            senders = [
                routers.generator(router, users=50, first_user=100 * number, batch=10, workers=2, pause_s=0.05)
                for number, router in enumerate((first, second))
            ]
            return _kill_one(Show((first, second), senders, vendor))
    finally:
        stage.clear()


def _kill_one(show: Show) -> bool:
    first, second = show.routers
    rows = [show.watch("before", PHASE_S)]
    console.print(
        "\nkill -9 router-1. Its sender goes to router-2, as a load balancer would have it.", style="bold red"
    )
    first.kill()
    died, died_s = time.monotonic(), time.time()
    divert(first, second)
    before = show.counts()
    until(lambda: len(partitions_of(second)) == PARTITIONS, "router-2 takes over")
    takeover_s = time.monotonic() - died
    console.print(f"router-2 has all partitions after {takeover_s:.1f} s.\n", style="bold green")
    now = show.counts()
    rows.append(
        [
            "until the takeover",
            f"{takeover_s:.0f} s",
            f"{(now[0] - before[0]) / takeover_s:,.0f}/s",
            f"{(now[1] - before[1]) / takeover_s:,.0f}/s",
        ]
    )
    rows.append(show.watch("after", PHASE_S))
    acked = [label for sender in show.senders for label in sender.stop()]
    second.until_settled()
    return _judge(show, rows, acked, takeover_s, died_s)


def _judge(show: Show, rows: list[list[str]], acked: list[str], takeover_s: float, died_s: float) -> bool:
    phases = Table("", "for", "taken", "delivered")
    for row in rows:
        phases.add_row(*row)
    kept, books = show.vendor.kept(), show.routers[1].books("mixpanel")
    repeats = find_repeats(show.vendor.arrivals())
    early = [pair for pair in repeats if not pair[0].at <= died_s + TAKEOVER_S]
    facts = {
        "events acknowledged": f"{len(acked):,}",
        "of these lost": str(len(find_lost(acked, kept))),
        "out of order": str(len(find_inversions(kept))),
        "sent twice, around the death, with the same key": str(len(repeats) - len(early)),
        "sent twice otherwise": str(len(early)),
        "takeover": f"{takeover_s:.1f} s (promised: {TAKEOVER_S:.0f} s)",
        "books": ", ".join(f"{name} {count:,}" for name, count in books.items()),
    }
    figures = Table("", "", show_header=False)
    for name, value in facts.items():
        figures.add_row(name, value)
    console.print()
    console.print(phases, figures)
    return (
        not find_lost(acked, kept)
        and not find_inversions(kept)
        and not early
        and takeover_s < TAKEOVER_S
        and books["unaccounted"] == books["pending"] == 0
        and books["delivered"] == len(acked)
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="router-demo-") as folder:
        sys.exit(0 if play(Path(folder)) else 1)
