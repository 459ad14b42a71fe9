"""Several routers over one NATS cluster, each with its own folder, as on machines of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from tests.nats.server import Cluster
from tests.system.harness import KEY, Generator, Router, Stage, call, until

TAKEOVER_S = 10.0
"""Within this a partition whose router died is delivered again."""


class Routers:
    """Makes routers on a stage; they differ in nothing but their folders."""

    def __init__(
        self, stage: Stage, cluster: Cluster, destinations: Mapping[str, Any], partitions: int = 4, **sections: Any
    ) -> None:
        self._stage = stage
        self._document = {
            "server": {"port": 0},
            "admin": {"port": 0},
            "log": cluster.url,
            "nats": {"partitions": partitions},
            "sources": {"website": {"write_key": KEY}},
            "destinations": dict(destinations),
            **sections,
        }
        self.all: list[Router] = []

    def make(self, name: str, *options: str, **sections: Any) -> Router:
        """A router that is not started yet."""
        folder = self._stage.folder / name
        folder.mkdir()
        config = folder / "router.yaml"
        config.write_text(json.dumps({**self._document, "data": str(folder / "var"), **sections}, indent=1))
        router = Router(config, folder, *options)
        router.name = name
        self._stage.processes.append(router)
        self.all.append(router)
        return router

    def start(self, *names: str) -> list[Router]:
        """Routers side by side, all ready."""
        routers = [self.make(name) for name in names]
        for router in routers:
            router.spawn()
        for router in routers:
            router.wait_ready()
        return routers

    def generator(self, router: Router, **options: Any) -> Generator:
        """One that posts to *router*, with a folder of its own."""
        folder = self._stage.folder / f"to {router.name}"
        folder.mkdir()
        generator = Generator(router, folder, **options)
        generator.name = f"generator to {router.name}"
        self._stage.processes.append(generator)
        generator.spawn()
        return generator


def partitions_of(router: Router) -> list[int]:
    """Which partitions this router delivers just now; none while it can't reach the cluster."""
    code, status = call("GET", f"{router.admin_url}/status")
    return status["cluster"]["partitions"] if code == 200 else []


def until_shared(*routers: Router, partitions: int = 4) -> None:
    """Wait until each partition has its router, and they have about as many each."""

    def is_shared() -> bool:
        owned = [partitions_of(router) for router in routers]
        even = max(map(len, owned)) - min(map(len, owned)) <= 1
        return even and sorted(chain.from_iterable(owned)) == list(range(partitions))

    until(is_shared, "the partitions are shared out evenly")


def divert(router: Router, other: Router) -> None:
    """What a load balancer does: who posted to *router* posts to the *other* from now on."""
    draft = router.url_file.with_suffix(".draft")
    draft.write_text(other.url)
    draft.replace(router.url_file)


@contextmanager
def running(folder: Path, size: int = 1, **options: Any) -> Iterator[Cluster]:
    """A cluster of so many nodes, up."""
    cluster = Cluster.make(folder, size, **options)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.clear()
