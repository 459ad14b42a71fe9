"""The stage, and what its processes said when a test fails."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import Stage

_TOLD_CHARACTERS = 4_000
_STAGE: pytest.StashKey[Stage] = pytest.StashKey()


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    request.node.stash[_STAGE] = stage
    yield stage
    stage.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stage = item.stash.get(_STAGE, None)
    if report.failed and stage is not None:
        for process in stage.processes:
            report.sections.append((f"stderr of {process.name}", process.read_stderr()[-_TOLD_CHARACTERS:]))
    return report
