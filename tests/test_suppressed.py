"""Whose an event is, and the file in which those are noted who are to be forgotten."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from router.errors import OperatorError
from router.suppressed import NOBODY, Person, Suppressed
from router.suppressed_file import SCHEMA_VERSION, lift, note_erased, read_suppressions, suppress

ADA, PHONE = Person("userId", "ada"), Person("anonymousId", "phone")
BOTH = Suppressed.of([ADA, PHONE])


@pytest.mark.parametrize(
    ("event", "is_theirs"),
    [
        ({"type": "track", "userId": "ada"}, True),
        ({"type": "track", "userId": "bob"}, False),
        ({"type": "track", "userId": "ADA"}, False),
        ({"type": "track", "userId": "phone"}, False),
        ({"type": "track", "anonymousId": "ada"}, False),
        ({"type": "track", "anonymousId": "phone"}, True),
        ({"type": "identify", "userId": "bob", "anonymousId": "phone"}, True),
        ({"type": "group", "userId": "ada", "groupId": "g1"}, True),
        ({"type": "group", "userId": "bob", "groupId": "ada"}, False),
        ({"type": "alias", "userId": "bob", "previousId": "ada"}, True),
        ({"type": "alias", "userId": "bob", "previousId": "phone"}, True),
        ({"type": "alias", "userId": "bob", "previousId": "eve"}, False),
        ({"type": "alias", "userId": "bob"}, False),
        ({"type": "track", "userId": "bob", "previousId": "ada"}, False),
        ({"type": "page", "userId": "bob", "properties": {"userId": "ada"}}, False),
        ({"type": "page"}, False),
    ],
    ids=str,
)
def test_an_event_is_theirs_whose_id_it_has(event: dict[str, Any], is_theirs: bool) -> None:
    assert BOTH.names(event) is is_theirs
    assert not NOBODY.names(event)


def test_there_may_be_nobody() -> None:
    assert not NOBODY
    assert BOTH
    assert Suppressed.of([]) == NOBODY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "suppressed.sqlite"


def test_who_is_suppressed_is_kept_until_it_is_lifted(path: Path) -> None:
    assert read_suppressions(path) == []

    suppress(path, [ADA], 10.0)
    suppress(path, [PHONE, ADA], 20.0)
    note_erased(path, [ADA], 30.0)

    assert [(each.person, each.since_s, each.erased_s) for each in read_suppressions(path)] == [
        (ADA, 10.0, 30.0),
        (PHONE, 20.0, None),
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert (lift(path, [ADA, Person("userId", "nobody")]), [each.person for each in read_suppressions(path)]) == (
        1,
        [PHONE],
    )
    assert b"ada" not in path.read_bytes()


def test_who_is_suppressed_again_is_erased_again(path: Path) -> None:
    """A backup that was restored may have brought something back."""
    suppress(path, [ADA], 10.0)
    note_erased(path, [ADA], 20.0)
    suppress(path, [ADA], 30.0)

    [again] = read_suppressions(path)
    assert (again.since_s, again.erased_s) == (10.0, None)


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(5_000)], ids=["noise", "empty"]
)
def test_a_file_that_cant_be_read_is_never_taken_for_nobody(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    for use in (lambda: read_suppressions(path), lambda: suppress(path, [ADA], 1.0)):
        with pytest.raises(OperatorError, match=r"suppressed.sqlite: the file of suppressed people can't be used"):
            use()


def test_a_kill_or_a_full_disk_at_any_step_leaves_a_file_that_can_be_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the router would not start again."""

    def snapshot() -> None:
        with contextlib.suppress(FileNotFoundError):  # SQLite removes a file of its own meanwhile
            shutil.copytree(tmp_path, left / str(len(list(left.iterdir()))), ignore=shutil.ignore_patterns("left"))

    left = tmp_path / "left"
    left.mkdir()
    connect = sqlite3.connect

    def connect_traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        snapshot()
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA cache_size = 1")  # what a transaction changes reaches the files before its end
        connection.set_trace_callback(lambda _: snapshot())
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_traced)
    suppress(path, [ADA], 10.0)
    suppress(path, [Person("userId", f"u{number}" * 100) for number in range(200)], 10.0)
    monkeypatch.undo()

    known = [
        len(read_suppressions(folder / path.name)) for folder in sorted(left.iterdir(), key=lambda each: int(each.name))
    ]
    assert set(known) == {0, 1}
    assert known == sorted(known)


def test_below_a_file_there_is_no_other_and_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """Most commands ask for it first, and died with a traceback where `data` is wrong."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert read_suppressions(tmp_path / "file" / "suppressed.sqlite") == []
    with pytest.raises(OperatorError, match=r"can't be used.*symbolic links"):
        read_suppressions(tmp_path / "loop" / "suppressed.sqlite")


def test_a_file_of_a_newer_program_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.suppressed_file.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    suppress(path, [ADA], 1.0)
    monkeypatch.undo()

    with pytest.raises(OperatorError, match="has schema version 2, this program knows 1"):
        read_suppressions(path)
