"""The state of one destination in one partition of the log that is copied to, while it is put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from router.admin.standing import Standing
from router.delivery.order import in_line, line_of
from router.delivery.state.changes import Changes, Outcome, Place, SettledPayload
from router.delivery.state.state import State, telling_trouble
from router.log.record import Record

_UNKNOWN: Final = "settled before the log was copied"


class CopiedState:
    """Takes over event by event. Nothing is in the state before `write`."""

    def __init__(self, state: State, partition: int, changes: Changes) -> None:
        self.state = state
        self.size = 0
        self.parked = self.letters = 0
        self._partition = partition
        self._changes = changes
        self._is_unbroken = True

    def take(self, record: Record, place: Place, standing: Standing | None) -> None:
        """Take over what is known of the event *record*, which lies at *place* in the target. *standing* None: the destination
        knew nothing of it."""
        was = Place(record.partition, record.sequence)
        record = record._replace(partition=place.partition, sequence=place.sequence)
        is_pending = False
        if standing is None or standing.is_new:
            self._settle(Outcome(place, "skipped", _UNKNOWN, record.received_at_s))
        elif was.sequence in standing.parked:
            self._park(record, was, standing)
        else:
            letters = standing.letters.get(was.sequence, [])
            self._changes.dead_letters += [replace(each, record=record, id=0, job=0) for each in letters]
            self.letters += len(letters)
            is_pending = standing.is_pending(was.sequence)
            if is_pending:
                self._note(place, was, standing)
            elif any(not letter.is_replayed for letter in letters):
                died = letters[0]
                self._settle(Outcome(place, "dead", died.reason, died.died_s))
            else:
                before = standing.state.outcome(was)
                known = before._replace(place=place) if before else None
                self._settle(known or Outcome(place, "skipped", _UNKNOWN, record.received_at_s))
        self.size += 1
        self._is_unbroken = self._is_unbroken and not is_pending
        if self._is_unbroken:
            self._changes.positions[self._partition] = place.sequence

    def _settle(self, outcome: Outcome) -> None:
        code = outcome.reason.split(":", 1)[0] if outcome.kind == "skipped" else ""
        self._changes.counts[outcome.kind, code] += 1
        self._changes.outcomes.append(outcome)

    def _park(self, record: Record, was: Place, standing: Standing) -> None:
        reason, line_before = standing.state.parked.reason(was), standing.lines[was.sequence]
        line = line_of(record, is_ordered=line_before == record.user_key)  # one of its own tells where it lies
        self._changes.park.append((in_line(record, line), reason[0] if reason else ""))
        self._note(Place(record.partition, record.sequence), was, standing)
        user = standing.parked_users.get(line_before)
        if user is not None:
            self._changes.parked_users[line] = user
        self.parked += 1

    def _note(self, place: Place, was: Place, standing: Standing) -> None:
        """Note what is known of an event that is still under way."""
        if was in standing.tries:
            self._changes.tries[place] = standing.tries[was]
        for key, refused in standing.settled_payloads.get(was, {}).items():
            self._changes.settled_payloads.append(SettledPayload(place, key, refused))

    def write(self) -> None:
        if self._changes:
            with telling_trouble(self.state):
                self.state.commit(self._changes)
        self._changes = Changes()
        self.size = 0
