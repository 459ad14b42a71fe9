"""Payloads, the requests that carry them, and the vendor's responses. Plain values without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

FORM = "application/x-www-form-urlencoded"
"""The content type of a form."""
LINES = "application/x-ndjson"
PACKED = "application/gzip"
"""The content type of a file that is packed, in itself."""


class UnreadableAnswer(Exception):
    """A response has none of the documented shapes. The core keeps the payloads and tries again."""


@dataclass(slots=True)
class Payload:
    """What one action makes of one event: one item of a batch, or the subject of one conversation.

    Treat it as immutable (`dataclasses.replace` makes another). It isn't frozen, because a frozen one takes five times as long
    to make, and every event needs one at every destination.

    Attributes:
        body: JSON as the vendor wants it, without credentials.
        key: the idempotency key, if the vendor has one. Derived from ``messageId``, so that all attempts share it.
        group: payloads of different groups never share a request.
        notes: what the build had to leave out or change, one sentence each. Explain shows them as warnings; delivery logs and
            counts them with the vendor's own.
    """

    body: Any
    key: str = ""
    group: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a plugin makes it. The core adds credentials, the content type and compression.

    ``url`` is absolute; make it with `build_url`. ``json`` is the body; None for no body. With ``form``, the body is an object
    of texts and is sent as a form; with ``lines``, it is a list, and each item is sent as a line of JSON. ``gzip`` compresses
    the body on its way, as ``Content-Encoding`` says then; with the content type ``application/gzip`` it is a packed file, and
    stays one. ``timeout_s`` is for a vendor known to need longer than most: the request may take so long even if the operator's
    ``delivery.timeout`` is shorter.
    """

    method: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gzip: bool = False
    form: bool = False
    lines: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A vendor's answer. Header names are lower case. ``body`` is cut at the core's limit and may hold anything."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """A 2xx."""
        return 200 <= self.status <= 299

    @property
    def is_page(self) -> bool:
        """Whether the body begins like HTML: the page of a proxy, a firewall or a login."""
        return self.body.lstrip()[:1] == b"<"

    def unless_page(self) -> Response:
        """This response. For vendors whose success has no fixed body by which to tell it from a proxy's page.

        Raises:
            UnreadableAnswer: a 2xx with a page.
        """
        if self.is_success and self.is_page:
            raise UnreadableAnswer(f"status {self.status}, expected none of a proxy's pages, got {_start(self)!r}")
        return self

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            UnreadableAnswer: it is not JSON (a proxy's HTML page, a cut body, nothing).
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise UnreadableAnswer(f"status {self.status}, expected JSON, got {_start(self)!r}") from None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or an empty one if it is not. For refusals, which a proxy may word as it likes."""
        try:
            body = self.json()
        except UnreadableAnswer:
            return {}
        return body if isinstance(body, dict) else {}


def _start(response: Response) -> str:
    return " ".join(response.text.split())[:120]


def build_url(base: str, *segments: str, query: Mapping[str, str] | None = None) -> str:
    """Join path segments to *base*, each percent-encoded whole, so that an id can never change the path.

    The dots of a segment ``.`` or ``..`` are encoded too. Fixed segments must hold no slash either: write
    ``build_url(base, "v1", "import")``.
    """
    path = "".join("/" + _encode(segment) for segment in segments)
    return base.rstrip("/") + path + (f"?{urlencode(query, quote_via=quote, errors='replace')}" if query else "")


def set_content_type(headers: dict[str, str], request: Request) -> None:
    """Add the type of the body of *request* to *headers*, unless the plugin has given it there, in whatever case."""
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = FORM if request.form else LINES if request.lines else "application/json"


def set_encoding(headers: dict[str, str], request: Request) -> None:
    """Say in *headers* that the body is packed on its way, if it is. Call it after `set_content_type`."""
    if request.gzip and PACKED not in headers.values():
        headers["Content-Encoding"] = "gzip"


def encode_body(json: Any, request: Request) -> bytes:
    """*json*, the body of *request* with all that was added to it, in the form that the request asks for.

    Raises:
        ValueError: it can't have that form.
    """
    if request.form:
        return encode_form(json)
    return _encode_lines(json) if request.lines else orjson.dumps(json)


def _encode_lines(items: Any) -> bytes:
    """Each of *items* as one line of JSON.

    Raises:
        ValueError: *items* is no list.
    """
    if not isinstance(items, list):
        raise ValueError(f"lines are made of a list, got {type(items).__name__}")
    return b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items)


def encode_form(fields: Any) -> bytes:
    """The body of a form, in the order of *fields*.

    Raises:
        ValueError: *fields* is not an object, or a value is not text. The plugin decides how its vendor wants numbers, lists
            and null.

    Source: https://url.spec.whatwg.org/#urlencoded-serializing.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"a form is made of an object, got {type(fields).__name__}")
    for name, value in fields.items():
        if not isinstance(value, str):
            raise ValueError(f"the values of a form are texts, got {type(value).__name__} for {name!r}")
    return urlencode(fields, errors="replace").encode()


def _encode(segment: str) -> str:
    if segment.strip(".") == "":
        return segment.replace(".", "%2E")
    return quote(segment, safe="", errors="replace")
