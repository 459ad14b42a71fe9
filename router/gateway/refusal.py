"""Refusals: the answer when nothing of a request was taken."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import orjson
from aiohttp import web


class RefusalCode(StrEnum):
    """Why nothing of a request was taken. A contract: new ones may come, old ones keep their spelling and meaning."""

    MISSING_WRITE_KEY = "missing_write_key"
    """The request names no source."""
    UNKNOWN_WRITE_KEY = "unknown_write_key"
    """No source has this write key."""
    SOURCE_DISABLED = "source_disabled"
    """The source is switched off in the config."""
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    """The page is not among those that may send for this source (``origins``)."""
    RATE_LIMITED = "rate_limited"
    """The source makes too many requests. Try again after ``Retry-After`` seconds."""
    BODY_TOO_BIG = "body_too_big"
    """Bigger than `Limits.max_body_bytes`, as sent or decompressed."""
    BODY_TIMEOUT = "body_timeout"
    """The body did not arrive within `Limits.body_timeout_s`."""
    BODY_INCOMPLETE = "body_incomplete"
    """The connection ended, or broke its own framing, before the body did."""
    EMPTY_BODY = "empty_body"
    """There is nothing in the body."""
    UNKNOWN_ENCODING = "unknown_encoding"
    """``Content-Encoding`` is neither gzip nor deflate."""
    UNREADABLE_ENCODING = "unreadable_encoding"
    """The body is not what ``Content-Encoding`` says, or a part of it is missing."""
    INVALID_JSON = "invalid_json"
    """The body is no JSON text."""
    TOO_DEEP = "too_deep"
    """Objects and lists are nested too deep to be read at all."""
    NOT_AN_OBJECT = "not_an_object"
    """The body is JSON, but no object."""
    INVALID_BATCH = "invalid_batch"
    """``batch`` is no list."""
    LOG_FULL = "log_full"
    """There is no room on disk. Try again later."""
    BUSY = "busy"
    """Too many bodies are under way. Try again soon."""
    UNKNOWN_HOST = "unknown_host"
    """The ``Host`` header is no host, so no settings document can be built from it."""
    BAD_HTTP = "bad_http"
    """The bytes are no HTTP that can be read."""
    HEAD_TIMEOUT = "head_timeout"
    """The request line and headers did not arrive within `Limits.head_timeout_s`."""
    HEAD_TOO_BIG = "head_too_big"
    """The request line and headers are longer than `Limits.max_head_bytes`."""
    STOPPING = "stopping"
    """The router is going down, perhaps to come up again. Try again soon."""
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INTERNAL = "internal"
    """A fault of the router. Try again later: a messageId is not stored twice."""


class Refused(Exception):
    """Answer the request with this; nothing of it was taken.

    *message* is for the caller to read and holds neither values of events nor keys. *retry_after_s* is whole seconds.
    *is_last* closes the connection after the answer: its body was not read to the end.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: int | None = None,
        is_last: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(status, code, message)
        self.status: Final = status
        self.code: Final = code
        self.message: Final = message
        self.retry_after_s: Final = retry_after_s
        self.is_last: Final = is_last
        self.details: Final = details

    def response(self) -> web.Response:
        """``{"code", "message"}``, both text: with any other JSON two SDKs retry what is final.

        Source: facts/ingest-protocol.md section 1, point 2.
        """
        response = json_response({"code": str(self.code), "message": self.message, **self.details}, self.status)
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.is_last:
            response.force_close()
        return response


def bad_request(code: RefusalCode, message: str, **details: Any) -> Refused:
    """400: the one status that no SDK sends again (facts/ingest-protocol.md section 8)."""
    return Refused(400, code, message, **details)


def json_response(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
