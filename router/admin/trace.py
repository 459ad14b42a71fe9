"""The trace of an event: what became of it at every destination."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from router.admin.answer import Answer
from router.admin.reach import Reach
from router.admin.status import noted_state
from router.delivery.state.changes import Place
from router.delivery.state.state import State
from router.errors import OperatorError
from router.integrations import flag_warnings
from router.log.record import Record


class TraceOperation:
    """It takes and returns JSON; see `Operations`."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def trace(self, message_id: str) -> Answer:
        """The stored events with this messageId (one per source), and what became of each at every destination."""
        records = await self._reach.log.find(message_id)
        if not records:
            raise never_accepted(message_id)
        return {"message_id": message_id, "events": await asyncio.gather(*map(self.trace_record, records))}

    async def trace_record(self, record: Record) -> Answer:
        """An event of the log, and what became of it at every destination."""
        event = orjson.loads(record.event)
        return {
            "source": record.source,
            "partition": record.partition,
            "sequence": record.sequence,
            "event": event,
            "warnings": self.warnings_of(event),
            "destinations": await asyncio.gather(*(self._trace_at(name, record) for name in self._reach.assignments)),
        }

    def warnings_of(self, event: Mapping[str, Any]) -> list[str]:
        """What is odd about the flags of a stored *event*."""
        names = [each.destination.names for each in self._reach.assignments.values()]
        return flag_warnings(event.get("integrations") or {}, names)

    async def _trace_at(self, name: str, record: Record) -> Answer:
        place = Place(record.partition, record.sequence)
        answer: Answer = {"destination": name}
        if not self._reach.states.has(name):
            return answer | {"outcome": "pending", "reason": "the destination has not run yet"}

        waits = self._why_it_waits(name)
        is_elsewhere = self._reach.worker(name) is None and self._reach.is_elsewhere()

        def look(state: State) -> Answer:
            outcome, replay = state.outcome(place), state.replayed(place)
            told: Answer = {}
            if replay is not None:
                told["replay"] = {
                    "job": replay.job,
                    "outcome": replay.kind,
                    "reason": replay.reason,
                    "at_s": replay.at_s,
                }
            if outcome is not None:
                return {"outcome": outcome.kind, "reason": outcome.reason, "at_s": outcome.at_s} | told
            parked = state.parked.reason(place)
            if parked is not None:
                reason, user = parked
                return {"outcome": "parked", "reason": reason, "next_try_s": user.next_s, "attempts": user.attempts}
            start, position = state.positions().get(place.partition, (0, 0))
            if place.sequence <= start:
                return {"outcome": "not for it", "reason": "accepted before this destination was added"} | told
            if place.sequence <= position:
                return {"outcome": "settled", "reason": "longer ago than outcomes are kept"} | told
            tries = state.notes.tries().get(place)
            noted = _waits(noted_state(state, self._reach.clock.now())) if is_elsewhere else ""
            return {"outcome": "pending", "reason": waits or noted, "attempts": tries.attempts if tries else 0}

        try:
            return answer | await self._reach.ask(name, look)
        except OperatorError as error:  # what became of the event elsewhere can still be told
            return answer | {"outcome": "unusable", "reason": str(error)}

    def _why_it_waits(self, name: str) -> str:
        """Why nothing leaves for the destination now; "" if it delivers, or if nobody here knows."""
        if not self._reach.assignments[name].is_enabled:
            return "the destination is disabled"
        worker = self._reach.worker(name)
        if worker is None:
            fleet = self._reach.fleet
            if fleet is not None and name in fleet.problems:
                return _waits(("unusable", fleet.problems[name]))
            return "" if fleet is not None or self._reach.is_elsewhere() else "no router delivers just now"
        rates = worker.pace.rate_waits_s(self._reach.clock.monotonic())
        return _waits(worker.state) or (f"its rate holds the destination up ({', '.join(rates)})" if rates else "")


def never_accepted(message_id: str) -> OperatorError:
    return OperatorError(
        f"no event with messageId {message_id!r} in the log. It was never accepted (see the caller's receipt, or router "
        "rejected list), it is older than the log's retention, or the log lost it (see router log check)."
    )


def _waits(state: tuple[str, str]) -> str:
    """A destination's state and reason, worded as the reason why an event waits; "" if the destination delivers."""
    return "" if state[0] == "going" else f"the destination is {': '.join(part for part in state if part)}"
