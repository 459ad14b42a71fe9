"""Dead letters are discarded when they are too many, and never while a retry has them under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router.delivery.discarding import DISCARDED_AT_ONCE, UnderRetry, discard, keep_within
from router.delivery.jobs.spec import RetrySpec
from router.delivery.ledger import Ledger
from router.delivery.state.changes import Changes, Outcome, Place, Replayed
from router.delivery.state.file import StateFile
from router.delivery.state.letters import EVERY
from tests.delivery.harness import FastClock
from tests.delivery.state.contract import make_letter, make_record

LOG_ID = "log"
KB = 1_000


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    state = StateFile.open(tmp_path / "one.sqlite", LOG_ID)
    state.add_partition(0, 0)
    return state


def fill(state: StateFile, letters: int, size: int) -> None:
    made = [
        replace(make_letter(number), record=make_record(number, event=b"x" * size)) for number in range(1, letters + 1)
    ]
    state.commit(Changes(dead_letters=made))


@pytest.mark.parametrize(
    ("letters", "size", "bound", "left"),
    [
        pytest.param(100, KB, 1_000 * KB, range(100, 101), id="fewer than may be: all stay"),
        pytest.param(3_000, KB, 1_500 * KB, range(700, 1_300), id="the oldest go, and no more than must"),
        pytest.param(20, 100 * KB, 1_000 * KB, range(8, 11), id="large ones, of which each counts"),
    ],
)
async def test_promise_8_dead_letters_take_no_more_than_they_may(
    state: StateFile, letters: int, size: int, bound: int, left: range
) -> None:
    fill(state, letters, size)
    ledger = Ledger("one", state, FastClock())

    discarded, used = await keep_within(ledger, None, bound)

    kept = [letter.record.sequence for letter in state.letters.find(limit=letters)]
    assert len(kept) in left
    assert kept == list(range(letters - len(kept) + 1, letters + 1))
    assert (discarded, ledger.counts["discarded", ""]) == (letters - len(kept), letters - len(kept))
    assert state.counts()["discarded", ""] == letters - len(kept)
    assert (used > 1.0) == bool(discarded)
    assert (await keep_within(ledger, None, bound))[1] <= 1.0


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        pytest.param(
            lambda: Changes(park=[(make_record(number, event=b"x" * 100 * KB), "later") for number in range(20, 40)]),
            1_000 * KB,
            id="few large parked events",
        ),
        pytest.param(
            lambda: Changes(park=[(make_record(number, event=b"x" * 100), "later") for number in range(20, 5_020)]),
            1_000 * KB,
            id="many small parked events",
        ),
        pytest.param(
            lambda: Changes(
                outcomes=[Outcome(Place(0, 2 * number), "delivered", "", 1.0) for number in range(500 * KB)]
            ),
            1_000 * KB,
            id="the outcomes of many events",
        ),
        pytest.param(
            lambda: Changes(
                replayed=[Replayed(Place(0, number), 1, "delivered", "", float(number)) for number in range(20 * KB)]
            ),
            1_000 * KB,
            id="what became of many events in replays",
        ),
        pytest.param(
            lambda: Changes(
                outcomes=[
                    Outcome(Place(0, number), "skipped", f"action: {'x' * 100}", float(number))
                    for number in range(20 * KB)
                ]
            ),
            1_000 * KB,
            id="the reasons of many events",
        ),
        pytest.param(Changes, 1_000 * KB // 16, id="the file itself, where sixteen partitions share 1 MB"),
    ],
)
async def test_all_else_in_the_state_is_not_taken_for_dead_letters(
    state: StateFile, changes: Callable[[], Changes], bound: int
) -> None:
    fill(state, 10, KB)
    state.commit(changes())

    discarded, used = await keep_within(Ledger("one", state, FastClock()), None, bound)

    assert (discarded, state.letters.count()) == (0, 10)
    assert used < 0.8  # else there would be a warning


async def test_what_a_retry_has_under_way_stays_until_its_end(state: StateFile) -> None:
    fill(state, 2 * DISCARDED_AT_ONCE, KB)
    job = state.add_job("retry", RetrySpec(up_to=state.letters.last()).model_dump(), 1, 0.0)

    with pytest.raises(UnderRetry):
        discard(state, None, EVERY)
    assert await keep_within(Ledger("one", state, FastClock()), None, 1_000 * KB) > (0, 1.0)
    assert state.letters.count() == 2 * DISCARDED_AT_ONCE

    state.cancel_job(job.id)
    assert (await keep_within(Ledger("one", state, FastClock()), None, 1_000 * KB))[0] > 0
