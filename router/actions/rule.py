"""What an operator says of one action."""

from __future__ import annotations

from dataclasses import dataclass

from router.actions.change import Change
from router.actions.trigger import Trigger


@dataclass(frozen=True)
class ActionRule:
    """One action of one destination as the config has it; the default leaves it as the plugin declares it."""

    is_enabled: bool = True
    trigger: Trigger = Trigger()
    """Besides the types of events that the plugin declares; or instead of them, where it names types itself."""
    changes: tuple[Change, ...] = ()
    """Applied in this order, before the plugin's table."""

    @property
    def is_plain(self) -> bool:
        """True where it says nothing."""
        return self == ActionRule()
