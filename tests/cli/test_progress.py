"""What is said while a replay or a retry goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.cli import progress
from router.cli.options import DEFAULT_CONFIG
from router.cli.progress import follow, print_end, print_outlook, why_it_waits
from router.errors import OperatorError


def status(**states: tuple[str, str]) -> dict[str, Any]:
    return {
        "destinations": [
            {"destination": name, "state": state, "reason": reason} for name, (state, reason) in states.items()
        ]
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param({"crm": ("going", "")}, [], id="it goes"),
        pytest.param(
            {"crm": ("blocked", "401 from the vendor")},
            ["crm is blocked: 401 from the vendor. It goes on when that ends."],
            id="it does not, and says why",
        ),
        pytest.param(
            {"crm": ("throttled", "")},
            ["crm is throttled. It goes on when that ends."],
            id="it does not",
        ),
        pytest.param({"crm": ("going", ""), "another": ("blocked", "401 from the vendor")}, [], id="another's trouble"),
        pytest.param({"crm": ("disabled", "")}, ["crm is disabled. It goes on when that ends."], id="it is disabled"),
        pytest.param(
            {"another": ("going", "")},
            ["crm is no longer in the config. It goes on when it is put back (and the config reloaded)."],
            id="it left the config",
        ),
    ],
)
def test_what_waits_says_why(states: dict[str, tuple[str, str]], expected: list[str]) -> None:
    assert list(why_it_waits(status(**states), {"crm"})) == expected


LIVE = "Add --live to send old events as new"
NOT_OLD = "Leave out --historical to send old events as new"


@pytest.mark.parametrize(
    ("kind", "reason", "hints"),
    [
        pytest.param("replay", "historical: update person: a mail may start", [LIVE], id="old events of the log"),
        pytest.param("retry", "historical: update person: a mail may start", [NOT_OLD], id="old dead letters"),
        pytest.param("replay", "flags: All is false", [], id="nothing that --live would change"),
    ],
)
def test_a_dry_run_says_how_to_send_what_is_only_too_old(
    kind: str, reason: str, hints: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    print_outlook("crm", kind, {"skip": {reason: 1}})

    said = capsys.readouterr().out
    assert [hint for hint in (LIVE, NOT_OLD) if hint in said] == hints
    assert f"1 {reason}" in said


@pytest.mark.parametrize(
    ("kind", "reason", "hints"),
    [
        pytest.param("replay", "skipped: historical", [LIVE], id="old events of the log"),
        pytest.param("retry", "skipped: historical", [NOT_OLD], id="old dead letters"),
        pytest.param("replay", "skipped: flags", [], id="nothing that --live would change"),
    ],
)
def test_the_end_says_how_to_send_what_was_only_too_old(
    kind: str, reason: str, hints: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = {"destination": "crm", "job": 1, "kind": kind, "state": "done", "counts": {"skipped": 1}}

    print_end({**job, "reasons": {reason: 1}})

    said = capsys.readouterr().out
    assert [hint for hint in (LIVE, NOT_OLD) if hint in said] == hints
    assert f"{kind} 1 is done: 1 skipped" in said


@pytest.mark.parametrize(
    ("wait_s", "oldest_s", "is_named"),
    [
        pytest.param(57.0, None, True, id="a long wait"),
        pytest.param(0.9, None, False, id="a moment"),
        pytest.param(0.9, 0.2, False, id="a moment, and nothing waits for long"),
        pytest.param(0.0, 41.0, True, id="moments without end: more comes in than may go out"),
    ],
)
def test_a_rate_that_holds_a_job_up_is_named(wait_s: float, oldest_s: float | None, is_named: bool) -> None:
    [crm] = status(crm=("going", ""))["destinations"]
    crm |= {"rate_waits_s": {"events": wait_s}, "oldest_pending_s": oldest_s}

    expected = ["crm is held up by its rate (events)."] if is_named else []
    assert list(why_it_waits({"destinations": [crm]}, {"crm"})) == expected


def test_a_job_that_was_not_begun_is_not_said_to_have_nothing_to_send(capsys: pytest.CaptureFixture[str]) -> None:
    print_end(JOB)

    assert "(nothing so far)" in capsys.readouterr().out


JOB = {
    "destination": "crm",
    "job": 1,
    "kind": "replay",
    "state": "running",
    "running": True,
    "total": 5,
    "done": 0,
    "counts": {},
    "reasons": {},
}


@pytest.fixture
def _router(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of whose processes is down when it is asked for the second time; then the job is done."""
    answers = [[JOB], None, [{**JOB, "state": "done", "counts": {"delivered": 5}}]]

    async def ask(config: Path, operation: str, **arguments: Any) -> Any:
        answer = answers.pop(0)
        if answer is None:
            raise OperatorError("process 1 is down")
        return answer

    monkeypatch.setattr(progress, "ask", ask)


@pytest.mark.usefixtures("_router")
def test_a_job_of_which_nobody_can_tell_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that delivers dies, and is started again: who was told that it is down asked for the replay once more."""
    progress.follow(DEFAULT_CONFIG, [JOB], as_json=False)

    assert capsys.readouterr().out.strip() == "crm: replay 1 is done: 5 delivered"


@pytest.mark.usefixtures("_router")
def test_a_job_of_which_nobody_can_tell_for_long_is_said_to_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENCE_S", -1.0)

    with pytest.raises(
        OperatorError, match=r"process 1 is down\. What was asked for is noted: see it with router jobs"
    ):
        progress.follow(DEFAULT_CONFIG, [JOB], as_json=False)


@pytest.mark.parametrize("is_followed", [True, False], ids=["to wait", "--no-wait"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(
            {"running": False, "destinations": []},
            "No router is running: what waits goes on when one does (router run).\n",
            id="no router",
        ),
        pytest.param(
            {"running": True, **status(crm=("disabled", ""))},
            "crm is disabled. It goes on when that ends.\n",
            id="a destination that is disabled",
        ),
    ],
)
def test_what_was_asked_for_and_waits_says_why(
    state: dict[str, Any],
    expected: str,
    is_followed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a destination that is disabled it said to start a router, while one ran."""

    async def ask(config: Path, operation: str) -> Any:
        return state

    monkeypatch.setattr(progress, "ask", ask)

    follow(DEFAULT_CONFIG, [{"destination": "crm", "running": False}], as_json=False, is_followed=is_followed)

    assert capsys.readouterr().out == f"Noted. See how far it has come with: router jobs list\n{expected}"


def test_who_stops_waiting_reads_how_to_stop_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that was named lacked its destination, so it did nothing."""

    async def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "_follow", interrupted)
    jobs = [{"destination": name, "job": job, "running": True} for name, job in (("crm", 1), ("crm", 2), ("mail", 1))]

    with pytest.raises(KeyboardInterrupt):
        follow(DEFAULT_CONFIG, jobs, as_json=False)

    assert capsys.readouterr().out.splitlines()[1:] == ["  router jobs cancel crm", "  router jobs cancel mail"]
