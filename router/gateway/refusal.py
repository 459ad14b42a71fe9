"""Refusals: the answer when nothing of a request was taken."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from router.gateway.answer import Answer, json_response, optional
from router.reason import Reason


class RefusalCode(Reason):
    """Why nothing of a request was taken. Written ``NAME = "word", "What it means.", status, …``."""

    statuses: tuple[int, ...]
    """The statuses that it may come with."""

    def __init__(self, word: str, meaning: str = "", *statuses: int) -> None:
        self.statuses = statuses

    BAD_HTTP = (
        "bad_http",
        "The bytes are no HTTP that can be read. 417: `Expect` asks for something other than `100-continue`.",
        400,
        417,
    )
    HEAD_TIMEOUT = "head_timeout", "The request line and headers did not arrive within `server.head_timeout`.", 408
    HEAD_TOO_BIG = "head_too_big", "The request line and headers are longer than `server.max_head`.", 431
    NOT_FOUND = "not_found", "There is nothing at this path.", 404
    METHOD_NOT_ALLOWED = "method_not_allowed", "The path takes another method, which `Allow` names.", 405
    MISSING_WRITE_KEY = "missing_write_key", "The request names no source.", 401
    UNKNOWN_WRITE_KEY = (
        "unknown_write_key",
        "No source has this write key. 404 where a page asks for its settings.",
        401,
        404,
    )
    SOURCE_DISABLED = "source_disabled", "The source is switched off in the config. 404 as above.", 401, 404
    ORIGIN_NOT_ALLOWED = "origin_not_allowed", "The page is not among the `origins` of the source.", 403
    RATE_LIMITED = (
        "rate_limited",
        "The source makes more requests than its `rate_limit`. Try again after `Retry-After` seconds.",
        429,
    )
    UNKNOWN_HOST = (
        "unknown_host",
        "The `Host` header is no host, so no settings can be made from it. Set `server.public_url`.",
        400,
    )
    BODY_TIMEOUT = "body_timeout", "The body did not arrive within `server.body_timeout`.", 408
    BODY_INCOMPLETE = "body_incomplete", "The connection ended, or broke its own framing, before the body did.", 400
    BODY_TOO_BIG = "body_too_big", "The body is bigger than `server.max_body`, as sent or decompressed.", 413
    EMPTY_BODY = "empty_body", "There is nothing in the body.", 400
    UNKNOWN_ENCODING = "unknown_encoding", "`Content-Encoding` is neither gzip nor deflate.", 400
    UNREADABLE_ENCODING = (
        "unreadable_encoding",
        "The body is not what `Content-Encoding` says, a part of it is missing, or something follows its end.",
        400,
    )
    INVALID_JSON = "invalid_json", "The body is no JSON text.", 400
    TOO_DEEP = "too_deep", "Objects and lists are nested too deep to be read at all.", 400
    NOT_AN_OBJECT = "not_an_object", "The body is JSON, but no object.", 400
    INVALID_BATCH = "invalid_batch", "`batch` is no list, or stands there twice.", 400
    LOG_FULL = "log_full", "There is no room on disk. Try again after `Retry-After` seconds.", 503
    LOG_AWAY = (
        "log_away",
        "The disk fails, or the cluster that keeps the log does not answer. Try again after `Retry-After` seconds.",
        503,
    )
    BUSY = "busy", "Too many bodies are under way (`server.max_held`). Try again after `Retry-After` seconds.", 503
    STOPPING = (
        "stopping",
        "The router is going down, perhaps to come up again. Try again after `Retry-After` seconds.",
        503,
    )
    STUCK = "stuck", "Of `GET /health`: something inside does not go on. A restart may help.", 503
    NOT_READY = "not_ready", "Of `GET /ready`: events can't be taken now, for the reasons in `obstacles`.", 503
    INTERNAL = "internal", "A fault of the router. Try again later: a `messageId` is not stored twice.", 500


class Refusal(Answer):
    """Nothing of the request was taken."""

    # Both are text and stand at the top: with any other JSON two SDKs send again what is refused for good.
    # Source: facts/ingest-protocol.md section 1, point 2.
    code: RefusalCode
    message: str = Field(description="For people to read; holds neither values of events nor keys.")
    field: str | SkipJsonSchema[None] = optional("Which field of the body is meant.")
    expected: str | SkipJsonSchema[None] = optional("What would have been taken.")
    found: str | SkipJsonSchema[None] = optional("What came instead.")
    stuck: list[str] | SkipJsonSchema[None] = optional("Of /health: what does not go on.")
    obstacles: list[str] | SkipJsonSchema[None] = optional("Of /ready: what keeps events from being taken.")


class Refused(Exception):
    """Answer the request with this: nothing of it was taken.

    *details* are further fields of `Refusal`. *retry_after_s* is in whole seconds. *is_last* closes the connection after the
    answer, because the body was not read to its end.
    """

    def __init__(
        self,
        status: int,
        code: RefusalCode,
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
        response = json_response(Refusal(code=self.code, message=self.message, **self.details), self.status)
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.is_last:
            response.force_close()
        return response


def bad_request(code: RefusalCode, message: str, **details: Any) -> Refused:
    """A refusal with 400, the one status after which no SDK sends again (facts/ingest-protocol.md section 8)."""
    return Refused(400, code, message, **details)
