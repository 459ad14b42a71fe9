"""The plugin's stand-in takes what is mapped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.plugin import Dead, describe
from router.plugin.sandbox import Sandbox
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.stand_in import open_stand_in, sandbox_class


class SandboxContract(PluginUnderTest):
    def test_the_sandbox_takes_its_own_settings(self) -> None:
        assert issubclass(sandbox_class(self.plugin), Sandbox), "a stand-in is a router.plugin.sandbox.Sandbox"
        self.plugin.settings.model_validate(dict(self.plugin.sandbox_settings))

    def test_the_sandbox_accepts_what_is_mapped(self) -> None:
        """The check of the credentials, then one event of each call and each action, sent in order over a socket with
        credentials: nothing is refused, and something is kept. Nor is anything refused that comes again, as after an answer
        that was lost: a repeat is no dead letter."""
        refused, accepted = asyncio.run(self._send_to_sandbox())
        assert not refused, f"the sandbox refused: {refused}"
        assert accepted, "the sandbox kept nothing"

    async def _send_to_sandbox(self) -> tuple[list[str], int]:
        """What was refused, and how much was kept."""
        async with open_stand_in(self.plugin) as stand_in:
            answer = await stand_in.check_credentials()
            refused = [f"credential_check: {describe(answer)}"] if answer is not None else []
            refused += [
                f"{action} on {event.type}, {how}: {judgement}"
                for event in self.rehearsal.calls.values()
                for how in ("sent once", "sent again")
                for action, judgements in (await stand_in.deliver(event)).items()
                for judgement in judgements
                if not isinstance(judgement, Sequence) or any(isinstance(verdict, Dead) for verdict in judgement)
            ]
            return refused, len(stand_in.accepted())
