"""What a plugin declares: the plugin itself, its actions and its credential check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from router.event import EVENT_TYPES, Document, Event, EventType
from router.plugin.declaration_check import check_calls, check_tuple
from router.plugin.endpoint import Endpoint
from router.plugin.historical import UNTOLD, Historical
from router.plugin.request import Payload, Request, Response
from router.plugin.settings import PluginSettings
from router.plugin.skip import Skip
from router.plugin.table import Table

API_VERSION = 1
"""The version of the plugin API. A plugin says which one it was written for (`Plugin.api_version`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that a destination does. An event of a type in *on* triggers it.

    The core applies *table* to the event and passes the result to *build*. Both are pure.

    ``build(event, fields, settings)`` returns one or more payloads, or `Skip` with a reason. It may change *fields*.
    """

    name: str
    """In an operator's words: "identify user", "track event". Unique within the plugin."""
    on: tuple[EventType, ...]
    endpoint: str
    table: Table | Callable[[Any], Table]
    """A table, or a function of the settings that returns one. It is called once, when the config is loaded."""
    build: Callable[[Event, Document, Any], Payload | Sequence[Payload] | Skip]
    historical: Historical | Callable[[Any], Historical] | None = None
    """What a replay does with old events, or a function of the settings that says so. None: what the plugin says."""

    def table_for(self, settings: PluginSettings) -> Table:
        return self.table if isinstance(self.table, Table) else self.table(settings)


def _always(settings: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialCheck:
    """A request that changes nothing and is refused if the credentials are wrong. ``router check --live`` sends it."""

    request: Callable[[Any], Request]
    """Makes the request from the settings. The core adds the credentials."""
    endpoint: str
    """The endpoint whose credentials are tried."""
    is_good: Callable[[Response], bool] = attrgetter("is_success")
    """Whether the answer means that the credentials are right. For vendors that refuse with a 200."""
    is_possible: Callable[[Any], bool] = _always
    """Whether these settings can be tried at all. For vendors that have no such call for one kind of credentials."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One vendor. Made once, at import, and never changed."""

    slug: str
    """Lower-case letters, digits and underscores. The name of the folder, and the default name of a destination."""
    name: str
    """The vendor's own spelling, which callers write in ``integrations``: "Customer.io"."""
    aliases: tuple[str, ...] = ()
    """Further names that callers use in ``integrations``: "Mixpanel (Actions)"."""
    version: str = "1"
    api_version: int = API_VERSION
    settings: type[PluginSettings]
    endpoints: tuple[Endpoint, ...]
    actions: tuple[Action, ...]
    sandbox: str = ""
    """``package.module:Class`` of the stand-in, a `router.plugin.sandbox.Sandbox`. Imported only when one is started."""
    sandbox_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the stand-in accepts. In a destination with ``sandbox: true`` those that are required or secret fill what
    the operator left empty, and the others only where settings would be invalid without them: all else is as it will be at the
    vendor. None do where the operator's settings are invalid together with them, for then they describe another way to the
    vendor."""
    website: str = ""
    credential_check: CredentialCheck | None = None
    """None if the vendor has no call that changes nothing."""
    historical: Historical | Callable[[Any], Historical] = UNTOLD
    """What a replay does with old events, so that they start nothing at the vendor. Actions may differ."""

    def endpoint(self, name: str) -> Endpoint:
        return next(endpoint for endpoint in self.endpoints if endpoint.name == name)

    def historical_for(self, action: Action, settings: PluginSettings) -> Historical:
        """What a replay does with an old event that triggers *action*."""
        declared = self.historical if action.historical is None else action.historical
        return declared(settings) if callable(declared) else declared

    def __post_init__(self) -> None:
        self._check_kinds()
        names = {endpoint.name for endpoint in self.endpoints}
        if len(names) < len(self.endpoints):
            raise ValueError(f"plugin {self.slug}: two endpoints have one name")
        if len({action.name for action in self.actions}) < len(self.actions):  # settled payloads are noted by action
            raise ValueError(f"plugin {self.slug}: two actions have one name")
        for action in self.actions:
            if not set(action.on) <= set(EVENT_TYPES):  # this also catches a text instead of a tuple
                types = ", ".join(EVENT_TYPES)
                raise ValueError(
                    f'plugin {self.slug}: action "{action.name}": on={action.on!r}, expected a tuple of {types}'
                )
            if action.endpoint not in names:
                raise ValueError(f'plugin {self.slug}: action "{action.name}" names no endpoint of {sorted(names)}')
        if self.credential_check is not None and self.credential_check.endpoint not in names:
            raise ValueError(f"plugin {self.slug}: credential_check names no endpoint of {sorted(names)}")
        self._check_functions()

    def _check_kinds(self) -> None:
        settings: Any = self.settings
        if not (isinstance(settings, type) and issubclass(settings, PluginSettings)):
            raise ValueError(f"plugin {self.slug}: settings={settings!r}, expected a subclass of PluginSettings")
        for name in ("aliases", "endpoints", "actions"):
            check_tuple(getattr(self, name), f"plugin {self.slug}: {name}")
        if self.sandbox and ":" not in self.sandbox:
            raise ValueError(f"plugin {self.slug}: sandbox={self.sandbox!r}, expected package.module:Class")

    def _check_functions(self) -> None:
        for endpoint in self.endpoints:
            check_calls(endpoint, f'plugin {self.slug}: endpoint "{endpoint.name}"')
        for action in self.actions:
            check_calls(action, f'plugin {self.slug}: action "{action.name}"')
            table: Any = action.table
            if not callable(table) and not isinstance(table, Table):
                kind = type(table).__name__
                raise ValueError(f'plugin {self.slug}: action "{action.name}": table is a {kind}, expected a Table')
        if self.credential_check is not None:
            check_calls(self.credential_check, f"plugin {self.slug}: credential_check")
