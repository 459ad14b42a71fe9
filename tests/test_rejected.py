"""Rejected calls are kept where an operator can see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from router import rejected
from router.errors import OperatorError
from router.rejected import RejectedCall, RejectedCalls, list_rejected


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


def test_nothing_was_rejected_yet(tmp_path: Path) -> None:
    assert list_rejected(tmp_path / "rejected.sqlite") == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rejected.sqlite"
    path.write_bytes(b"no database at all, no database at all" * 10)

    with pytest.raises(OperatorError, match="may be deleted"):
        list_rejected(path)
