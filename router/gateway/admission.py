"""Admission: which calls of a request become events, and why the others do not. It stores nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from router.gateway.call_text import call_text
from router.gateway.calls import Calls
from router.gateway.limits import Limits
from router.gateway.rejection import MAX_KEPT, LimitCode, Rejection
from router.gateway.shape import Shape, measure
from router.gateway.visitor import Visitor
from router.log.record import Entry
from router.normalise import LEFT_OUT, MAX_MESSAGE_ID_LENGTH, normalise
from router.rejection import Rejected, RejectionCode
from router.suppressed import Suppressed

UNSEEN: Final = Visitor()

MAX_LISTED: Final = 10_000
"""The most rejections that a receipt names one by one. Beyond `Limits.max_events` all have the same reason and share a
range."""

USUAL_KEY_LENGTH: Final = 500
"""Characters of the id of a user. A longer one counts twice towards `Limits.max_event_bytes`."""

_OF_BATCH: Final = "batch.context"
"""Where it is, if what the batch says for all its events is beyond a limit of one. Its flags are measured with it, and
small."""
_LEAST_BYTES_OF_KEY = 2
"""A list within a list, which counts as one."""
_LACKING: Final = frozenset({RejectionCode.MISSING_ID, RejectionCode.MISSING_EVENT})
"""What a batch is rejected for where one event is expected."""
_LEFT_OUT_SILENTLY = 100
"""The most keys of a call that its event may lack without a warning: keys of the spec that are null or empty."""

_TURN_BYTES = 20_000
"""Bytes of calls that are read before other tasks get a turn: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Mended:
    """The call at *index* was taken although something was odd about it."""

    index: int
    message_id: str
    warnings: tuple[str, ...]


@dataclass(slots=True)
class Admitted:
    """*entries* for the log, in the order of their calls; what is not stored; and the *rejections* of all the others."""

    entries: list[Entry] = field(default_factory=list)
    suppressed: list[str] = field(default_factory=list)
    """The messageIds of events of suppressed people, which are not stored."""
    rejections: list[Rejection] = field(default_factory=list)
    mended: list[Mended] = field(default_factory=list)

    def leave_out(self, suppressed: Suppressed) -> None:
        """Take the entries of *suppressed* out."""
        kept: list[Entry] = []
        for entry in self.entries:
            if _is_of(entry, suppressed):
                self.suppressed.append(entry.message_id)
            else:
                kept.append(entry)
        self.entries = kept


