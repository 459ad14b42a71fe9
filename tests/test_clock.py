"""The clock for what expires: whom it believes, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli.engine import open_log
from router.clock import JUMP_S, PATIENCE_S, PatientClock
from router.config import parse_config
from router.log.sqlite import SqliteLog
from router.registry import Registry
from tests.delivery.harness import FastClock
from tests.log.harness import entries

DAY_S = 86_400.0


class StoppedClock(FastClock):
    """Time passes when the test says so."""

    speed = 0.0


@pytest.mark.parametrize(
    ("set_s", "believed_s"),
    [
        pytest.param(-DAY_S, -DAY_S, id="back"),
        pytest.param(JUMP_S / 2, JUMP_S / 2, id="ahead, but little"),
        pytest.param(DAY_S, 0.0, id="ahead"),
    ],
)
def test_a_clock_that_is_set_ahead_is_not_believed_at_once(set_s: float, believed_s: float) -> None:
    clock = StoppedClock()
    patient = PatientClock(clock)
    right_s = clock.now()

    clock.wall_s += set_s
    clock.passed_s += 10.0

    assert patient.now() == pytest.approx(right_s + 10.0 + believed_s)


def test_it_is_believed_after_an_hour() -> None:
    clock = StoppedClock()
    patient = PatientClock(clock)
    clock.wall_s += DAY_S
    assert patient.now() == pytest.approx(clock.now() - DAY_S)

    clock.passed_s += PATIENCE_S

    assert patient.now() == pytest.approx(clock.now())


def test_one_that_is_put_right_in_time_has_done_nothing() -> None:
    """And the next jump has its own hour."""
    clock = StoppedClock()
    patient = PatientClock(clock)
    for _ in range(3):
        clock.wall_s += DAY_S
        assert patient.now() == pytest.approx(clock.now() - DAY_S)
        clock.passed_s += PATIENCE_S / 2
        clock.wall_s -= DAY_S
        assert patient.now() == pytest.approx(clock.now())


@pytest.mark.parametrize(
    ("known_s", "believed_s"),
    [
        pytest.param(-DAY_S, -DAY_S, id="nothing has happened for a day, as it says"),
        pytest.param(-JUMP_S / 2, 0.0, id="something has happened just now"),
        pytest.param(DAY_S, 0.0, id="something has happened in the future: it was ahead then"),
    ],
)
def test_at_a_start_it_is_believed_after_an_hour_unless_something_has_happened_just_before(
    known_s: float, believed_s: float
) -> None:
    clock = StoppedClock()
    patient = PatientClock(clock)

    patient.doubt(clock.now() + known_s)

    assert patient.now() == pytest.approx(clock.now() + believed_s)
    clock.passed_s += PATIENCE_S
    assert patient.now() == pytest.approx(clock.now())


async def test_row_24_a_clock_that_is_set_ahead_takes_nothing_out_of_the_log(tmp_path: Path) -> None:
    """What everybody has is still there for replays, and for telling repeats."""
    text = f"data: {tmp_path}\nretention: {{segment: 16kB}}\nsources: {{website: {{write_key: demo}}}}"
    clock = StoppedClock()
    log = await open_log(parse_config(text, Registry()), clock)
    assert isinstance(log, SqliteLog)
    for number in range(20):
        await log.append(entries(number * 10, number * 10 + 9, received_at_s=clock.now()))

    clock.wall_s += 30 * DAY_S
    await log.trim({0: log.end(0) + 1})
    assert log.start(0) == 1

    clock.passed_s += PATIENCE_S
    await log.trim({0: log.end(0) + 1})
    assert log.start(0) > 1
    await log.close()


async def test_row_24_nor_does_one_that_was_set_ahead_while_nothing_ran_for_an_hour(tmp_path: Path) -> None:
    """A machine may start with a clock that is wrong, and learn the time only then. A long stop looks the same."""
    text = f"data: {tmp_path}\nretention: {{segment: 16kB}}\nsources: {{website: {{write_key: demo}}}}"
    clock = StoppedClock()
    log = await open_log(parse_config(text, Registry()), clock)
    for number in range(20):
        await log.append(entries(number * 10, number * 10 + 9, received_at_s=clock.now()))
    await log.close()

    clock.wall_s += 30 * DAY_S
    log = await open_log(parse_config(text, Registry()), clock)
    await log.trim({0: log.end(0) + 1})
    assert log.start(0) == 1

    clock.passed_s += PATIENCE_S
    await log.trim({0: log.end(0) + 1})
    assert log.start(0) > 1
    await log.close()
