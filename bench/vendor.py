"""A vendor that costs next to nothing: it takes everything, and counts. ``python -m bench.vendor`` prints its address.

``GET /`` answers with what it has taken since the last time it was asked.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Final, cast

import uvloop

from bench.events import MARK

_TAKEN: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"status":"OK"}'
"""What Mixpanel, Customer.io and a webhook's receiver say in different words; each plugin reads it as taken."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_GZIPPED: Final = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
_MARK: Final = re.compile(rb'"%b":([0-9.]+)' % MARK.encode())


@dataclass
class Taken:
    """What came. Latencies are seconds from the event's mark to its arrival."""

    requests: int = 0
    events: int = 0
    bytes: int = 0
    latencies: list[float] = field(default_factory=list)


class Vendor(asyncio.Protocol):
    """One connection. Reads as much of HTTP as the clients here speak."""

    taken = Taken()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if not end or len(rest) < size:
                return
            self._buffer = rest[size:]
            if head.startswith(b"GET"):
                self._tell()
            else:
                self._take(head, rest[:size])

    def _take(self, head: bytes, body: bytes) -> None:
        now = time.time()
        marks = _MARK.findall(gzip.decompress(body) if _GZIPPED.search(head) else body)
        self.taken.requests += 1
        self.taken.events += len(marks)
        self.taken.bytes += len(body)
        self.taken.latencies += [now - float(mark) for mark in marks]
        self._transport.write(_TAKEN)

    def _tell(self) -> None:
        body = json.dumps(asdict(self.taken)).encode()
        Vendor.taken = Taken()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
