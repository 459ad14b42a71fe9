"""The log in a cluster against the model of a log."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from tests.log.test_model import RETENTION_S, WINDOW_S, LogModel
from tests.nats.server import Cluster

OPTIONS = LogOptions(
    retention_s=RETENTION_S, dedup_window_s=WINDOW_S, tail_bytes=6_000, read_bytes=3_000, max_bytes=10_000_000
)
_NUMBERS = itertools.count()
_SERVERS: list[Cluster] = []


class NatsMachine(LogModel):
    """A log of one partition."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"model{os.getpid()}x{next(_NUMBERS)}"

    def _open(self) -> None:
        self.log = self.runner.run(NatsLog.open([_SERVERS[0].url], OPTIONS, self.clock, name=self.name, partitions=1))
        for kind, place in list(self.seen.items()):
            if place < self.start:  # a start reads back what there is
                del self.seen[kind]

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.log.close())
        self._open()

    @rule()
    def leave_without_a_word(self) -> None:
        """What a SIGKILL leaves is what the cluster has."""
        assert isinstance(self.log, NatsLog)
        self.runner.run(self.log._connection.close())
        self.runner.run(self.log.close())
        self._open()


@pytest.fixture
def server(shared_server: Cluster) -> Iterator[None]:
    """Machines take no fixtures."""
    _SERVERS.append(shared_server)
    yield
    _SERVERS.clear()


@pytest.mark.usefixtures("server")
def test_a_log_in_a_cluster_agrees_with_the_model() -> None:
    chosen = settings(stateful_step_count=20, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(NatsMachine, settings=chosen)
