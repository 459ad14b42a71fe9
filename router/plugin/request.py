"""Payloads, the requests that carry them, and the vendor's responses. Plain values without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import orjson

FORM = "application/x-www-form-urlencoded"
"""The content type of a form."""


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


def left_out(names: Iterable[str], because: str) -> tuple[str, ...]:
    """The notes of a payload that lacks *names*: one, such as "beyond the 25 that the vendor takes; left out: a, b", cut at 300
    characters; none if *names* is empty."""
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
    beyond: dict[str, None] = {}
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[name]
        beyond[name] = None
    body[part] = {name: value for name, value in values.items() if name not in beyond}
    return list(beyond)


def without(payload: Payload, paths: Iterable[Sequence[str]], because: str) -> Payload | None:
    """*payload* without what the vendor refused of its body, and with a note of it; for `Again`. None where nothing is refused,
    or something that is not there.

    Each path is of names, from the outside in: ``("properties", "plan")``. What lies in a list takes the whole list with it.
    """
    body = _read(payload.body)
    found = {_place_of(body, tuple(path)) for path in paths}
    places = [place for place in found if place is not None]
    if not places or None in found:
        return None
    for place in sorted(places, key=len, reverse=True):  # what lies within another one first
        body = _take_out(body, place)
    return replace(payload, body=body, notes=payload.notes + left_out(sorted(map(".".join, places)), because[:200]))


def has_part(body: Any, path: Sequence[str]) -> bool:
    """Whether *body* has what `without` would take out."""
    return _place_of(_read(body), tuple(path)) is not None


def _read(body: Any) -> Any:
    """*body*, whether it is written as JSON already or not."""
    return orjson.loads(orjson.dumps(body)) if isinstance(body, orjson.Fragment) else body


def _place_of(body: Any, path: tuple[str, ...]) -> tuple[str, ...] | None:
    if not path or not isinstance(body, dict) or path[0] not in body:
        return None
    value = body[path[0]]
    if len(path) == 1 or isinstance(value, list):
        return path[:1]
    inner = _place_of(value, path[1:])
    return inner and path[:1] + inner


def _take_out(body: dict[str, Any], place: Sequence[str]) -> dict[str, Any]:
    first, *rest = place
    if rest:
        return {**body, first: _take_out(body[first], rest)}
    return {name: value for name, value in body.items() if name != first}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a plugin makes it. The core adds credentials, the content type and compression.

    ``url`` is absolute; make it with `build_url`. ``json`` is the body; None for no body. With ``form``, the body is an object
    of texts and is sent as a form. ``timeout_s`` is for a vendor known to need longer than most: the request may take so long
    even if the operator's ``delivery.timeout`` is shorter.
    """

    method: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    gzip: bool = False
    form: bool = False
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
        headers["Content-Type"] = FORM if request.form else "application/json"


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
