"""What explain believes: each reserved trait has a row, and a row reads and sends what it says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import orjson
import pytest

from router.event import FIELDS, Event, EventType
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Converter,
    Plugin,
    PluginSettings,
    Table,
    camel_case,
    canonical_trait,
)
from router.testing.answers import ODD_VALUES
from router.testing.contract.each_sample import every_call
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.samples import COMPANY, PERSON, make_event

_FREE = ("traits.", "properties.", "context.")
_RESERVED: Mapping[str, Collection[str]] = {"identify": USER_TRAITS, "group": GROUP_TRAITS}


class TablesContract(PluginUnderTest):
    @pytest.mark.parametrize(("call", "reserved"), [("identify", USER_TRAITS), ("group", GROUP_TRAITS)])
    def test_every_reserved_trait_has_a_row(self, call: str, reserved: Sequence[str]) -> None:
        """Each is sent somewhere, or a row with ``to=""`` says why not."""
        named = _traits_dealt_with(self.plugin, self.settings, call)
        missing = [] if named is None else [trait for trait in reserved if trait not in named]
        assert not missing, f"no row of an action on {call} deals with {missing}"

    def test_rows_that_send_nothing_say_why(self) -> None:
        tables = {action.name: action.table_for(self.settings) for action in self.plugin.actions}
        mute = [
            (name, row.source) for name, table in tables.items() for row in table.fields if not (row.to or row.note)
        ]
        assert not mute, f"rows with neither a target nor a note: {mute}"

    def test_rows_read_what_events_have(self) -> None:
        """A source in another spelling is never there: ``message_id``, ``traits.first_name``."""
        wrong = [
            f"{action.name}: {source}: events have it as {known}"
            for action in self.plugin.actions
            for row in action.table_for(self.settings).fields
            for source in row.sources
            if (known := _as_events_have_it(source, action.on)) not in row.sources
        ]
        assert not wrong, "\n".join(wrong)

    def test_converters_refuse_by_a_value_error(self) -> None:
        """Whatever a caller sent for a trait or a property: a ValueError costs the field, anything else the event."""
        wrong = []
        for action in self.plugin.actions:
            for where, convert in _converters(action.table_for(self.settings)):
                for value in [each for each in ODD_VALUES if each is not None]:
                    try:
                        convert(deepcopy(value))
                    except ValueError:
                        pass
                    except Exception as error:
                        wrong.append(f"{action.name}: {where}: {value!r} raised {type(error).__name__}: {error}")
        assert not wrong, "\n".join(
            ["a converter raises a ValueError for what it can't take, and nothing else", *wrong]
        )

    @every_call
    def test_no_row_writes_over_another(self, event: Event) -> None:
        """Of ``name`` to ``user`` and ``email`` to ``user.email`` only one would be sent."""
        for action in self.plugin.actions:
            lost = _written_over(action.table_for(self.settings), event) if event.type in action.on else []
            assert not lost, (
                f"{action.name}: nothing is sent of {lost}: other rows write to paths beneath or above theirs"
            )

    @pytest.mark.parametrize(("call", "reserved"), [("identify", PERSON), ("group", COMPANY)])
    def test_every_trait_that_a_row_sends_is_in_the_payload(self, call: EventType, reserved: Mapping[str, Any]) -> None:
        """Explain believes the table: it shows as sent what the *build*, *pack* or a conversation then leaves out, and what a
        row says to be within another's value, whether it is or not: that may wait in the payload until an answer asks for it.
        A person has little more than the trait: nobody has a ``lastName`` then."""
        known = {"email": reserved["email"]}
        for action in self.plugin.actions:
            if call not in action.on:
                continue
            lost = []
            for trait, has_field in _traits_sent(action.table_for(self.settings)).items():
                if trait not in reserved:
                    continue
                told = self._requests if has_field else self._bodies
                least = {name: value for name, value in known.items() if name != trait}
                with_it, without_it = (
                    told(make_event(call, userId="u-17", groupId="c9", traits=traits), action.name)
                    for traits in ({**least, trait: reserved[trait]}, least)
                )
                if with_it and with_it == without_it:
                    lost.append(trait)
            assert not lost, (
                f"{action.name}: its rows send {lost}, but what is sent of {call} calls with one of them lacks it: see that "
                "the build, pack and each part of a conversation (`yield from`) pass it on, or say in a note why it is not sent"
            )

    def _requests(self, event: Event, action: str) -> list[bytes]:
        return [sent.bytes for sent in self.rehearsal.requests(event) if sent.action == action]

    def _bodies(self, event: Event, action: str) -> list[bytes]:
        return [orjson.dumps(payload.body) for name, _, payload in self.rehearsal.payloads(event) if name == action]


def _traits_dealt_with(plugin: Plugin, settings: PluginSettings, call: str) -> set[str] | None:
    """The traits that some row of some action on *call* names; None if no action is triggered by it."""
    actions = [action for action in plugin.actions if call in action.on]
    rows = [row for action in actions for row in action.table_for(settings).fields]
    paths = [source.split(".") for row in rows for source in row.sources]
    return {path[1] for path in paths if path[0] == "traits" and len(path) > 1} if actions else None


def _traits_sent(table: Table) -> dict[str, bool]:
    """The traits that some row of *table* sends, each with whether it has a field of its own, and is not only said to be within
    what another one sends."""
    sent: dict[str, bool] = {}
    for row in table.fields:
        for path in [source.split(".") for source in row.sources]:
            if (row.to or row.is_within) and path[0] == "traits" and len(path) > 1:
                sent[path[1]] = sent.get(path[1], False) or bool(row.to)
    return sent


def _as_events_have_it(source: str, types: Collection[EventType]) -> str:
    """The source of a row, spelt as events of *types* have it: keys of the spec and reserved traits are in camelCase."""
    root, dot, name = source.partition(".")
    root = camel_case(root) if camel_case(root) in FIELDS else root
    reserved = {trait for each in types for trait in _RESERVED.get(each, ())} if root == "traits" else set()
    return root + dot + canonical_trait(name, reserved)


def _converters(table: Table) -> Iterator[tuple[str, Converter]]:
    """The converters of traits, properties and the context, which may hold anything, each with where it stands. They are never
    given null."""
    for row in table.fields:
        if row.convert is not None and any(source.startswith(_FREE) for source in row.sources):
            yield " or ".join(row.sources), row.convert
    for custom in table.custom:
        if custom.convert is not None:
            yield f"custom {custom.source}", custom.convert


def _written_over(table: Table, event: Event) -> list[str]:
    """The sources of rows whose value is lost, because another row writes above or beneath it (``a`` and ``a.b``)."""
    document = table.apply(event)
    rows = [row for row in table.fields if row.to]
    alone = [_at(row.to, Table((row,), values=table.values).apply(event)) for row in rows]
    return [
        " or ".join(row.sources)
        for row, value in zip(rows, alone, strict=True)
        if value is not None and not isinstance(value, dict) and isinstance(_at(row.to, document), dict | None)
    ]


def _at(path: str, document: Any) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
