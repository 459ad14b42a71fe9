"""The streams that a log is made of: one for each partition, all made alike.

A stream a partition, and not one stream with a subject a partition, because then the server's own sequence says where a chunk
lies in its partition: a reader goes on with the next one, a writer can demand that nothing came in between, retention cuts off
the front, and each partition has a leader of its own, so that the work is spread over the nodes.

The number of partitions and the id of the log are in the metadata of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import structlog

from router.errors import OperatorError
from router.log.jetstream.connection import (
    FULL,
    NO_STREAM,
    STREAM_EXISTS,
    ApiError,
    ClusterAway,
    Connection,
)

LAYOUT_VERSION: Final = "1"
WANTED_REPLICAS: Final = 3
DUPLICATES_NS: Final = 120_000_000_000
"""How long the servers remember which chunk they stored; a retry of ours takes seconds."""

_ID = "router-log-id"
_PARTITIONS = "router-partitions"
_LAYOUT = "router-layout"


class NoLog(OperatorError):
    """The cluster has no log of that name."""


@dataclass(frozen=True, slots=True)
class StreamNames:
    """How the streams and subjects of the log *name* are called."""

    name: str

    def stream(self, partition: int) -> str:
        return f"{self.name}-log-{partition}"

    def subject(self, partition: int) -> str:
        return f"{self.name}.log.{partition}"

    def told(self, partition: int | str) -> str:
        """Where the server tells of a chunk that it stored: its headers alone."""
        return f"{self.name}.told.{partition}"


@dataclass(frozen=True, slots=True)
class LogStreams:
    """What the cluster says of a log."""

    names: StreamNames
    log_id: str
    partitions: int
    replicas: int
    """The fewest of all partitions: somebody may have changed one by hand."""


async def ensure_streams(
    connection: Connection,
    names: StreamNames,
    partitions: int,
    replicas: int | None,
    max_bytes: int,
    *,
    read_only: bool = False,
    is_patient: bool = False,
) -> LogStreams:
    """Find the streams, or make them unless *read_only*. *replicas* None: three, where the cluster has so many nodes, else one;
    not yet one with *is_patient*: nodes may be about to come.

    *max_bytes* is what all of them together may take on each replica's disk. Several routers may do this at one time.

    Raises:
        ClusterAway: no answer, or too few nodes so far; what is missing is made by another try.
        NoLog: with *read_only*, there is none.
        OperatorError: the log has another number of partitions, a newer program made it, or it can't be made.
    """
    try:
        found = await _describe(connection, names.stream(0))
        if found is None:
            if read_only:
                raise NoLog(f"log: the cluster has no log {names.name}. Start the router first, or correct nats.name.")
            wanted = replicas or _wanted_replicas(connection)
            metadata = {_ID: uuid4().hex, _PARTITIONS: str(partitions), _LAYOUT: LAYOUT_VERSION}
            may_settle = replicas is None and not is_patient
            found = await _make_first(connection, names, wanted, max_bytes // partitions, metadata, may_settle)
        metadata = _check_metadata(names, found, partitions)
        number = _replicas_of(found)
        share = max_bytes // partitions

        async def ensure(partition: int) -> int:
            """Returns the replicas of that one."""
            info = found if partition == 0 else await _describe(connection, names.stream(partition))
            if info is None:
                if not read_only:
                    await _make(connection, names, partition, number, share, metadata)
                return number
            if not read_only:
                await set_back(connection, info["config"], {**_rules(names, partition), "max_bytes": share})
            return _replicas_of(info)

        # All at once: where a node is down, each takes seconds.
        fewest = min(await asyncio.gather(*map(ensure, range(partitions))))
    except ApiError as error:
        if error.code == _NO_PEERS and is_patient and not _is_for_want_of_room(error):
            raise ClusterAway(str(error)) from None
        hint = (
            " Each node sets retention.max_disk aside for it: lower that, or raise max_file_store of the servers."
            if _is_for_want_of_room(error)
            else ""
        )
        raise OperatorError(f"log: the cluster refuses to make the streams of the log: {error}.{hint}") from None
    return LogStreams(names, metadata[_ID], partitions, fewest)


def _replicas_of(info: Mapping[str, Any]) -> int:
    return int(info["config"].get("num_replicas", 1))


def _check_metadata(names: StreamNames, found: Mapping[str, Any], partitions: int) -> dict[str, str]:
    metadata = {key: value for key, value in found["config"].get("metadata", {}).items() if key.startswith("router-")}
    if metadata.get(_LAYOUT) is None or metadata.get(_ID) is None:
        raise OperatorError(
            f"log: the stream {names.stream(0)} is not one that a router made. Choose another nats.name, or remove it."
        )
    if metadata[_LAYOUT] != LAYOUT_VERSION:
        raise OperatorError(
            f"log: the streams of {names.name} have layout {metadata[_LAYOUT]}, this program knows {LAYOUT_VERSION}. "
            "Run the newer program."
        )
    if metadata.get(_PARTITIONS) != str(partitions):
        raise OperatorError(
            f"nats.partitions: got {partitions}, but the log {names.name} has {metadata.get(_PARTITIONS)}. A user's events "
            "stay in one partition, so the number is fixed when the log is made. Put it back; or give the new log another "
            "nats.name and move what is pending with: router log copy"
        )
    return metadata


async def _describe(connection: Connection, stream: str) -> dict[str, Any] | None:
    try:
        return await connection.call(f"STREAM.INFO.{stream}")
    except ApiError as error:
        if error.code == NO_STREAM:
            return None
        raise


def _wanted_replicas(connection: Connection) -> int:
    """Of a server that is no cluster, one. Whether a cluster has as many nodes as are wanted, it says by what it refuses."""
    info = connection.client._server_info
    return WANTED_REPLICAS if info.get("cluster") else 1


async def _make(
    connection: Connection,
    names: StreamNames,
    partition: int,
    replicas: int,
    max_bytes: int,
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    config = {
        "name": names.stream(partition),
        "subjects": [names.subject(partition)],
        "retention": "limits",
        "storage": "file",
        "max_bytes": max_bytes,
        "num_replicas": replicas,
        "duplicate_window": DUPLICATES_NS,
        "deny_delete": True,
        "metadata": dict(metadata),
        **_rules(names, partition),
    }
    return await make_or_find(connection, config)


async def make_or_find(connection: Connection, config: Mapping[str, Any]) -> dict[str, Any]:
    """Make the stream of that *config*, or find the one of its name, whatever else it is. Returns what the cluster says of it.

    Raises:
        ClusterAway: no answer, or another router is just making it.
        ApiError: it can't be made.
    """
    name = config["name"]
    try:
        return await connection.call(f"STREAM.CREATE.{name}", config)
    except ApiError as error:
        if error.code != STREAM_EXISTS:
            raise
    found = await _describe(connection, name)
    if found is None:  # the cluster has agreed on it, and not every node has it yet
        raise ClusterAway(f"another router is making the stream {name}")
    return found


KEPT: Final[Mapping[str, Any]] = {
    "discard": "new",  # full is refused at the door; what is old goes when nobody needs it
    "max_age": 0,
    "max_msgs": -1,
    "max_msgs_per_subject": -1,
    "allow_direct": True,
}
"""Of a stream of which nothing goes by itself, and which is read from any replica."""


def _rules(names: StreamNames, partition: int) -> dict[str, Any]:
    """What a router relies on, whoever changes a stream."""
    told = {"src": names.subject(partition), "dest": names.told(partition), "headers_only": True}
    return {**KEPT, "republish": told}


async def set_back(connection: Connection, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Have the stream with the config *found* be as *wanted*; what somebody changed by hand is told of.

    Raises:
        ClusterAway, ApiError: it can't be done.
    """
    changed = sorted(name for name, value in wanted.items() if found.get(name) != value)
    if not changed:
        return
    if changed != ["max_bytes"]:  # that is from the config of the routers
        structlog.get_logger().warning(
            "a stream was changed by hand, it is set back", stream=found["name"], changed=changed
        )
    await connection.call(f"STREAM.UPDATE.{found['name']}", {**found, **wanted})


async def _make_first(
    connection: Connection,
    names: StreamNames,
    replicas: int,
    max_bytes: int,
    metadata: Mapping[str, str],
    may_settle: bool,
) -> dict[str, Any]:
    """The stream that says how many replicas all have. With *may_settle*, one is enough where there are too few nodes."""
    try:
        return await _make(connection, names, 0, replicas, max_bytes, metadata)
    except ApiError as error:
        if error.code not in _TOO_FEW_NODES or not may_settle or _is_for_want_of_room(error):
            raise
        structlog.get_logger().warning("the cluster has fewer than three nodes: the log has one replica")
        return await _make(connection, names, 0, 1, max_bytes, metadata)


_NO_PEERS: Final = 10005
"""Nodes are away, or there never were so many."""
_TOO_FEW_NODES: Final = frozenset({_NO_PEERS, 10074})
"""The other: replicas > 1 not supported in non-clustered mode."""


def _is_for_want_of_room(error: ApiError) -> bool:
    """A node without room counts as none: why there are too few is in the words alone."""
    return error.code in FULL or (error.code == _NO_PEERS and "insufficient storage" in str(error))
