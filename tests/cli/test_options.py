"""What a shell may hand over: bytes that are no text, numbers of any length, times that mean nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.cli.options import check_given, to_period
from router.errors import OperatorError
from tests.system.harness import run_command

NO_TEXT = "caf\udce9"
"""What Python makes of the bytes of ``café`` in Latin-1."""
HUGE = "99999999999999999999"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(f"trace {NO_TEXT}", "are no text", id="message id"),
        pytest.param(f"dead-letters list {NO_TEXT}", "are no text", id="destination"),
        pytest.param(f"dead-letters list --reason {NO_TEXT}", "are no text", id="reason"),
        pytest.param(f"dead-letters retry crm --cause {NO_TEXT}", "are no text", id="cause"),
        pytest.param(f"replay crm --user u1 --user {NO_TEXT}", "are no text", id="one of a list"),
        pytest.param(f"destinations forget {NO_TEXT}", "are no text", id="one that left"),
        pytest.param(f"log export --user {NO_TEXT}", "are no text", id="whose events"),
        pytest.param(f"rejected list --source {NO_TEXT}", "are no text", id="source"),
        pytest.param(f"dead-letters show crm {HUGE}", "there is no such number", id="number"),
        pytest.param(f"dead-letters retry crm 1 {HUGE}", "there is no such number", id="one of the numbers"),
        pytest.param(f"jobs cancel crm {HUGE}", "there is no such number", id="job"),
        pytest.param(f"rejected list --limit {HUGE}", "there is no such number", id="limit"),
    ],
)
def test_what_nothing_can_be_called_is_said_so(config: Path, command: str, said: str) -> None:
    """Each of them ended with a traceback."""
    refused = run_command(*command.split(), "--config", config)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


@pytest.mark.parametrize(
    "command",
    [
        "dead-letters list crm --each --limit 0",
        "dead-letters list crm --each --limit -1",
        "dead-letters discard crm 0 --yes",
        "rejected list --limit 0",
        "rejected list --limit -1",
        "sandbox show crm --limit 0",
        "sandbox show crm --limit -1",
        "sandbox serve mixpanel --port 65536",
        "sandbox serve mixpanel --port -1",
    ],
)
def test_a_number_that_means_nothing_is_refused(command: str) -> None:
    """A limit of 0 or less meant none at all in one list, and all but the last in another."""
    refused = run_command(*command.split())

    assert (refused.code, refused.out) == (2, "")
    assert re.search(r"(greater|less) than or equal|is not in the range", " ".join(refused.err.split()))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(None, None, (None, None), id="no limit"),
        pytest.param("2024-08-24", None, (1724457600.0, None), id="a day"),
        pytest.param("2024-08-24T14:15:22+02:00", "2024-08-24T12:15:23Z", (1724501722.0, 1724501723.0), id="zones"),
        pytest.param("2024-08-24T14:15", None, (1724508900.0, None), id="UTC, wherever the operator is"),
        pytest.param("", None, "--since: '' is no time", id="empty"),
        pytest.param("yesterday", None, "--since: 'yesterday' is no time; write 2024-08-24", id="a word"),
        pytest.param("2024-08-24", " ", "--until: ' ' is no time", id="blank"),
        pytest.param("2024-08-25", "2024-08-24", "--until: 2024-08-24 is not after --since 2024-08-25", id="backwards"),
        pytest.param("2024-08-24", "2024-08-24", "--until: 2024-08-24 is not after", id="no time between"),
    ],
)
def test_a_period_is_what_it_says(
    since: str | None, until: str | None, expected: tuple[float | None, float | None] | str
) -> None:
    """An empty ``--since``, as of a variable that is not set, meant all of the log: a replay sent all of it."""
    if isinstance(expected, str):
        with pytest.raises(OperatorError, match=re.escape(expected)):
            to_period(since, until)
    else:
        assert to_period(since, until) == expected


def test_what_is_right_passes() -> None:
    check_given("é", 2**63 - 1, ["a", 1], None, True, 1.5)
