"""Endpoints: where payloads go, under which limits, and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from router.plugin.credential import Credential
from router.plugin.request import Payload, Request, Response
from router.plugin.verdict import Blocked, Judgement, Verdict


def _no_credentials(settings: Any) -> Sequence[Credential]:
    return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a conversation, and the answer that explain assumes for it (the core sends nothing in explain)."""

    request: Request
    assumed: Response


Conversation = Generator[Step, Response, Verdict | Blocked]
"""Yields steps one by one, is sent each response, returns the verdict on its payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What every endpoint declares. Use `BatchEndpoint` or `ConversationEndpoint`."""

    name: str
    """Unique within the plugin; actions name it."""
    credentials: Callable[[Any], Sequence[Credential]] = _no_credentials
    """From the settings: what the core adds to each request, in this order."""
    origin: Callable[[Any], str] | None = None
    """From the settings: the vendor's scheme and host for requests here, where it is not that of the settings' ``api_url``.
    With a ``base_url`` they go there all the same: ``build_url(settings.base_url or HOST, …)``."""
    rate_limit_per_s: float | None = None
    """Requests per second that the vendor allows; the operator can lower it."""
    rate_limit: Callable[[Any], float] | None = None
    """From the settings: the same, where it depends on the plan the operator pays for or on how they send. Wins over
    *rate_limit_per_s*."""
    shared_rate: str = ""
    """A name, where the limit is not of this endpoint alone: it is kept over all endpoints that give the same one."""
    reset_header: str = ""
    """A header (lower case) that says when a 429 ends, as Unix seconds or seconds to wait; Retry-After is always read."""
    is_independent: bool = False
    """True when the vendor does not care how requests here interleave with those of other endpoints: order is then kept
    within this endpoint only."""

    @property
    def rate_name(self) -> str:
        """What its rate is kept by: its own name, unless it shares it."""
        return self.shared_rate or self.name

    def for_settings(self, settings: Any) -> Self:
        """This endpoint with its limits for one destination; the core calls it once, when the destination starts."""
        return self if self.rate_limit is None else replace(self, rate_limit_per_s=self.rate_limit(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEndpoint(Endpoint):
    """Payloads travel together: *pack* makes one request of 1 to *max_events*, *judge* reads the answer. Both pure.

    ``pack(payloads, settings) -> Request``: payloads of one group, in order, within the limits.

    ``judge(response, payloads, settings) -> Judgement``: one verdict per payload in request order, or one word for the
    whole request. It may raise `UnreadableAnswer`: the core keeps the batch and tries again.
    """

    pack: Callable[[Sequence[Payload], Any], Request]
    judge: Callable[[Response, Sequence[Payload], Any], Judgement]
    max_events: int = 1
    max_bytes: int = 1_000_000
    """Of the request's body as JSON, before compression."""
    max_payload_bytes: int | None = None
    """Of one payload's JSON; a larger one is dead without being sent. None: *max_bytes*."""
    batch_size: Callable[[Any], int] | None = None
    """From the settings: how many payloads an operator wants in a request, where that is theirs to say. Never more than
    *max_events*."""
    byte_limits: Callable[[Any], tuple[int, int]] | None = None
    """From the settings: *max_bytes* and *max_payload_bytes*, where they depend on which of several products is in use."""
    are_bodies_opaque: bool | Callable[[Any], bool] = False
    """True, or a function of the settings, where *pack* puts each body into the request's JSON as it is, and neither it nor
    *judge* looks into one. They then get bodies as JSON that is written already (``orjson.Fragment``), which costs less."""

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
    """One payload takes several requests: *converse* is a generator without I/O; a retry starts it over.

    ``converse(payload, settings) -> Conversation``: each step must be safe to repeat. It judges each response itself;
    `judge_by_status` reads the usual ones.
    """

    converse: Callable[[Payload, Any], Conversation]
