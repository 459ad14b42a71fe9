"""The role of a router: its part of the work that the routers of a cluster share."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    all = "all"
    gateway = "gateway"
    """Takes events. The admin operations work here too."""
    delivery = "delivery"
    """Delivers events, and listens on the admin port alone."""
