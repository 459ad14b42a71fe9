"""The config: what an operator decides, as validated values.

A key whose value has a unit in the file (``timeout: 10s``) becomes an attribute that names the unit (``timeout_s``). A key
without a value (``delivery:`` and nothing after it) counts as absent. Relative paths count from the working directory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, SecretStr

from router.config.destination import Destination
from router.config.log_address import EMBEDDED, LogAddress
from router.config.nats import Nats
from router.config.retention import Retention
from router.config.section import Section
from router.config.server import Admin, Server
from router.config.source import Source
from router.config.value import Folder
from router.source_choice import SourceChoice


class Config(Section):
    """The whole file. Made by `load_config` and `parse_config`."""

    server: Server = Field(default_factory=Server)
    admin: Admin = Field(default_factory=Admin)
    data: Folder = Field(Path("var"), description="Folder of segments and state; relative to the working directory.")
    log: LogAddress = Field(
        SecretStr(EMBEDDED),
        description="Where the log is kept: sqlite, in `data`; or nats://host:4222,…, a cluster with JetStream.",
    )
    nats: Nats = Field(default_factory=Nats)
    retention: Retention = Field(default_factory=Retention)
    sources: dict[str, Source] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    plugins: tuple[str, ...] = Field((), description="Plugins that aren't installed packages: modules or paths.")

    def sources_of(self, destination: str) -> SourceChoice:
        """Whose events *destination* takes. A source's events go where both sides agree."""
        named = self.destinations[destination].sources
        sources = self.sources.values()
        leaving_out = [
            each for each in sources if each.destinations is not None and destination not in each.destinations
        ]
        return SourceChoice(
            only=None if named is None else _names(self.sources[name] for name in named),
            never=_names(leaving_out),
            known=_names(sources),
        )

    @property
    def log_urls(self) -> tuple[str, ...]:
        """The addresses of the cluster that keeps the log, with credentials if there are any; empty for an embedded log."""
        address = self.log.get_secret_value()
        return () if address == EMBEDDED else tuple(address.split(","))


def _names(sources: Iterable[Source]) -> frozenset[str]:
    return frozenset(name for source in sources for name in source.names)
