"""The real gateway on a real socket, above a log in memory that can be held up, full or broken."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from router.event import Document
from router.gateway import Gateway, Limits, Source
from router.gateway.refusal import RefusalCode
from router.gateway.rejection import LimitCode
from router.log.interface import Log
from router.log.record import Appended, Entry, Gap, Record
from router.rejection import RejectionCode

KEY = "key-of-website"
NOW_S = 1_700_000_000.0
SOURCES = {"website": Source([KEY]), "old": Source(["key-of-old"], is_enabled=False)}
IDENTIFY = {"userId": "u1", "messageId": "m1", "traits": {"firstName": "Ada"}}


class FakeLog:
    """A log of one partition in a list. `gate` holds up appends; `failure` is what they raise."""

    id = "log-of-the-test"
    partitions = (0,)

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.appends: list[list[Entry]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_asked = asyncio.Event()
        self.failure: Exception | None = None
        self.obstacle = ""

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        self.appends.append(list(entries))
        self.is_asked.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [self._store(entry) for entry in entries]

    def _store(self, entry: Entry) -> Appended:
        key = (entry.source, entry.message_id)
        for sequence, stored in enumerate(self.entries, 1):
            if key == (stored.source, stored.message_id):
                return Appended(0, sequence, is_duplicate=True)
        self.entries.append(entry)
        return Appended(0, len(self.entries))

    @property
    def events(self) -> list[Document]:
        return [orjson.loads(entry.event) for entry in self.entries]

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        return []

    async def wait(self, partition: int, after: int) -> None: ...

    def end(self, partition: int) -> int:
        return len(self.entries)

    def start(self, partition: int) -> int:
        return 1

    async def find(self, message_id: str) -> list[Record]:
        return []

    async def trim(self, needed_from: Mapping[int, int]) -> None: ...

    async def close(self) -> None: ...


def basic(credentials: str, scheme: str = "Basic") -> str:
    """An ``Authorization`` header."""
    return f"{scheme} {base64.b64encode(credentials.encode()).decode()}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection; raises `asyncio.IncompleteReadError` if it ends before."""
    first, *further = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in further:
        name, _, value = line.partition(": ")
        headers.add(name, value)
    content = await reader.readexactly(int(headers.get("Content-Length", 0)))
    return Answer(int(first.split()[1]), headers, content)


_PUBLISHED = {(str(code), status) for code in RefusalCode for status in code.statuses} | {
    (str(code), 400) for code in (*RejectionCode, *LimitCode)
}


def assert_published(answer: Answer) -> None:
    """Every answer of every test is one that docs/rejections.md has, with this status (promise 6)."""
    assert (answer.json["code"], answer.status) in _PUBLISHED, answer


class _Server(TestServer):
    """aiohttp's test server, served by the gateway's own runner."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway.app())
        self._gateway = gateway

    async def _make_runner(self, **kwargs: Any) -> web.AppRunner:
        return self._gateway.runner(shutdown_timeout_s=0.1)


class Harness:
    """A gateway that is being served. Use as an async context manager."""

    def __init__(
        self, limits: Limits | None = None, sources: Mapping[str, Source] | None = None, **options: Any
    ) -> None:
        self.log = FakeLog()
        self.now_s = NOW_S
        self.metrics = CollectorRegistry()
        ids = (f"made-{number}" for number in itertools.count(1))
        log: Log = self.log
        self.gateway = Gateway(
            log,
            SOURCES if sources is None else sources,
            limits or Limits(),
            clock=lambda: self.now_s,
            new_id=lambda: next(ids),
            metrics=self.metrics,
            **options,
        )
        self.server = _Server(self.gateway)

    async def __aenter__(self) -> Harness:
        self.client: TestClient[web.Request, web.Application] = TestClient(cast(Any, self.server))
        await self.client.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.gate.set()
        await self.client.close()

    async def ask(
        self,
        method: str,
        path: str,
        key: str = KEY,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """Without a key if it is empty."""
        sent = dict(headers or {})
        if key:
            sent["Authorization"] = basic(f"{key}:")
        async with self.client.request(method, path, allow_redirects=False, headers=sent, data=data) as response:
            answer = Answer(response.status, response.headers, await response.read())
        if answer.body and answer.status >= 400:
            assert_published(answer)
        return answer

    async def post(self, path: str, document: Any = None, data: Any = None, **options: Any) -> Answer:
        """*document* as JSON, or *data* as it is."""
        return await self.ask("POST", path, data=data if data is not None else orjson.dumps(document), **options)

    async def batch(self, *calls: Any, **top: Any) -> Answer:
        return await self.post("/v1/batch", {"batch": list(calls), **top})

    async def send_raw(self, head: Sequence[str], body: bytes = b"", *, hang_up: bool = False) -> Answer | None:
        """Send a request byte by byte as given, with the key, and read one answer; None if there is none.

        With *hang_up* the connection is ended at once.
        """
        reader, writer = await self.connect()
        lines = [*head, "Host: router.test", f"Authorization: {basic(KEY + ':')}", "", ""]
        try:
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
            if hang_up:
                writer.write_eof()
                await reader.read()
                return None
            return await read_answer(reader)
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of our own, on which nothing is sent yet. The caller closes it."""
        return await asyncio.open_connection(self.server.host, self.server.port)

    async def exchange(self, request: bytes) -> Answer:
        """Send these very bytes on a new connection, and read one answer."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_answer(reader)
        finally:
            writer.close()

    def count(self, name: str, **labels: str) -> float:
        value = self.metrics.get_sample_value(f"router_gateway_{name}_total", labels)
        return -1.0 if value is None else value
