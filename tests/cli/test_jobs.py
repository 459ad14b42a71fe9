"""What is said of replays and retries that stand still: it was always that they wait for the router."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli import jobs
from router.cli.options import DEFAULT_CONFIG

PUT_BACK = "crm is no longer in the config. It goes on when it is put back (and the config reloaded)."


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

    monkeypatch.setattr(jobs, "ask", ask)

    jobs.list_jobs(None, False, DEFAULT_CONFIG, False)

    _, row, last = capsys.readouterr().out.strip().splitlines()
    assert last == expected
    assert ("waits" in row) is not is_at_work
