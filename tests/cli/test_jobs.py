"""What is said of replays and retries that stand still: it was always that they wait for the router."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from router.cli import dead_letters, jobs, progress
from router.cli.options import DEFAULT_CONFIG
from router.errors import OperatorError
from tests.system.harness import run_command

PUT_BACK = "crm is no longer in the config. It goes on when it is put back (and the config reloaded)."


@pytest.mark.parametrize("command", [("jobs", "list"), ("dead-letters", "list"), ("dead-letters", "list", "--each")])
def test_a_list_with_a_hole_shows_the_rest_and_fails(
    config: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program must not take the rest for all there is, and an operator in need must not be kept from it."""

    async def ask(config: Path, operation: str, **arguments: Any) -> Any:
        return [{"destination": "crm", "unknown": "crm.sqlite: damaged"}]

    for module in (jobs, dead_letters):
        monkeypatch.setattr(module, "ask", ask)

    listed = run_command(*command, "--json", "-c", config)

    assert (listed.code, listed.json, listed.err) == (2, [], "crm is not in this list: crm.sqlite: damaged\n")


@pytest.mark.parametrize(
    ("status", "is_at_work", "expected"),
    [
        pytest.param(
            {"running": False, "destinations": [{"destination": "crm", "state": "stopped", "reason": ""}]},
            False,
            "No router is running: what waits goes on when one does (router run).",
            id="no router",
        ),
        pytest.param(
            {"running": True, "destinations": [{"destination": "crm", "state": "disabled", "reason": ""}]},
            False,
            "crm is disabled. It goes on when that ends.",
            id="a destination that is disabled",
        ),
        pytest.param({"running": True, "destinations": []}, False, PUT_BACK, id="a destination that left the config"),
        pytest.param(
            {"running": True, "destinations": [{"destination": "crm", "state": "blocked", "reason": "401"}]},
            True,
            "crm is blocked: 401. It goes on when that ends.",
            id="a vendor that lets nothing in",
        ),
    ],
)
def test_a_job_that_stands_still_says_for_what_it_waits(
    status: dict[str, Any],
    is_at_work: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    about = {"destination": "crm", "job": 1, "kind": "replay", "state": "running", "made_s": 0.0}
    job = {**about, "done": 0, "total": 5, "counts": {}, "running": is_at_work}

    async def ask(config: Path, operation: str, **arguments: Any) -> Any:
        return [job] if operation == "jobs" else status

    for module in (jobs, progress):
        monkeypatch.setattr(module, "ask", ask)

    jobs.list_jobs(None, False, DEFAULT_CONFIG, False)

    _, row, last = capsys.readouterr().out.strip().splitlines()
    assert last == expected
    assert ("waits" in row) is not is_at_work


class Routers:
    """Answer for three jobs, of which the second ends before it is cancelled; *stubborn* ones can't be cancelled."""

    def __init__(self, *stubborn: int) -> None:
        self.running = [17, 18, 19]
        self.stubborn = stubborn

    async def ask(self, config: Path, operation: str, destination: str, job: int = 0) -> Any:
        if operation == "jobs":
            return [{"job": number, "state": "running"} for number in self.running]
        if 18 in self.running:
            self.running.remove(18)
        if job not in self.running or job in self.stubborn:
            raise OperatorError(f"no job {job} is running")
        self.running.remove(job)
        return {"job": job}


@pytest.mark.parametrize(
    ("numbers", "stubborn", "left", "told"),
    [
        pytest.param(None, (), [], "", id="all, of which one has ended meanwhile"),
        pytest.param([19], (), [17], "", id="one of them"),
        pytest.param([18, 19], (), [17], "no job 18 is running", id="one that has ended, and another one"),
        pytest.param(None, (17,), [17], "no job 17 is running", id="all, of which one goes on"),
    ],
)
def test_a_replay_is_stopped_in_all_partitions_by_one_command(
    numbers: list[int] | None, stubborn: tuple[int, ...], left: list[int], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each partition has a job of its own: sixteen commands, while fifteen of them went on."""
    routers = Routers(*stubborn)
    monkeypatch.setattr(jobs, "ask", routers.ask)

    with pytest.raises(OperatorError, match=f"^{told}$") if told else nullcontext():
        jobs.cancel("crm", numbers, DEFAULT_CONFIG, False)

    assert routers.running == left
