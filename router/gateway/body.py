"""The body of a request: its bytes, decompressed. The limits hold while it is read, not only afterwards."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from typing import Protocol

from aiohttp import web

from router.gateway.limits import Limits
from router.gateway.refusal import RefusalCode, Refused, bad_request

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_PIECE_BYTES = 65_536
_BUSY_RETRY_AFTER_S = 1


class HeldBytes:
    """Counts the bytes of all bodies under way, so that too many big ones at a time are refused instead of filling the
    memory."""

    def __init__(self) -> None:
        self._held = 0

    @property
    def total(self) -> int:
        return self._held

    def lease(self, limit: int) -> Lease:
        """A lease, which gives back at its end what was taken under it. *limit* is for all leases together."""
        return Lease(self, limit)

    def take(self, count: int, limit: int) -> None:
        if self._held + count > limit:
            message = "too many bodies are under way; try again soon"
            raise Refused(503, RefusalCode.BUSY, message, retry_after_s=_BUSY_RETRY_AFTER_S, is_last=True)
        self._held += count

    def give_back(self, count: int) -> None:
        self._held -= count


class Lease:
    """The bytes that one request holds until it leaves the context."""

    __slots__ = ("_held", "_limit", "taken")

    def __init__(self, held: HeldBytes, limit: int) -> None:
        self._held = held
        self._limit = limit
        self.taken = 0

    def take(self, count: int) -> None:
        """Count *count* more bytes. Raises Refused (503) if all requests together hold too much."""
        self._held.take(count, self._limit)
        self.taken += count

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *failure: object) -> None:
        self._held.give_back(self.taken)


class _Inflater(Protocol):
    def decompress(self, data: bytes, /, max_length: int = 0) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...


async def read_body(request: web.Request, limits: Limits, lease: Lease) -> bytes | bytearray:
    """The body of *request*, decompressed if ``Content-Encoding`` says so, whatever the Content-Type. Never empty.

    The server must not decompress by itself; see `Gateway.runner`.

    Raises:
        Refused: 400 unreadable or empty, 408 too slow, 413 too big, 503 too many at a time.
    """
    encoding = _encoding(request)
    if request.content_length is not None and request.content_length > limits.max_body_bytes:
        raise _too_big(limits)
    try:
        if request.content.is_eof():  # there is nothing to wait for
            body = await _read(request, encoding, limits, lease)
        else:
            async with asyncio.timeout(limits.body_timeout_s):
                body = await _read(request, encoding, limits, lease)
    except TimeoutError:
        message = f"the body did not arrive within {limits.body_timeout_s:g} seconds"
        raise Refused(408, RefusalCode.BODY_TIMEOUT, message, is_last=True) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        # The request keeps the error, whose traceback keeps the request: many such cycles would await the garbage collector.
        error.__traceback__ = None
        message = "the body ended before it should have"
        raise bad_request(RefusalCode.BODY_INCOMPLETE, message, is_last=True) from None
    if not body:
        raise bad_request(RefusalCode.EMPTY_BODY, "the body is empty; expected a JSON object")
    return body


async def _read(request: web.Request, encoding: str, limits: Limits, lease: Lease) -> bytes | bytearray:
    inflation = Inflation(encoding, limits) if encoding else None
    sent_bytes = 0
    body: bytes | bytearray = b""
    content = request.content
    while not content.at_eof():
        sent = await content.readany()
        sent_bytes += len(sent)
        if sent_bytes > limits.max_body_bytes:  # ``Content-Length`` may be missing or wrong
            raise _too_big(limits)
        for part in inflation.take(sent) if inflation else (sent,):
            lease.take(len(part))
            if not body:
                body = part  # most bodies come in one piece
                continue
            if isinstance(body, bytes):
                body = bytearray(body)
            body += part
    if inflation:
        inflation.end()
    return body


def _encoding(request: web.Request) -> str:
    """``gzip``, ``deflate``, or "" for none."""
    header = request.headers.get("Content-Encoding")
    if header is None:
        return ""
    names = [name.strip().lower() for name in header.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        return ""
    if names in (["gzip"], ["x-gzip"]):
        return "gzip"
    if names == ["deflate"]:
        return "deflate"
    message = "Content-Encoding is unknown; expected gzip, deflate or none"
    raise bad_request(RefusalCode.UNKNOWN_ENCODING, message, is_last=True)


class Inflation:
    """A body being decompressed. It never exceeds the limit by more than a piece, however well the body is compressed."""

    def __init__(self, encoding: str, limits: Limits) -> None:
        self._encoding = encoding
        self._limits = limits
        self._room = limits.max_body_bytes
        self._head = b""
        """The first bytes, while they are too few to tell how the body is compressed."""
        self._inflater: _Inflater | None = None

    def take(self, sent: bytes) -> Iterator[bytes]:
        """What *sent*, the next compressed part of the body, adds to it."""
        chunk = self._head + sent
        if self._inflater is None:
            if len(chunk) < 2:
                self._head = chunk
                return
            self._inflater, self._head = _inflater(self._encoding, chunk), b""
        for part in _pieces(self._inflater, chunk, self._encoding):
            if len(part) > self._room:
                raise _too_big(self._limits)
            self._room -= len(part)
            yield part
        if self._inflater.unused_data:
            raise _unreadable(f"something follows the end of the {self._encoding} data")

    def end(self) -> None:
        """The compressed body has ended."""
        if self._head or (self._inflater is not None and not self._inflater.eof):
            raise _unreadable(f"the {self._encoding} data end too early")


def _pieces(inflater: _Inflater, chunk: bytes, encoding: str) -> Iterator[bytes]:
    """The decompressed *chunk*, a piece at a time: it may be a thousand times as big."""
    is_more = True
    while is_more:
        try:
            piece = inflater.decompress(chunk, _PIECE_BYTES)
        except zlib.error:
            raise _unreadable(f"the body is not {encoding}, though Content-Encoding says so") from None
        yield piece
        chunk = inflater.unconsumed_tail
        is_more = bool(chunk) or len(piece) == _PIECE_BYTES


def _inflater(encoding: str, start: bytes) -> _Inflater:
    """A decompressor. Deflate comes with and without a zlib header, which the first two bytes tell (RFC 1950, section 2.2)."""
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP)
    has_header = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.decompressobj(_ZLIB if has_header else _RAW_DEFLATE)


def _too_big(limits: Limits) -> Refused:
    message = f"the body is too big; expected at most {limits.max_body_bytes} bytes, as sent and decompressed"
    return Refused(413, RefusalCode.BODY_TOO_BIG, message, is_last=True)


def _unreadable(message: str) -> Refused:
    return bad_request(RefusalCode.UNREADABLE_ENCODING, message, is_last=True)
