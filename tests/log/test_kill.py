"""Promise 1 against SIGKILL: one process appends, another keeps a synced ledger of what was answered, and kills it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from router.log.record import Entry, Gap, Record
from router.log.sqlite import SqliteLog
from tests.log.appender import CALLERS, OPTIONS
from tests.log.appender import entry as appended_entry
from tests.log.harness import PARTITION, read_all

APPENDER = Path(__file__).with_name("appender.py")
KILLS = 8
SEEDS = [1]


class Ledger:
    """Every answer that came, synced before the next is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note_from(self, answers: IO[bytes], count: int) -> None:
        """Note the next *count* lines."""
        with self.path.open("ab") as file:
            for _ in range(count):
                self._note(file, answers.readline())

    def note_rest(self, answers: IO[bytes]) -> None:
        """Note what was still in the pipe when its writer was killed."""
        with self.path.open("ab") as file:
            for line in answers:
                self._note(file, line)

    def _note(self, file: IO[bytes], line: bytes) -> None:
        if line.endswith(b"\n"):  # else the kill came in the middle of it
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def answers(self) -> list[tuple[int, str, bool]]:
        lines = self.path.read_bytes().splitlines()
        return [
            (sequence, name, is_duplicate)
            for line in lines
            for sequence, name, is_duplicate in json.loads(line)["answers"]
        ]


def run_and_kill(directory: Path, ledger: Ledger, first: int, seed: int) -> None:
    """Let a process append; kill it some answers later, wherever it is by then."""
    chance = random.Random(seed)
    with subprocess.Popen(
        [sys.executable, str(APPENDER), str(directory), str(first), str(seed)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            ledger.note_from(process.stdout, chance.randrange(1, 60))
        finally:
            process.kill()
        ledger.note_rest(process.stdout)


def is_whole(record: Record) -> bool:
    """True if the event is the one that its messageId names, down to the last byte."""
    expected: Entry = appended_entry(int(record.message_id[1:]))
    return (record.event, record.user_key) == (expected.event, expected.user_key)


@pytest.mark.parametrize("seed", SEEDS)
async def test_promise_1_what_was_answered_outlives_eight_kills(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Row 17 of the battery, on the real disk and over one directory, so that each start has the last kill's leavings."""
    directory = tmp_path_factory.mktemp("killed") / "log"
    ledger = Ledger(directory.parent / "ledger")
    for kill in range(KILLS):
        run_and_kill(directory, ledger, first=1 + kill * 100_000, seed=seed * 1_000 + kill * CALLERS)

    log = await SqliteLog.open(directory, OPTIONS, time.time)
    found = await read_all(log)
    end = log.end(PARTITION)
    answered = ledger.answers()
    names = sorted({name for _, name, _ in answered})
    again = await log.append([appended_entry(int(name[1:])) for name in names])
    await log.close()

    assert len(answered) > 100
    assert not [item for item in found if isinstance(item, Gap)]
    records = {item.sequence: item for item in found if isinstance(item, Record)}
    assert sorted(records) == list(range(1, end + 1))
    assert [name for sequence, name, _ in answered if records[sequence].message_id != name] == []
    assert all(is_whole(item) for item in records.values())
    assert max(Counter(item.message_id for item in records.values()).values()) == 1
    assert max(Counter(name for _, name, is_duplicate in answered if not is_duplicate).values()) == 1
    assert any(is_duplicate for _, _, is_duplicate in answered)
    assert all(answer.is_duplicate for answer in again), "a caller who comes back after the kill is not stored twice"
    assert not list(directory.glob("*rescued*")), "a kill is no damage"
