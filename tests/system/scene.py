"""Two routers under load over one cluster, something that is done to them, and what has to hold afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.nats.server import Cluster
from tests.system.checks import check_delivered
from tests.system.evidence import find_repeats
from tests.system.harness import LOOK_S, Generator, Router, Stage, Vendor, until
from tests.system.routers import Routers, until_shared

PARTITIONS = 4
SETTLING_S = 15.0
"""After the end of a fault there may be repeats for so long: leases end, leaders are chosen, partitions change hands."""


@dataclass
class Scene:
    """Two routers under load over a cluster, and when what was done to them."""

    cluster: Cluster
    routers: list[Router]
    generators: list[Generator]
    vendor: Vendor
    faults: list[tuple[str, float, float]] = field(default_factory=list)
    """What was done, from when to when."""
    repeats: list[int] = field(default_factory=list)
    """How many events came twice around each of the faults."""
    look_s: float = LOOK_S
    """Between looks at what has come: the longer it goes on, the more there is to look at."""

    @contextmanager
    def fault(self, name: str = "") -> Iterator[None]:
        began = time.time()
        yield
        self.faults.append((name, began, time.time()))

    def acked(self) -> int:
        return sum(len(generator.acked()) for generator in self.generators)

    def until_alive(self, count: int = 50) -> None:
        """Events are taken and delivered again."""
        before, kept = self.acked(), len(self.vendor.kept())
        until(lambda: self.acked() >= before + count, "events are taken", look_s=self.look_s)
        until(lambda: len(self.vendor.kept()) >= kept + count, "events are delivered", look_s=self.look_s)


def play(
    stage: Stage,
    cluster: Cluster,
    act: Callable[[Scene], None],
    urls: Sequence[str] = (),
    pause_s: float = 0.05,
    look_s: float = LOOK_S,
) -> Scene:
    """Two routers under load, *act*, the end; checks what always holds.

    *urls*: the cluster as each router sees it. *pause_s*: between two requests of each of four callers.
    """
    [vendor] = stage.vendors("mixpanel")
    routers = Routers(stage, cluster, {"mixpanel": vendor.destination(delivery={"concurrency": 2})}, PARTITIONS)
    pair = [
        routers.make(name, **({"log": url} if url else {}))
        for name, url in zip(("first", "second"), urls or ("", ""), strict=True)
    ]
    for router in pair:
        router.spawn()
    for router in pair:
        router.wait_ready()
    until_shared(*pair, partitions=PARTITIONS)
    generators = [
        routers.generator(router, users=20, first_user=100 * number, batch=5, workers=2, pause_s=pause_s, seed=number)
        for number, router in enumerate(pair)
    ]
    scene = Scene(cluster, pair, generators, vendor, look_s=look_s)
    scene.until_alive()

    act(scene)

    acked = [label for generator in generators for label in generator.stop()]
    for router in pair:
        router.until_settled(look_s=look_s)
    check_delivered(acked, vendor)
    scene.repeats = [0] * len(scene.faults)
    for first, second in find_repeats(vendor.arrivals()):
        around = [
            n for n, (_, began, end) in enumerate(scene.faults) if first.at <= end + SETTLING_S and began <= second.at
        ]
        assert around, f"sent twice for no reason: {first}, {second}"
        scene.repeats[around[0]] += 1
    for router in pair:
        books = router.books("mixpanel")
        assert books["delivered"] == len(acked)
        assert books["accepted"] == books["delivered"] + books["skipped"]
    return scene
