"""Each vendor whose credentials can be tried: its stand-in takes those that are right, refuses others, and nothing changes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from plugins import customerio
from router.cli.check_live import try_credentials
from router.plugin import Plugin
from router.registry import Registry
from router.testing import StandIn, open_stand_in

CASES = [
    *(
        pytest.param(each.plugin, {}, id=each.plugin.slug)
        for each in Registry.load()
        if each.plugin.sandbox and each.plugin.credential_check is not None
    ),
    pytest.param(customerio.PLUGIN, {"api": "pipelines"}, id="customerio, pipelines"),
]


async def tried(stand_in: StandIn) -> str:
    [found] = await try_credentials([(stand_in.rehearsal.destination, 5.0)])
    return found.result


@pytest.mark.parametrize(("plugin", "settings"), CASES)
async def test_credentials_are_tried_and_nothing_changes(plugin: Plugin, settings: dict[str, Any]) -> None:
    async with open_stand_in(plugin, **settings) as stand_in:
        assert await tried(stand_in) == "good"

        given = stand_in.settings.model_dump()
        secrets = [name for name, value in given.items() if isinstance(value, SecretStr) and value.get_secret_value()]
        stand_in.sandbox.settings.update(dict.fromkeys(secrets, "rotated"))

        assert await tried(stand_in) == "refused"
        assert stand_in.accepted() == []
