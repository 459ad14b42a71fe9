"""The stage, and what its processes said when a test fails.

A test that is marked ``in_processes`` runs once with a router of one process and, in the full run, with one that delivers from
two more. ``ROUTER_PROCESSES=2 pytest tests/system`` runs all of them so, by hand.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import Stage

_TOLD_CHARACTERS = 8_000
_PROCESSES = os.environ.get("ROUTER_PROCESSES")
_STAGE: pytest.StashKey[Stage] = pytest.StashKey()


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    processes = getattr(request, "param", _PROCESSES)
    stage = Stage(tmp_path, options=("--processes", processes) if processes else ())
    request.node.stash[_STAGE] = stage
    yield stage
    stage.clear()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("in_processes"):
        in_two = pytest.param("2", id="two processes", marks=pytest.mark.full)
        metafunc.parametrize("stage", [pytest.param(_PROCESSES, id="one process"), in_two], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stage = item.stash.get(_STAGE, None)
    if report.failed and stage is not None:
        for process in stage.processes:
            report.sections.append((f"stderr of {process.name}", process.tell()[-_TOLD_CHARACTERS:]))
    return report
