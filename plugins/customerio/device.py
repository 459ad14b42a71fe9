"""Which events tell of a device.

Source: facts/vendors/customerio.md, section 5 (Device); docs.customer.io/journeys/device-tokens (a token is anonymous until an
identify gives it to somebody).
"""

from __future__ import annotations

from typing import Final

UNINSTALLED: Final = "applicationuninstalled"
DEVICE_EVENTS: Final = frozenset({"applicationinstalled", "applicationopened", UNINSTALLED})
"""By `spelt_alike`."""
