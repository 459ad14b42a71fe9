"""Connecting to a cluster, where the library does not do as it is told."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from router.delivery.state.journal.blocking_connection import BlockingConnection
from router.errors import OperatorError
from router.log.jetstream import connection as connection_module
from router.log.jetstream.answered import until_answered
from router.log.jetstream.connection import ClusterAway, Connection
from tests.nats.server import Cluster


async def test_a_library_that_lets_a_cancellation_slip_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it comes in the very moment at which a server answers: it would try on for ever, and a start hang."""

    async def connect(client: Client, **options: Any) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    monkeypatch.setattr(Client, "connect", connect)
    monkeypatch.setattr(connection_module, "CONNECT_S", 0.05)
    monkeypatch.setattr(connection_module, "CANCEL_S", 0.05)

    async with asyncio.timeout(20):
        with pytest.raises(OperatorError, match="can't connect to nats://nobody:4222 \\(no answer in time\\)"):
            await Connection.open(["nats://nobody:4222"])


@pytest.mark.parametrize(
    ("denied", "told"),
    [
        ('publish: { deny: "$JS.API.STREAM.INFO.>" }', 'for publish to "$js.api.stream.info.x"'),
        ('subscribe: { deny: "_INBOX.>" }', 'for subscription to "_inbox.>"'),
    ],
    ids=["a request", "answers"],
)
async def test_what_the_user_may_not_do_is_told_as_that(tmp_path: Path, denied: str, told: str) -> None:
    """And not waited for: a server says so beside the request, and leaves that without an answer, as one without a leader."""
    user = f"{{ user: router, password: p, permissions: {{ {denied} }} }}"
    cluster = Cluster.make(tmp_path, extra=f"authorization {{ users: [ {user} ] }}")
    try:
        cluster.start()
        connection = await Connection.open([cluster.url.replace("//", "//router:p@")])
        async with asyncio.timeout(10.0):  # a start has 30 seconds for a cluster without a leader
            with pytest.raises(OperatorError, match=re.escape(f"refuses: permissions violation {told}")):
                await until_answered(lambda: connection.request("$JS.API.STREAM.INFO.x", timeout_s=0.3))
        await connection.close()
    finally:
        cluster.clear()


async def test_a_server_that_stands_still_keeps_nobody_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the library has not sent by then it would wait for; a router that is stopped hung, or ended in a traceback."""
    monkeypatch.setattr(connection_module, "CLOSE_S", 0.2)
    cluster = Cluster.make(tmp_path)
    try:
        cluster.start()
        connection = await Connection.open([cluster.url])
        blocking = await asyncio.to_thread(BlockingConnection.open, [cluster.url])
        cluster.nodes[0].freeze()
        for _ in range(3):
            with pytest.raises(ClusterAway):
                await connection.request("x", b"x" * 4_000_000, timeout_s=0.1)
            with pytest.raises(ClusterAway):
                await asyncio.to_thread(blocking.ask, _send_much)

        async with asyncio.timeout(30):
            await connection.close()
            await asyncio.to_thread(blocking.close)
    finally:
        cluster.clear()


async def _send_much(connection: Connection) -> None:
    await connection.request("x", b"x" * 4_000_000, timeout_s=0.1)
