"""Requests byte by byte: what no HTTP client would send."""

from __future__ import annotations

import base64
import contextlib
import socket
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from tests.system.harness import KEY

TIMEOUT_S: Final = 60.0
AUTHORIZATION: Final = "Authorization: Basic " + base64.b64encode(f"{KEY}:".encode()).decode()


@dataclass(frozen=True)
class Answer:
    """*status* is 0 where the connection ended without one."""

    status: int
    headers: str = ""
    body: bytes = b""
    rest: bytes = b""
    """What came after it, up to the end of the connection."""

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A whole request, with its key and its length."""
    lines = [f"POST {path} HTTP/1.1", "Host: router.test", AUTHORIZATION, *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((str(address.hostname), address.port), timeout=TIMEOUT_S)


def exchange(url: str, request: bytes, *, until_closed: bool = False) -> Answer:
    """Send these very bytes and read the answer, also where it comes before all is sent."""
    with connect(url) as connection:
        with contextlib.suppress(ConnectionError):  # it has heard enough
            connection.sendall(request)
        return read_answer(connection, until_closed)


def read_answer(connection: socket.socket, until_closed: bool = False) -> Answer:
    received = bytearray()
    while b"\r\n\r\n" not in received:
        if not _receive(connection, received):
            return Answer(0, rest=bytes(received))
    head, _, received = received.partition(b"\r\n\r\n")
    headers = head.decode("latin-1")
    length = next(
        (int(line.partition(":")[2]) for line in headers.splitlines() if line.lower().startswith("content-length:")), 0
    )
    while (until_closed or len(received) < length) and _receive(connection, received):
        pass
    return Answer(int(headers.split()[1]), headers, bytes(received[:length]), bytes(received[length:]))


def _receive(connection: socket.socket, received: bytearray) -> bool:
    """False at its end."""
    try:
        part = connection.recv(65_536)
    except ConnectionError:
        return False
    received += part
    return bool(part)
