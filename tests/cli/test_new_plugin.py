"""``router new-plugin`` where it can't write; what it writes is in tests/third_party."""

from __future__ import annotations

from pathlib import Path

from tests.system.harness import run_command


def test_a_place_that_can_not_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    refused = run_command("new-plugin", "acme", "--in", tmp_path / "file")

    assert (refused.code, refused.out) == (2, "")
    assert (
        refused.err == f"{tmp_path}/file/router-acme: can't be written (Not a directory). Choose another folder: --in\n"
    )
