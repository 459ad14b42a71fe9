"""The floor: a bare program that does the unavoidable and nothing else. ``python -m bench.floor DIRECTORY [VENDOR …]``.

It takes batches over HTTP, stores each event durably (SQLite, WAL, ``synchronous=FULL``, group commit), and then answers. For
each vendor it decodes every event, encodes a small object, and posts those in batches of 500. No rule, no check, no retry, no
order, no position, no books. ``POST /bare`` reads the body and answers, that is all.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from aiohttp import web

from bench.events import MARK

BATCH: Final = 500
WAIT_S: Final = 0.1


class Store:
    """Appends events in a thread of its own; what queued up while a commit ran shares the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[tuple[list[bytes], asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    async def append(self, events: list[bytes]) -> None:
        stored: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((events, stored))
        await stored

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE events (sequence INTEGER PRIMARY KEY, event BLOB NOT NULL)")
        while True:
            calls = [self._queue.get()]
            while not self._queue.empty():
                calls.append(self._queue.get())
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO events (event) VALUES (?)", [(event,) for events, _ in calls for event in events]
            )
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._answer, [stored for _, stored in calls])

    def _answer(self, waiting: Sequence[asyncio.Future[None]]) -> None:
        for stored in waiting:
            stored.set_result(None)


class Destination:
    """Sends what is put into it."""

    def __init__(self, url: str) -> None:
        self.events: asyncio.Queue[bytes] = asyncio.Queue()
        self._url = url
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                batch = [self._small(await self.events.get())]
                if self.events.qsize() < BATCH:
                    await asyncio.sleep(WAIT_S)
                while len(batch) < BATCH and not self.events.empty():
                    batch.append(self._small(self.events.get_nowait()))
                async with session.post(self._url, data=orjson.dumps(batch)) as answer:
                    await answer.read()

    def _small(self, data: bytes) -> dict[str, Any]:
        event = orjson.loads(data)
        facts = event.get("properties") or event["traits"]
        return {
            "event": event.get("event"),
            "id": event["messageId"],
            "user": event["userId"],
            "time": event["timestamp"],
            MARK: facts[MARK],
        }


async def serve(directory: Path, vendors: Sequence[str]) -> None:
    store = Store(directory / "floor.sqlite")
    destinations = [Destination(url) for url in vendors]

    async def take(request: web.Request) -> web.Response:
        document = orjson.loads(await request.read())
        events = [orjson.dumps(call) for call in document.get("batch") or [document]]
        await store.append(events)
        for destination in destinations:
            for event in events:
                destination.events.put_nowait(event)
        return web.json_response({"success": True})

    async def read(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"success": True})

    app = web.Application(client_max_size=100_000_000)
    app.router.add_post("/bare", read)
    app.router.add_post("/v1/{kind}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), sys.argv[2:]))
