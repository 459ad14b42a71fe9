"""What the streams of a log say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from router.delivery.state.journal.streams import JournalNames, ensure_journals
from router.log.jetstream.connection import NO_STREAM, STREAM_EXISTS, ApiError, ClusterAway, Connection
from router.log.jetstream.streams import StreamNames, _rules, ensure_streams


class Cluster:
    """Has a log with so many replicas in each partition, and nothing else."""

    def __init__(self, *replicas: int) -> None:
        self._replicas = replicas

    async def call(self, operation: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert operation.startswith("STREAM.INFO.router-log-"), f"it is looked at, and not changed: {operation}"
        told = {"router-log-id": "log-1", "router-layout": "1", "router-partitions": str(len(self._replicas))}
        number = int(operation.rpartition("-")[2])
        rules = _rules(StreamNames("router"), number)
        return {"config": {"num_replicas": self._replicas[number], "max_bytes": 100, "metadata": told, **rules}}


@pytest.mark.parametrize("read_only", [True, False], ids=["a command", "a router"])
@pytest.mark.parametrize(
    ("replicas", "fewest"),
    [pytest.param((3, 3, 3), 3, id="all alike"), pytest.param((3, 1, 3), 1, id="one changed by hand")],
)
async def test_a_log_is_as_safe_as_its_weakest_partition(
    replicas: tuple[int, ...], fewest: int, read_only: bool
) -> None:
    cluster = cast("Connection", Cluster(*replicas))

    found = await ensure_streams(cluster, StreamNames("router"), 3, None, 300, read_only=read_only)

    assert found.replicas == fewest


class HalfMade:
    """Another router has just asked for the stream: it can't be made any more, and is not there yet."""

    client = type("Client", (), {"_server_info": {"cluster": "c1"}})

    async def call(self, operation: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if operation.startswith("STREAM.INFO."):
            raise ApiError(NO_STREAM, "stream not found")
        raise ApiError(STREAM_EXISTS, "stream name already in use with a different configuration")


async def test_a_stream_that_another_router_is_making_is_waited_for() -> None:
    with pytest.raises(ClusterAway, match="another router is making the stream router-log-0"):
        await ensure_streams(cast("Connection", HalfMade()), StreamNames("router"), 3, None, 300)
    with pytest.raises(ClusterAway, match="another router is making the stream router-state-0"):
        await ensure_journals(cast("Connection", HalfMade()), JournalNames("router"), [0], 3)
