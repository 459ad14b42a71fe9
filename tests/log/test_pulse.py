"""Row 22 of the battery, the rule: what of a disk's troubles is told as stuck, and when. A table of moments and deeds."""

from __future__ import annotations

from contextlib import suppress

import pytest

from router.log.pulse import Pulse
from tests.log.harness import StillClock

FAILS = "the log can't be written: I/O error"
SLOW = "the disk is too slow: writes of the log take more than 1 s"


def hang(pulse: Pulse, clock: StillClock, seconds: float) -> None:
    with pulse.write():
        clock.now_s += seconds


def stumble(pulse: Pulse, clock: StillClock, seconds: float) -> None:
    with suppress(OSError), pulse.write():
        clock.now_s += seconds
        raise OSError("I/O error")
    pulse.fail("I/O error")


def refuse(pulse: Pulse, clock: StillClock, seconds: float) -> None:
    with suppress(OSError), pulse.write():
        clock.now_s += seconds
        raise OSError("no space left")
    pulse.excuse()


def idle(pulse: Pulse, clock: StillClock, seconds: float) -> None:
    clock.now_s += seconds


@pytest.mark.parametrize(
    ("deeds", "complaint"),
    [
        pytest.param([(hang, 0.01)] * 3, "", id="sound"),
        pytest.param([(hang, 2.0)], "", id="one slow write"),
        pytest.param([(hang, 4.0)], SLOW, id="one very slow write"),
        pytest.param([(hang, 4.0), (hang, 0.1)], "", id="and then a quick one"),
        pytest.param([(hang, 2.0), (hang, 0.1), (hang, 2.0)], "", id="slow now and then"),
        pytest.param([(hang, 2.0), (hang, 2.0)], SLOW, id="slow again and again"),
        pytest.param([(hang, 2.0), (idle, 5.0)], SLOW, id="slow, and nobody tried again"),
        pytest.param([(stumble, 0.0)], "", id="a write that just failed"),
        pytest.param([(stumble, 0.0), (idle, 3.0)], FAILS, id="and for a while"),
        pytest.param([(stumble, 0.0)] * 4 + [(idle, 2.0)] + [(stumble, 1.5)], FAILS, id="failing again and again"),
        pytest.param([(stumble, 5.0), (hang, 0.1)], "", id="and then one that worked"),
        pytest.param([(refuse, 0.0), (idle, 60.0)], "", id="no room"),
        pytest.param([(stumble, 0.0), (idle, 5.0), (refuse, 0.0)], "", id="an error, then no room"),
        pytest.param([(stumble, 0.0), (hang, 2.0), (idle, 2.0)], SLOW, id="an error, then slow"),
    ],
)
def test_row_22_only_what_lasts_is_told(deeds: list[tuple[object, float]], complaint: str) -> None:
    clock = StillClock()
    pulse = Pulse(clock)

    for deed, seconds in deeds:
        deed(pulse, clock, seconds)  # type: ignore[operator]

    assert pulse.complaint == complaint


def test_row_22_a_write_under_way_is_told_while_it_hangs() -> None:
    clock = StillClock()
    pulse = Pulse(clock)

    with pulse.write():
        clock.now_s += 2.9
        before = pulse.complaint
        clock.now_s += 7
        assert pulse.complaint == "the disk is too slow: a write of the log has taken 10 s so far"

    assert before == ""
