"""The calls of a request, as they came, and what the request says for all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.event import EventType
from router.gateway.refusal import RefusalCode, bad_request
from router.odd_json import TWICE, Doubled
from router.rejection import kind_of

_OF_BATCH = frozenset({"context", "integrations", "sentAt"})


@dataclass(slots=True)
class Calls:
    """The calls of one request, as they came, and what the request says for all of them."""

    calls: Sequence[Any]
    type: EventType | None = None
    """The type according to the path."""
    sent_at: Any = None
    context: Any = None
    integrations: Any = None
    warnings: tuple[str, ...] = ()
    """Warnings that concern each call."""
    is_plain: bool = False
    """They are known to hold nothing odd, apart from their depth."""


def read_single(
    document: Mapping[str, Any], kind: EventType, sent_at_header: str | None, is_plain: bool = False
) -> Calls:
    """The one call that *document* is."""
    return Calls([document], type=kind, sent_at=sent_at_header, is_plain=is_plain)


def read_batch(document: Mapping[str, Any], sent_at_header: str | None, is_plain: bool = False) -> Calls:
    """The calls in ``{"batch": […], "sentAt"?, "context"?, "integrations"?}``.

    Raises:
        Refused: 400. ``batch`` is not a list, or stands there twice: the events of the first one would be lost in silence.
    """
    twice = document.names if isinstance(document, Doubled) else ()
    if "batch" in twice:
        message = "batch: expected one list of events, found several"
        raise bad_request(
            RefusalCode.INVALID_BATCH, message, field="batch", expected="one list of events", found="several"
        )
    calls = document.get("batch")
    if not isinstance(calls, list):
        found = kind_of(calls)
        message = f"batch: expected a list of events, found {found}"
        raise bad_request(RefusalCode.INVALID_BATCH, message, field="batch", expected="a list of events", found=found)
    return Calls(
        calls,
        sent_at=document.get("sentAt") or sent_at_header,
        context=document.get("context"),
        integrations=document.get("integrations"),
        warnings=tuple(f"batch.{name}: {TWICE}" for name in twice if name in _OF_BATCH),
        is_plain=is_plain,
    )
