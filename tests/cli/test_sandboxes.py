"""The stand-ins of a daemon, over reloads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.cli.sandboxes import Sandboxes
from router.errors import OperatorError
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
