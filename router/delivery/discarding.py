"""Discarding: dead letters are thrown away for good, because an operator says so or because they have become too many.

Both leave alone what a retry has under way. A destination that refuses for good whatever it gets would else fill the disk, and
on a full disk every source is answered 503.
"""

from __future__ import annotations

from typing import Final

from router.delivery.jobs import Jobs
from router.delivery.ledger import Ledger
from router.delivery.letters import EVERY, Choice
from router.delivery.spec import RetrySpec
from router.delivery.state import State

DISCARDED_AT_ONCE: Final = 1_000
"""Letters discarded in one transaction. Events wait for it."""
_STEPS: Final = 50


class UnderRetry(Exception):
    """A retry has some of the dead letters under way."""


def discard(state: State, jobs: Jobs | None, choice: Choice, limit: int = DISCARDED_AT_ONCE) -> tuple[int, int]:
    """Throw away up to *limit* letters of *choice*, oldest first; see `State.discard` for what is returned.

    Call it in the state's thread, so that no retry begins between the check and the act. *jobs* are those of the worker, if one
    is at work.

    Raises:
        UnderRetry: nothing was discarded.
    """
    under_way = [Choice(ids=jobs.letters_under_way())] if jobs is not None else []
    for job in state.jobs("running"):
        if job.kind == "retry":
            under_way.append(RetrySpec.model_validate(job.spec).choice(job.id))
    if any(state.letters.has_any(choice, each) for each in under_way):
        raise UnderRetry
    return state.discard(choice, limit)


async def keep_within(ledger: Ledger, jobs: Jobs | None, max_bytes: int) -> tuple[int, float]:
    """Discard the oldest letters, until all take at most *max_bytes*. While a retry is under way nothing is discarded, and one
    call does no more than some thousand.

    Returns:
        How many were discarded, and what share of *max_bytes* the others take.
    """
    discarded = used = 0
    for _ in range(_STEPS):
        used, (letters, events) = await ledger.ask(lambda state: _discard_excess(state, jobs, max_bytes))
        ledger.note_discarded(events)
        discarded += letters
        if not letters:
            break
    return discarded, used / max_bytes


def _discard_excess(state: State, jobs: Jobs | None, max_bytes: int) -> tuple[int, tuple[int, int]]:
    """What the letters took before, in bytes, and how many letters and events were discarded of them."""
    used = state.letters_bytes(max_bytes // 2)
    excess = used - max_bytes
    number = state.letters.oldest(excess, DISCARDED_AT_ONCE) if excess > 0 else 0
    if not number:
        return used, (0, 0)
    try:
        return used, discard(state, jobs, EVERY, number)
    except UnderRetry:
        return used, (0, 0)
