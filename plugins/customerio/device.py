"""Devices: which events tell of one, and whose push service it uses.

Source: facts/vendors/customerio.md, section 5 (Device); docs.customer.io/journeys/device-tokens (a token is anonymous until an
identify gives it to somebody).
"""

from __future__ import annotations

from typing import Any

from router.plugin import Document

INSTALLED = "Application Installed"
OPENED = "Application Opened"
UNINSTALLED = "Application Uninstalled"
DEVICE_EVENTS = (INSTALLED, OPENED, UNINSTALLED)

_PLATFORMS = {"ios": "ios", "ipados": "ios", "iphone os": "ios", "android": "android"}


def device_platform(context: Document) -> str | None:
    """``ios`` or ``android``, from ``context.device.type``, else ``context.os.name``; None where neither says."""
    return _PLATFORMS.get(_text(context, "device", "type")) or _PLATFORMS.get(_text(context, "os", "name"))


def _text(context: Document, part: str, key: str) -> str:
    inner: Any = context.get(part)
    value = inner.get(key) if isinstance(inner, dict) else None
    return value.strip().lower() if isinstance(value, str) else ""
