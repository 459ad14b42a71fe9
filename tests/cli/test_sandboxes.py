"""The stand-ins of a daemon, over reloads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.cli.sandboxes import Sandboxes
from router.errors import OperatorError
from router.plugin.sandbox import Sandbox
from router.registry import Registry
from tests.destinations import ECHO


async def test_one_that_can_t_be_made_changes_nothing_of_those_that_run() -> None:
    """The reload is refused then: destinations go on sending the credentials they had."""
    mixpanel, broken = Registry.load().get("mixpanel"), replace(ECHO, sandbox="tests.destinations:Nobody")
    sandboxes = Sandboxes()
    try:
        await sandboxes.apply({"first": (mixpanel, {"project_token": "old"})})
        with pytest.raises(OperatorError, match="could not be made"):
            await sandboxes.apply({"first": (mixpanel, {"project_token": "new"}), "second": (broken, {})})
        assert sandboxes.sandboxes["first"].settings["project_token"] == "old"

        await sandboxes.apply({"first": (mixpanel, {"project_token": "new"})})
        assert sandboxes.sandboxes["first"].settings["project_token"] == "new"
    finally:
        await sandboxes.stop()


class Choosy(Sandbox):
    def __init__(self, settings: dict[str, Any], record: Path | None) -> None:
        raise ValueError(f"no such account: {settings}")


async def test_promise_7_what_one_says_that_can_t_be_made_of_the_operators_settings_shows_none_of_them() -> None:
    """They are in plain text here, whichever of them is a secret."""
    with pytest.raises(OperatorError, match="no such account") as raised:
        await Sandboxes().apply({"crm": (replace(ECHO, sandbox=f"{__name__}:Choosy"), {"token": "canary-token"})})

    assert "canary" not in str(raised.value)
