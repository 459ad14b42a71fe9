"""A log against a model that fits on a page: whatever is done to both, in whatever order, they agree."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.log.interface import Log
from router.log.record import Appended, Entry, Gap, Record
from router.log.sqlite import LogOptions, SqliteLog
from tests.in_memory import MEMORY
from tests.log.harness import DAY_S, NOW_S, PARTITION, StillClock, entry, read_all, record

WINDOW_S = 3 * DAY_S
RETENTION_S = 5 * DAY_S
OPTIONS = LogOptions(
    segment_bytes=16_384, retention_s=RETENTION_S, dedup_window_s=WINDOW_S, tail_bytes=6_000, read_bytes=3_000
)

messages = st.tuples(st.integers(1, 12), st.sampled_from(["website", "app"]), st.sampled_from([10, 300, 5_000]))
batches = st.lists(messages, max_size=8)


class LogModel(RuleBasedStateMachine):
    """The model is `stored`, by sequence, and `seen`: where the last of each kind lies. Each engine is held against it."""

    log: Log

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = StillClock(NOW_S)
        self.stored: dict[int, Entry] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.start = 1
        self.log_id = ""

    def _open(self) -> None:
        raise NotImplementedError

    @initialize()
    def open_first(self) -> None:
        self._open()
        self.log_id = self.log.id

    def _expect(self, batch: list[Entry]) -> list[Appended]:
        answers = []
        for each in batch:
            kind = (each.source, each.message_id)
            place = self.seen.get(kind)
            is_duplicate = place is not None and each.received_at_s - self.stored[place].received_at_s <= WINDOW_S
            if place is None or not is_duplicate:
                place = len(self.stored) + 1
                self.stored[place] = each
                self.seen[kind] = place
            answers.append(Appended(PARTITION, place, is_duplicate=is_duplicate))
        return answers

    def _entries(self, batch: list[tuple[int, str, int]]) -> list[Entry]:
        now_s = self.clock.now_s
        return [entry(number, source=source, size=size, received_at_s=now_s) for number, source, size in batch]

    @rule(batch=batches)
    def append(self, batch: list[tuple[int, str, int]]) -> None:
        made = self._entries(batch)
        answers = self.runner.run(self.log.append(made))
        assert answers == self._expect(made)

    @rule(calls=st.lists(batches, min_size=2, max_size=5))
    def append_side_by_side(self, calls: list[list[tuple[int, str, int]]]) -> None:
        made = [self._entries(batch) for batch in calls]

        async def append_all() -> list[list[Appended]]:
            return await asyncio.gather(*(self.log.append(batch) for batch in made))

        answers = self.runner.run(append_all())
        assert answers == [self._expect(batch) for batch in made]

    @rule(count=st.integers(10, 60))
    def append_new(self, count: int) -> None:
        following = len(self.stored) + 1_000
        made = [
            replace(entry(n), message_id=f"new{n}", received_at_s=self.clock.now_s)
            for n in range(following, following + count)
        ]
        answers = self.runner.run(self.log.append(made))
        assert answers == self._expect(made)

    @rule(days=st.sampled_from([0.01, 1.0, 2.9, 3.1, 6.0]))
    def let_time_pass(self, days: float) -> None:
        self.clock.now_s += days * DAY_S

    @rule(share=st.floats(0, 1))
    def trim(self, share: float) -> None:
        needed = 1 + int(share * len(self.stored))
        self.runner.run(self.log.trim({PARTITION: needed}))
        start = self.log.start(PARTITION)
        assert self.start <= start <= max(needed, self.start)
        expired_s = self.clock.now_s - RETENTION_S
        assert all(self.stored[n].received_at_s < expired_s for n in range(self.start, start))
        self.start = start

    @rule(after=st.integers(-1, 300), limit=st.integers(1, 50))
    def read(self, after: int, limit: int) -> None:
        found = self.runner.run(self.log.read(PARTITION, after, limit))
        following = max(after, 0) + 1
        if found and isinstance(found[0], Gap):
            assert found.pop(0) == Gap(PARTITION, following, self.start - 1, "expired")
            following = self.start
        assert found == [record(n, self.stored[n]) for n in range(following, following + len(found))]
        assert len(found) <= limit
        assert found or following > len(self.stored) or after + 1 < self.start

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        _, message_id = data.draw(st.sampled_from(sorted(self.seen)))
        found = self.runner.run(self.log.find(message_id))
        places = {place for (_, other), place in self.seen.items() if other == message_id and place >= self.start}
        assert places <= {item.sequence for item in found}
        assert all(item == record(item.sequence, self.stored[item.sequence]) for item in found)
        assert all(item.message_id == message_id for item in found)

    @invariant()
    def ends_and_starts_agree(self) -> None:
        if self.log_id:
            assert (self.log.start(PARTITION), self.log.end(PARTITION)) == (self.start, len(self.stored))
            assert self.log.id == self.log_id

    def teardown(self) -> None:
        if self.log_id:
            found = self.runner.run(read_all(self.log, limit=37))
            records = [item for item in found if isinstance(item, Record)]
            assert records == [record(n, self.stored[n]) for n in range(self.start, len(self.stored) + 1)]
            self.runner.run(self.log.close())
        self.runner.close()


class LogMachine(LogModel):
    """The embedded log."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="router-model-", dir=MEMORY))
        self.directory = self.base / "0"
        self.copies = 0

    def _open(self) -> None:
        self.log = self.runner.run(SqliteLog.open(self.directory, OPTIONS, self.clock))

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.log.close())
        self._open()

    @rule()
    def kill(self) -> None:
        """What a SIGKILL leaves is what the files hold at that moment."""
        self.copies += 1
        image = self.base / str(self.copies)
        shutil.copytree(self.directory, image)
        self.runner.run(self.log.close())
        self.directory = image
        self._open()

    @rule()
    def lose_what_is_derived(self) -> None:
        self.runner.run(self.log.close())
        for name in ("dedup.sqlite", "log.mark"):
            (self.directory / name).unlink()
        self._open()
        for kind, place in list(self.seen.items()):
            if place < self.start:  # the index was all that knew of it
                del self.seen[kind]

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.base, ignore_errors=True)


TestLogAgainstModel = pytest.mark.timeout(300)(LogMachine.TestCase)
TestLogAgainstModel.settings = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck))
