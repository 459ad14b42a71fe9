"""Settings documents: what SDKs in browsers ask for before they send anything. Pure.

Source: facts/ingest-protocol.md section 6, which says what parts are needed and what goes wrong without each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from router.gateway.answer import Answer, optional
from router.gateway.source import Sdk
from router.gateway.surroundings import PublicAddress

_ENTRIES: Final[Mapping[str, str]] = {"segment": "Segment.io", "customerio": "Customer.io Data Pipelines"}
"""The entry that an SDK looks for, by its family. Without it the SDK sends to its vendor's host."""


class SettingsEntry(Answer):
    """Where one family of SDKs sends its events."""

    api_key: str
    api_host: str = Field(description="Host, port if need be, path prefix and /v1.")
    protocol: Literal["http", "https"]


class SettingsMetrics(Answer):
    """The SDK is to tell nobody how it is."""

    sample_rate: Literal[0] = 0


class ProjectSettings(Answer):
    """Where the SDK of a page sends its events, for each family of SDKs."""

    integrations: dict[str, SettingsEntry] = Field(description="By the name that the SDK looks for.")
    metrics: SettingsMetrics = SettingsMetrics()


class SourceDocument(Answer):
    """The three parts without which its SDK never sends."""

    id: str
    config: dict[str, str] = {}
    destinations: list[str] = []
    enabled: Literal[False] | SkipJsonSchema[None] = optional("Stops the SDK.")


class SourceConfig(Answer):
    """That the source is there, and whether it is switched on. The page itself says where to send."""

    source: SourceDocument


def project_settings(write_key: str, sdk: Sdk, address: PublicAddress) -> ProjectSettings:
    """The settings for a page. The request doesn't tell the two families of SDKs apart, and an SDK that finds a second entry
    may not start. So there is one entry if *sdk* says which, and both if it does not."""
    entry = SettingsEntry(api_key=write_key, api_host=f"{address.place}/v1", protocol=address.protocol)
    names = [_ENTRIES[sdk]] if sdk in _ENTRIES else list(_ENTRIES.values())
    return ProjectSettings(integrations=dict.fromkeys(names, entry))


def source_config(source: str, is_enabled: bool) -> SourceConfig:
    """The settings for a page whose own options say where to send."""
    return SourceConfig(source=SourceDocument(id=source, enabled=None if is_enabled else False))


def cache_control(address: PublicAddress) -> str:
    """The value of ``Cache-Control``. A document built from what one caller said must not be kept for another."""
    return "max-age=60" if address.is_configured else "no-store"
