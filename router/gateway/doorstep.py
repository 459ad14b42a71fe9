"""The doorstep: where a connection waits until the head of its first request is complete.

A full connection has a parser and a task, some 7 kB together, and thousands of them leave fragmented memory behind. Connections
that say nothing, or a byte now and then, get no further than the doorstep, where each costs 2 kB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from router.gateway.connections import Connection
from router.gateway.crowd import Crowd
from router.gateway.head import Head

_METHOD = range(ord("A"), ord("Z") + 1)
"""The first byte of a request. Anything else, such as TLS, is not HTTP and is told so at once."""


class Doorstep(asyncio.Protocol):
    """A connection before its first request."""

    __slots__ = ("_crowd", "_head", "_idle", "_make", "_transport")

    def __init__(self, crowd: Crowd, make: Callable[[], Connection]) -> None:
        """*make* makes the full connection."""
        self._crowd = crowd
        self._make = make
        self._head = Head(crowd, self._end)
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    keeps_us_waiting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._crowd.enter(self):
            idle_timeout_s = self._crowd.limits().idle_timeout_s
            self._idle = asyncio.get_running_loop().call_later(idle_timeout_s, self.force_close)
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        is_first = not self._head.received
        is_whole = self._head.take(data)
        if is_first and self._head.received:
            self._stop_waiting()
            self._crowd.progress(self)
        if is_whole or (self._head.received and self._head.received[0] not in _METHOD):
            self._step_in(transport)

    def _step_in(self, transport: asyncio.Transport) -> None:
        received = bytes(self._head.received)
        connection = self._make()
        self._crowd.replace(self, connection)
        self._leave()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.data_received(received)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._crowd.leave(self)
        self._leave()

    def force_close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _end(self, last_words: bytes) -> None:
        if self._transport is not None:
            self._transport.write(last_words)
            self._transport.close()

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave(self) -> None:
        """Let go of everything: some of it refers to us, and only the garbage collector would free that cycle."""
        self._stop_waiting()
        self._head.clear()
        self._transport = None
