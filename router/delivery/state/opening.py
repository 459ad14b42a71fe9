"""The opening of a destination's state: it is taken, its place in the log is found, and a ledger is made of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import structlog

from router.clock import Clock
from router.delivery.assignment import Assignment
from router.delivery.berth import LEFT_OUT_BY
from router.delivery.ledger import Ledger
from router.delivery.state.changes import Changes
from router.delivery.state.state import State, telling_trouble
from router.delivery.state.states import States
from router.delivery.worker import NOTES
from router.errors import OperatorError
from router.log.interface import Log
from router.log.room import Reserve

_LOGGER = structlog.get_logger()


class PastTheEnd(OperatorError):
    """The position of a destination is past the end of the log, as far as that is known here."""


def open_ledger(
    assignment: Assignment,
    states: States,
    log: Log,
    ends: Mapping[int, int],
    clock: Clock,
    reserve: Reserve,
    wanted: Collection[str],
) -> tuple[Ledger, dict[str, str | None]]:
    """The ledger of the destination, and the notes of its last run. A new one begins after *ends*, by partition, or at the
    beginning of the *log*. *wanted*: the names of all destinations in the config. Call it from a thread: it may be slow.

    Raises:
        PastTheEnd: see there.
        StateUnusable, OperatorError: as `States.take`.
    """
    _tell_of_two(assignment, states, wanted)
    state = states.take(assignment.name, assignment.formerly, wanted)
    try:
        with telling_trouble(state):
            for partition in log.partitions:
                start = log.start(partition) - 1 if assignment.starts_at_beginning else ends[partition]
                _find_place(state, log, partition, start)
            if assignment.is_enabled:
                _pass_over_disabled_time(state, clock.now())
            notes = {name: state.meta(name) for name in (*NOTES, LEFT_OUT_BY)}
            return Ledger(assignment.name, state, clock, reserve), notes
    except BaseException:
        state.close()
        raise


def _tell_of_two(assignment: Assignment, states: States, wanted: Collection[str]) -> None:
    former = assignment.formerly
    if former and former not in wanted and states.has(former) and states.has(assignment.name):
        _LOGGER.warning(
            "what is kept under the former name is not taken over: something is kept under the new one already. To take it "
            "over, remove the destination from the config and reload, run router destinations forget, and put it back",
            destination=assignment.name,
            formerly=former,
        )


def _find_place(state: State, log: Log, partition: int, start: int) -> None:
    state.add_partition(partition, start)
    furthest, end = state.furthest(partition), log.end(partition)
    if furthest > end:
        raise PastTheEnd(
            f"{state.label}: the position {furthest} is past the end of the log ({end}). The log is older than the state: "
            "restore both from the same backup, or move the state file away to start this destination anew from the end of "
            "the log."
        )


def _pass_over_disabled_time(state: State, now_s: float) -> None:
    """Time spent disabled does not count for the retry windows. In a block it need not be taken out here: the whole block is,
    once it is over."""
    disabled_since = state.meta("disabled_since_s")
    if disabled_since and not state.meta("blocked_since_s"):
        spent_s = max(0.0, now_s - float(disabled_since))
        tries = {place: replace(each, first_s=each.first_s + spent_s) for place, each in state.notes.tries().items()}
        # At once: a start may take several tries, and the time counts once.
        state.commit(Changes(tries=tries, meta={"disabled_since_s": ""}))
