"""Connecting to a cluster, where the library does not do as it is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.client import Client

from router.errors import OperatorError
from router.log.jetstream import connection as connection_module
from router.log.jetstream.connection import Connection


async def test_a_library_that_lets_a_cancellation_slip_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it comes in the very moment at which a server answers: it would try on for ever, and a start hang."""

    async def connect(client: Client, **options: Any) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    monkeypatch.setattr(Client, "connect", connect)
    monkeypatch.setattr(connection_module, "CONNECT_S", 0.05)
    monkeypatch.setattr(connection_module, "CANCEL_S", 0.05)

    async with asyncio.timeout(5.0):
        with pytest.raises(OperatorError, match="can't connect to nats://nobody:4222 \\(no answer in time\\)"):
            await Connection.open(["nats://nobody:4222"])
