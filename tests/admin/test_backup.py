"""Row 57 of the battery: whatever happens while a backup is taken, it holds all that was acknowledged before it began, and no
position in it is ahead of its log.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from router.admin import backup as backup_module
from router.admin.backup import Backup, back_up
from router.delivery.state.changes import Changes
from router.delivery.state.file import StateFile
from router.errors import OperatorError
from router.log.checkup import check_log
from router.log.record import Appended, Gap, Record
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.damage import fill_with_noise, flip_an_event, middle_of, segments_of
from tests.log.harness import DAY_S, PARTITION, StillClock, entries, read_all

NOBODY = 65_534
OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)


@dataclass
class Site:
    """A data directory with a log and one destination, as a router has it open."""

    data: Path
    clock: StillClock = field(default_factory=StillClock)
    options: LogOptions = OPTIONS
    appended: int = 0

    async def open(self) -> Site:
        self.log = await SqliteLog.open(self.data / "log", self.options, self.clock)
        self.state = StateFile.open(self.data / "destinations" / "crm.sqlite", self.log.id)
        self.state.add_partition(PARTITION, 0)
        return self

    async def append(self, count: int) -> None:
        for start in range(self.appended + 1, self.appended + count + 1, 10):
            await self.log.append(entries(start, min(start + 9, self.appended + count)))
        self.appended += count

    def settle(self, position: int) -> None:
        self.state.commit(Changes(positions={PARTITION: position}))

    async def trim(self) -> None:
        """Give up all that the destination is done with, and is old."""
        _, position = self.state.positions()[PARTITION]
        await self.log.trim({PARTITION: position + 1})

    async def back_up(self, target: Path, after_bulk: Callable[[], None] = lambda: None) -> Backup:
        return await asyncio.to_thread(
            back_up, self.data / "log", self.data / "destinations", target, after_bulk=after_bulk
        )

    async def close(self) -> None:
        self.state.close()
        await self.log.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = await Site(tmp_path / "var").open()
    yield site
    await site.close()


def call(loop: asyncio.AbstractEventLoop, make: Callable[[], object]) -> None:
    """Run what *make* makes on the site's loop, from the thread of the backup."""

    async def run() -> None:
        made = make()
        if asyncio.iscoroutine(made):
            await made

    asyncio.run_coroutine_threadsafe(run(), loop).result(20)


async def restore(target: Path) -> tuple[list[Record | Gap], int, list[Appended]]:
    """Start over the backup: all of its log, the destination's position, and the answers to what is sent again."""
    site = await Site(target).open()
    found = await read_all(site.log)
    _, position = site.state.positions()[PARTITION]
    assert position <= site.log.end(PARTITION)
    again = await site.log.append(entries(1, 10))
    await site.close()
    return found, position, again


async def test_a_backup_beside_a_router_restores_to_what_was_there(site: Site, tmp_path: Path) -> None:
    await site.append(300)
    site.settle(120)

    backup = await site.back_up(tmp_path / "backup")

    found, position, again = await restore(tmp_path / "backup")
    assert found == await read_all(site.log)
    assert position == 120
    assert backup.positions == {"crm": 120}
    assert (backup.log.start, backup.log.end, backup.problems) == (1, 300, ())
    assert all(answer.is_duplicate for answer in again), "what was seen is known to the copy as well"


