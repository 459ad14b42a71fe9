"""``router trace``: what people read of an event."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from router.cli import trace
from router.cli.options import DEFAULT_CONFIG


def test_what_a_replay_came_to_is_told_of_an_event(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an event that a filter had kept back, and a replay has delivered, people read that it was skipped, and no more."""
    replays = {
        "crm": {"job": 3, "outcome": "delivered", "reason": "", "at_s": time.time() - 7},
        "mail": {"job": 1, "outcome": "skipped", "reason": "flags: mail is false", "at_s": time.time() - 8},
    }
    entry = {"outcome": "skipped", "reason": "filter", "at_s": time.time() - 100}
    outcomes = [{"destination": name, **entry, "replay": replay} for name, replay in replays.items()]
    traced = {
        "source": "website",
        "sequence": 5,
        "event": {},
        "destinations": [{"destination": "app", **entry}, *outcomes],
    }

    async def ask(config: Path, operation: str, message_id: str) -> Any:
        return {"events": [traced]}

    monkeypatch.setattr(trace, "ask", ask)

    trace.trace("m1", DEFAULT_CONFIG, False)

    told = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [row for row in told if row] == [
        ["app", "skipped", "filter", "100s ago"],
        ["crm", "skipped", "filter", "100s ago"],
        ["crm", "delivered", "in replay 3", "7s ago"],
        ["mail", "skipped", "filter", "100s ago"],
        ["mail", "skipped", "in replay 1: flags: mail is false", "8s ago"],
    ]
