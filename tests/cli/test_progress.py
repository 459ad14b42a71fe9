"""What is said while a replay or a retry goes on."""

from __future__ import annotations

from typing import Any

import pytest

from router.cli.progress import why_it_waits


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
            ["crm is blocked: 401 from the vendor. It goes on when that ends; Ctrl-C leaves it to the router."],
            id="it does not, and says why",
        ),
        pytest.param(
            {"crm": ("throttled", "")},
            ["crm is throttled. It goes on when that ends; Ctrl-C leaves it to the router."],
            id="it does not",
        ),
        pytest.param({"another": ("blocked", "401 from the vendor")}, [], id="another's trouble"),
    ],
)
def test_what_waits_says_why(states: dict[str, tuple[str, str]], expected: list[str]) -> None:
    assert list(why_it_waits(status(**states), {"crm"})) == expected
