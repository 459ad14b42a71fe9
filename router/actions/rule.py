"""The rule for one action: what an operator says about it."""

from __future__ import annotations

from dataclasses import dataclass

from router.actions.change import Change
from router.actions.trigger import Trigger


@dataclass(frozen=True)
class ActionRule:
    """What the config says about one action of a destination. The default leaves the action as the plugin declares it."""

    is_enabled: bool = True
    trigger: Trigger = Trigger()
    """Adds to the types of events that the plugin declares, or replaces them if it names types itself."""
    changes: tuple[Change, ...] = ()
    """Applied in this order, before the plugin's table."""

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing."""
        return self == ActionRule()
