"""What the processes of these tests are spared."""

from __future__ import annotations

from pathlib import Path

import plugins
from tests.system.harness import Process


def test_a_process_has_all_that_a_router_imports_from_its_first_moment_on(tmp_path: Path) -> None:
    """The fork server passes over what it can not import, and every process would do it for itself."""
    script = tmp_path / "tell.py"
    script.write_text("import gc, sys; print(gc.get_freeze_count() > 0, *sys.modules)")
    process = Process("teller", [script], tmp_path)
    process.spawn()

    is_frozen, *imported = process.first_line().split()

    assert process.wait() == 0
    assert is_frozen == "True"
    assert {"router.cli.main", "uvloop", *(f"plugins.{each.slug}" for each in plugins.router_plugins())} <= {*imported}
