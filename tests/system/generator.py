"""The acknowledgement ledger, as a process apart: posts events, and writes down each one it got a 200 for, fsynced.

It does what an SDK does: an event whose request fails is posted again, with the same messageId, until a 200 says that it is
taken; a user's next event is posted only then. The router's address is read from a file, anew after every failure, so that a
router that was killed and started again is found. SIGTERM: what is under way is posted to its end, then it stops.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

PAUSE_AFTER_FAILURE_S: Final = 0.05
NOT_A_ROUTER: Final = 404
"""The port of a router that was killed may be another server's by the time the next one runs."""
TIMEOUT_S: Final = 30.0
IDENTIFY_EVERY: Final = 4


def label_of(user: str, number: int) -> str:
    """What names an event everywhere: its messageId, and in its traits or properties, so that a vendor's record has it."""
    return f"{user}-{number:05d}"


def make_event(user: str, number: int) -> dict[str, Any]:
    """The *number*-th event of *user*, from 1; the first and then every fourth is an identify."""
    facts = {"label": label_of(user, number)}
    if number % IDENTIFY_EVERY == 1:
        return {"type": "identify", "userId": user, "messageId": facts["label"], "traits": facts}
    return {"type": "track", "userId": user, "messageId": facts["label"], "event": "Step Done", "properties": facts}


@dataclass
class Options:
    url_file: Path
    acks: Path
    journal: Path
    key: str = "demo"
    users: int = 50
    first_user: int = 0
    """Several generators at one time each have users of their own."""
    events: int = 0
    """Of each user; 0 is until SIGTERM."""
    workers: int = 4
    batch: int = 5
    pause_s: float = 0.0
    seed: int = 0
    requests_a_connection: int = 1_000_000
    """1 is a client that knows no keep-alive."""


class Acks:
    """The file of what was acknowledged: one label a line, on disk before the next request."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lock = threading.Lock()

    def add(self, labels: list[str]) -> None:
        with self._lock:
            os.write(self._file, "".join(f"{label}\n" for label in labels).encode())
            os.fsync(self._file)


class Journal:
    """The file of requests: how each ended and how long it took, one a line."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, outcome: str, seconds: float) -> None:
        os.write(self._file, f"{outcome} {seconds:.4f}\n".encode())


@dataclass
class Worker:
    """Posts the events of its own users, one request at a time."""

    users: list[str]
    options: Options
    acks: Acks
    journal: Journal
    is_stopping: Callable[[], bool]
    chance: random.Random
    next_number: dict[str, int] = field(default_factory=dict)
    connection: http.client.HTTPConnection | None = None
    requests: int = 0
    """On this connection."""

    def run(self) -> None:
        while not self.is_stopping():
            events = self._next_events()
            if not events:
                return
            self._post_until_taken(events)
            self.acks.add([event["messageId"] for event in events])
            if self.options.pause_s:
                time.sleep(self.options.pause_s)

    def _next_events(self) -> list[dict[str, Any]]:
        """A few events of a few users, now and then two of one user, each user's in order."""
        going = [user for user in self.users if self._has_more(user)]
        events: list[dict[str, Any]] = []
        for _ in range(self.chance.randint(1, self.options.batch)):
            going = [user for user in going if self._has_more(user)]
            if not going:
                break
            user = self.chance.choice(going)
            number = self.next_number.get(user, 1)
            self.next_number[user] = number + 1
            events.append(make_event(user, number))
        return events

    def _has_more(self, user: str) -> bool:
        return not self.options.events or self.next_number.get(user, 1) <= self.options.events

    def _post_until_taken(self, events: list[dict[str, Any]]) -> None:
        while not self._post(events):
            self.connection = None
            time.sleep(PAUSE_AFTER_FAILURE_S)

    def _post(self, events: list[dict[str, Any]]) -> bool:
        """False: it is not known to be taken. An answer that refuses an event is a fault of the test and ends everything."""
        path: str = "batch" if len(events) > 1 else events[0]["type"]
        body = {"batch": events} if len(events) > 1 else events[0]
        began = time.monotonic()
        try:
            response, answer = self._exchange(path, body)
        except (OSError, http.client.HTTPException) as error:
            self.journal.add(type(error).__name__, time.monotonic() - began)
            return False
        self.journal.add(str(response.status), time.monotonic() - began)
        if response.status >= 500 or response.status == NOT_A_ROUTER:
            return False
        if response.status != 200 or orjson.loads(answer).get("rejected"):
            sys.stderr.write(f"refused: {response.status} {answer!r}\n")
            os._exit(1)
        return True

    def _exchange(self, path: str, body: Any) -> tuple[http.client.HTTPResponse, bytes]:
        if self.connection is None or self.requests >= self.options.requests_a_connection:
            self.connection, self.requests = self._connect(), 0
        key = base64.b64encode(f"{self.options.key}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        self.requests += 1
        self.connection.request("POST", f"/v1/{path}", orjson.dumps(body), headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.will_close:
            self.connection = None
        return response, answer

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.options.url_file.read_text())
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url-file", type=Path, required=True)
    parser.add_argument("--acks", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    for name in ("users", "first_user", "events", "workers", "batch", "seed", "requests_a_connection"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Options, name))
    parser.add_argument("--key", default=Options.key)
    parser.add_argument("--pause-s", type=float, default=Options.pause_s)
    options = Options(**vars(parser.parse_args()))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    users = [f"user{number:03d}" for number in range(options.first_user, options.first_user + options.users)]
    acks, journal = Acks(options.acks), Journal(options.journal)
    threads = [
        threading.Thread(
            target=Worker(
                users[number :: options.workers],
                options,
                acks,
                journal,
                stop.is_set,
                random.Random(options.seed * 1_000 + number),
            ).run
        )
        for number in range(options.workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)  # in slices, so that the signal is seen


if __name__ == "__main__":
    main()
