"""The currency that an event names for its money."""

from __future__ import annotations

from router.event import Event
from router.plugin.convert import to_currency


def has_odd_currency(event: Event) -> bool:
    """Whether ``properties.currency`` is there and can't be read (`convert.to_currency`): a vendor would book the event's money
    in another currency. An empty one is as if absent, since SDKs send it."""
    told = event.properties.get("currency")
    if told is None or not str(told).strip():
        return False
    try:
        to_currency(told)
    except ValueError:
        return True
    return False
