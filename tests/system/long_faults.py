"""Rows 27 and 28 of the battery in their long form, by hand: three nodes and two routers under load, for as long as is asked.

    python -m tests.system.long_faults --minutes 30

A node is killed every half minute; then a node is cut off from the others for a minute, two of three are away, a router stands
still for a minute, and a node does. It ends with what always holds (`tests.system.scene.play`), and prints figures.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

from tests.nats.server import Cluster
from tests.system.harness import Stage
from tests.system.proxy import Proxy
from tests.system.routers import until_shared
from tests.system.scene import PARTITIONS, Scene, play

EVERY_S = 30.0
DOWN_S = 10.0
LONG_S = 60.0
NO_QUORUM_S = 20.0
LOOK_S = 1.0
PAUSE_S = 0.1


def kill_nodes(scene: Scene, minutes: float) -> None:
    until = time.monotonic() + minutes * 60
    for number, node in cycle(enumerate(scene.cluster.nodes)):
        if time.monotonic() >= until:
            return
        began = time.monotonic()
        with scene.fault(f"node {number} killed"):
            node.kill()
            time.sleep(DOWN_S)
            node.start()
            node.wait_healthy()
        scene.until_alive()
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))


def cut_a_node_off(scene: Scene, proxies: dict[tuple[int, int], Proxy]) -> None:
    """Routers still reach it."""
    between = [proxy for pair, proxy in proxies.items() if 0 in pair]
    with scene.fault("node 0 cut off from the others"):
        for proxy in between:
            proxy.cut()
        time.sleep(LONG_S)
        for proxy in between:
            proxy.mend()
        scene.cluster.nodes[0].wait_healthy()
        until_shared(*scene.routers, partitions=PARTITIONS)
    scene.until_alive()


def take_the_quorum_away(scene: Scene) -> None:
    with scene.fault("nodes 0 and 1 killed"):
        for node in scene.cluster.nodes[:2]:
            node.kill()
        time.sleep(NO_QUORUM_S)
        for node in scene.cluster.nodes[:2]:
            node.start()
        for node in scene.cluster.nodes:
            node.wait_healthy()
        until_shared(*scene.routers, partitions=PARTITIONS)
    scene.until_alive()


def stop_a_router(scene: Scene) -> None:
    with scene.fault("a router stopped and continued"):
        scene.routers[0].send(signal.SIGSTOP)
        time.sleep(LONG_S)
        scene.routers[0].send(signal.SIGCONT)
        until_shared(*scene.routers, partitions=PARTITIONS)
    scene.until_alive()


def stop_a_node(scene: Scene) -> None:
    with scene.fault("node 0 stopped and continued"):
        scene.cluster.nodes[0].freeze()
        time.sleep(LONG_S)
        scene.cluster.nodes[0].thaw()
        scene.cluster.nodes[0].wait_healthy()
        until_shared(*scene.routers, partitions=PARTITIONS)
    scene.until_alive()


def run(folder: Path, minutes: float) -> Scene:
    proxies: dict[tuple[int, int], Proxy] = {}

    def way(node: int, other: int, port: int) -> int:
        proxy = proxies[node, other] = Proxy(port)
        return proxy.port

    def act(scene: Scene) -> None:
        kill_nodes(scene, minutes)
        cut_a_node_off(scene, proxies)
        take_the_quorum_away(scene)
        stop_a_router(scene)
        stop_a_node(scene)

    cluster = Cluster.make(folder / "nats", 3, way=way)
    stage = Stage(folder)
    try:
        cluster.start()
        return play(stage, cluster, act, pause_s=PAUSE_S, look_s=LOOK_S)
    finally:
        stage.clear()
        cluster.clear()
        for proxy in proxies.values():
            proxy.close()


def tell(scene: Scene) -> None:
    requests = [each for generator in scene.generators for each in generator.requests()]
    outcomes = Counter(outcome for outcome, _ in requests)
    lines = [
        f"{scene.acked()} events acknowledged, none lost, each user's in order, books balanced",
        f"requests: {dict(outcomes.most_common())}; the slowest took {max(seconds for _, seconds in requests):.1f} s",
        *(
            f"{time.strftime('%H:%M:%S', time.localtime(began))} {name}, {end - began:.0f} s: {repeats} events came twice"
            for (name, began, end), repeats in zip(scene.faults, scene.repeats, strict=True)
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Rows 27 and 28 in their long form.")
    parser.add_argument("--minutes", type=float, default=30.0, help="for how long nodes are killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tell(run(Path(folder), options.minutes))


if __name__ == "__main__":
    main()
