"""Rejected calls are kept where an operator can see them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router import rejected
from router.errors import OperatorError
from router.gateway.call_text import call_text
from router.rejected import RejectedCall, RejectedCalls, list_rejected
from router.suppressed import Person, Suppressed
from tests.careless_sqlite import careless_sqlite  # noqa: F401 - a fixture
from tests.log.unreadable import unwritable


def call(number: int, source: str = "website", code: str = "missing_event") -> RejectedCall:
    return RejectedCall(float(number), source, f"m{number}", code, "event", "a name", "nothing", '{"type": "track"}')


async def test_the_newest_come_first_and_can_be_filtered(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    calls.keep([call(1), call(2, source="app"), call(3, code="invalid_id")])
    await calls.close()

    assert [each["message_id"] for each in list_rejected(path)] == ["m3", "m2", "m1"]
    assert [each["message_id"] for each in list_rejected(path, source="app")] == ["m2"]
    assert [each["message_id"] for each in list_rejected(path, code="invalid_id", limit=1)] == ["m3"]
    assert list_rejected(path, limit=1)[0]["call"] == '{"type": "track"}'


@pytest.mark.parametrize("folder", ["a#b", "a?b=c", "100%25", "a b"])
async def test_the_folder_may_be_called_anything(tmp_path: Path, folder: str) -> None:
    """Some signs mean something in the address of a file: `router rejected list` could not read it."""
    path = tmp_path / folder / "rejected.sqlite"
    calls = RejectedCalls(path)
    calls.keep([call(1)])
    await calls.close()

    assert [each["message_id"] for each in list_rejected(path)] == ["m1"]


async def test_what_people_sent_is_for_the_routers_own_user(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    calls.keep([call(1)])
    await calls.close()

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("sent", "is_theirs"),
    [
        ({"userId": "ada"}, True),
        ({"userId": 'a"\\d\n', "traits": {}}, True),
        ({"userId": "é😀"}, True),
        ({"user": {"id": 4711}}, True),
        ({"userId": "phone"}, True),
        ({"userId": "ad"}, False),
        ({"userId": "adam"}, False),
        ({"userId": 47110}, False),
        ({"text": 'the "ada"'}, False),
        ("…", False),
    ],
    ids=repr,
)
async def test_row_53_calls_with_an_id_of_suppressed_people_are_erased_and_no_more_are_kept(
    tmp_path: Path, sent: Any, is_theirs: bool
) -> None:
    path = tmp_path / "rejected.sqlite"
    people = [Person("userId", id) for id in ("ada", 'a"\\d\n', "é😀", "4711")]
    suppressed = Suppressed.of([*people, Person("anonymousId", "phone")])
    theirs = replace(call(1), call=call_text(sent))
    calls = RejectedCalls(path)
    calls.keep([theirs, call(2)])

    assert await calls.erase(suppressed) == is_theirs
    assert [each["message_id"] for each in list_rejected(path)] == (["m2"] if is_theirs else ["m2", "m1"])

    calls.suppress(suppressed)
    calls.keep([replace(theirs, message_id="m3")])
    await calls.close()
    assert ("m3" not in [each["message_id"] for each in list_rejected(path)]) == is_theirs


async def test_row_53_calls_that_an_earlier_run_has_kept_are_erased(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    earlier = RejectedCalls(path)
    earlier.keep([replace(call(1), call=call_text({"userId": "ada"})), call(2)])
    await earlier.close()
    calls = RejectedCalls(path)

    erased = await calls.erase(Suppressed.of([Person("userId", "ada")]))

    await calls.close()
    assert erased == 1
    assert [each["message_id"] for each in list_rejected(path)] == ["m2"]


async def test_row_53_what_somebody_reads_is_not_called_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as they read it, it lies in the file."""
    open_at_once = rejected._open

    def open_without_patience(path: Path) -> sqlite3.Connection:
        connection = open_at_once(path)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    monkeypatch.setattr(rejected, "_open", open_without_patience)
    path, ada = tmp_path / "rejected.sqlite", Suppressed.of([Person("userId", "ada")])
    calls = RejectedCalls(path)
    calls.keep([replace(call(1), call=call_text({"userId": "ada", "text": "her word"}))])
    await calls.erase(Suppressed.of([Person("userId", "bob")]))  # by now it is written
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM calls").fetchall()
        with pytest.raises(OperatorError, match="somebody reads it"):
            await calls.erase(ada)

    await calls.erase(ada)

    assert [file for file in tmp_path.iterdir() if b"her word" in file.read_bytes()] == []
    await calls.close()


@pytest.mark.usefixtures("careless_sqlite")
async def test_row_53_nothing_is_left_of_calls_that_gave_way_to_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "KEPT", 10)
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    for number in range(30):
        calls.keep([replace(call(number), call=call_text({"userId": "ada", "text": "her word" * 300}))])
    for number in range(30, 40):
        calls.keep([call(number)])

    await calls.erase(Suppressed.of([Person("userId", "ada")]))

    for file in tmp_path.iterdir():
        assert b"her word" not in file.read_bytes(), file
    await calls.close()


async def test_promise_8_no_more_than_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "KEPT", 10)
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    for number in range(0, 30, 5):
        calls.keep([call(number + each) for each in range(5)])
    await calls.close()

    assert [each["message_id"] for each in list_rejected(path)] == [f"m{number}" for number in range(29, 19, -1)]


async def test_a_disk_that_takes_nothing_costs_nobody_a_receipt(tmp_path: Path) -> None:
    (tmp_path / "rejected.sqlite").mkdir()
    calls = RejectedCalls(tmp_path / "rejected.sqlite")

    calls.keep([call(1)])
    await calls.close()


async def test_promise_8_calls_that_the_disk_cannot_take_so_fast_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "_MAX_WAITING", 10)
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    for number in range(3):
        calls.keep([call(10 * number + each) for each in range(7)])
    await calls.close()

    assert len(list_rejected(path)) == 7


async def test_there_is_room_again_once_calls_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "_MAX_WAITING", 10)
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    for number in range(3):
        calls.keep([call(10 * number + each) for each in range(7)])
        await asyncio.get_running_loop().run_in_executor(calls._thread, lambda: None)  # after what waits there
    await calls.close()

    assert len(list_rejected(path)) == 21


def test_nothing_was_rejected_yet(tmp_path: Path) -> None:
    assert list_rejected(tmp_path / "rejected.sqlite") == []


async def test_they_are_listed_from_a_disk_that_takes_nothing_any_more(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    calls = RejectedCalls(path)
    calls.keep([call(1)])
    await calls.close()

    with unwritable(tmp_path):
        assert [each["message_id"] for each in list_rejected(path)] == ["m1"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    path.write_bytes(b"no database at all, no database at all" * 10)

    with pytest.raises(OperatorError, match="may be deleted"):
        list_rejected(path)
