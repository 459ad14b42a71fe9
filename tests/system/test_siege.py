"""A siege: slow connections by the thousand, bombs and bottomless JSON at once, and a good client among them. Row 42 of the
battery in facts/reliability.md, with rows 36 and 38 on top.

With ``pytest -s`` it prints its figures.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson
import pytest

from router.cli.housekeeping import INTERVAL_S
from tests.system.harness import Router, Stage
from tests.system.memory import MB, forget_peak, needs_linux, peak_bytes, resident_bytes
from tests.system.wire import post

SLOW = 5_000
OPENED_AT_ONCE = 200
"""Connections that are being made at a time; a listening socket has room for some hundreds."""
PAUSE_S = 10.0
"""Between the bytes that a slow connection sends."""
CLOSED_WITHIN_S = 15.0
RETURNED_BYTES = 10 * MB
NOISE_MS = 20.0
"""What a busy machine may do to a request of a few milliseconds."""
WARM_UP = 12
"""Batches, after which the log keeps as much of the latest events in memory as it may."""
GOOD = orjson.dumps({"type": "track", "event": "Step Done", "userId": "u1"})
BOTTOMLESS = post("/v1/track", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)

pytestmark = [
    needs_linux,
    pytest.mark.full,
    pytest.mark.alone,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * SLOW, reason=f"needs `ulimit -Hn` of {2 * SLOW}"
    ),
]


@pytest.fixture
def many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Client:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        [length] = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
        await self._reader.readexactly(int(length))
        return int(head.split()[1])


async def latencies_ms(url: str, count: int) -> list[float]:
    """Of good requests, one after the other."""
    taken = []
    async with Client(url) as client:
        for _ in range(count):
            start = time.perf_counter()
            assert await client.ask(post("/v1/track", GOOD)) == 200
            taken.append(1_000 * (time.perf_counter() - start))
    return taken


@dataclass
class Slow:
    """Connections that send a byte now and then, each in a task of its own."""

    ages_s: list[float] = field(default_factory=list)
    """How old each was when the router ended it."""
    opened: int = 0
    are_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, url: str, turn: asyncio.Semaphore) -> None:
        address = urlsplit(url)
        async with turn:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        start = time.monotonic()
        self.opened += 1
        if self.opened == SLOW:
            self.are_open.set()
        trickle = asyncio.create_task(self._trickle(writer))
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            trickle.cancel()
            writer.close()
        self.ages_s.append(time.monotonic() - start)

    async def _trickle(self, writer: asyncio.StreamWriter) -> None:
        for byte in b"POST /v1/track HTTP/1.1\r\nX-Slow: " + b"x" * 1_000:
            writer.write(bytes([byte]))
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def besieged(url: str, slow: Slow) -> AsyncIterator[None]:
    """By `SLOW` connections, all open on entry; all ended by the router on exit."""
    turn = asyncio.Semaphore(OPENED_AT_ONCE)
    tasks = [asyncio.create_task(slow.run(url, turn)) for _ in range(SLOW)]
    await slow.are_open.wait()
    yield
    await asyncio.gather(*tasks)


def p99(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


async def returned_bytes(router: Router, before: int) -> int:
    """What is in memory once it is back within `RETURNED_BYTES`, or when housekeeping has been through twice."""
    deadline = time.monotonic() + 2 * INTERVAL_S + 5
    while time.monotonic() < deadline and resident_bytes(router.pid) - before >= RETURNED_BYTES:  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # it happens in another process
    return resident_bytes(router.pid)


async def lay_siege(router: Router) -> None:
    slow = Slow()
    bomb = post("/v1/batch", gzip.compress(bytes(200_000_000)), "Content-Encoding: gzip")
    usual = await latencies_ms(router.url, 500)
    before = resident_bytes(router.pid)
    forget_peak(router.pid)
    async with besieged(router.url, slow):
        for request, status in ((bomb, 413), (BOTTOMLESS, 400)):
            async with Client(router.url) as client:
                assert await client.ask(request) == status
        meanwhile = await latencies_ms(router.url, 500)
    peak = peak_bytes(router.pid)
    afterwards = await latencies_ms(router.url, 500)
    after = await returned_bytes(router, before)

    sys.stdout.write(
        f"\n{SLOW} slow connections, a bomb of 200 MB, JSON 100,000 deep\n"
        f"memory in MB:      before {before / MB:.1f}, peak {peak / MB:.1f}, after {after / MB:.1f}\n"
        f"p99 of a good request in ms: before {p99(usual):.1f}, meanwhile {p99(meanwhile):.1f}, "
        f"after {p99(afterwards):.1f}; median {statistics.median(usual):.1f}, {statistics.median(meanwhile):.1f}, "
        f"{statistics.median(afterwards):.1f}\n"
        f"slow connections were ended after {min(slow.ages_s):.1f} to {max(slow.ages_s):.1f} s\n"
    )
    assert len(slow.ages_s) == SLOW
    assert max(slow.ages_s) < CLOSED_WITHIN_S
    assert after - before < RETURNED_BYTES
    for taken in (meanwhile, afterwards):
        assert statistics.median(taken) < 1.2 * statistics.median(usual) + NOISE_MS


def test_row_42_a_siege_is_survived_as_if_nothing_had_been(stage: Stage, many_files: None) -> None:
    """The vendor is a process apart, so that the router's memory is its own."""
    [vendor] = stage.vendors("mixpanel")
    router = stage.router({"mixpanel": vendor.destination()})
    for _ in range(WARM_UP):
        assert router.post([orjson.loads(GOOD)] * 2_500)[0] == 200
    router.until_settled()

    asyncio.run(lay_siege(router))

    assert router.post(orjson.loads(GOOD))[0] == 200
