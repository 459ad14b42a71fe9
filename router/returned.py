"""Checks what plugins return against what the plugin API promises. Pure.

Each function takes anything and returns what was promised, within bounds, or raises `BadReturn` saying what came instead. They
run inside the guard, since even looking at a value may run the plugin's code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import fields, replace
from inspect import iscoroutine
from itertools import islice
from typing import Any, TypeVar, get_args

import orjson
from pydantic import SecretStr
from yarl import URL

from router.guard import BadReturn, TooMuch, cut
from router.plugin import (
    Again,
    BatchEndpoint,
    Blocked,
    Conversation,
    ConversationEndpoint,
    Credential,
    Dead,
    Delivered,
    Endpoint,
    HeaderKey,
    Later,
    Payload,
    Request,
    Response,
    Skip,
    Split,
    Step,
    Table,
    Verdict,
)
from router.plugin.historical import Harmless, Historical, Marked

MAX_PAYLOADS = 10_000
"""The most payloads of one action for one event."""
MAX_KEY = 10_000
"""Characters of a payload's key and group together."""
MAX_TIMEOUT_S = 600.0
"""As for an operator's ``delivery.timeout``."""
MAX_BATCH_WAIT_S = 60.0
"""As for an operator's ``delivery.batch_wait``."""
MAX_WARNINGS = 20
"""The most warnings of one verdict or payload that are logged."""
MAX_CREDENTIALS = 20
NO_REASON = "the plugin gave no reason"

_Reasoned = TypeVar("_Reasoned", bound=Skip | Split | Blocked | Later | Dead)

Tell = Callable[[str], str]
"""From a plugin's words to those that are told; see `Guard.tell`."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What methods and header names are made of (RFC 9110 section 5.6.2)."""
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers by which the HTTP client says where a request ends and whom it is for. A wrong one would garble the connection."""
_BREAKS = re.compile(r"[\r\n\0]")


def table(value: Any) -> Table:
    """The result of an action's ``table``, if that is a function."""
    found: Table = _expect(value, Table)
    return found


def endpoint(value: Any) -> Endpoint:
    """An endpoint with its limits for one destination: whole numbers of at least 1, and a rate that lets something through."""
    found: Endpoint = _expect(value, BatchEndpoint | ConversationEndpoint)
    if isinstance(found, BatchEndpoint):
        _expect_count("max_events", found.max_events)
        _expect_count("max_bytes", found.max_bytes)
        wait_s = found.batch_wait_s
        if not (_is_number(wait_s) and 0 <= wait_s <= MAX_BATCH_WAIT_S):
            raise BadReturn(f"made batch_wait_s {_show(wait_s)}, expected seconds, at most {MAX_BATCH_WAIT_S:g}")
        if not isinstance(found.are_bodies_opaque, bool):
            raise BadReturn(f"made are_bodies_opaque {_show(found.are_bodies_opaque)}, expected True or False")
        if found.max_payload_bytes is not None:
            _expect_count("max_payload_bytes", found.max_payload_bytes)
    rate = found.rate_limit_per_s
    if rate is not None and not (_is_number(rate) and 0.001 <= rate <= 1e9):
        raise BadReturn(f"made rate_limit_per_s {_show(rate)}, expected requests per second, at least 0.001")
    _expect_text("reset_header", found.reset_header)
    return found


def historical(value: Any, tell: Tell = cut) -> Historical:
    """The result of a plugin's or an action's ``historical``, if that is a function."""
    found: Historical = _expect(value, Skip | Harmless | Marked)
    if isinstance(found, Skip):
        return _told(found, tell)
    if isinstance(found, Marked):
        _expect_text("word", found.word)
        return found
    for seconds in (found.after_s, found.until_s):
        if seconds is not None and not _is_number(seconds):
            raise BadReturn(f"made Harmless with {_show(seconds)}, expected seconds")
    return found


def address(value: Any) -> str:
    """The address that requests go to."""
    if not isinstance(value, str) or not re.match(r"https?://[^/?#\s]", value) or not _is_read(value):
        raise BadReturn(f"gave {_show(value)}, expected an http or https address")
    return value


def _is_read(url: str) -> bool:
    """Whether the client can read *url*. One with an odd port would be refused only when an event is sent there."""
    try:
        return bool(URL(url, encoded=True).origin().host)
    except ValueError:
        return False


