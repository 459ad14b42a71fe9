"""Discarding: dead letters are thrown away for good, because an operator says so or because they have become too many.

Both leave alone what a retry has under way. A destination that refuses for good whatever it gets would else fill the disk, and
on a full disk every source is answered 503.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from router.delivery.jobs.jobs import Jobs
from router.delivery.jobs.spec import RetrySpec
from router.delivery.ledger import Ledger
from router.delivery.state.letters import EVERY, Choice
from router.delivery.state.state import State

DISCARDED_AT_ONCE: Final = 1_000
"""Letters discarded in one transaction. Events wait for it."""
_MOST: Final = 50_000
"""Letters discarded in one call, because they are too many."""


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
    """Discard the oldest letters if all take more than *max_bytes*. While a retry is under way nothing is discarded, and one
    call does no more than `_MOST`.

    Returns:
        How many were discarded, and what share of *max_bytes* all took before.
    """
    letters, used = await ledger.ask(lambda state: state.letters.measure())
    excess = min(_MOST, ceil(letters * (1 - max_bytes / used))) if used > max_bytes else 0
    discarded = 0
    while discarded < excess:
        number = min(DISCARDED_AT_ONCE, excess - discarded)
        try:
            found, events = await ledger.ask(lambda state: discard(state, jobs, EVERY, number))  # noqa: B023 - awaited at once
        except UnderRetry:
            break
        if not found:
            break
        ledger.note_discarded(events)
        discarded += found
    return discarded, used / max_bytes
