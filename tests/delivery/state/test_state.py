"""The state file: what is refused, what comes back after a restart, and that a transaction is all or nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from router.delivery.jobs.spec import ReplaySpec
from router.delivery.state import file as state_file
from router.delivery.state import schema as state_schema
from router.delivery.state.changes import Changes, Outcome, Place, Replayed, SettledPayload
from router.delivery.state.directory import StateDirectory
from router.delivery.state.file import StateFile
from router.delivery.state.schema import SCHEMA_VERSION, UPGRADES
from router.delivery.state.state import StateUnusable
from router.errors import OperatorError
from tests.delivery.state.contract import CHANGES, OpenState, StateContract, everything, make_letter, make_record

LOG = "log-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "destinations" / "crm.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[StateFile]:
    with closing(StateFile.open(path, LOG)) as state:
        state.add_partition(0, 0)
        yield state


class TestStateFile(StateContract):
    @pytest.fixture
    def open_state(self, path: Path) -> OpenState:
        return lambda: StateFile.open(path, LOG)


@pytest.mark.parametrize("pages_left", range(0, 40, 4))
def test_a_commit_that_the_disk_refuses_has_written_nothing(state: StateFile, pages_left: int) -> None:
    """Whichever statement of the transaction hits the full disk."""
    state.commit(CHANGES)
    before = everything(state)
    (pages,) = state._connection.execute("PRAGMA page_count").fetchone()
    state._connection.execute(f"PRAGMA max_page_count = {pages + pages_left}")
    big = Changes(
        positions={0: 40},
        outcomes=[Outcome(Place(0, n), "delivered", "x" * 1_500, 1.0) for n in range(10, 40)],
        settled_payloads=[SettledPayload(Place(0, n), "y" * 1_500, "") for n in range(50, 80)],
        park=[(make_record(n, event=b"z" * 1_500), "404") for n in range(90, 120)],
        dead_letters=[make_letter(n, "r" * 1_500) for n in range(10, 40)],
        meta={"reason": "w" * 5_000},
    )

    with pytest.raises(sqlite3.OperationalError, match="full"):
        state.commit(big)

    assert everything(state) == before
    state._connection.execute("PRAGMA max_page_count = 1000000")
    state.commit(big)
    assert state.positions() == {0: (0, 40)}


# --- what is refused ---


def test_a_state_needs_little_room_to_settle_much(path: Path, state: StateFile) -> None:
    """On a full disk all states share the reserve. With 4 MB each, ten of them used up one of 40 MB before they had settled
    anything."""
    for first in range(1, 60_000, 100):
        outcomes = [Outcome(Place(0, number), "delivered", "", first) for number in range(first, first + 100)]
        notes = [SettledPayload(each.place, "payload", "") for each in outcomes]
        state.commit(Changes(positions={0: first + 99}, outcomes=outcomes, settled_payloads=notes))

    assert sum(each.stat().st_size for each in path.parent.iterdir()) < state_file.GROWS_BY_BYTES


def test_a_state_of_a_newer_program_is_refused(path: Path, state: StateFile) -> None:
    state._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    state.close()

    with pytest.raises(
        OperatorError, match=f"schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"
    ):
        StateFile.open(path, LOG)


def test_a_state_of_another_log_is_refused(path: Path, state: StateFile) -> None:
    """Its positions mean other events."""
    state.close()

    with pytest.raises(OperatorError, match="of log log-1, but the log in this data directory is log-2"):
        StateFile.open(path, "log-2")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def _overwrite_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:100] = b"\xff" * 100
    path.write_bytes(data)


def _overwrite_schema(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:4_096] = b"\xff" * 3_996
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"not a database" * 100), id="no database"),
        pytest.param(_overwrite_header, id="no header"),
        pytest.param(_overwrite_schema, id="no schema"),
        pytest.param(_truncate, id="cut off"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True], ids=["daemon", "command"])
def test_a_damaged_file_is_refused_with_what_to_do(
    path: Path, state: StateFile, damage: Callable[[Path], object], read_only: bool
) -> None:
    state.commit(CHANGES)
    state.close()
    damage(path)

    with pytest.raises(OperatorError, match=r"can't be read .* Move the file away"):
        StateFile.open(path, LOG, read_only=read_only)


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_byte_never_ends_in_anything_but_an_answer_or_a_clear_refusal(
    path: Path, state: StateFile, seed: int
) -> None:
    state.commit(CHANGES)
    state.close()
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)

    with suppress(OperatorError), closing(StateFile.open(path, LOG)) as again:
        again.positions()


@pytest.mark.parametrize("read_only", [False, True], ids=["daemon", "command"])
def test_a_disk_that_refuses_is_not_called_damage(tmp_path: Path, read_only: bool) -> None:
    """To move the file away would lose what is in it."""
    (tmp_path / "crm.sqlite").mkdir()

    with pytest.raises(OperatorError, match=r"can't be opened .* Check the free space and the permissions") as raised:
        StateFile.open(tmp_path / "crm.sqlite", LOG, read_only=read_only)

    assert "Move" not in str(raised.value)


def test_a_refused_file_is_not_held_open(path: Path, state: StateFile) -> None:
    state.close()
    with pytest.raises(OperatorError):
        StateFile.open(path, "log-2")

    assert not path.with_name(path.name + "-wal").exists(), "SQLite removes it when the last one closes"


def test_a_command_reads_a_path_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c %20" / "crm.sqlite"
    StateFile.open(path, LOG).close()

    StateFile.open(path, LOG, read_only=True).close()


# --- positions ---


# --- dead letters ---


# --- what became of events before ---


# --- jobs ---


# --- an older program's file ---

VERSION_1 = Path(__file__).with_name("state_version_1.sql")


def write_version_1(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text())


def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    """Dead letters get their causes, a replay under way goes on where it was and as it was asked for: it sends events as new.
    The second time there is nothing to do."""
    write_version_1(path)

    for _ in range(2):
        with closing(StateFile.open(path, LOG)) as state:
            assert state.positions() == {0: (0, 7)}
            assert [each.cause for each in state.letters.groups()] == ["400 no user …", "mapping: x"]
            assert [letter.is_replayed for letter in state.letters.find()] == [False, False, False]
            [job] = state.jobs("running")
            assert (job.cursor, job.counts, job.reasons) == (3, {"delivered": 2}, {})
            spec = ReplaySpec.model_validate(job.spec)
            assert (spec.source, spec.is_historical) == (["website"], False)
            assert state.counts() == {("dead", ""): 3, ("delivered", ""): 4}
            assert state.outcome(Place(0, 1)) == Outcome(Place(0, 1), "dead", "400 no user u-17", 2001.0)
            assert state.settled_above_position() == {0: {9}}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("INSERT INTO settled_payloads VALUES (0, 8, 'send purchase/0', '')", id="with refusals"),
        pytest.param(
            "ALTER TABLE settled_payloads DROP COLUMN refused;"
            "INSERT INTO settled_payloads VALUES (0, 8, 'send purchase/0')",
            id="without",
        ),
    ],
)
def test_settled_payloads_are_noted_in_a_file_of_the_first_version(path: Path, before: str) -> None:
    """Its own notes, of places, are gone. The first routers of 0.1.0 had no column for refusals."""
    write_version_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(before)

    with closing(StateFile.open(path, LOG)) as state:
        assert state.notes.settled_payloads() == {}
        note = SettledPayload(Place(0, 8), "send purchase/0f3a55e0c1d29b84", "400 no")
        state.commit(Changes(settled_payloads=[note]))
        assert state.notes.settled_payloads() == {Place(0, 8): {"send purchase/0f3a55e0c1d29b84": "400 no"}}


def test_what_a_replay_did_before_the_upgrade_is_known_after_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event had a row of its own."""
    with monkeypatch.context() as patch:
        for module in (state_file, state_schema):
            patch.setattr(module, "SCHEMA_VERSION", 3)
        with closing(StateFile.open(path, LOG)) as state:
            rows = [(0, 5, 1, "skipped", "flags: off", 8.0), (0, 6, 2, "delivered", "", 9.0)]
            state._connection.executemany("INSERT INTO replays VALUES (?, ?, ?, ?, ?, ?)", rows)

    with closing(StateFile.open(path, LOG)) as state:
        assert state.replayed(Place(0, 5)) == Replayed(Place(0, 5), 1, "skipped", "flags: off", 8.0)
        assert state.done_by(2, 0, 1, 10) == {6}
        state.commit(Changes(replayed=[Replayed(Place(0, 5), 2, "delivered", "", 10.0)]))
        assert state.done_by(2, 0, 1, 10) == {5, 6}


