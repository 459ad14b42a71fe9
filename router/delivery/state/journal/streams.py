"""The streams that hold the journals: one per partition of the log, with a subject per destination."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, Connection
from router.log.jetstream.streams import KEPT, make_or_find, set_back


@dataclass(frozen=True, slots=True)
class JournalNames:
    """The names of the streams and subjects of the journals that belong to the log *name*."""

    name: str

    def stream(self, partition: int) -> str:
        return f"{self.name}-state-{partition}"

    def subject(self, partition: int, destination: str) -> str:
        return f"{self.name}.state.{partition}.{destination}"

    def news(self, partition: int | str, destination: str) -> str:
        """The subject on which a router that does not deliver announces that it has changed the state."""
        return f"{self.name}.news.{partition}.{destination}"


async def ensure_journals(
    connection: Connection, names: JournalNames, partitions: Sequence[int], replicas: int
) -> None:
    """Find the streams, or make them. Several routers may do this at one time.

    Raises:
        ClusterAway: no answer. Another try makes what is missing.
        OperatorError: they can't be made.
    """
    try:
        await asyncio.gather(*(_make(connection, names, partition, replicas) for partition in partitions))
    except ApiError as error:
        raise OperatorError(f"log: the cluster refuses to make the streams of the states: {error}") from None


async def _make(connection: Connection, names: JournalNames, partition: int, replicas: int) -> None:
    config: dict[str, Any] = {
        "name": names.stream(partition),
        "subjects": [names.subject(partition, "*")],
        "retention": "limits",
        "storage": "file",
        "num_replicas": replicas,
        "deny_delete": True,
        **KEPT,  # nothing of a state may go but what a snapshot holds
    }
    found = await make_or_find(connection, config)
    await set_back(connection, found["config"], KEPT)  # a different number of replicas is the operator's choice


async def destinations_of(connection: Connection, names: JournalNames, partition: int) -> set[str]:
    """The destinations that have a journal in the partition.

    Raises:
        ClusterAway, ApiError: it can't be told.
    """
    prefix = names.subject(partition, "")
    found: set[str] = set()
    while True:
        asked = {"subjects_filter": names.subject(partition, "*"), "offset": len(found)}
        info = await connection.call(f"STREAM.INFO.{names.stream(partition)}", asked)
        subjects = info["state"].get("subjects") or {}
        found |= {subject.removeprefix(prefix) for subject in subjects}
        if not subjects or len(found) >= info.get("total", 0):
            return found
