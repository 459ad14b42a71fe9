"""The alarm, against the clock of the machine: what it breaks off, what it leaves alone, and what it can only tell of."""

from __future__ import annotations

import hashlib
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from structlog.testing import capture_logs

from router.alarm import Alarm
from router.guard import MARK, Guard, PluginFailed, PluginStuck

pytestmark = pytest.mark.timeout(60, method="thread")  # the other method needs the very signal

LIMIT_S, TICK_S, HANG_S = 0.2, 0.02, 0.3


class Noted(list[tuple[str, str]]):
    """The hangs that were told."""

    def __call__(self, destination: str, call: str) -> None:
        self.append((destination, call))


@pytest.fixture
def hangs() -> Noted:
    return Noted()


@pytest.fixture
def guard(hangs: Noted) -> Iterator[Guard]:
    alarm = Alarm(hangs, LIMIT_S, TICK_S, HANG_S)
    assert alarm.set()
    yield Guard("crm", "acme", str)
    alarm.clear()


def _loop() -> None:
    while True:
        pass


def _wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _catch_exceptions() -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pytest.fail("it was caught")


def _converse() -> Iterator[int]:
    while True:
        yield 1


@pytest.mark.parametrize(
    "stick",
    [
        pytest.param(_loop, id="a loop"),
        pytest.param(lambda: time.sleep(60), id="a sleep"),
        pytest.param(lambda: re.match(r"(a+)+$", "a" * 40 + "b"), id="a regular expression"),
        pytest.param(lambda: len(str(7 ** (10**8))), id="arithmetic"),
        pytest.param(_wait_for_a_lock, id="a lock"),
        pytest.param(_catch_exceptions, id="one that catches exceptions"),
        pytest.param(lambda: sum(_converse()), id="a generator"),
    ],
)
def test_a_call_that_takes_too_long_is_broken_off(guard: Guard, stick: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(
        PluginStuck, match=r"took longer than 0\.2 s and was broken off, at .*tests/test_alarm\.py:\d+ in"
    ):
        guard.run("pack", stick)

    assert time.monotonic() - began >= LIMIT_S
    assert MARK.guard is None


def test_one_that_catches_even_that_is_broken_off_again(guard: Guard) -> None:
    caught = 0

    def stick() -> None:
        nonlocal caught
        while caught < 2:
            try:
                time.sleep(60)
            except BaseException:
                caught += 1
        time.sleep(60)

    with pytest.raises(PluginStuck):
        guard.run("pack", stick)
    assert caught == 2


def test_words_that_do_not_come_do_not_keep_the_error_back(guard: Guard) -> None:
    class Endless(Exception):
        def __str__(self) -> str:
            while True:
                pass

    def fail() -> None:
        raise Endless

    with pytest.raises(PluginFailed, match=r"raised Endless, at .*test_alarm\.py:\d+ in fail$"):
        guard.run("pack", fail)


def test_what_is_no_call_is_left_alone(guard: Guard) -> None:
    """The loop may be busy for as long as it likes, and so may many short calls."""
    until = time.monotonic() + 3 * LIMIT_S
    while time.monotonic() < until:
        guard.run("pack", time.monotonic)
    time.sleep(3 * LIMIT_S)


def test_a_call_that_can_not_be_broken_off_is_told_of_while_it_lasts(guard: Guard, hangs: Noted) -> None:
    """A call in C that hears no signal. What follows when it does come back is as ever."""
    told_within: list[float] = []
    guard.on_held_up = lambda what, seconds, is_broken_off: told_within.append(seconds)
    _rounds()
    began = time.monotonic()

    with capture_logs() as logs, pytest.raises(PluginStuck):
        guard.run("judge", _compute_for_seconds)

    assert time.monotonic() - began > HANG_S
    assert hangs == [("crm", "judge")]
    [line] = [line for line in logs if "can't be broken off" in line["event"]]
    assert (line["destination"], line["plugin"], line["call"]) == ("crm", "acme", "judge")
    assert line["lasts_s"] < told_within[0], "it was told before it was over"
    assert "_compute_for_seconds" in line["where"][-1]


@cache
def _rounds() -> int:
    """How many make a call that lasts for twice as long as one may hang.

    Counted before the calls that are timed: a busy machine could hold one up between two attempts, and it would be broken off.
    """
    rounds, spent_s = 1_000, 0.0
    while spent_s < HANG_S / 10:
        rounds *= 2
        began = time.thread_time()
        hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
        spent_s = time.thread_time() - began
    return int(rounds * 2 * HANG_S / spent_s)


def _compute_for_seconds() -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", _rounds())


def test_a_hang_that_can_not_be_noted_does_not_end_the_alarm() -> None:
    def fail(destination: str, call: str) -> None:
        raise OSError("no disk")

    alarm = Alarm(fail, LIMIT_S, TICK_S, HANG_S)
    assert alarm.set()
    try:
        guard = Guard("crm", "acme", str)
        _rounds()
        for _ in range(2):
            with pytest.raises(PluginStuck):
                guard.run("judge", _compute_for_seconds)
        with pytest.raises(PluginStuck):
            guard.run("pack", _loop)
    finally:
        alarm.clear()


def test_to_set_it_again_as_each_reload_does_changes_nothing(hangs: Noted) -> None:
    alarm = Alarm(hangs, LIMIT_S, TICK_S, HANG_S)
    try:
        with capture_logs() as logs:
            assert [alarm.set(), alarm.set()] == [True, True]
        assert logs == []
        with pytest.raises(PluginStuck):
            Guard("crm", "acme", str).run("map", _loop)
    finally:
        alarm.clear()


def test_where_it_can_not_be_set_nothing_is_timed() -> None:
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(Alarm(Noted()).set()))
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    try:
        answers.append(Alarm(Noted()).set())
    finally:
        signal.signal(signal.SIGALRM, before)

    assert answers == [False, False]
    assert MARK.thread == 0


def test_when_it_is_cleared_everything_is_as_before(guard: Guard, hangs: Noted) -> None:
    alarm = Alarm(hangs, LIMIT_S, TICK_S)
    assert not alarm.set(), "the one of the fixture has the signal"
    alarm.clear()  # which was never set

    with pytest.raises(PluginStuck):
        guard.run("pack", _loop)
