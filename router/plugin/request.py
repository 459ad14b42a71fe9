"""Payloads, the requests they travel in, and the vendor's responses. Plain values: nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

FORM = "application/x-www-form-urlencoded"
"""The content type of a form."""


class UnreadableAnswer(Exception):
    """A response has none of the documented shapes; the core keeps what was sent and tries again."""


@dataclass(slots=True)
class Payload:
    """What one action makes of one event: one item of a batch, or the subject of one conversation.

    Nobody changes one (`dataclasses.replace` makes another). It isn't frozen because that would make it five times as dear, and
    there is one for every event at every destination.

    ``body`` is JSON as the vendor wants it, without credentials. ``key`` is the idempotency key where the vendor has
    one (derived from ``messageId``, so every attempt has the same). Payloads of different ``group`` never share a request.
    ``notes`` say what a build had to leave out or change, each in one sentence: explain shows them as warnings, and delivery
    logs and counts them with the vendor's own.
    """

    body: Any
    key: str = ""
    group: str = ""
    notes: tuple[str, ...] = ()


def left_out(names: Iterable[str], because: str) -> tuple[str, ...]:
    """The note of a payload that lacks *names*, such as "beyond the 25 that the vendor takes; left out: a, b"; none where none
    are. Cut at 300 characters."""
    listed = ", ".join(names)
    return (f"{because}; left out: {listed}"[:300],) if listed else ()


def make_room(body: dict[str, Any], part: str, most_bytes: int) -> list[str]:
    """Take the largest values out of the object *part* of *body*, as many as it takes for *body* to be at most *most_bytes* of
    JSON; ends with their names, for `left_out`. *body* gets another *part*, and what it had stays as it is.

    For a vendor that refuses what is larger as a whole: an order without its products still tells of the order.
    """
    excess = len(orjson.dumps(body)) - most_bytes
    if excess <= 0:
        return []
    values: dict[str, Any] = body.get(part, {})
    sizes = {name: len(orjson.dumps({name: value})) - len("{}") + len(",") for name, value in values.items()}
    beyond: list[str] = []
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[name]
        beyond.append(name)
    body[part] = {name: value for name, value in values.items() if name not in beyond}
    return beyond


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a plugin makes it. The core adds credentials, the content type and the compression.

    ``url`` is absolute; make it with `build_url`. ``json`` is the body, None for no body. With ``form`` it is an object of
    texts, and goes out as a form.
    """

    method: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gzip: bool = False
    form: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """A vendor's answer. Header names are lower case. ``body`` is cut at the core's limit and may be anything."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """A 2xx."""
        return 200 <= self.status <= 299

    @property
    def is_page(self) -> bool:
        """A body that begins as HTML does: of a proxy, a firewall or a login."""
        return self.body.lstrip()[:1] == b"<"

    def unless_page(self) -> Response:
        """This response, for the success of which the vendor has no words that could be told from a page.

        Raises:
            UnreadableAnswer: a success with a page.
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
            UnreadableAnswer: it is none (an HTML page of a proxy, a cut body, nothing).
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise UnreadableAnswer(f"status {self.status}, expected JSON, got {_start(self)!r}") from None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, and an empty one where it is none: for refusals, which a proxy may word as it likes."""
        try:
            body = self.json()
        except UnreadableAnswer:
            return {}
        return body if isinstance(body, dict) else {}


def _start(response: Response) -> str:
    return " ".join(response.text.split())[:120]


def build_url(base: str, *segments: str, query: Mapping[str, str] | None = None) -> str:
    """Join path segments to *base*, each percent-encoded whole, so that an id can never change the path.

    A segment that is ``.`` or ``..`` has its dots encoded too. *segments* that come from the code may hold no slash
    either: write ``build_url(base, "v1", "import")``.
    """
    path = "".join("/" + _encode(segment) for segment in segments)
    return base.rstrip("/") + path + (f"?{urlencode(query, quote_via=quote, errors='replace')}" if query else "")


def encode_form(fields: Any) -> bytes:
    """The body of a form, in the order of *fields*.

    Raises:
        ValueError: *fields* is no object, or a value is no text: how a vendor wants numbers, lists and null is for its plugin
            to say.

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
