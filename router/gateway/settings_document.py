"""Settings documents: what SDKs in browsers ask for before they send anything. Pure.

Source: facts/ingest-protocol.md section 6: which parts there must be, and what goes wrong without each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from router.gateway.source import Sdk
from router.gateway.surroundings import PublicAddress

_ENTRIES: Final[Mapping[str, str]] = {"segment": "Segment.io", "customerio": "Customer.io Data Pipelines"}
"""The entry that an SDK looks for, by family. Without its own it sends to its vendor's host."""


def project_settings(write_key: str, sdk: Sdk, address: PublicAddress) -> dict[str, Any]:
    """For `routes.PROJECT_SETTINGS`. The request doesn't tell the two families apart, and one that finds a second entry may not
    start: so there is one entry if *sdk* says which, and both if it does not."""
    entry = {"apiKey": write_key, "apiHost": f"{address.place}/v1", "protocol": address.protocol}
    names = [_ENTRIES[sdk]] if sdk in _ENTRIES else list(_ENTRIES.values())
    return {"integrations": dict.fromkeys(names, entry), "metrics": {"sampleRate": 0}}


def source_config(source: str, is_enabled: bool) -> dict[str, Any]:
    """For `routes.SOURCE_CONFIG`: where to send is the page's own option. ``enabled: false`` stops the SDK."""
    document = {"id": source, "config": {}, "destinations": []}
    return {"source": document if is_enabled else {**document, "enabled": False}}


def cache_control(address: PublicAddress) -> str:
    """A document that was built from what one caller said must not be kept for another."""
    return "max-age=60" if address.is_configured else "no-store"
