"""The deduplication index by itself; what it does within a log is in the contract."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from router.log import dedup_index
from router.log.dedup_index import Broken, DedupIndex, Key, look_up, read_index_mark
from router.log.dedup_key import dedup_key
from tests.log.harness import DAY_S, NOW_S

LOG_ID = "log-of-the-test"


def key(sequence: int, message_id: str = "", source: str = "website", received_at_s: float = NOW_S) -> Key:
    return Key(sequence, dedup_key(source, message_id or f"m{sequence}"), received_at_s, source)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dedup.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[DedupIndex]:
    index = DedupIndex.open(path, LOG_ID)
    yield index
    index.close()


def test_a_key_has_its_place_and_its_time(index: DedupIndex) -> None:
    index.add([key(1), key(2, received_at_s=NOW_S + 5)], 2, 0.0)

    assert index.find([key(n).key for n in (1, 2, 3)]) == {key(1).key: (1, NOW_S), key(2).key: (2, NOW_S + 5)}
    assert index.mark == 2


def test_the_newest_of_a_kind_counts(index: DedupIndex) -> None:
    index.add([key(1, "same")], 1, 0.0)
    index.add([key(9, "same", received_at_s=NOW_S + DAY_S)], 9, 0.0)

    assert list(index.find([key(1, "same").key]).values()) == [(9, NOW_S + DAY_S)]
    assert len(index) == 1


def test_keys_and_mark_outlive_it(path: Path, index: DedupIndex) -> None:
    index.add([key(1)], 4, 0.0)
    index.close()

    again = DedupIndex.open(path, LOG_ID)
    assert (again.mark, again.find([key(1).key])) == (4, {key(1).key: (1, NOW_S)})
    again.close()


def test_all_of_an_addition_or_nothing(index: DedupIndex) -> None:
    """A mark without its keys would let repeats through."""
    index.add([key(1)], 1, 0.0)
    with pytest.raises(Broken):
        index.add([key(2), Key(None, key(3).key, NOW_S, "website")], 3, 0.0)  # type: ignore[arg-type]

    assert index.mark == 1
    assert index.find([key(2).key]) == {}


def test_keys_with_one_start_are_told_apart(index: DedupIndex) -> None:
    """The newer one is known, and never taken for the other."""
    one, other = (key(1).key[:8] + end * 8 for end in (b"a", b"b"))
    index.add([Key(1, one, NOW_S, "website")], 1, 0.0)
    assert index.find([other]) == {}

    index.add([Key(2, other, NOW_S, "website")], 2, 0.0)
    assert index.find([one, other]) == {other: (2, NOW_S)}


def test_expired_keys_go_a_few_at_a_time(index: DedupIndex) -> None:
    """Work for one commit is bounded; a backlog of expired keys is worked off over the next ones."""
    index.add([key(n) for n in range(1, 5001)], 5000, 0.0)
    now_s = NOW_S + 8 * DAY_S
    sizes = []
    for sequence in range(5001, 5021):
        index.add([key(sequence, received_at_s=now_s)], sequence, NOW_S + DAY_S)
        sizes.append(len(index))

    assert max(before - after for before, after in zip([5000, *sizes], sizes, strict=False)) <= 1_003
    assert sizes[-1] == 20
    assert index.find([key(1).key, key(5001).key]) == {key(5001).key: (5001, now_s)}


def test_what_has_expired_is_never_more_than_a_third_of_what_has_not(index: DedupIndex) -> None:
    """However many come, the index is as large as what came within the window, and a little more."""
    per_addition, window = 1_000, 5
    sizes = []
    for turn in range(30):
        first = turn * per_addition + 1
        keys = [key(n, received_at_s=NOW_S + turn) for n in range(first, first + per_addition)]
        index.add(keys, keys[-1].sequence, NOW_S + turn - window + 1)
        sizes.append(len(index))

    assert max(sizes[window:]) <= (window + 1) * per_addition * 4 / 3


def test_a_restart_goes_on_sweeping_where_it_was(path: Path, index: DedupIndex) -> None:
    """Else an index whose router is often restarted would never come to the end of its keys."""
    index.add([key(n) for n in range(1, 5001)], 5000, 0.0)
    for _ in range(7):
        index.close()
        index = DedupIndex.open(path, LOG_ID)
        index.add([], 5000, NOW_S + DAY_S)

    assert len(index) == 0
    index.close()


def test_keys_that_are_not_expired_stay(index: DedupIndex) -> None:
    index.add([key(n, received_at_s=NOW_S + n) for n in range(1, 11)], 10, 0.0)
    index.add([], 10, NOW_S + 6)
    index.add([], 10, NOW_S + 6)

    assert [n for n in range(1, 11) if index.find([key(n).key])] == [6, 7, 8, 9, 10]


# --- of no use ---


def of_another_log(path: Path) -> None:
    path.unlink()
    index = DedupIndex.open(path, "another-log")
    index.add([key(1)], 1, 0.0)
    index.close()


def of_another_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")


def of_version_1(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in VERSION_1:
            connection.execute(statement)


def with_another_mark(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE mark SET sequence = 1000000")


def without_a_mark(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM mark")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE mark")


def no_database(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(10_000))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


VERSION_1 = (
    "CREATE TABLE keys (sequence INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, received_at_s REAL NOT NULL)",
    "CREATE TABLE sources (source TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE mark (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, checksum BLOB NOT NULL)",
    "INSERT INTO mark VALUES (1, 1, x'0011223344556677')",
    "PRAGMA user_version = 1",
)

DAMAGE = [
    of_another_log,
    of_another_schema,
    of_version_1,
    with_another_mark,
    without_a_mark,
    without_a_table,
    no_database,
    emptied,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: str(damage.__name__))
def test_one_that_cannot_be_used_is_made_anew(path: Path, index: DedupIndex, damage: Callable[[Path], None]) -> None:
    index.add([key(1)], 1, 0.0)
    index.close()
    damage(path)

    anew = DedupIndex.open(path, LOG_ID)
    assert (anew.mark, len(anew)) == (0, 0)
    anew.close()


@pytest.mark.parametrize(
    "damage", [each for each in DAMAGE if each is not of_another_schema], ids=lambda damage: str(damage.__name__)
)
def test_a_mark_that_cannot_be_trusted_is_0(path: Path, index: DedupIndex, damage: Callable[[Path], None]) -> None:
    index.add([key(1)], 1, 0.0)
    index.close()
    damage(path)

    assert read_index_mark(path, LOG_ID) == 0


def test_damage_found_on_the_way_says_that_it_is_broken(path: Path, index: DedupIndex) -> None:
    index.add([key(n) for n in range(1, 3001)], 3000, 0.0)
    index.close()
    data = bytearray(path.read_bytes())
    data[8192:] = random.Random(2).randbytes(len(data) - 8192)
    path.write_bytes(data)
    index = DedupIndex(path, LOG_ID)

    with pytest.raises(Broken):
        index.find([key(n).key for n in range(1, 3001)])
    index.close()


@pytest.mark.parametrize("sequence", ["no number", 2**60], ids=["no number", "past the mark"])
def test_damage_found_by_the_sweep_says_that_it_is_broken(path: Path, index: DedupIndex, sequence: object) -> None:
    """Else where the index begins to know everything would be lost with it."""
    index.add([key(1), key(2)], 2, 0.0)
    index.add([], 2, 0.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE keys SET sequence = ? WHERE sequence = 2", (sequence,))

    with pytest.raises(Broken):
        index.add([key(3)], 3, NOW_S + DAY_S)
    assert (index.mark, len(index)) == (2, 2)


# --- looked up from outside ---


def test_a_message_is_looked_up_at_every_source(path: Path, index: DedupIndex) -> None:
    index.skip(2)
    index.add([key(3, "same", "website"), key(5, "same", "app"), key(6, "other", "app")], 6, 0.0)

    assert look_up(path, LOG_ID, "same") == ([3, 5], 3, 6)
    assert look_up(path, LOG_ID, "none") == ([], 3, 6)


def test_what_was_swept_is_not_looked_up(path: Path, index: DedupIndex) -> None:
    """Whatever else lies that low may be gone too."""
    index.add([key(n, received_at_s=NOW_S + (0 if n == 4 else DAY_S)) for n in range(1, 7)], 6, 0.0)
    index.add([], 6, 0.0)
    index.add([], 6, NOW_S + 1)

    assert look_up(path, LOG_ID, "m1") == ([1], 5, 6)
    assert look_up(path, LOG_ID, "m4") == ([], 5, 6)


def test_what_is_looked_up_is_of_one_moment(path: Path, index: DedupIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is swept meanwhile must not be missed: it lies below ``first``, or it is found."""
    index.add([key(1, "old"), key(2, "new", received_at_s=NOW_S + 8 * DAY_S)], 2, 0.0)
    index.add([], 2, 0.0)
    read_mark_of = dedup_index._read_mark

    def sweep_meanwhile(connection: sqlite3.Connection, log_id: str) -> tuple[int, int, int]:
        mark = read_mark_of(connection, log_id)
        index.add([], 2, NOW_S + DAY_S)
        return mark

    monkeypatch.setattr(dedup_index, "_read_mark", sweep_meanwhile)
    assert look_up(path, LOG_ID, "old") == ([1], 1, 2)
    monkeypatch.undo()
    assert look_up(path, LOG_ID, "old") == ([], 2, 2)


def test_an_index_that_is_not_there_knows_of_nothing(tmp_path: Path) -> None:
    assert look_up(tmp_path / "none.sqlite", LOG_ID, "m1") == ([], 1, 0)
    assert list(tmp_path.iterdir()) == []
