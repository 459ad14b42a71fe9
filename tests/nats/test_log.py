"""The distributed engine against the contract of a log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.log.jetstream.log import NatsLog
from router.log.options import LogOptions
from tests.log.contract import RETENTION_S, WINDOW_S, LogContract
from tests.log.harness import OpenLog, StillClock
from tests.nats.server import Cluster

OPTIONS = LogOptions(retention_s=RETENTION_S, dedup_window_s=WINDOW_S, tail_bytes=20_000, max_bytes=200_000_000)


class TestNatsLog(LogContract):
    @pytest.fixture
    def open_log(self, shared_server: Cluster, log_name: str, clock: StillClock) -> OpenLog:
        return lambda: NatsLog.open([shared_server.url], OPTIONS, clock, name=log_name, partitions=1)


class TestNatsLogWithoutTail(LogContract):
    """Every read goes to the cluster."""

    @pytest.fixture
    def open_log(self, shared_server: Cluster, log_name: str, clock: StillClock) -> OpenLog:
        options = replace(OPTIONS, tail_bytes=0, read_bytes=2_000)
        return lambda: NatsLog.open([shared_server.url], options, clock, name=log_name, partitions=1)
