"""The guard: whatever goes wrong in a call into a plugin is told with the plugin's name, and calls are marked and timed."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

import pytest

from router.guard import MARK, MAX_TEXT, BadReturn, BreakOff, Guard, PluginFailed, PluginStuck
from tests.destinations import ECHO

ACTION = ECHO.actions[0]


@pytest.fixture
def guard() -> Guard:
    return Guard("crm", "acme", str)


@pytest.fixture
def watched(guard: Guard) -> Iterator[Guard]:
    """The guard, as if an alarm were set that looks four times a second for calls of more than two seconds."""
    MARK.clear()
    MARK.thread, MARK.tick_s, MARK.limit_s = get_ident(), 0.25, 2.0
    yield guard
    MARK.thread = 0


def _raise(error: BaseException) -> Any:
    raise error


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(KeyError("id"), "plugin acme: pack raised KeyError: 'id'", id="an error"),
        pytest.param(ValueError(), "plugin acme: pack raised ValueError", id="without words"),
        pytest.param(Speechless(), "plugin acme: pack raised Speechless", id="whose words raise"),
        pytest.param(BadReturn("gave None"), "plugin acme: pack gave None", id="a bad return"),
        pytest.param(SystemExit(1), "plugin acme: pack raised SystemExit: 1", id="an exit"),
        pytest.param(asyncio.CancelledError(), "plugin acme: pack raised CancelledError", id="a cancellation"),
        pytest.param(GeneratorExit(), "plugin acme: pack raised GeneratorExit", id="the end of a generator"),
        pytest.param(StopIteration(3), "plugin acme: pack raised StopIteration: 3", id="the end of an iterator"),
        pytest.param(MemoryError(), "plugin acme: pack raised MemoryError", id="no memory"),
        pytest.param(RecursionError("deep"), "plugin acme: pack raised RecursionError: deep", id="no stack"),
    ],
)
@pytest.mark.parametrize("is_watched", [True, False], ids=["watched", "unwatched"])
def test_whatever_a_plugin_raises_is_told_with_its_name(
    guard: Guard, request: pytest.FixtureRequest, error: BaseException, told: str, is_watched: bool
) -> None:
    if is_watched:
        request.getfixturevalue("watched")

    with pytest.raises(PluginFailed) as failed:
        guard.run("pack", _raise, error)

    assert re.sub(r", at tests/test_guard\.py:\d+ in _raise$", "", str(failed.value)) == told
    assert failed.value.__cause__ is (None if is_watched else error)
    assert MARK.guard is None


def test_a_plugin_can_not_interrupt_the_daemon_but_a_person_can_interrupt_a_command(watched: Guard) -> None:
    with pytest.raises(PluginFailed, match="raised KeyboardInterrupt"):
        watched.run("pack", _raise, KeyboardInterrupt())
    MARK.thread = 0
    with pytest.raises(KeyboardInterrupt):
        watched.run("pack", _raise, KeyboardInterrupt())


def test_promise_7_in_a_daemon_no_traceback_tells_the_words_of_a_plugin(watched: Guard) -> None:
    """A log that shows how a call came to fail would show them as they are. An author's tests show all there is."""

    def pack() -> Any:
        try:
            raise KeyError("canary")
        except KeyError as error:
            raise ValueError("no such key") from error

    with pytest.raises(PluginFailed) as failed:
        watched.run("pack", pack)

    assert "canary" not in "".join(traceback.format_exception(failed.value))


def test_a_long_story_is_cut(guard: Guard) -> None:
    with pytest.raises(PluginFailed) as failed:
        guard.run("pack", _raise, ValueError("x" * 10_000_000))

    assert len(str(failed.value)) < MAX_TEXT + 100


def test_a_call_broken_off_is_told_apart(watched: Guard) -> None:
    with pytest.raises(PluginStuck) as failed:
        watched.run(ACTION, _raise, BreakOff("at acme/mapping.py:7 in build"))

    assert str(failed.value) == (
        'plugin acme: action "know person" took longer than 2 s and was broken off, at acme/mapping.py:7 in build'
    )


def test_the_alarm_leaves_alone_what_the_router_says_of_a_call_that_is_over(watched: Guard) -> None:
    """Broken off there, the router itself would be: nobody expects it outside of a call."""

    def ring(text: str) -> str:
        if MARK.guard is not None:
            raise BreakOff("at router/guard.py:1 in _translate")
        return text

    watched.hide = ring
    with pytest.raises(PluginFailed, match="raised ValueError: slow"):
        watched.run("pack", _raise, ValueError("slow"))


def test_a_call_is_marked_for_as_long_as_it_lasts(watched: Guard) -> None:
    seen = watched.run("judge", lambda: (MARK.guard, MARK.what, MARK.age))

    assert seen == (watched, "judge", 0)
    assert MARK.guard is None


def test_calls_of_other_threads_are_not_marked(watched: Guard) -> None:
    """An alarm would break off whatever the main thread does meanwhile."""
    MARK.thread += 1

    assert watched.run("judge", lambda: MARK.guard) is None


def _pulses(number: int) -> Callable[[], None]:
    def last() -> None:
        MARK.pulse += number

    return last


def _ticks(number: int) -> Callable[[], None]:
    def last() -> None:
        MARK.ticks += number

    return last


@pytest.mark.parametrize(
    ("last", "held_up_s"),
    [
        pytest.param(_pulses(0), [], id="no time at all"),
        pytest.param(_pulses(1), [], id="at the turn of a tick"),
        pytest.param(_pulses(2), [0.25], id="a whole tick"),
        pytest.param(_pulses(9), [2.0], id="as long as it may"),
        pytest.param(_ticks(9), [2.0], id="while no other thread could run"),
        pytest.param(lambda: (_pulses(5)(), _ticks(3)()), [1.0], id="the longer of the two counts"),
    ],
)
def test_what_holds_up_the_process_is_told_when_it_is_over(
    watched: Guard, last: Callable[[], None], held_up_s: list[float]
) -> None:
    told: list[tuple[Any, float, bool]] = []
    watched.on_held_up = lambda what, seconds, is_broken_off: told.append((what, seconds, is_broken_off))

    for _ in range(2):  # the second begins anew
        watched.run("pack", last)

    assert told == [("pack", seconds, False) for seconds in held_up_s * 2]
