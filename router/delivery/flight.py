"""A flight: a batch (or one conversation) is packed, sent and judged, and if need be tried again a few times at once.

After each try the pace is told what the answer says about the vendor's load. It can't be earlier: the plugin decides what an
answer means.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import tenacity

from router.clock import Clock
from router.delivery.gate import Gate, HeldBack
from router.delivery.landing import Held, Judged, Landing, Outage, Raised, Unsendable
from router.delivery.sending.retry_after import asked_wait_s, bounded
from router.delivery.sending.send import CredentialsRefused, NoToken, Send, SendFailed, TimedOut
from router.delivery.signal import Signal
from router.delivery.tally import Tally
from router.delivery.transit import Item
from router.guard import PluginFailed, PluginStuck
from router.origin import UrlTooLong
from router.plugin import (
    BatchEndpoint,
    Blocked,
    ConversationEndpoint,
    Endpoint,
    Later,
    Payload,
    Request,
    Response,
    Split,
    Step,
    UnreadableAnswer,
    Verdict,
    describe,
    is_outage,
)
from router.plugin_calls import CredentialsFailed, PluginCalls

TRIES = 3
"""Tries within one flight. If all of them fail, the batch waits for another flight, and the next try is noted on disk."""

MAX_WAIT_S = 5.0
"""The longest wait within a flight. A vendor that asks for more ends the flight."""


@dataclass(slots=True)
class _Try:
    """One try of a flight."""

    endpoint: Endpoint
    size: int
    left_at: float | None = None
    """When its last request left, by the clock that never jumps; None before the first."""


class Flights:
    """Sends batches for one destination. Holds no state between flights."""

    def __init__(
        self,
        calls: PluginCalls,
        send: Send,
        gate: Gate,
        clock: Clock,
        chance: random.Random,
        tally: Tally,
    ) -> None:
        self._calls = calls
        self._sender = send
        self._pace = gate.pace
        self._gate = gate
        self._clock = clock
        self._chance = chance
        self._tally = tally
        self._is_closed = False
        self._closed = Signal(clock)

    def close(self) -> None:
        """Begin nothing more. What waits for the pace or for another try does not leave; what has begun goes on."""
        self._is_closed = True
        self._gate.look()
        self._closed.notify()

    async def fly(self, batch: Sequence[Item]) -> Landing:
        """Deliver *batch* (1 or more items of one endpoint), trying a few times while the destination seems unwell."""
        tried: list[Landing] = []

        async def try_once() -> Landing:
            landing = await self._try_once(batch)
            if not (isinstance(landing, Held) and tried):  # the last failure says more than what held this one back
                tried.append(landing)
            return tried[-1]

        retrying = tenacity.AsyncRetrying(
            stop=lambda state: state.attempt_number >= TRIES or self._pace.is_closed or self._is_closed,
            wait=self._wait_s,
            retry=tenacity.retry_if_result(_is_worth_another_try),
            sleep=self._closed.wait,
            retry_error_callback=_last_landing,
        )
        landing: Landing = await retrying(try_once)
        return landing

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        landing = _last_landing(state)
        if isinstance(landing, Outage) and landing.after_s is not None:
            return landing.after_s
        return self._chance.uniform(0, min(MAX_WAIT_S, 0.25 * 2.0**state.attempt_number))

    async def _try_once(self, batch: Sequence[Item]) -> Landing:
        attempt = _Try(batch[0].endpoint, len(batch))
        landing = await self._land(attempt, [item.payload for item in batch])
        if attempt.left_at is not None:
            self._tell_pace(attempt, attempt.left_at, landing)
        return landing

    def _tell_pace(self, attempt: _Try, left_at: float, landing: Landing) -> None:
        now = self._clock.monotonic()
        match landing:
            case Judged() | Split():
                self._pace.went_well((attempt.endpoint.name, attempt.size.bit_length()), left_at, now)
            case Outage():
                if landing.is_pushed_back:
                    self._pace.pushed_back(left_at, now)
                if landing.after_s is not None and landing.after_s <= MAX_WAIT_S:
                    self._pace.pause(now, landing.after_s)

    async def _land(self, attempt: _Try, payloads: Sequence[Payload]) -> Landing:
        endpoint = attempt.endpoint
        try:
            if isinstance(endpoint, BatchEndpoint):
                return await self._send_batch(attempt, endpoint, payloads)
            assert isinstance(endpoint, ConversationEndpoint)
            return await self._converse(attempt, endpoint, payloads[0])
        except HeldBack:
            return Held()
        except (CredentialsRefused, CredentialsFailed) as error:
            return Blocked(str(error))
        except NoToken as error:
            after_s = asked_wait_s(error.answer, "", self._clock.now())
            return Outage(str(error), bounded(after_s), error.answer.status)
        except SendFailed as error:
            return Outage(str(error), has_timed_out=isinstance(error, TimedOut))
        except UnreadableAnswer as error:
            return Outage(f"unreadable answer: {error}")
        except UrlTooLong as error:
            return Unsendable(str(error))
        except PluginFailed as error:
            return Raised(str(error), isinstance(error, PluginStuck))
        except Exception as error:
            return Raised(self._calls.guard.why_unsendable(error))

    async def _send_batch(self, attempt: _Try, endpoint: BatchEndpoint, payloads: Sequence[Payload]) -> Landing:
        request = self._calls.pack(endpoint, payloads)
        try:
            response = await self._send(attempt, request, payloads[0].key)
        finally:
            if attempt.left_at is not None:
                self._tally.batch_sizes.observe(len(payloads))
        judgement = self._calls.judge(endpoint, response, payloads)
        if isinstance(judgement, Split | Blocked):
            return judgement
        return self._weigh(endpoint, response, judgement)

    async def _converse(self, attempt: _Try, endpoint: ConversationEndpoint, payload: Payload) -> Landing:
        response = Response(0)
        talk = self._calls.converse(endpoint, payload)
        try:
            said = talk.next()
            while isinstance(said, Step):
                response = await self._send(attempt, said.request, payload.key)
                said = talk.next(response)
        finally:
            talk.close()
        return said if isinstance(said, Blocked) else self._weigh(endpoint, response, [said])

    async def _send(self, attempt: _Try, request: Request, key: str) -> Response:
        is_begun = attempt.left_at is not None
        async with self._gate.passed(
            attempt.endpoint.rate_name, lambda: self._is_closed and not is_begun
        ) as attempt.left_at:
            return await self._sender.send(request, self._calls.credentials(attempt.endpoint), key)

    def _weigh(self, endpoint: Endpoint, response: Response, verdicts: Sequence[Verdict]) -> Landing:
        later = [verdict for verdict in verdicts if isinstance(verdict, Later)]
        if not later:
            return Judged(verdicts)
        header_s = asked_wait_s(response, endpoint.reset_header, self._clock.now())
        if len(later) == len(verdicts) and all(_is_outage(verdict, response) for verdict in later):
            asked = [verdict.after_s for verdict in later if verdict.after_s is not None]
            after_s = max(asked, default=None) or header_s
            return Outage(later[0].reason or describe(response), bounded(after_s), response.status)
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


def _with_wait(later: Later, header_s: float | None) -> Later:
    return replace(later, after_s=bounded(later.after_s or header_s))
