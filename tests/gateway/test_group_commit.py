"""Callers that come together share an fsync: the gateway over the log that is used in earnest, on a slow disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from router.gateway import Gateway, Limits, Source
from router.log.record import Appended, Entry, Record
from router.log.segment import Segment
from router.log.sqlite import LogOptions, SqliteLog
from tests.gateway.harness import basic

POSTS = 100
MOST = 3
"""One fsync that the first caller starts, one for all who came meanwhile, one for stragglers."""
FSYNC_S = 0.05


class SlowDisk:
    """Counts the fsyncs of the log, and lets each take `FSYNC_S`, and as long as callers are on their way to it."""

    def __init__(self, log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fsyncs = 0
        self.expected = 0
        """Callers on their way."""
        self._arrived = 0
        append, commit = log.append, Segment.commit

        async def arrive(entries: Sequence[Entry]) -> list[Appended]:
            self._arrived += 1
            return await append(entries)

        def commit_slowly(segment: Segment) -> None:
            self.fsyncs += 1
            time.sleep(FSYNC_S)
            while self._arrived < self.expected:
                time.sleep(0.001)
            commit(segment)

        monkeypatch.setattr(log, "append", arrive)
        monkeypatch.setattr(Segment, "commit", commit_slowly)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log", LogOptions(), time.time)
    yield log
    await log.close()


@pytest.fixture
def disk(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    return SlowDisk(log, monkeypatch)


@pytest.fixture
async def client(log: SqliteLog, disk: SlowDisk) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the gateway with as many connections as it likes."""
    ids = (f"made-{number}" for number in count(1))
    sources = {"website": Source(["demo"])}
    gateway = Gateway(log, sources, Limits(), time.time, lambda: next(ids), metrics=CollectorRegistry())
    runner = gateway.runner(0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=POSTS).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, headers={"Authorization": basic("demo:")}) as session:
        yield session
    await gateway.close()
    await runner.cleanup()


async def post(client: aiohttp.ClientSession, number: int) -> int:
    async with client.post("/v1/identify", json={"userId": f"u{number}", "messageId": f"m{number}"}) as answer:
        return answer.status


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(POSTS, id="a disk slower than the callers"),
        pytest.param(
            0, id="50 ms", marks=[pytest.mark.full, pytest.mark.alone]
        ),  # a machine that is busy otherwise may need longer for them
    ],
)
async def test_a_hundred_posts_at_a_time_cost_three_fsyncs_at_most(
    log: SqliteLog, disk: SlowDisk, client: aiohttp.ClientSession, expected: int
) -> None:
    disk.expected = expected

    statuses = await asyncio.gather(*(post(client, number) for number in range(POSTS)))

    assert set(statuses) == {200}
    assert disk.fsyncs <= MOST
    stored = [record.message_id for record in await log.read(0, 0, POSTS + 1) if isinstance(record, Record)]
    assert sorted(stored) == sorted(f"m{number}" for number in range(POSTS))


async def test_posts_one_after_the_other_cost_one_fsync_each(disk: SlowDisk, client: aiohttp.ClientSession) -> None:
    """None is answered before the fsync that holds it."""
    for number in range(3):
        before = time.monotonic()
        assert await post(client, number) == 200
        assert time.monotonic() - before >= FSYNC_S
        assert disk.fsyncs == number + 1
