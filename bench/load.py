"""Load: requests written in advance, sent over a few connections."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from bench.processes import KEY

CONNECTIONS: Final = 16
"""As many requests are under way at a time; they share commits."""
MOST_CONNECTIONS: Final = 200
"""Of a steady load; they are made as they are needed."""
_TICK_S: Final = 0.02

_AUTHORIZATION: Final = base64.b64encode(f"{KEY}:".encode()).decode()


def singles(calls: Iterator[dict[str, Any]], count: int) -> list[tuple[str, bytes]]:
    """*count* requests of one event each: path and body."""
    return [(f"/v1/{call['type']}", orjson.dumps(call)) for call in islice(calls, count)]


def batches(calls: Iterator[dict[str, Any]], count: int, size: int = 100) -> list[tuple[str, bytes]]:
    """*count* requests of *size* events each."""
    return [("/v1/batch", orjson.dumps({"batch": list(islice(calls, size))})) for _ in range(count)]


def send(url: str, requests: Sequence[tuple[str, bytes]]) -> float:
    """Send *requests*, as fast as they are answered; returns the seconds it took."""
    began = time.monotonic()
    asyncio.run(_send(url, requests))
    return time.monotonic() - began


async def _send(url: str, requests: Sequence[tuple[str, bytes]]) -> None:
    waiting = iter(requests)
    await asyncio.gather(*(_send_in_turn(url, waiting) for _ in range(CONNECTIONS)))


async def _send_in_turn(url: str, waiting: Iterator[tuple[str, bytes]]) -> None:
    connection = Connection(url)
    for path, body in waiting:
        await connection.post(path, body)
    connection.close()


async def send_steadily(url: str, calls: Iterator[dict[str, Any]], per_s: float, count: int) -> list[float]:
    """Send *count* single events, so many a second, evenly, whatever the answers take; returns what each took, in seconds.

    What finds none of `MOST_CONNECTIONS` free waits, and its time counts.
    """
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(MOST_CONNECTIONS):
        idle.put_nowait(Connection(url))
    under_way: set[asyncio.Task[None]] = set()
    took: list[float] = []

    async def post() -> None:
        call = next(calls)
        left = time.monotonic()
        connection = await idle.get()
        await connection.post_until_taken(f"/v1/{call['type']}", orjson.dumps(call))
        took.append(time.monotonic() - left)
        idle.put_nowait(connection)

    began = time.monotonic()
    sent = 0
    while sent < count:
        due = min(int((time.monotonic() - began + _TICK_S) * per_s), count)
        for _ in range(due - sent):
            task = asyncio.create_task(post())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        sent = due
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*under_way)
    return took


class Connection:
    """A connection that is kept."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer, which has to be a 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._parts.netloc}\r\nAuthorization: Basic {_AUTHORIZATION}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        text = await reader.readexactly(length)
        assert " 200 " in lines[0], (lines[0], text)
        return text

    async def post_until_taken(self, path: str, body: bytes) -> None:
        """As an SDK does it: again, over a new connection, if this one ended, as one does that was idle for long."""
        while True:
            try:
                await self.post(path, body)
                return
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
