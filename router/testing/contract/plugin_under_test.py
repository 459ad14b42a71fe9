"""What the tests of the contract are given: a plugin, and what its author says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from router.plugin import Plugin, PluginSettings
from router.testing.answers import Answers
from router.testing.rehearsal import Rehearsal


class PluginUnderTest:
    """Every part of the contract is one, so that all of them share its attributes and its rehearsal."""

    plugin: ClassVar[Plugin]
    minimal: ClassVar[Mapping[str, Any]]
    """The least settings that a destination needs."""
    answers: ClassVar[Answers]
    """What the vendor's answers mean, by status. Those that speak for the whole vendor are tried at each step of a
    `ConversationEndpoint`."""
    waivers: ClassVar[Mapping[str, str]] = {}
    """Test name → the reason why this vendor can't pass it."""
    _rehearsal: ClassVar[Rehearsal]

    @pytest.fixture(autouse=True)
    def _skip_what_is_waived(self, request: pytest.FixtureRequest) -> None:
        reason = self.waivers.get(request.node.originalname)
        if reason is not None:
            pytest.skip(reason)

    @property
    def settings(self) -> PluginSettings:
        return self.rehearsal.settings

    @property
    def rehearsal(self) -> Rehearsal:
        """Made once per class, since with its tables it costs more than most of the tests."""
        made = type(self).__dict__.get("_rehearsal")
        if made is None:
            made = Rehearsal(self.plugin, self.plugin.settings.model_validate(dict(self.minimal)))
            type(self)._rehearsal = made
        return made
