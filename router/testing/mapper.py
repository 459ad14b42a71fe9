"""A mapper for tests: what a plugin makes of one event, for the tables that test a mapping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from router.destination import Mapped
from router.event import Document, Event
from router.plugin import Payload, Plugin, PluginSettings
from router.testing.rehearsal import Rehearsal


class Mapper:
    """One plugin under any settings. It runs the same code as delivery. Tables are made once for each set of settings.

    ``make_settings(**given)`` lays *given* over the least settings there are. *action* may be left out where only one is
    for the event.
    """

    def __init__(self, plugin: Plugin, make_settings: Callable[..., PluginSettings]) -> None:
        self._plugin = plugin
        self._make_settings = make_settings
        self._rehearsals: dict[str, Rehearsal] = {}

    def rehearse(self, **settings: Any) -> Rehearsal:
        key = repr(sorted(settings.items()))
        if key not in self._rehearsals:
            self._rehearsals[key] = Rehearsal(self._plugin, self._make_settings(**settings))
        return self._rehearsals[key]

    def payloads_of(self, event: Event, action: str = "", /, **settings: Any) -> list[Payload]:
        """What *action* makes of *event*.

        Raises:
            AssertionError: the action skips the event. The text is its reason.
        """
        mapped = self._mapped(event, action, settings)
        assert mapped.payloads, mapped.skipped
        return list(mapped.payloads)

    def payload_of(self, event: Event, action: str = "", /, **settings: Any) -> Payload:
        """The only payload that *action* makes of *event*."""
        [payload] = self.payloads_of(event, action, **settings)
        return payload

    def body_of(self, event: Event, action: str = "", /, **settings: Any) -> Document:
        """The body of the only payload."""
        body: Document = self.payload_of(event, action, **settings).body
        return body

    def skipped(self, event: Event, action: str = "", /, **settings: Any) -> str:
        """Why *action* makes nothing of *event*."""
        mapped = self._mapped(event, action, settings)
        assert not mapped.payloads
        return mapped.skipped

    def _mapped(self, event: Event, action: str, settings: dict[str, Any]) -> Mapped:
        [mapped] = [each for each in self.rehearse(**settings).map(event) if action in ("", each.action.name)]
        return mapped