def built(value: Any, tell: Tell = cut) -> Skip | tuple[Payload, ...]:
    """The result of an action's ``build``: payloads, in whatever collection, or a `Skip` with a reason."""
    if isinstance(value, Payload):
        return (_payload(value, tell),)
    if isinstance(value, Skip):
        return _told(value, tell)
    is_list = isinstance(value, list)  # asked first: what follows takes long, and is seldom needed
    if not is_list and (isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)):
        raise BadReturn(f"returned {_show(value)}, expected a Payload, several, or Skip")
    payloads = tuple(islice(value, MAX_PAYLOADS + 1))
    if len(payloads) > MAX_PAYLOADS:
        raise TooMuch(f"made more than {MAX_PAYLOADS} payloads of one event")
    return tuple(_payload(each, tell) for each in payloads)


def _payload(value: Any, tell: Tell) -> Payload:
    if not isinstance(value, Payload):
        raise BadReturn(f"returned {_show(value)} among its payloads, expected a Payload")
    key, group = value.key, value.group
    if not isinstance(key, str) or not isinstance(group, str):
        raise BadReturn(f"made a payload with the key {_show(key)} and the group {_show(group)}, expected texts")
    if len(key) + len(group) > MAX_KEY:
        raise TooMuch(f"made a payload whose key and group have more than {MAX_KEY} characters")
    return value if value.notes == () else replace(value, notes=_warnings(value.notes, tell))


def request(value: Any) -> Request:
    """The result of ``pack``, or the request of a conversation's step. Whether it goes to the right host and JSON can hold it
    is checked when it is sent."""
    made: Request = _expect(value, Request)
    if not isinstance(made.method, str) or not _TOKEN.fullmatch(made.method):
        raise BadReturn(f"made a request with the method {_show(made.method)}")
    _expect_text("url", made.url)
    if not isinstance(made.headers, Mapping):
        raise BadReturn(f"made headers of {_show(made.headers)}, expected names and texts")
    headers = dict(made.headers)
    for name, text in headers.items():
        if not _is_header(name):
            raise BadReturn(f"made a header {_show(name)}")
        if not isinstance(text, str) or _BREAKS.search(text):
            raise BadReturn(f'made a header "{name}" that is no text, or holds a line break or NUL')
    if made.timeout_s is not None and not (_is_number(made.timeout_s) and 0 < made.timeout_s <= MAX_TIMEOUT_S):
        raise BadReturn(f"made timeout_s {_show(made.timeout_s)}, expected seconds, at most {MAX_TIMEOUT_S:g}")
    return made if type(made.headers) is dict else replace(made, headers=headers)


def conversation(value: Any) -> Conversation:
    """The result of ``converse``."""
    found: Conversation = _expect(value, Generator)
    return found


def step(value: Any) -> Step:
    """What a conversation yields."""
    found: Step = _expect(value, Step)
    _expect(found.assumed, Response)
    checked = request(found.request)
    return found if checked is found.request else replace(found, request=checked)


def judgement(value: Any, expected: int, tell: Tell = cut) -> list[Verdict] | Split | Blocked:
    """The result of ``judge`` for *expected* payloads."""
    if isinstance(value, Split | Blocked):
        return _told(value, tell)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise BadReturn(f"returned {_show(value)}, expected verdicts, Split or Blocked")
    verdicts = list(islice(value, expected + 1))
    if len(verdicts) != expected:
        count = f"more than {expected}" if len(verdicts) > expected else str(len(verdicts))
        raise BadReturn(f"returned {count} verdicts for {expected} payloads")
    if all(isinstance(each, Again) and each.instead is None for each in verdicts):
        raise BadReturn("wants to send the same again, for ever")
    return [_verdict(each, tell) for each in verdicts]


def last_word(value: Any, tell: Tell = cut) -> Verdict | Blocked:
    """What a conversation returns."""
    if isinstance(value, Blocked):
        return _told(value, tell)
    if isinstance(value, Delivered | Later | Dead):
        return _verdict(value, tell)
    raise BadReturn(f"returned {_show(value)}, expected one of Delivered, Later, Dead and Blocked")


def _verdict(value: Any, tell: Tell) -> Verdict:
    if isinstance(value, Delivered):
        return value if not value.warnings else replace(value, warnings=_warnings(value.warnings, tell))
    if isinstance(value, Dead):
        return _told(value, tell)
    if isinstance(value, Later):
        if value.after_s is not None and not (_is_number(value.after_s) and value.after_s >= 0):
            raise BadReturn(f"returned Later with after_s {_show(value.after_s)}, expected seconds")
        if value.max_attempts is not None:
            _expect_count("max_attempts", value.max_attempts)
        if value.is_outage is not None and not isinstance(value.is_outage, bool):
            raise BadReturn(f"returned Later with is_outage {_show(value.is_outage)}, expected True, False or None")
        return _told(value, tell)
    if isinstance(value, Again):
        return value if value.instead is None else Again(_left_of_it(value.instead, tell))
    raise BadReturn(f"returned {_show(value)}, expected Delivered, Later, Dead or Again")


