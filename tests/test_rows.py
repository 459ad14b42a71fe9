"""Rows that run as one test fail as loudly as tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows import run_rows

TABLES = """
import pytest

@pytest.fixture(scope="module")
def shared():
    return 10

@pytest.fixture
def own():
    return []

@pytest.mark.parametrize(("number", "most"), [pytest.param(1, 5, id="low"), pytest.param(20, 5, id="high")])
def test_sync(number, most, shared):
    assert number < most < shared

@pytest.mark.parametrize("letter", "ab")
@pytest.mark.parametrize("number", [1, 2])
async def test_async(number, letter):
    assert (number, letter) != (2, "b")

@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.xfail), 3])
def test_marked(number):
    assert number != 2

@pytest.mark.timeout(50)
@pytest.mark.parametrize("number", [1, 2])
def test_that_may_take_long(number):
    assert number

@pytest.mark.parametrize("number", [1, 2])
def test_of_what_is_made_anew(number, own):
    own.append(number)
    assert own == [number]
"""


def check(row: object) -> None:
    if row == "skip":
        pytest.skip("not here")
    if row == "fail":
        pytest.fail("no")
    assert row == 1


def test_all_rows_run_and_each_that_fails_is_named() -> None:
    rows = {"good": 1, "bad": 2, "left out": "skip", "worse": "fail", "good again": 1}

    with pytest.raises(BaseExceptionGroup, match=r"2 of 5 rows failed: \[bad\], \[worse\]") as raised:
        run_rows(check, rows)

    assert [each.__notes__ for each in raised.value.exceptions] == [["in the row [bad]"], ["in the row [worse]"]]


def test_a_table_is_skipped_where_all_its_rows_are() -> None:
    run_rows(check, {"good": 1, "left out": "skip"})
    with pytest.raises(pytest.skip.Exception, match="not here"):
        run_rows(check, {"left out": "skip", "this one too": "skip"})


def run_pytest(
    folder: Path, capsys: pytest.CaptureFixture[str], *options: str, row: str = "", tables: str = TABLES
) -> str:
    """What it prints of *tables*, in a module of their own: one of the same name would be taken from the last call."""
    file = folder / f"test_tables_{abs(hash(tables))}.py"
    file.write_text(tables)
    common = ["-p", "tests.rows", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(folder)]
    ours = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "--color=no"]
    pytest.main([*common, *ours, *options, str(file) + row])
    return capsys.readouterr().out


def test_what_is_given_nothing_but_values_is_one_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run_pytest(tmp_path, capsys)

    assert "2 failed, 5 passed, 1 xfailed" in said
    assert "3 tables with 8 rows" in said
    assert "1 of 2 rows failed: [high]" in said
    assert "1 of 4 rows failed: [2-b]" in said
    assert "assert 20 < 5" in said


def test_rows_are_tests_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "2 failed, 10 passed, 1 xfailed" in run_pytest(tmp_path, capsys, "--rows")
    assert "1 failed" in run_pytest(tmp_path, capsys, row="::test_async[2-b]")


def test_a_set_is_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its order differs between processes, so the workers of one run would not agree on what they collected."""
    table = 'import pytest\n@pytest.mark.parametrize("letter", {"a", "b"})\ndef test_sync(letter): pass\n'

    assert "'letter' is given a set: sort it" in run_pytest(tmp_path, capsys, tables=table)
    assert "1 passed" in run_pytest(tmp_path, capsys, tables=table.replace('{"a", "b"}', '{"a": 1, "b": 2}.keys()'))
