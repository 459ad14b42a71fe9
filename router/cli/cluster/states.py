"""The states in a cluster, for a command that reads or changes all of them while no router runs."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from router.cli.wiring import to_access
from router.config import Config
from router.delivery.sharing.claims import LEASE_S, routers_of
from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.delivery.state.journal.states import JournaledStates
from router.delivery.state.journal.streams import JournalNames, ensure_journals
from router.errors import OperatorError
from router.log.interface import Log
from router.log.jetstream.answered import COMMAND_S, until_answered
from router.log.jetstream.connection import ApiError, ClusterAway, Connection
from router.log.jetstream.log import NatsLog


@asynccontextmanager
async def states_of_cluster(config: Config, log: Log) -> AsyncIterator[Mapping[int, JournaledStates]]:
    """The states by partition of *log*. Their views are made anew and thrown away at the end.

    Raises:
        OperatorError: a router uses the log, on whatever machine, or the cluster does not answer, or refuses.
    """
    assert isinstance(log, NatsLog)
    names, me = JournalNames(config.nats.name), f"command-{uuid4().hex[:6]}"
    connection = await Connection.open(config.log_urls, access=to_access(config))
    try:
        await _refuse_beside_routers(connection, config.nats.name)
        await until_answered(lambda: ensure_journals(connection, names, log.partitions, log.replicas))
    finally:
        await connection.close()
    blocking = await asyncio.to_thread(BlockingConnection.open, config.log_urls, to_access(config))
    try:
        with tempfile.TemporaryDirectory(prefix="router-") as views:
            states = {n: JournaledStates(blocking, names, n, Path(views), log.id, me) for n in log.partitions}
            for each in states.values():
                await until_answered(partial(asyncio.to_thread, each.refresh), COMMAND_S)
            yield states
    finally:
        await asyncio.to_thread(blocking.close)


async def _refuse_beside_routers(connection: Connection, name: str) -> None:
    try:
        routers = await routers_of(connection, name)
    except (ClusterAway, ApiError) as error:
        raise OperatorError(f"log: the cluster does not answer ({error}). Is a quorum of its nodes up?") from None
    if routers:
        raise OperatorError(
            f"the log {name} is used by {', '.join(sorted(routers))}. Stop these routers first: nothing may change "
            f"meanwhile. One that died is named for {LEASE_S:g} s more."
        )