def test_what_is_settled_of_events_under_way_at_the_upgrade_is_known_after_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only live events had notes."""
    with monkeypatch.context() as patch:
        for module in (state_file, state_schema):
            patch.setattr(module, "SCHEMA_VERSION", 4)
        with closing(StateFile.open(path, LOG)) as state:
            state._connection.execute("INSERT INTO settled_payloads VALUES (0, 5, 'send order', '400 no')")

    with closing(StateFile.open(path, LOG)) as state:
        assert state.notes.settled_payloads() == {Place(0, 5): {"send order": "400 no"}}


def test_what_replays_did_alike_is_kept_together(path: Path) -> None:
    """A row for each event would take thirty bytes, and a replay may be of all the log has."""
    places = [Place(0, sequence) for sequence in range(1, 2_001)]
    with closing(StateFile.open(path, LOG)) as state:
        state.commit(Changes(replayed=[Replayed(place, 1, "delivered", "", 8.0) for place in places]))
        (rows,) = state._connection.execute("SELECT count(*) FROM replays").fetchone()

        assert rows == 1
        assert state.done_by(1, 0, 500, 600) == set(range(500, 601))
        state.add_partition(0, 2_000)
        state.forget_outcomes(0, 1_000)
        assert state.replayed(Place(0, 1_500)) is not None
        state.forget_outcomes(0, 2_001)
        assert state.replayed(Place(0, 1_500)) is None


def test_a_command_does_not_touch_an_older_file(path: Path) -> None:
    """It says what does: a start, which leaves the state of a destination that left the config as it is, too."""
    write_version_1(path)
    before = path.read_bytes()

    with pytest.raises(OperatorError, match=r"of an older program\. Start the router with this destination in"):
        StateFile.open(path, LOG, read_only=True)

    assert path.read_bytes() == before


def test_an_upgrade_that_the_disk_refuses_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version_1(path)
    monkeypatch.setitem(UPGRADES, 2, UPGRADES[2] + "INSERT INTO nowhere VALUES (1);")
    with pytest.raises(OperatorError):
        StateFile.open(path, LOG)
    monkeypatch.undo()

    with closing(StateFile.open(path, LOG)) as state:
        assert state.letters.count() == 3


# --- tries ---


@pytest.mark.parametrize(
    ("changes", "is_any"),
    [
        pytest.param(Changes(), False, id="nothing"),
        pytest.param(Changes(positions={0: 1}), True, id="a position"),
        pytest.param(Changes(revived=[1]), True, id="a letter revived"),
        pytest.param(Changes(meta={"a": ""}), True, id="a note taken back"),
    ],
)
def test_changes_know_whether_there_are_any(changes: Changes, is_any: bool) -> None:
    assert bool(changes) is is_any


# --- a directory of them ---


def test_a_renamed_state_is_whole_although_somebody_has_it_open(path: Path, state: StateFile) -> None:
    """An operator who looks at it with SQLite's own shell: then the last of the router's connections folds nothing in."""
    states = StateDirectory(path.parent, LOG)
    state.commit(CHANGES)
    before = everything(state)
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("SELECT count(*) FROM meta").fetchone()
        state.close()
        with closing(states.take("sales", formerly="crm")) as renamed:
            after = everything(renamed)

    assert after == before


def test_a_state_is_not_renamed_while_somebody_reads_it(
    path: Path, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again: there is no telling what the reader would keep from being folded in."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.1))  # else five seconds
    states = StateDirectory(path.parent, LOG)
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT count(*) FROM meta").fetchone()
        state.commit(CHANGES)
        state.close()
        with pytest.raises(StateUnusable, match="is open in another program"):
            states.take("sales", formerly="crm")

    with closing(states.take("sales", formerly="crm")) as renamed:
        assert renamed.positions() == {0: (0, CHANGES.positions[0])}
