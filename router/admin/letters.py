"""Operations on dead letters: listing them by cause, showing one with what would be sent today, and discarding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from router.admin.answer import Answer
from router.admin.hole import cut
from router.admin.no_such_number import NoSuchNumber
from router.admin.reach import Reach
from router.delivery.discarding import DISCARDED_AT_ONCE, UnderRetry, discard
from router.delivery.state.letters import Choice, DeadLetter, Group
from router.delivery.state.state import State
from router.destination import Destination
from router.errors import OperatorError
from router.event import Event
from router.explain import explain_at


class NoSuchCause(OperatorError):
    """No dead letter of a destination has that cause."""


class LetterOperations:
    """Every method takes and returns JSON; see `Operations`."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def causes(self, destination: str | None = None, reason: str | None = None) -> list[Answer]:
        """Dead letters of one destination or of all, by cause; the most frequent first, after the holes."""

        async def groups_of(name: str) -> list[Answer]:
            groups = await self._reach.ask(name, lambda state: state.letters.groups(Choice(reason=reason)))
            return [_show_group(name, group) for group in groups]

        return sorted(await self._reach.gather(destination, groups_of), key=most_first)

    async def dead_letters(
        self,
        destination: str | None = None,
        id: int | None = None,
        reason: str | None = None,
        cause: str | None = None,
        limit: int = 100,
    ) -> list[Answer]:
        """Dead letters, oldest first. With *id*, that one alone, with its event and with what would be sent today.

        *cause* is the code of a cause; of all destinations, those that have none of it have nothing in the list.
        """

        async def letters_of(name: str) -> list[Answer]:
            try:
                choice = await self.choose(name, None if id is None else [id], reason, cause)
            except NoSuchCause:
                if destination is None:
                    return []
                raise
            letters = await self._reach.ask(name, lambda state: state.letters.find(choice, limit=limit))
            show = _show_letter if id is None else self._show_whole
            return [show(name, letter) for letter in letters]

        found = await self._reach.gather(destination, letters_of)
        if id is not None and not found:
            see = f"see them with: router dead-letters list {destination} --each"
            raise NoSuchNumber(id, lambda number: f"{destination}: no dead letter {number}; {see}")
        return cut(found, limit)

    async def plan_discard(
        self,
        destination: str,
        ids: list[int] | None = None,
        reason: str | None = None,
        cause: str | None = None,
    ) -> list[Answer]:
        """How many letters `discard` would throw away, and up to which id: one plan per partition. Works for a destination that
        left the config too."""
        choice = await self.choose(destination, ids, reason, cause)
        total = await self._reach.ask(destination, lambda state: state.letters.count(choice))
        return [{"spec": {"partition": self._reach.log.partitions[0], "up_to": choice.up_to}, "total": total}]

    async def discard(
        self,
        destination: str,
        ids: list[int] | None = None,
        reason: str | None = None,
        cause: str | None = None,
        up_to: Mapping[str, int] | None = None,
    ) -> Answer:
        """Throw dead letters away for good: those that meet all conditions, up to the ids in *up_to*, by partition. They stay
        counted as dead.

        Raises:
            OperatorError: a retry has some of them under way. Others may have been discarded already.
        """
        last = None if up_to is None else up_to.get(str(self._reach.log.partitions[0]), 0)
        choice = await self.choose(destination, ids, reason, cause, last)
        discarded = 0
        while True:
            letters, events = await self._reach.ask(
                destination, lambda state: self._throw_away(destination, state, choice)
            )
            discarded += letters
            if (berth := self._reach.berth(destination)) is not None:
                berth.ledger.note_discarded(events)
            if letters < DISCARDED_AT_ONCE:
                return {"destination": destination, "discarded": discarded}

    def _throw_away(self, destination: str, state: State, choice: Choice) -> tuple[int, int]:
        """Discard some. Runs in the state's thread."""
        worker = self._reach.worker(destination)
        try:
            return discard(state, worker.jobs if worker is not None else None, choice)
        except UnderRetry:
            raise OperatorError(
                f"{destination}: a retry has some of these dead letters under way. Wait for its end (router jobs list "
                f"{destination}) or cancel it (router jobs cancel {destination}), and ask again"
            ) from None

    async def choose(
        self,
        destination: str,
        ids: list[int] | None,
        reason: str | None,
        cause: str | None,
        up_to: int | None = None,
    ) -> Choice:
        """Which letters are meant: up to the newest there is now, so that none is included that nobody has seen.

        Raises:
            NoSuchCause: no dead letter has that *cause*.
        """

        def look(state: Any) -> tuple[int, list[str]]:
            return state.letters.last(), state.letters.causes(cause) if cause is not None else []

        last, causes = await self._reach.ask(destination, look)
        if cause is not None and not causes:
            raise NoSuchCause(
                f"{destination}: no dead letter has the cause {cause!r}; see them with: router dead-letters list {destination}"
            )
        return Choice(ids, reason, causes[0] if causes else None, last if up_to is None else min(up_to, last))

    def _show_whole(self, name: str, letter: DeadLetter) -> Answer:
        event = letter.record.event
        shown = _show_letter(name, letter) | {
            "event": orjson.loads(event) if event else None,
            "delivered_payloads": list(letter.settled),
        }
        assignment = self._reach.assignments.get(name)
        if event and assignment is not None and not assignment.obstacle:
            shown |= self._explain(assignment.destination, letter)
        return shown

    def _explain(self, destination: Destination, letter: DeadLetter) -> Answer:
        """What would be sent of it now, as in ``router explain``."""
        notes: list[str] = []
        event = Event.from_json(letter.record.event)
        entries = explain_at(event, destination, letter.record.source, notes, delivered=letter.settled)
        return {"today": entries, "warnings": notes}


def most_first(group: Answer) -> float:
    """The place of a group among others, or of a hole."""
    return -math.inf if "unknown" in group else -float(group["letters"])


def _show_group(name: str, group: Group) -> Answer:
    return {"destination": name, "code": group.code, **asdict(group)}


def _show_letter(destination: str, letter: DeadLetter) -> Answer:
    record = letter.record
    return {
        "destination": destination,
        "id": letter.id,
        "message_id": record.message_id,
        "type": record.type,
        "user": record.user_key,
        "source": record.source,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "died_s": letter.died_s,
        "events": letter.events,
        "of_replay": letter.is_replayed,
    }
