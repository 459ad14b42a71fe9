"""Endpoints: where payloads go, which limits hold there, and how the answer is read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from router.plugin.credential import Credential
from router.plugin.request import Payload, Request, Response
from router.plugin.verdict import Blocked, Judgement, Verdict

USUAL_BATCH_WAIT_S: Final = 0.1


def _no_credentials(settings: Any) -> Sequence[Credential]:
    return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a conversation, and the answer that explain assumes, since explain sends nothing."""

    request: Request
    assumed: Response


Conversation = Generator[Step, Response, Verdict | Blocked]
"""Yields steps one by one, receives each response, and returns the verdict on its payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What every endpoint declares. Use `BatchEndpoint` or `ConversationEndpoint`."""

    name: str
    """Unique within the plugin; actions name it."""
    credentials: Callable[[Any], Sequence[Credential]] = _no_credentials
    """From the settings: the credentials that the core adds to each request, in this order."""
    origin: Callable[[Any], str] | None = None
    """From the settings: the vendor's scheme and host for this endpoint, if they differ from those of the settings'
    ``api_url``. A ``base_url`` still replaces them: ``build_url(settings.base_url or HOST, …)``."""
    rate_limit_per_s: float | None = None
    """Requests per second that the vendor allows. The operator can lower it."""
    rate_limit: Callable[[Any], float] | None = None
    """From the settings: the same, if it depends on the operator's plan or way of sending. Wins over *rate_limit_per_s*."""
    shared_rate: str = ""
    """A name, if the limit is not this endpoint's alone: all endpoints that give the same name share the limit."""
    reset_header: str = ""
    """A header (lower case) that says when a 429 ends, in Unix seconds or seconds to wait. Retry-After is always read."""
    is_independent: bool = False
    """True if the vendor does not mind how requests here interleave with those to other endpoints. Order is then kept within
    this endpoint only."""

    @property
    def rate_name(self) -> str:
        """What its rate is kept by: its own name, unless it shares it."""
        return self.shared_rate or self.name

    def for_settings(self, settings: Any) -> Self:
        """This endpoint with its limits for one destination. The core calls it once, when the destination starts."""
        return self if self.rate_limit is None else replace(self, rate_limit_per_s=self.rate_limit(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEndpoint(Endpoint):
    """Payloads travel together: *pack* makes one request of 1 to *max_events* of them, *judge* reads the answer. Both are pure.

    ``pack(payloads, settings) -> Request``: the payloads are of one group, in order, and within the limits.

    ``judge(response, payloads, settings) -> Judgement``: one verdict per payload in request order, or one verdict for the
    whole request. It may raise `UnreadableAnswer`; the core then keeps the batch and tries again.
    """

    pack: Callable[[Sequence[Payload], Any], Request]
    judge: Callable[[Response, Sequence[Payload], Any], Judgement]
    max_events: int = 1
    max_bytes: int = 1_000_000
    """Size of the request's body as JSON, before compression."""
    max_payload_bytes: int | None = None
    """Size of one payload's JSON. A larger payload is dead without being sent. None: *max_bytes*."""
    batch_wait_s: float = USUAL_BATCH_WAIT_S
    """How long a batch that isn't full waits for more, up to a minute; the operator's ``delivery.batch_wait`` wins. Long for a
    vendor that wants few large requests and nothing soon, such as an archive."""
    batch_size: Callable[[Any], int] | None = None
    """From the settings: how many payloads the operator wants in a request, if they may choose. *max_events* still holds."""
    byte_limits: Callable[[Any], tuple[int, int]] | None = None
    """From the settings: *max_bytes* and *max_payload_bytes*, if they depend on which of several products is in use."""
    are_bodies_opaque: bool | Callable[[Any], bool] = False
    """True, or a function of the settings, if *pack* puts each body into the request's JSON unchanged and neither *pack* nor
    *judge* looks into a body, unless by `without`. They then receive bodies that are already written as JSON
    (``orjson.Fragment``), which is cheaper."""

    def for_settings(self, settings: Any) -> Self:
        limited = Endpoint.for_settings(self, settings)
        if callable(self.are_bodies_opaque):
            limited = replace(limited, are_bodies_opaque=self.are_bodies_opaque(settings))
        if self.byte_limits is not None:
            max_bytes, max_payload_bytes = self.byte_limits(settings)
            limited = replace(limited, max_bytes=max_bytes, max_payload_bytes=max_payload_bytes)
        if self.batch_size is None:
            return limited
        return replace(limited, max_events=max(1, min(self.max_events, self.batch_size(settings))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEndpoint(Endpoint):
    """One payload takes several requests: *converse* is a generator without I/O. A retry starts it over.

    ``converse(payload, settings) -> Conversation``: each step must be safe to repeat. The generator judges each response
    itself; `judge_by_status` reads the usual ones.
    """

    converse: Callable[[Payload, Any], Conversation]
