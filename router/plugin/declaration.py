"""What a plugin declares: itself and its actions."""

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
"""The version of the plugin API; a plugin says which it was written for (`Plugin.api_version`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a destination does. Triggered by an event of a type in *on*.

    The core applies *table* to the event, then calls *build* with what came out. Both are pure.

    ``build(event, fields, settings)`` returns the payload or payloads, or `Skip` with a reason. *fields* is its own to change.
    """

    name: str
    """As an operator says it: "identify user", "track event". Unique within the plugin."""
    on: tuple[EventType, ...]
    endpoint: str
    table: Table | Callable[[Any], Table]
    """Or a function of the settings, called once when the config is loaded."""
    build: Callable[[Event, Document, Any], Payload | Sequence[Payload] | Skip]
    historical: Historical | Callable[[Any], Historical] | None = None
    """What a replay does with old events; or a function of the settings. None: as the plugin says."""

    def table_for(self, settings: PluginSettings) -> Table:
        return self.table if isinstance(self.table, Table) else self.table(settings)


def _always(settings: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialCheck:
    """One request that changes nothing and is refused where the credentials are wrong: ``router check --live`` sends it."""

    request: Callable[[Any], Request]
    """From the settings; the core adds the credentials."""
    endpoint: str
    """Whose credentials."""
    is_good: Callable[[Response], bool] = attrgetter("is_success")
    """Whether the answer says that they are right; for vendors that refuse with a 200."""
    is_possible: Callable[[Any], bool] = _always
    """From the settings: whether there is such a call, for vendors that have none for one kind of their credentials."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One vendor. Made once at import, never changed."""

    slug: str
    """Lower case, letters, digits and underscores; the folder's name and the default name of a destination."""
    name: str
    """The vendor's own spelling, as callers write it in ``integrations``: "Customer.io"."""
    aliases: tuple[str, ...] = ()
    """Further names that callers use in ``integrations``: "Mixpanel (Actions)"."""
    version: str = "1"
    api_version: int = API_VERSION
    settings: type[PluginSettings]
    endpoints: tuple[Endpoint, ...]
    actions: tuple[Action, ...]
    sandbox: str = ""
    """``package.module:Class`` of the stand-in (a `router.plugin.sandbox.Sandbox`), imported only when one is started."""
    sandbox_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the stand-in accepts; they fill what an operator left empty in a destination with ``sandbox: true``,
    unless what was given is right by itself and wrong with them: then it is another way to the vendor."""
    website: str = ""
    credential_check: CredentialCheck | None = None
    """None where the vendor has no call that changes nothing."""
    historical: Historical | Callable[[Any], Historical] = UNTOLD
    """What a replay does with old events, so that nothing starts because of them; actions may differ."""

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
        if len({action.name for action in self.actions}) < len(self.actions):  # what is settled is noted by its action
            raise ValueError(f"plugin {self.slug}: two actions have one name")
        for action in self.actions:
            if not set(action.on) <= set(EVENT_TYPES):  # a text instead of a tuple is caught here as well
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