def _left_of_it(value: Any, tell: Tell) -> Payload:
    """A payload that takes another's place. It is written as JSON here, where it is known whose fault it is if it can't be."""
    payload = _payload(value, tell)
    try:
        orjson.dumps(payload.body)
    except TypeError as error:
        raise BadReturn(f"made a payload that JSON can't hold: {error}") from error
    return payload


def _warnings(value: Any, tell: Tell) -> tuple[str, ...]:
    """The warnings, mended if need be: no event may be lost because its warnings are wrong."""
    if not isinstance(value, tuple | list):
        return (tell(f"the plugin gave {_show(value)} for its warnings"),)
    return tuple(tell(text if isinstance(text, str) else _show(text)) for text in value[:MAX_WARNINGS])


def credentials(value: Any) -> tuple[Credential, ...]:
    """The result of an endpoint's ``credentials``. Errors never quote a wrong value, since it may be a secret."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise BadReturn(f"returned {_kind(value)}, expected a list of credentials")
    found = tuple(islice(value, MAX_CREDENTIALS + 1))
    if len(found) > MAX_CREDENTIALS:
        raise BadReturn(f"returned more than {MAX_CREDENTIALS} credentials")
    for each in found:
        if not isinstance(each, get_args(Credential)):
            raise BadReturn(f"returned {_kind(each)} among its credentials")
        for part in fields(each):
            value = getattr(each, part.name)
            if _is_good(part.type, value):
                continue
            if isinstance(value, SecretStr):
                raise BadReturn(f"returned {_kind(each)} whose {part.name} holds no text that UTF-8 can write")
            raise BadReturn(f"returned {_kind(each)} whose {part.name} is {_kind(value)}, expected {part.type}")
        if isinstance(each, HeaderKey) and not _is_header(each.name):
            raise BadReturn("returned HeaderKey whose name can't be a header's")
    return found


def _is_good(declared: Any, value: Any) -> bool:
    """Whether a credential's field has the declared type."""
    match str(declared):
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "SecretStr":
            return isinstance(value, SecretStr) and _is_sendable(value.get_secret_value())
        case "tuple[str, ...]":
            return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        case _:
            return callable(value)


def _is_sendable(secret: Any) -> bool:
    try:
        return isinstance(secret, str) and bool(secret.encode() or True)
    except UnicodeEncodeError:
        return False


def signed(value: Any) -> dict[str, str]:
    """The headers of a `Signature`. Never quoted either."""
    if not isinstance(value, Mapping):
        raise BadReturn(f"returned {_kind(value)}, expected headers")
    headers = dict(value)
    if not all(_is_header(name) and isinstance(text, str) for name, text in headers.items()):
        raise BadReturn("returned headers that are none")
    return headers


def _is_header(name: Any) -> bool:
    return isinstance(name, str) and bool(_TOKEN.fullmatch(name)) and name.lower() not in _FRAMING


def _told(value: _Reasoned, tell: Tell) -> _Reasoned:
    """*value* with a reason that can be stored and told. Never an empty one, since that would mean none."""
    reason: Any = value.reason
    if not isinstance(reason, str):
        raise BadReturn(f"returned {_kind(value)} whose reason is {_show(reason)}, expected a text")
    told = tell(reason) or NO_REASON
    return value if told == reason else replace(value, reason=told)


def _expect(value: Any, kind: Any) -> Any:
    if isinstance(value, kind):
        return value
    if iscoroutine(value):
        value.close()  # nobody will await it
    names = " or ".join(each.__name__ for each in get_args(kind) or (kind,))
    raise BadReturn(f"gave {_show(value)}, expected a {names}")


def _expect_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise BadReturn(f"made a {name} of {_show(value)}, expected a text")


def _expect_count(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadReturn(f"made {name} {_show(value)}, expected a whole number of at least 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _show(value: Any) -> str:
    """*value* for a message: plain values, others by their type, since showing them could run the plugin's code. A long text is
    not shown in part: it may be a secret, which is known only as a whole."""
    if isinstance(value, str | bytes):
        return repr(value) if len(value) <= 80 else f"{_kind(value)} of {len(value)} characters"
    if isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    return _kind(value)
