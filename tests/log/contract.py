"""What everything that is called a log keeps to, whichever engine it is: the promises of `router.log.interface.Log`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import chain

import pytest

from router.log.interface import Log
from router.log.record import Appended, Entry, Gap, Record
from tests.log.harness import (
    DAY_S,
    NOW_S,
    PARTITION,
    OpenLog,
    StillClock,
    entries,
    entry,
    first_of,
    message_ids,
    read_all,
    record,
    sequences,
)

WINDOW_S = 7 * DAY_S
RETENTION_S = 7 * DAY_S

ODD_TEXTS = {
    "empty": "",
    "a NUL inside": "a\0b",
    "beyond the basic plane": "Ada \U0001f9ee",
    "a quote": "it's; --",
    "long": "x" * 70_000,
    "right to left": "\u202eabc",
    "no character": "\uffff",
}


async def is_waiting(task: asyncio.Future[None]) -> bool:
    """True if nothing comes of *task* for some turns of the loop, and some real time on top."""
    done, _ = await asyncio.wait({task}, timeout=0.02)
    return not done


class LogContract:
    """Inherit it, with the fixture ``open_log`` for the engine.

    The engine's segments are small (tens of events), its windows `WINDOW_S` and `RETENTION_S`, its clock the fixture ``clock``.
    """

    @pytest.fixture
    def clock(self) -> StillClock:
        return StillClock()

    @pytest.fixture
    def open_log(self) -> OpenLog:
        raise NotImplementedError

    @pytest.fixture
    async def log(self, open_log: OpenLog) -> AsyncIterator[Log]:
        log = await open_log()
        yield log
        await log.close()

    # --- appending and reading ---

    async def test_an_empty_log_ends_at_0_and_starts_at_1(self, log: Log) -> None:
        assert (log.start(PARTITION), log.end(PARTITION)) == (1, 0)
        assert await log.read(PARTITION, 0) == []
        assert list(log.partitions) == [PARTITION]

    async def test_sequences_start_at_1_and_follow_one_another(self, log: Log) -> None:
        first = await log.append(entries(1, 3))
        second = await log.append(entries(4, 5))

        assert first == [Appended(PARTITION, 1), Appended(PARTITION, 2), Appended(PARTITION, 3)]
        assert second == [Appended(PARTITION, 4), Appended(PARTITION, 5)]
        assert log.end(PARTITION) == 5

    async def test_what_was_appended_is_read_as_it_was(self, log: Log) -> None:
        written = entries(1, 50)
        await log.append(written)

        assert await read_all(log) == [record(n, each) for n, each in enumerate(written, 1)]

    async def test_no_entries_are_stored_as_nothing(self, log: Log) -> None:
        assert await log.append([]) == []
        assert log.end(PARTITION) == 0

    @pytest.mark.parametrize("limit", [1, 2, 7, 499, 500])
    async def test_any_limit_reads_the_same(self, open_log: OpenLog, limit: int) -> None:
        log = await open_log()
        written = entries(1, 60)
        await log.append(written)
        await log.close()

        log = await open_log()
        found = await read_all(log, limit=limit)
        await log.close()

        assert found == [record(n, each) for n, each in enumerate(written, 1)]

    @pytest.mark.parametrize("after", [0, 1, 29, 58, 59])
    async def test_a_read_starts_right_after_the_position(self, log: Log, after: int) -> None:
        await log.append(entries(1, 60))

        found = await log.read(PARTITION, after, 1)

        assert found == [record(after + 1, entry(after + 1))]

    @pytest.mark.parametrize("after", [5, 6, 1_000_000])
    async def test_there_is_nothing_at_or_past_the_end(self, log: Log, after: int) -> None:
        await log.append(entries(1, 5))

        assert await log.read(PARTITION, after) == []

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_odd_texts_come_back_as_they_were(self, open_log: OpenLog, text: str) -> None:
        odd = Entry(text, text, text, text, text, text, text, NOW_S, text.encode())
        log = await open_log()
        await log.append([odd])
        await log.close()

        log = await open_log()
        found = await read_all(log)
        again = await log.append([odd])
        await log.close()

        assert found == [record(1, odd)]
        assert again == [Appended(PARTITION, 1, is_duplicate=True)]

    @pytest.mark.parametrize(
        "event", [b"", b"\0", b"\xff\xfe no text", b"x" * 1_500_000], ids=["0", "NUL", "bytes", "big"]
    )
    async def test_an_event_may_be_any_bytes(self, open_log: OpenLog, event: bytes) -> None:
        log = await open_log()
        await log.append([replace(entry(1), event=event), entry(2)])
        await log.close()

        log = await open_log()
        found = await read_all(log)
        await log.close()

        assert found == [record(1, replace(entry(1), event=event)), record(2, entry(2))]

    async def test_an_entry_that_cannot_be_stored_is_refused_alone(self, log: Log) -> None:
        """Callers share a commit; what is wrong with the one is no concern of the other."""
        bad = replace(entry(2), message_id="half a pair \ud800")

        answers = await asyncio.gather(
            log.append([entry(1)]), log.append([bad]), log.append([entry(3)]), return_exceptions=True
        )

        assert answers[0] == [Appended(PARTITION, 1)]
        assert isinstance(answers[1], ValueError)
        assert answers[2] == [Appended(PARTITION, 2)]
        assert await message_ids(log) == ["m1", "m3"]

    async def test_callers_side_by_side_each_get_their_own_places_in_order(self, log: Log) -> None:
        async def append_twice(caller: int) -> list[int]:
            placed = await log.append(entries(caller * 100, caller * 100 + 4))
            placed += await log.append(entries(caller * 100 + 5, caller * 100 + 9))
            return [each.sequence for each in placed]

        places = await asyncio.gather(*(append_twice(caller) for caller in range(1, 21)))

        assert sorted(chain.from_iterable(places)) == list(range(1, 201))
        by_message = {item.message_id: item.sequence for item in await read_all(log) if isinstance(item, Record)}
        for caller, placed in enumerate(places, 1):
            assert placed == sorted(placed)
            assert placed == [by_message[f"m{caller * 100 + n}"] for n in range(10)]

    async def test_who_stops_waiting_disturbs_nobody(self, log: Log) -> None:
        calls = [asyncio.create_task(log.append([entry(n)])) for n in range(1, 41)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)

        kept = [answer[0].sequence for answer in answers[1::2] if not isinstance(answer, BaseException)]
        assert len(kept) == 20
        assert await log.append([entry(100)]) == [Appended(PARTITION, log.end(PARTITION))]
        found = {item.message_id: item.sequence for item in await read_all(log) if isinstance(item, Record)}
        assert kept == [found[f"m{n}"] for n in range(2, 41, 2)]

    # --- waiting ---

    async def test_a_wait_ends_when_something_comes(self, log: Log) -> None:
        waits = [asyncio.create_task(log.wait(PARTITION, 0)) for _ in range(3)]
        assert await is_waiting(waits[0])

        await log.append([entry(1)])

        await asyncio.wait_for(asyncio.gather(*waits), 20)
        assert await log.read(PARTITION, 0) == [record(1, entry(1))]

    async def test_a_wait_for_what_is_there_already_ends_at_once(self, log: Log) -> None:
        await log.append(entries(1, 5))

        await asyncio.wait_for(log.wait(PARTITION, 4), 20)

    async def test_a_duplicate_wakes_nobody(self, log: Log) -> None:
        await log.append([entry(1)])
        wait = asyncio.create_task(log.wait(PARTITION, 1))

        await log.append([entry(1)])

        assert await is_waiting(wait)
        wait.cancel()

    async def test_a_cancelled_wait_leaves_the_others_waiting(self, log: Log) -> None:
        cancelled, kept = asyncio.create_task(log.wait(PARTITION, 0)), asyncio.create_task(log.wait(PARTITION, 0))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert await is_waiting(kept)

        await log.append([entry(1)])

        await asyncio.wait_for(kept, 20)

    async def test_what_a_wait_announced_can_be_read(self, log: Log) -> None:
        """A reader that keeps up sees everything once, in order, while callers append beside it."""
        seen: list[Record | Gap] = []

        async def follow() -> None:
            while len(seen) < 200:
                await log.wait(PARTITION, len(seen))
                seen.extend(await log.read(PARTITION, len(seen), 7))

        reader = asyncio.create_task(follow())
        for start in range(1, 201, 20):
            await asyncio.gather(*(log.append([entry(n)]) for n in range(start, start + 20)))
        await asyncio.wait_for(reader, 10)

        assert [first_of(item) for item in seen] == list(range(1, 201))

    # --- duplicates ---

    async def test_promise_4_a_repeat_is_answered_as_a_duplicate_with_the_place_of_the_first(self, log: Log) -> None:
        await log.append(entries(1, 3))

        answers = await log.append([entry(4), entry(2)])

        assert answers == [Appended(PARTITION, 4), Appended(PARTITION, 2, is_duplicate=True)]
        assert await message_ids(log) == ["m1", "m2", "m3", "m4"]

    async def test_a_repeat_within_one_call_is_a_duplicate(self, log: Log) -> None:
        answers = await log.append([entry(1), entry(2), entry(1), entry(1)])

        assert [each.sequence for each in answers] == [1, 2, 1, 1]
        assert [each.is_duplicate for each in answers] == [False, False, True, True]

    async def test_the_same_event_posted_ten_times_in_parallel_is_stored_once(self, log: Log) -> None:
        answers = await asyncio.gather(*(log.append([entry(1)]) for _ in range(10)))

        assert [each.sequence for (each,) in answers] == [1] * 10
        assert sum(not each.is_duplicate for (each,) in answers) == 1
        assert log.end(PARTITION) == 1

    async def test_the_same_message_id_from_two_sources_is_two_events(self, log: Log) -> None:
        answers = await log.append([entry(1), entry(1, source="app")])

        assert [each.is_duplicate for each in answers] == [False, False]
        assert log.end(PARTITION) == 2

    async def test_a_source_and_a_message_id_are_not_run_together(self, log: Log) -> None:
        answers = await log.append(
            [
                entry(1, source="ab", message_id="c"),
                entry(1, source="a", message_id="bc"),
                entry(1, source="", message_id="abc"),
            ]
        )

        assert [each.is_duplicate for each in answers] == [False, False, False]

    async def test_a_duplicate_is_known_after_a_restart(self, open_log: OpenLog) -> None:
        log = await open_log()
        await log.append(entries(1, 100))
        await log.close()

        log = await open_log()
        answers = await log.append(entries(98, 101))
        await log.close()

        assert [each.sequence for each in answers] == [98, 99, 100, 101]
        assert [each.is_duplicate for each in answers] == [True, True, True, False]

    @pytest.mark.parametrize(
        ("later_s", "is_duplicate"),
        [(0.0, True), (6 * DAY_S, True), (WINDOW_S - 1, True), (WINDOW_S + 1, False), (30 * DAY_S, False)],
        ids=["at once", "6 days", "just inside", "just outside", "a month"],
    )
    @pytest.mark.parametrize("is_reopened", [False, True], ids=["running", "reopened"])
    async def test_the_window_decides_what_is_a_duplicate(
        self, open_log: OpenLog, clock: StillClock, later_s: float, is_duplicate: bool, is_reopened: bool
    ) -> None:
        log = await open_log()
        await log.append([entry(1, received_at_s=clock.now_s)])
        clock.now_s += later_s
        if is_reopened:
            await log.close()
            log = await open_log()

        (answer,) = await log.append([entry(1, received_at_s=clock.now_s)])
        (repeated,) = await log.append([entry(1, received_at_s=clock.now_s)])
        await log.close()

        assert answer == Appended(PARTITION, 1 if is_duplicate else 2, is_duplicate=is_duplicate)
        assert repeated == Appended(PARTITION, answer.sequence, is_duplicate=True)

    async def test_a_clock_that_jumps_back_and_forth_forgets_no_key(self, log: Log, clock: StillClock) -> None:
        await log.append([entry(1)])
        for jump_s in (3600.0, -3600.0, -3600.0, 3600.0):
            clock.now_s += jump_s
            (answer,) = await log.append([entry(1, received_at_s=clock.now_s)])
            assert answer == Appended(PARTITION, 1, is_duplicate=True)

    # --- restarts ---

    async def test_a_restart_finds_everything_and_goes_on_where_it_was(self, open_log: OpenLog) -> None:
        log_ids = set()
        for start in range(1, 101, 10):
            log = await open_log()
            log_ids.add(log.id)
            assert log.end(PARTITION) == start - 1
            await log.append(entries(start, start + 9))
            await log.close()

        log = await open_log()
        found = await read_all(log)
        await log.close()

        assert found == [record(n, entry(n)) for n in range(1, 101)]
        assert len(log_ids) == 1

    async def test_a_restart_without_events_changes_nothing(self, open_log: OpenLog) -> None:
        for _ in range(3):
            log = await open_log()
            await log.close()
        log = await open_log()
        answers = await log.append([entry(1)])
        await log.close()

        assert answers == [Appended(PARTITION, 1)]

    async def test_what_waits_is_stored_before_the_log_closes(self, open_log: OpenLog) -> None:
        log = await open_log()
        calls = [asyncio.create_task(log.append([entry(n)])) for n in range(1, 21)]
        await asyncio.sleep(0)
        await log.close()
        answers = await asyncio.wait_for(asyncio.gather(*calls), 20)

        log = await open_log()
        found = await sequences(log)
        await log.close()

        assert [each.sequence for (each,) in answers] == found == list(range(1, 21))

    async def test_an_append_to_a_closed_log_fails_instead_of_waiting_for_ever(self, open_log: OpenLog) -> None:
        log = await open_log()
        await log.close()

        with pytest.raises(Exception, match="closed"):
            await asyncio.wait_for(log.append([entry(1)]), 20)

    async def test_closing_twice_is_closing_once(self, open_log: OpenLog) -> None:
        log = await open_log()
        await log.append([entry(1)])

        await log.close()
        await log.close()

    # --- finding ---

    async def test_find_gives_one_event_a_source(self, open_log: OpenLog) -> None:
        log = await open_log()
        await log.append([*entries(1, 50), entry(7, source="app"), *entries(51, 80)])
        before = await log.find("m7")
        await log.close()

        log = await open_log()
        after = await log.find("m7")
        await log.close()

        assert before == after == [record(7, entry(7)), record(51, entry(7, source="app"))]

    @pytest.mark.parametrize("message_id", ["m8", "", "m%", "M7", "half \ud800"])
    async def test_find_gives_nothing_for_what_never_came(self, log: Log, message_id: str) -> None:
        await log.append([entry(7)])

        assert await log.find(message_id) == []

    async def test_find_sees_what_was_just_answered(self, log: Log) -> None:
        for number in range(1, 21):
            await log.append([entry(number)])
            assert await log.find(f"m{number}") == [record(number, entry(number))]

    async def test_find_gives_an_event_that_is_older_than_the_window(self, log: Log, clock: StillClock) -> None:
        await log.append([entry(7)])
        clock.now_s += WINDOW_S + 2 * DAY_S
        await log.append(entries(8, 60, received_at_s=clock.now_s))

        assert await log.find("m7") == [record(7 - 6, entry(7))]

    # --- retention ---

    @pytest.fixture
    async def aged(self, log: Log, clock: StillClock) -> Log:
        """200 events, all older than retention keeps, and 20 new ones."""
        for start in range(1, 201, 10):
            await log.append(entries(start, start + 9))
        clock.now_s += RETENTION_S + 3 * DAY_S
        await log.append(entries(201, 220, received_at_s=clock.now_s))
        return log

    async def test_what_nobody_needs_and_is_old_is_given_up(self, aged: Log) -> None:
        await aged.trim({PARTITION: 221})

        start = aged.start(PARTITION)
        assert 1 < start <= 201
        assert (await read_all(aged))[0] == Gap(PARTITION, 1, start - 1, "expired")
        assert await sequences(aged) == list(range(start, 221))
        assert aged.end(PARTITION) == 220

    @pytest.mark.parametrize("needed_from", [1, 2, 57, 140, 200])
    async def test_what_somebody_needs_is_kept(self, aged: Log, needed_from: int) -> None:
        await aged.trim({PARTITION: needed_from})

        assert aged.start(PARTITION) <= needed_from
        assert await sequences(aged) == list(range(aged.start(PARTITION), 221))

    async def test_what_is_young_is_kept_though_nobody_needs_it(self, log: Log) -> None:
        for start in range(1, 201, 10):
            await log.append(entries(start, start + 9))

        await log.trim({PARTITION: 201})

        assert log.start(PARTITION) == 1
        assert await sequences(log) == list(range(1, 201))

    async def test_a_restart_after_retention_starts_where_it_was_and_repeats_no_sequence(
        self, aged: Log, open_log: OpenLog
    ) -> None:
        await aged.trim({PARTITION: 221})
        start = aged.start(PARTITION)
        await aged.close()

        log = await open_log()
        answers = await log.append([entry(221)])
        found = await sequences(log)
        await log.close()

        assert log.start(PARTITION) == start
        assert answers == [Appended(PARTITION, 221)]
        assert found == list(range(start, 222))

    async def test_a_position_below_the_start_is_told_what_is_gone(self, aged: Log) -> None:
        await aged.trim({PARTITION: 221})
        start = aged.start(PARTITION)

        found = await aged.read(PARTITION, start - 3, 2)

        assert found[0] == Gap(PARTITION, start - 2, start - 1, "expired")

    async def test_retention_beside_readers_and_writers_loses_nothing_that_is_needed(
        self, log: Log, clock: StillClock
    ) -> None:
        seen: list[Record | Gap] = []

        async def follow() -> None:
            while len(seen) < 400:
                await log.wait(PARTITION, len(seen))
                seen.extend(await log.read(PARTITION, len(seen), 11))
                await log.trim({PARTITION: len(seen) + 1})

        reader = asyncio.create_task(follow())
        for start in range(1, 401, 10):
            await log.append(entries(start, start + 9, received_at_s=clock.now_s))
            clock.now_s += DAY_S
        await asyncio.wait_for(reader, 20)

        assert [item.sequence for item in seen if isinstance(item, Record)] == list(range(1, 401))
        assert log.start(PARTITION) > 1
