"""One flight: a batch (or one conversation) is packed, sent, judged, and tried a few times at once if need be."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity

from router.clock import Clock
from router.delivery.send import CredentialsRefused, Send, SendFailed
from router.delivery.tally import Tally
from router.delivery.transit import Item
from router.destination import MAX_STEPS
from router.plugin import (
    Again,
    BatchEndpoint,
    Blocked,
    ConversationEndpoint,
    Endpoint,
    Later,
    Payload,
    PluginSettings,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    describe,
    is_outage,
)

TRIES = 3
"""Sends within one flight; what fails longer than that waits on disk between flights."""

MAX_WAIT_S = 5.0
"""The longest wait within a flight; a vendor that asks for more ends it."""

MAX_ASKED_S = 86_400.0
"""The longest that a vendor can make us wait: a header that says "in 2106" must not strand a destination."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The vendor answered: one verdict per payload, in order."""

    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class Outage:
    """The destination as a whole could not take the request. ``status`` is None where no answer came."""

    reason: str
    after_s: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """The plugin raised, or judged something other than what it was given."""

    reason: str


Landing = Judged | Outage | Raised | Split | Blocked
"""How a flight ended."""


class Flights:
    """Sends batches for one destination. Holds no state between flights."""

    def __init__(
        self,
        settings: PluginSettings,
        senders: dict[str, Send],
        clock: Clock,
        chance: random.Random,
        tally: Tally,
        tries: int = TRIES,
    ) -> None:
        """*senders*: per endpoint name, with its limits around it."""
        self._settings = settings
        self._senders = senders
        self._clock = clock
        self._chance = chance
        self._tally = tally
        self._tries = tries

    async def fly(self, batch: Sequence[Item]) -> Landing:
        """Deliver *batch* (1 or more items of one endpoint), trying a few times while the destination seems unwell."""
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._tries),
            wait=self._wait_s,
            retry=tenacity.retry_if_result(_is_worth_another_try),
            sleep=self._clock.sleep,
            retry_error_callback=_last_landing,
        )
        landing: Landing = await retrying(self._try_once, batch)
        return landing

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        landing = _last_landing(state)
        if isinstance(landing, Outage) and landing.after_s is not None:
            return landing.after_s
        return self._chance.uniform(0, min(MAX_WAIT_S, 0.25 * 2.0**state.attempt_number))

    async def _try_once(self, batch: Sequence[Item]) -> Landing:
        endpoint = batch[0].endpoint
        payloads = [item.payload for item in batch]
        try:
            if isinstance(endpoint, BatchEndpoint):
                return await self._send_batch(endpoint, payloads)
            assert isinstance(endpoint, ConversationEndpoint)
            return await self._converse(endpoint, payloads[0])
        except CredentialsRefused as error:
            return Blocked(str(error))
        except SendFailed as error:
            return Outage(str(error))
        except UnreadableAnswer as error:
            return Outage(f"unreadable answer: {error}")
        except Exception as error:
            return Raised(f"the plugin raised {type(error).__name__}: {error}")

    async def _send_batch(self, endpoint: BatchEndpoint, payloads: Sequence[Payload]) -> Landing:
        request = endpoint.pack(payloads, self._settings)
        self._tally.batch_sizes.observe(len(payloads))
        response = await self._send(endpoint, request, payloads[0].key)
        judgement = endpoint.judge(response, payloads, self._settings)
        if isinstance(judgement, Split | Blocked):
            return judgement
        return self._weigh(endpoint, response, list(judgement), len(payloads))

    async def _converse(self, endpoint: ConversationEndpoint, payload: Payload) -> Landing:
        conversation = endpoint.converse(payload, self._settings)
        response = Response(0)
        try:
            step = next(conversation)
            for _ in range(MAX_STEPS):
                response = await self._send(endpoint, step.request, payload.key)
                step = conversation.send(response)
            return Raised(f"the plugin wants to send more than {MAX_STEPS} requests for one payload")
        except StopIteration as end:
            verdict: Any = end.value
        finally:
            conversation.close()
        if isinstance(verdict, Blocked):
            return verdict
        return self._weigh(endpoint, response, [verdict], 1)

    async def _send(self, endpoint: Endpoint, request: Any, key: str) -> Response:
        return await self._senders[endpoint.name].send(request, endpoint.credentials(self._settings), key)

    def _weigh(self, endpoint: Endpoint, response: Response, verdicts: Sequence[Any], expected: int) -> Landing:
        if len(verdicts) != expected or not all(isinstance(verdict, Verdict) for verdict in verdicts):
            return Raised(
                f"the plugin gave {len(verdicts)} verdicts for {expected} payloads, or something else than verdicts"
            )
        if all(isinstance(verdict, Again) for verdict in verdicts):
            return Raised("the plugin wants to send the same again, for ever")
        later = [verdict for verdict in verdicts if isinstance(verdict, Later)]
        if not later:
            return Judged(verdicts)
        header_s = asked_wait_s(response, endpoint.reset_header, self._clock.now())
        if len(later) == len(verdicts) and all(_is_outage(verdict, response) for verdict in later):
            asked = [verdict.after_s for verdict in later if verdict.after_s is not None]
            after_s = max(asked, default=None) or header_s
            return Outage(later[0].reason or describe(response), _bounded(after_s), response.status)
        return Judged(
            [_with_wait(verdict, header_s) if isinstance(verdict, Later) else verdict for verdict in verdicts]
        )


def _is_outage(later: Later, response: Response) -> bool:
    return is_outage(response.status) if later.is_outage is None else later.is_outage


def _is_worth_another_try(landing: object) -> bool:
    return isinstance(landing, Outage) and (landing.after_s or 0.0) <= MAX_WAIT_S


def _last_landing(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.result()


def asked_wait_s(response: Response, reset_header: str, now_s: float) -> float | None:
    """The seconds a vendor asks to wait: Retry-After (seconds or HTTP date), else the plugin's reset header. None: not said.

    A reset header holds Unix seconds, or, where its number is too small to be a date of this century, seconds to wait.
    """
    text = response.headers.get("retry-after", "").strip()
    if text:
        seconds = _number(text)
        if seconds is not None:
            return max(0.0, seconds)
        try:
            moment = parsedate_to_datetime(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, moment.timestamp() - now_s)
        except (ValueError, TypeError, OverflowError, IndexError):  # a header may hold anything
            pass
    seconds = _number(response.headers.get(reset_header, "")) if reset_header else None
    if seconds is None:
        return None
    return max(0.0, seconds - now_s if seconds > 1e9 else seconds)


def _with_wait(later: Later, header_s: float | None) -> Later:
    return replace(later, after_s=_bounded(later.after_s or header_s))


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), MAX_ASKED_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e11 else None
