"""Rows 26 to 28: nodes killed, stopped and rolled, routers killed, stopped and cut off, under load.

Whatever happens: nothing acknowledged is lost, each user's events come in order, an event comes twice only around a fault and
with the same idempotency key, and the books balance over all routers.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.harness import Stage, until
from tests.system.proxy import Proxy
from tests.system.routers import divert, partitions_of, running, until_shared
from tests.system.scene import PARTITIONS, Scene, play

QUIET_S = 3.0


def kill_nodes_in_turn(scene: Scene) -> None:
    for node in scene.cluster.nodes:
        with scene.fault():
            node.kill()
            time.sleep(8.0)
            node.start()
            node.wait_healthy()
        scene.until_alive()


def stop_a_node(scene: Scene) -> None:
    for node in scene.cluster.nodes[:2]:
        with scene.fault():
            node.freeze()
            time.sleep(12.0)
            node.thaw()
        scene.until_alive()


def roll_all_nodes(scene: Scene) -> None:
    for node in scene.cluster.nodes:
        with scene.fault():
            node.stop()
            node.start()
            node.wait_healthy()
        time.sleep(QUIET_S)
    scene.until_alive()


def kill_routers_in_turn(scene: Scene) -> None:
    for router, other in (scene.routers, scene.routers[::-1]):
        with scene.fault():
            router.kill()
            divert(router, other)
            until(lambda other=other: len(partitions_of(other)) == PARTITIONS, "the other one takes over")  # type: ignore[misc]
        router.start()
        until_shared(*scene.routers, partitions=PARTITIONS)
        scene.until_alive()


def stop_a_router(scene: Scene) -> None:
    stopped, other = scene.routers
    with scene.fault():
        stopped.send(signal.SIGSTOP)
        until(lambda: len(partitions_of(other)) == PARTITIONS, "the other one takes over")
        time.sleep(QUIET_S)
        stopped.send(signal.SIGCONT)
        until_shared(*scene.routers, partitions=PARTITIONS)
    scene.until_alive()


NODES = {
    "each node killed": kill_nodes_in_turn,
    "nodes that stand still": stop_a_node,
    "all nodes rolled": roll_all_nodes,
}
ROUTERS = {
    "each router killed": kill_routers_in_turn,
    "a router that stands still": stop_a_router,
}


@pytest.mark.full
@pytest.mark.timeout(400)
@pytest.mark.parametrize("act", NODES.values(), ids=NODES)
def test_a_cluster_of_three_survives(stage: Stage, tmp_path: Path, act: Callable[[Scene], None]) -> None:
    with running(tmp_path / "nats", 3) as cluster:
        play(stage, cluster, act)


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("act", ROUTERS.values(), ids=ROUTERS)
def test_routers_survive_each_other(stage: Stage, tmp_path: Path, act: Callable[[Scene], None]) -> None:
    with running(tmp_path / "nats") as cluster:
        play(stage, cluster, act)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_a_router_that_is_cut_off_leaves_its_partitions_to_the_other(stage: Stage, tmp_path: Path) -> None:
    """It still reaches the vendor, and must not use that."""
    with running(tmp_path / "nats") as cluster:
        proxy = Proxy(cluster.nodes[0].port)

        def cut_a_router_off(scene: Scene) -> None:
            _, other = scene.routers
            with scene.fault():
                proxy.cut()
                until(lambda: len(partitions_of(other)) == PARTITIONS, "the other one takes over")
                time.sleep(QUIET_S)
                proxy.mend()
                until_shared(*scene.routers, partitions=PARTITIONS)
            scene.until_alive()

        try:
            play(stage, cluster, cut_a_router_off, [proxy.url, cluster.url])
        finally:
            proxy.close()
