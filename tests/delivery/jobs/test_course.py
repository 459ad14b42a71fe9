"""How far a job has come, whatever the order in which its events come to their end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.delivery.jobs.course import (
    BURST_S,
    CATCH_UP_S,
    MAX_REASONS,
    MAX_UNDER_WAY,
    MAX_UNDER_WAY_BYTES,
    OTHER,
    Course,
)
from router.delivery.jobs.selection import LOST
from router.delivery.state.changes import Job
from router.delivery.transit import Transit
from router.log.record import Record

JOB = Job(1, "replay", {}, 0, 100, {}, "running", 0.0)


def transit(number: int, size: int = 10) -> Transit:
    return Transit(Record(0, number, "website", f"m{number}", "u1", "track", 0.0, b"x" * size), "replay")


def begun(course: Course, *numbers: int) -> Course:
    for number in numbers:
        course.begin(number, transit(number))
    return course


def test_the_cursor_stays_before_the_first_that_is_not_done() -> None:
    course = Course(JOB, 0)
    course.look(10, [2, 5, 9])
    cursors = [course.cursor]
    for number in (5, 2, 9):
        begun(course, number).end(number, "delivered")
        cursors.append(course.cursor)

    assert cursors == [1, 1, 8, 10]
    assert course.job.counts == {"delivered": 3}


def test_a_job_goes_on_at_its_cursor() -> None:
    job = Job(1, "replay", {}, 40, 100, {"delivered": 7}, "running", 0.0, {"skipped: flags": 1})

    course = Course(job, 3)

    assert (course.read, course.cursor) == (40, 40)
    assert (course.job, Course(JOB, 3).cursor) == (job, 3)


def test_what_was_dropped_is_still_to_do() -> None:
    course = Course(JOB, 0)
    course.look(3, [1, 2, 3])
    begun(course, 1, 2).drop(1)
    course.end(2, "delivered")

    assert course.cursor == 0


def test_a_cancelled_job_stays_so_while_what_is_in_a_request_lands() -> None:
    course = Course(JOB, 0)
    course.look(3, [1, 2, 3])
    begun(course, 1, 2).drop(1)
    course.is_cancelled = True
    course.end(2, "delivered")

    assert (course.job.state, course.job.counts) == ("cancelled", {"delivered": 1})
    assert course.ended() == course.job


def test_what_was_passed_is_told_once_the_cursor_is_past_it() -> None:
    """A crash looks again at what lies beyond the cursor: it must not be counted twice."""
    course = Course(JOB, 0)
    course.look(10, [3], [(2, "pending", 1), (8, LOST, 5)])
    before = dict(course.job.counts)
    begun(course, 3).end(3, "delivered")

    assert before == {"left": 1}
    assert course.job.counts == {"left": 1, "delivered": 1, "lost": 5}
    assert course.job.reasons == {"pending": 1, "lost": 5}


def test_reasons_are_counted_by_their_code_or_their_cause() -> None:
    course = Course(JOB, 0)
    course.look(4, [1, 2, 3, 4])
    begun(course, 1, 2, 3, 4)
    course.end(1, "skipped", "flags: All is false")
    course.end(2, "dead", "400 no user u-17")
    course.end(3, "dead", "400 no user u-99")
    course.end(4, "delivered")

    assert course.job.counts == {"skipped": 1, "dead": 2, "delivered": 1}
    assert course.job.reasons == {"skipped: flags": 1, "dead: 400 no user …": 2}


def test_reasons_are_bounded() -> None:
    """A vendor's words may be of any number."""
    count = MAX_REASONS + 20
    course = Course(JOB, 0)
    course.look(count, range(1, count + 1))
    for number in range(1, count + 1):
        begun(course, number).end(number, "dead", "no " + "x" * number)

    assert len(course.job.reasons) == MAX_REASONS + 1
    assert course.job.reasons[OTHER] == 20
    assert sum(course.job.reasons.values()) == course.job.counts["dead"] == count


@pytest.mark.parametrize(
    ("number", "size"), [(MAX_UNDER_WAY, 1), (2, MAX_UNDER_WAY_BYTES // 2)], ids=["events", "bytes"]
)
def test_so_much_is_under_way_and_no_more(number: int, size: int) -> None:
    course = Course(JOB, 0)
    course.look(number, range(1, number + 1))
    rooms = []
    for each in range(1, number + 1):
        rooms.append(course.has_room)
        course.begin(each, transit(each, size))

    assert all(rooms)
    assert not course.has_room
    course.end(1, "delivered")
    assert course.has_room


def test_a_rate_spaces_events_evenly_and_saves_little_up() -> None:
    """What it is late by, it makes up for, but for a tenth of a second and no more."""
    course = Course(JOB, 0, rate_per_s=10.0)
    now, left = 100.0, []
    for late_s in (0.0, 0.05, 0.0, 7.0, 0.0, 0.0, 0.0):
        now += late_s
        now += course.wait_s(now)
        left.append(round(now - 100.0, 3))
        course.leave(now)

    assert left == [0.0, 0.05, 0.1, 7.1, 7.1, 7.2, 7.3]
    assert Course(JOB, 0).wait_s(0.0) == 0.0


def test_a_high_rate_waits_seldom() -> None:
    course = Course(JOB, 0, rate_per_s=1_000.0)
    now, waits = 100.0, 0
    for _ in range(1_000):
        wait_s = course.wait_s(now)
        waits += wait_s > 0
        now += wait_s
        course.leave(now)

    assert waits <= 1.0 / BURST_S
    assert 1.0 - CATCH_UP_S - BURST_S < now - 100.0 <= 1.0


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 2**32), st.integers(1, 7))
def test_in_whatever_order_the_cursor_never_passes_what_is_open(wanted: list[bool], seed: int, chunk: int) -> None:
    """Looked at in chunks, ended in any order: the cursor is exactly before the first that is not done."""
    chance, course = random.Random(seed), Course(JOB, 0)
    numbers = [number for number, is_wanted in enumerate(wanted, 1) if is_wanted]
    open_numbers: list[int] = []
    while course.read < len(wanted) or open_numbers:
        if course.read < len(wanted) and (not open_numbers or chance.random() < 0.5):
            last = min(course.read + chunk, len(wanted))
            found = [number for number in numbers if course.read < number <= last]
            course.look(last, found)
            begun(course, *found)
            open_numbers += found
        else:
            number = open_numbers.pop(chance.randrange(len(open_numbers)))
            course.end(number, "delivered")
        assert course.cursor == (min(open_numbers) - 1 if open_numbers else course.read)

    assert course.cursor == len(wanted)
    assert course.job.counts.get("delivered", 0) == len(numbers)
