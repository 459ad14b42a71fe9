"""Much load in little time: requests posted side by side from this process, and what became of each.

Without the ledger of `generator`, so only for tests in which nothing is killed.
"""

from __future__ import annotations

import base64
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.system.generator import make_event
from tests.system.harness import KEY

Events = Sequence[dict[str, Any]]


@dataclass
class Posted:
    """What became of all requests."""

    acked: list[str] = field(default_factory=list)
    """The labels of the events that were accepted; each user's in order."""
    answers: Counter[int] = field(default_factory=Counter)
    """How often each status came; a request that was told to come back has several."""
    retry_after: list[str | None] = field(default_factory=list)
    """The header of every 429."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Batch:
    """One request."""

    events: Events
    key: str = KEY


def post_streams(url: str, streams: Sequence[Iterable[Batch]]) -> Posted:
    """Post each stream over a connection of its own, one request after the other, all streams at once.

    A request that is answered 429 is posted again after as long as its answer says. Any answer but 200 and 429 ends its stream.
    """
    posted = Posted()
    began = time.monotonic()
    lock = threading.Lock()
    with ThreadPoolExecutor(len(streams)) as pool:
        for done in pool.map(lambda stream: _post_stream(url, stream, posted, lock), streams):
            assert done is None
    posted.seconds = time.monotonic() - began
    return posted


def _post_stream(url: str, stream: Iterable[Batch], posted: Posted, lock: threading.Lock) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    for batch in stream:
        while True:
            status, headers, answer = _post(connection, batch)
            with lock:
                posted.answers[status] += 1
                if status == 429:
                    posted.retry_after.append(headers["Retry-After"])
            if status != 429:
                break
            time.sleep(float(headers["Retry-After"] or 0))
        if status != 200:
            break
        assert answer["accepted"] == len(batch.events), answer
        with lock:
            posted.acked += [event["messageId"] for event in batch.events]
    connection.close()


def _post(connection: http.client.HTTPConnection, batch: Batch) -> tuple[int, http.client.HTTPMessage, Any]:
    key = base64.b64encode(f"{batch.key}:".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/batch", orjson.dumps({"batch": list(batch.events)}), headers)
    response = connection.getresponse()
    return response.status, response.headers, orjson.loads(response.read())


def deal(streams: int, users: int, events: int, size: int) -> list[list[Batch]]:
    """The events of *users*, in batches of *size*, for so many *streams*: each user's in one stream, and in order."""
    names = [f"user{number:05d}" for number in range(users)]
    dealt = []
    for place in range(streams):
        mine = [make_event(name, number) for number in range(1, events + 1) for name in names[place::streams]]
        dealt.append([Batch(mine[at : at + size]) for at in range(0, len(mine), size)])
    return dealt