async def admit(
    calls: Calls,
    body_bytes: int,
    source: str,
    received_at_s: float,
    new_id: Callable[[], str],
    limits: Limits,
    visitor: Visitor = UNSEEN,
) -> Admitted:
    """Judge each call by itself. *body_bytes* is the size of the request's body; *visitor* is whom the request came from.

    It waits for nothing, and only gives other tasks a turn now and then.
    """
    admitted = Admitted()
    count = min(len(calls.calls), limits.max_events)
    defaults_bytes = (
        _size({"context": calls.context, "integrations": calls.integrations})
        if calls.context or calls.integrations
        else 0
    )
    turn = max(1, count * _TURN_BYTES // max(1, body_bytes + count * defaults_bytes))
    room = limits.max_stored_bytes
    received_at = datetime.fromtimestamp(received_at_s, UTC)
    of_batch = Shape(0, 0)
    if defaults_bytes:  # measured in a list, where they are as deep as in an event
        of_batch = measure([calls.context, calls.integrations], limits.max_keys, limits.max_depth)
    small_bytes = _LEAST_BYTES_OF_KEY * (limits.max_keys - of_batch.keys - _LEFT_OUT_SILENTLY)
    is_plain = calls.is_plain
    for index, call in enumerate(calls.calls[:count]):
        if index % turn == turn - 1:
            await asyncio.sleep(0)
        try:
            if room <= 0:
                raise _Beyond(LimitCode.BATCH_TOO_BIG, f"at most {limits.max_stored_bytes} bytes in one batch", "more")
            if body_bytes + defaults_bytes > limits.max_event_bytes:
                # Before the work, since a call can be as big as a body.
                _check_size(defaults_bytes, limits, _OF_BATCH)
                _check_size(_size(call), limits)
            signed = visitor.sign(call)
            if not is_plain:
                # Before the work, since mending a call is slow.
                _check_shape(signed, limits, of_batch)
            normalised = normalise(
                signed,
                received_at=received_at,
                new_id=new_id,
                type=calls.type,
                sent_at=calls.sent_at,
                context=calls.context,
                integrations=calls.integrations,
                is_known_plain=is_plain,
            )
            event = visitor.complete(normalised.event)
            stored = event.to_json()
            size = len(stored)
            if (
                normalised.warnings
                or size > small_bytes
                or stored.count(b"{") + (stored.count(b"[") if stored.find(b"[") >= 0 else 0) > limits.max_depth
                or not LEFT_OUT.isdisjoint(signed)
            ):
                # Otherwise the event has all that its call has, and a call has no more keys than it has bytes for them, and
                # no more levels than brackets.
                _check_shape(signed, limits, of_batch)
            entry = Entry.of(event, source, received_at_s, stored)
            key = entry.user_key
            # It lies in the log once more, beside the event, where there is room for one of usual length.
            _check_size(size if len(key) <= USUAL_KEY_LENGTH else size + len(key.encode()), limits)
        except (Rejected, _Beyond) as reason:
            beyond = _beyond_shape(signed, limits, of_batch) if isinstance(reason, Rejected) else None
            room -= defaults_bytes  # the work was done
            kept = call_text(call) if len(admitted.rejections) < MAX_KEPT else ""
            # No name may keep the exception after this clause: it refers to this frame, which holds a whole body.
            admitted.rejections.append(_rejection(index, call, beyond or reason, kept))
            continue
        room -= size if size > defaults_bytes else defaults_bytes
        warnings = calls.warnings + normalised.warnings
        if warnings:
            admitted.mended.append(Mended(index, event.message_id, warnings))
        admitted.entries.append(entry)
    if count < len(calls.calls):
        admitted.rejections.extend(_surplus(calls.calls, count, MAX_KEPT - len(admitted.rejections)))
    return admitted


def _is_of(entry: Entry, suppressed: Suppressed) -> bool:
    if entry.type == "alias":  # it names another one, which only the event has
        return suppressed.names(orjson.loads(entry.event))
    return suppressed.has(entry.user_id, entry.anonymous_id)


class _Beyond(Exception):
    """A call exceeds a limit of the gateway. Has the attributes of `Rejected`."""

    def __init__(self, code: LimitCode, expected: str, found: str, field: str = "") -> None:
        self.code = code
        self.field = field
        self.expected = expected
        self.found = found


def _rejection(index: int, call: Any, error: Rejected | _Beyond, kept: str) -> Rejection:
    # A batch at a path for one event lacks what that event needs, which says nothing to whoever sent it.
    is_batch = error.code in _LACKING and isinstance(call, dict) and isinstance(call.get("batch"), list)
    found = "a batch, which is for /v1/batch" if is_batch else error.found
    return Rejection(index, _message_id(call), error.code, error.field, error.expected, found, call=kept)


def _check_size(size: int, limits: Limits, field: str = "") -> None:
    if size > limits.max_event_bytes:
        expected = f"at most {limits.max_event_bytes} bytes as JSON"
        raise _Beyond(LimitCode.EVENT_TOO_BIG, expected, f"{size} bytes", field)


def _check_shape(call: Any, limits: Limits, of_batch: Shape) -> None:
    beyond = _beyond_shape(call, limits, of_batch)
    if beyond is not None:
        try:
            raise beyond
        finally:
            del beyond  # it now refers to this frame: a cycle, which only the garbage collector would free


def _beyond_shape(call: Any, limits: Limits, of_batch: Shape) -> Rejected | _Beyond | None:
    """Why *call*, together with what its batch says for all calls, is too deep or has too many keys; None if it is neither."""
    shape = measure(call, limits.max_keys, limits.max_depth)
    if max(shape.depth, of_batch.depth) > limits.max_depth:
        expected = f"at most {limits.max_depth} levels of objects and lists in one event"
        return Rejected(
            RejectionCode.TOO_DEEP, _OF_BATCH if of_batch.depth > limits.max_depth else "", expected, "more"
        )
    if shape.keys + of_batch.keys > limits.max_keys:
        field = _OF_BATCH if of_batch.keys > limits.max_keys else ""
        return _Beyond(LimitCode.TOO_MANY_KEYS, f"at most {limits.max_keys} keys in one event", "more", field)
    return None


def _surplus(calls: Sequence[Any], first: int, kept: int) -> list[Rejection]:
    """The rejections of all calls from index *first* on: one batch may have no more. *kept* of them are kept for an
    operator."""
    expected = f"at most {first} events in one batch"
    found = f"{len(calls)} events"
    listed = min(len(calls), first + MAX_LISTED)
    rejections = [
        Rejection(
            index,
            _message_id(calls[index]),
            LimitCode.TOO_MANY_EVENTS,
            "",
            expected,
            found,
            call=call_text(calls[index]) if index - first < kept else "",
        )
        for index in range(first, listed)
    ]
    if listed < len(calls):
        last = len(calls) - 1
        rejections.append(Rejection(listed, None, LimitCode.TOO_MANY_EVENTS, "", expected, found, through=last))
    return rejections


def _size(value: Any) -> int:
    """The size of *value* as JSON, in bytes; in characters if it is odd; 0 if it is too deep, which is found out later."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        try:
            return len(json.dumps(value, ensure_ascii=False))
        except RecursionError:
            return 0


def _message_id(call: Any) -> str | None:
    """The ``messageId`` of a rejected call, so that its sender finds it: cut, and fit to be sent back."""
    value = (call.get("messageId") or call.get("message_id")) if isinstance(call, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return value[:MAX_MESSAGE_ID_LENGTH].encode("utf-8", "replace").decode() or None
