"""The device that an app runs on."""

from __future__ import annotations

from contextlib import suppress

from router.event import Event
from router.plugin.convert import to_app_platform


def app_platform(event: Event) -> str | None:
    """``ios`` or ``android``, from ``context.device.type``, which may tell of its kind alone (``phone``), else from
    ``context.os.name``; None where neither says."""
    for part, name in (("device", "type"), ("os", "name")):
        told = event.context.get(part)
        with suppress(ValueError):
            return to_app_platform(told.get(name) if isinstance(told, dict) else None)
    return None
