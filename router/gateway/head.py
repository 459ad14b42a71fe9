"""The head of a request: its request line and headers, bounded in size and in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus

from router.gateway.cors import cors_headers
from router.gateway.crowd import Crowd
from router.gateway.refusal import RefusalCode, Refused

_END = b"\r\n\r\n"
_ORIGIN = re.compile(rb"^origin:[ \t]*([!-~]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Head:
    """What has arrived of a head, with whatever came along with its end."""

    __slots__ = ("_crowd", "_end", "_late", "received")

    def __init__(self, crowd: Crowd, end: Callable[[bytes], None]) -> None:
        """*end* is called for a head that will not be completed. It sends the bytes it is given and ends the connection."""
        self._crowd = crowd
        self._end = end
        self._late: asyncio.TimerHandle | None = None
        self.received = bytearray()

    @property
    def origin(self) -> str | None:
        """The ``Origin`` of a request that the server could not read; best effort."""
        found = _ORIGIN.search(self.received)
        return found[1].decode("ascii") if found else None

    def take(self, data: bytes) -> bool:
        """Add *data*. True if the head is complete. Line ends before it are ignored."""
        limits = self._crowd.limits()
        self.received += data if self.received else data.lstrip(b"\r\n")
        end = self.received.find(_END)
        if (len(self.received) if end < 0 else end) > limits.max_head_bytes:
            message = f"the headers are too long; expected at most {limits.max_head_bytes} bytes"
            self._refuse(Refused(431, RefusalCode.HEAD_TOO_BIG, message))
            return False
        if end >= 0:
            self.stop_clock()
            return True
        if self.received and self._late is None:
            self._late = asyncio.get_running_loop().call_later(limits.head_timeout_s, self._end_late)
        return False

    def forget_body(self) -> None:
        """Keep only the head itself."""
        del self.received[self.received.find(_END) + len(_END) :]

    def clear(self) -> None:
        """Be ready for the next one."""
        self.stop_clock()
        self.received.clear()

    def stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _end_late(self) -> None:
        seconds = self._crowd.limits().head_timeout_s
        message = f"the headers did not arrive within {seconds:g} seconds"
        self._refuse(Refused(408, RefusalCode.HEAD_TIMEOUT, message))

    def _refuse(self, refused: Refused) -> None:
        self._crowd.on_loss(refused.code)
        self._crowd.on_refusal(refused.code)
        self.stop_clock()
        self._end(_on_the_wire(refused, self.origin))


def _on_the_wire(refused: Refused, origin: str | None) -> bytes:
    """The answer as bytes, for when there is no request that the server could answer."""
    response = refused.response()
    body = response.body
    assert isinstance(body, bytes)
    headers = {
        **response.headers,
        **cors_headers(origin),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
