"""Row 18 of the battery: promise 1 over power cuts. What was not synced is gone or torn; what was answered is there."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router.log.record import Gap, Record
from router.log.sqlite import SqliteLog
from tests.log.appender import CALLERS, OPTIONS
from tests.log.harness import PARTITION, read_all
from tests.log.power_cut import PowerSupply, build
from tests.log.test_kill import APPENDER, Ledger, is_whole


def append_until_the_cut(
    supply: PowerSupply, ledger: Ledger, first: int, chance: random.Random, *through: Path
) -> None:
    """Let a process append to the log in the supply's directory; then its power is gone."""
    arguments = [*through, APPENDER, supply.root, first, chance.randrange(10**6)]
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **supply.environ}) as process:
        assert process.stdout is not None
        try:
            ledger.note_from(process.stdout, chance.randrange(1, 60))
        finally:
            process.kill()
        ledger.note_rest(process.stdout)


async def check_log(directory: Path, ledger: Ledger) -> None:
    log = await SqliteLog.open(directory, OPTIONS, time.time)
    found = await read_all(log)
    end = log.end(PARTITION)
    await log.close()
    records = {item.sequence: item for item in found if isinstance(item, Record)}
    answered = ledger.answers()
    assert not [item for item in found if isinstance(item, Gap)], "a power cut is no damage"
    assert sorted(records) == list(range(1, end + 1))
    assert [name for sequence, name, _ in answered if records[sequence].message_id != name] == []
    assert all(is_whole(item) for item in records.values())


@pytest.mark.parametrize(
    ("logs", "cuts"),
    [
        pytest.param(1, 5, id="5 cuts"),
        pytest.param(20, 10, id="200 cuts", marks=[pytest.mark.full, pytest.mark.timeout(900)]),
    ],
)
async def test_row_18_what_was_answered_outlives_power_cuts(
    tmp_path_factory: pytest.TempPathFactory, logs: int, cuts: int
) -> None:
    """Each run begins over what the last cut of the same log has left, as it would."""
    place = tmp_path_factory.mktemp("power")
    library = build(place)
    chance = random.Random(18)
    for number in range(logs):
        ledger = Ledger(place / f"ledger-{number}")
        directory = place / f"log-{number}"
        for cut in range(cuts):
            supply = PowerSupply(library, directory, place / "shadow")
            supply.switch_on()
            append_until_the_cut(supply, ledger, 1 + cut * 10_000 * CALLERS, chance)
            directory = place / f"log-{number}-{cut}"
            supply.cut(directory, chance)
            shutil.rmtree(supply.root)
        await check_log(directory, ledger)
        shutil.rmtree(directory)
        assert len(ledger.answers()) > 20 * cuts


FORGETFUL = """
import runpy, sqlite3, sys

class Connection(sqlite3.Connection):
    def execute(self, statement, *arguments):
        return super().execute(statement.replace("synchronous = FULL", "synchronous = OFF"), *arguments)

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Connection, **options)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


async def test_a_log_that_does_not_sync_is_found_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The test of the test: the same log, but for SQLite that no longer waits for the disk, loses what it answered."""
    place = tmp_path_factory.mktemp("power")
    (place / "forgetful.py").write_text(FORGETFUL)
    supply = PowerSupply(build(place), place / "log", place / "shadow")
    supply.switch_on()
    ledger = Ledger(place / "ledger")

    append_until_the_cut(supply, ledger, 1, random.Random(1), place / "forgetful.py")
    supply.cut(place / "after", random.Random(1))

    log = await SqliteLog.open(place / "after", OPTIONS, time.time)
    found = {item.sequence for item in await read_all(log) if isinstance(item, Record)}
    await log.close()
    assert {sequence for sequence, _, _ in ledger.answers()} - found
