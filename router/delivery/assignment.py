"""An assignment: one destination as the config wants it."""

from __future__ import annotations

from dataclasses import dataclass

from router.delivery.options import DeliveryOptions
from router.destination import Destination


@dataclass(frozen=True)
class Assignment:
    """If the new assignment equals the old one, the destination needs no restart."""

    destination: Destination
    options: DeliveryOptions = DeliveryOptions()
    timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    is_enabled: bool = True
    starts_at_beginning: bool = False
    formerly: str | None = None
    hold_s: float = 7 * 86_400.0
    max_backlog_bytes: int = 10_000_000_000
    max_dead_letters_bytes: int = 10_000_000_000
    obstacle: str = ""
    """Why its plugin can't be used just now; "" if it can. Until then *destination* has a plugin that stands in for it."""

    @property
    def name(self) -> str:
        return self.destination.name