async def test_row_57_a_backup_outlives_a_power_cut(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its files and directories was synced, and so was the directory in which it has its name."""
    fsync, synced = os.fsync, set[int]()

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    await site.append(300)
    monkeypatch.setattr(os, "fsync", sync)

    await site.back_up(tmp_path / "backup")

    monkeypatch.undo()
    backed_up = [tmp_path, tmp_path / "backup", *(tmp_path / "backup").rglob("*")]
    assert [path for path in backed_up if path.stat().st_ino not in synced] == []


@pytest.mark.parametrize("content", [b"", b"noise" * 999], ids=["sound", "damaged"])
async def test_what_was_rejected_may_be_read_by_its_user_alone_wherever_the_copy_is_moved(
    site: Site, tmp_path: Path, content: bytes
) -> None:
    """It has no directory of its own, as the log and the states have, that would keep others out."""
    rejected = tmp_path / "var" / "rejected.sqlite"
    rejected.write_bytes(content)

    back_up(site.data / "log", site.data / "destinations", tmp_path / "backup", (rejected,))

    assert (tmp_path / "backup" / "rejected.sqlite").stat().st_mode & 0o777 == 0o600


async def test_a_backup_without_a_router_is_the_same(tmp_path: Path) -> None:
    site = await Site(tmp_path / "var").open()
    await site.append(300)
    site.settle(120)
    found = await read_all(site.log)
    await site.close()

    await site.back_up(tmp_path / "backup")

    assert (await restore(tmp_path / "backup"))[:2] == (found, 120)


async def test_row_57_no_position_is_ahead_of_the_copied_log(site: Site, tmp_path: Path) -> None:
    """Events come, and are settled, between the bulk of the log and the states, and after them."""
    await site.append(300)
    loop = asyncio.get_running_loop()

    def go_on() -> None:
        call(loop, lambda: site.append(200))
        call(loop, lambda: site.settle(500))

    await site.back_up(tmp_path / "backup", go_on)

    found, position, _ = await restore(tmp_path / "backup")
    assert position == 500
    assert [item.sequence for item in found if isinstance(item, Record)] == list(range(1, 501))


async def test_row_57_what_retention_takes_meanwhile_is_missed_by_nobody(site: Site, tmp_path: Path) -> None:
    """The segments that are given up while the bulk is copied are those that the copied position is past."""
    await site.append(300)
    site.clock.now_s += 10 * DAY_S
    loop = asyncio.get_running_loop()

    def settle_and_trim() -> None:
        call(loop, lambda: site.append(100))
        call(loop, lambda: site.settle(250))
        call(loop, site.trim)

    await site.back_up(tmp_path / "backup", settle_and_trim)

    found, position, _ = await restore(tmp_path / "backup")
    assert position == 250
    assert site.log.start(PARTITION) > 100
    assert not [item for item in found if isinstance(item, Gap) and item.reason != "expired"]
    assert [item.sequence for item in found if isinstance(item, Record) and item.sequence > position] == [
        *range(251, 401)
    ]
    assert check_log(tmp_path / "backup" / "log").is_sound


async def test_row_57_a_retention_that_overtakes_the_copy_makes_it_begin_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The states are copied, and what they still need is sealed, settled and given up before its turn comes."""
    await site.append(300)
    site.settle(150)
    loop = asyncio.get_running_loop()
    copied: list[int] = []
    copy_states = backup_module._copy_states

    def overtake(states: Path, target: Path) -> list[str]:
        problems = copy_states(states, target)
        copied.append(site.appended)
        if len(copied) <= 2:
            call(loop, lambda: site.append(100))
            site.clock.now_s += 10 * DAY_S
            call(loop, lambda: site.settle(site.appended - 20))
            call(loop, site.trim)
            call(loop, lambda: site.append(50))
        return problems

    monkeypatch.setattr(backup_module, "_copy_states", overtake)
    await site.back_up(tmp_path / "backup")

    found, position, _ = await restore(tmp_path / "backup")
    assert copied == [300, 450, 600]
    assert position == 530
    assert [item.sequence for item in found if isinstance(item, Record) and item.sequence > position] == [
        *range(531, 601)
    ]


async def test_row_57_under_load(tmp_path: Path) -> None:
    """Appends, settlements and retention all the while, and backups one after the other."""
    chance = random.Random(57)
    site = await Site(tmp_path / "var", options=replace(OPTIONS, max_bytes=300_000)).open()
    is_done = False

    async def work() -> None:
        while not is_done:
            await site.append(chance.randrange(1, 30))
            _, position = site.state.positions()[PARTITION]
            site.settle(min(site.appended, position + chance.randrange(40)))
            await site.trim()
            await asyncio.sleep(0)

    worker = asyncio.create_task(work())
    for number in range(5):
        acknowledged = site.appended
        target = tmp_path / f"backup-{number}"
        await site.back_up(target)
        assert not worker.done()
        log = await SqliteLog.open(target / "log", OPTIONS, site.clock)
        state = StateFile.open(target / "destinations" / "crm.sqlite", log.id)
        _, position = state.positions()[PARTITION]
        found = await read_all(log)
        state.close()
        await log.close()
        there = {item.sequence for item in found if isinstance(item, Record)}
        assert position <= log.end(PARTITION)
        assert there >= set(range(position + 1, acknowledged + 1)), "acknowledged before, and missing"
        assert check_log(target / "log").is_sound
    is_done = True
    await worker
    await site.close()


async def test_damage_is_copied_as_it_is_and_said(site: Site, tmp_path: Path) -> None:
    await site.append(300)
    middle = middle_of(site.data / "log")
    flip_an_event(middle, 155)
    fill_with_noise(segments_of(site.data / "log")[1])
    lost = await read_all(site.log)

    backup = await site.back_up(tmp_path / "backup")

    assert not backup.log.is_sound
    # Not the name under which it was looked through.
    assert all(segment.path.exists() for segment in backup.log.segments)
    found, _, _ = await restore(tmp_path / "backup")
    assert [item for item in found if isinstance(item, Gap)] == [item for item in lost if isinstance(item, Gap)]


async def test_a_copy_of_a_log_that_has_lost_its_end_starts_as_that_one_does(tmp_path: Path) -> None:
    """How far the log went says the mark beside the segments; without it the positions would be past its end."""
    site = await Site(tmp_path / "var").open()
    await site.append(300)
    site.settle(300)
    killed = Site(shutil.copytree(site.data, tmp_path / "killed"))
    await site.close()
    last = segments_of(killed.data / "log")[-1]
    last.with_name(last.name + "-wal").unlink()
    (killed.data / "log" / "dedup.sqlite").unlink()

    await killed.back_up(tmp_path / "backup")

    _, position, _ = await restore(tmp_path / "backup")
    assert position == 300


async def test_a_state_that_is_damaged_is_copied_as_it_is_and_said(site: Site, tmp_path: Path) -> None:
    await site.append(20)
    broken = site.data / "destinations" / "old.sqlite"
    broken.write_bytes(b"no database" * 1_000)

    backup = await site.back_up(tmp_path / "backup")

    assert any(str(tmp_path / "backup" / "destinations" / "old.sqlite") in problem for problem in backup.problems)
    assert (tmp_path / "backup" / "destinations" / "old.sqlite").read_bytes() == broken.read_bytes()
    assert backup.positions == {"crm": 0}


async def test_a_state_that_an_older_program_wrote_is_no_damage(site: Site, tmp_path: Path) -> None:
    """A backup before the first start of a newer program is a good habit."""
    await site.append(20)
    site.state._connection.execute("PRAGMA user_version = 1")

    done = await site.back_up(tmp_path / "backup")

    assert (done.problems, done.positions) == ((), {"crm": None})
    assert (tmp_path / "backup" / "destinations" / "crm.sqlite").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
async def test_a_backup_that_root_takes_belongs_to_whom_the_log_belongs(site: Site, tmp_path: Path) -> None:
    """So it can be moved into place."""
    await site.append(10)
    os.chown(site.data / "log", NOBODY, NOBODY)

    await site.back_up(tmp_path / "backup")

    assert {path.stat().st_uid for path in [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]} == {NOBODY}


async def test_a_backup_onto_a_disk_that_knows_no_owners_is_made(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *arguments: Any, **options: Any) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    await site.append(10)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", refuse)

    backup = await site.back_up(tmp_path / "backup")

    assert backup.log.end == 10


async def test_a_backup_holds_peoples_data_and_nobody_else_may_read_it(site: Site, tmp_path: Path) -> None:
    await site.append(20)

    await site.back_up(tmp_path / "new" / "backup")

    assert (tmp_path / "new" / "backup").stat().st_mode & 0o777 == 0o700
    assert os.listdir(tmp_path / "new") == ["backup"]


async def test_a_backup_that_fails_leaves_nothing_behind(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.append(20)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OperatorError, match=r"can't be written .*No space left"):
        await site.back_up(tmp_path / "new" / "backup", fail)

    assert os.listdir(tmp_path / "new") == []


KILLED = """
import os, signal, sys
from pathlib import Path
from router.admin.backup import back_up

data, target = map(Path, sys.argv[1:])
back_up(data / "log", data / "destinations", target, after_bulk=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


async def test_what_a_backup_that_was_killed_leaves_behind_the_next_one_removes(site: Site, tmp_path: Path) -> None:
    """It holds people's data, and nobody sees it. One that is under way is let be."""
    await site.append(20)
    backups = tmp_path / "backups"
    arguments = [sys.executable, "-c", KILLED, str(site.data), str(backups / "first")]
    killed = await asyncio.to_thread(subprocess.run, arguments, check=False)
    [left] = backups.iterdir()
    beside: list[bool] = []

    def make_another() -> None:
        beside.append(left.exists())
        back_up(site.data / "log", site.data / "destinations", backups / "third")

    await site.back_up(backups / "second", make_another)

    assert killed.returncode == -signal.SIGKILL
    assert beside == [False]
    assert sorted(os.listdir(backups)) == ["second", "third"]
    assert sorted(os.listdir(backups / "second")) == ["destinations", "log"]


async def test_what_pretends_to_be_left_behind_leads_to_no_other_file(site: Site, tmp_path: Path) -> None:
    """Where others may write beside the backup, such as in /tmp: the file that the link named was emptied."""
    other = tmp_path / "other"
    other.write_text("somebody's")
    pretended = tmp_path / ".router-backup-x" / "under-way.lock"
    pretended.parent.mkdir()
    pretended.symlink_to(other)

    await site.back_up(tmp_path / "backup")

    assert other.read_text() == "somebody's"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param("full", "is there already", id="a directory with something in it"),
        pytest.param("file", "is there already", id="a file"),
        pytest.param("var/log/backup", "lies within", id="in the log"),
        pytest.param("var/destinations", "is there already", id="the states"),
    ],
)
async def test_a_place_that_will_not_do_is_refused(site: Site, tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    (tmp_path / "file").touch()

    with pytest.raises(OperatorError, match=message):
        await site.back_up(tmp_path / place)


async def test_an_empty_directory_will_do(site: Site, tmp_path: Path) -> None:
    await site.append(20)
    (tmp_path / "backup").mkdir()

    await site.back_up(tmp_path / "backup")

    assert check_log(tmp_path / "backup" / "log").end == 20


async def test_what_was_rescued_is_in_the_backup(site: Site, tmp_path: Path) -> None:
    await site.append(300)
    flip_an_event(middle_of(site.data / "log"), 155)
    await read_all(site.log)
    assert list((site.data / "log").glob("*.rescued.sqlite"))

    await site.back_up(tmp_path / "backup")

    assert list((tmp_path / "backup" / "log").glob("*.rescued.sqlite"))
    found, _, _ = await restore(tmp_path / "backup")
    assert [item for item in found if isinstance(item, Gap)] == [Gap(PARTITION, 155, 155, "damaged")]


async def test_the_copy_is_of_plain_files(site: Site, tmp_path: Path) -> None:
    """Nothing of SQLite's own beside them: whoever copies them further can't leave a half of one behind."""
    await site.append(35)

    await site.back_up(tmp_path / "backup")

    names = {path.name for path in (tmp_path / "backup").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith(("-wal", "-shm", "-journal"))]
    for path in (tmp_path / "backup").rglob("*.sqlite"):
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
