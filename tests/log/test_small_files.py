"""The small files beside the segments: which log this is, the last sequence, the lock."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.errors import OperatorError
from router.log.durable_files import write_whole
from router.log.identity import ensure_id, read_id
from router.log.lock import Lock
from router.log.mark import Mark, read_mark


def forgotten() -> str | None:
    return None


# --- log.json ---


def test_an_id_is_made_once(tmp_path: Path) -> None:
    log_id = ensure_id(tmp_path, forgotten)

    assert ensure_id(tmp_path, forgotten) == log_id == read_id(tmp_path)


def test_no_two_logs_have_one_id(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    assert ensure_id(tmp_path, forgotten) != ensure_id(tmp_path / "other", forgotten)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 1}', b'{"id": "x", "schema_version": 1}'],
    ids=["empty", "cut", "a list", "null", "no text", "half of it", "without a checksum"],
)
def test_a_lost_id_is_remembered_from_elsewhere(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.json").write_bytes(content)

    assert read_id(tmp_path) is None
    assert ensure_id(tmp_path, lambda: "the-id") == "the-id"
    assert read_id(tmp_path) == "the-id"


def test_no_flipped_bit_makes_another_id(tmp_path: Path) -> None:
    """Positions are worthless with another id: better none than a wrong one."""
    log_id = ensure_id(tmp_path, forgotten)
    whole = (tmp_path / "log.json").read_bytes()
    for bit in range(len(whole) * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / "log.json").write_bytes(data)

        assert read_id(tmp_path) in (None, log_id)


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_log_is_refused(tmp_path: Path, version: int) -> None:
    (tmp_path / "log.json").write_bytes(orjson.dumps({"id": "x", "schema_version": version}))

    with pytest.raises(OperatorError, match=rf"log\.json: has schema version {version}, this program knows 1"):
        ensure_id(tmp_path, forgotten)


def test_an_id_that_cannot_be_written_is_for_the_operator(tmp_path: Path) -> None:
    (tmp_path / "log.json.part").mkdir()  # where the draft would go

    with pytest.raises(OperatorError, match="can't be written"):
        ensure_id(tmp_path, forgotten)


def test_a_file_written_whole_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"new"):
        write_whole(path, content)

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


# --- log.mark ---


def test_the_mark_is_what_was_written_last(tmp_path: Path) -> None:
    mark = Mark.open(tmp_path, "id")
    for sequence in (1, 7, 2**40):
        mark.write(sequence)

        assert read_mark(tmp_path, "id") == sequence
    mark.close()


def test_a_mark_that_is_not_there_is_0(tmp_path: Path) -> None:
    assert read_mark(tmp_path, "id") == 0


def test_the_mark_of_another_log_is_not_believed(tmp_path: Path) -> None:
    mark = Mark.open(tmp_path, "theirs")
    mark.write(1000)
    mark.close()

    assert read_mark(tmp_path, "ours") == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=40))
def test_no_bytes_make_a_mark_by_chance(tmp_path: Path, data: bytes) -> None:
    """A wrong one would leave a hole of millions in the log."""
    (tmp_path / "log.mark").write_bytes(data)

    assert read_mark(tmp_path, "id") == 0


# --- log.lock ---


def test_the_lock_is_one_holders_until_it_lets_go(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path)
    with pytest.raises(OperatorError, match=rf"another router \(process {os.getpid()}\)"):
        Lock.take(tmp_path)
    lock.release()
    lock.release()

    Lock.take(tmp_path).release()


def test_the_file_alone_is_no_lock(tmp_path: Path) -> None:
    """A killed process leaves it behind."""
    (tmp_path / "log.lock").write_text("4711")

    Lock.take(tmp_path).release()
