"""What explain believes: each reserved trait has a row, and a row reads and sends what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import orjson
import pytest

from router.event import Event, EventType
from router.plugin import GROUP_TRAITS, USER_TRAITS
from router.testing.answers import ODD_VALUES
from router.testing.contract.each_sample import every_call
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.rehearsal import as_events_have_it, converters, traits_dealt_with, traits_sent, written_over
from router.testing.samples import COMPANY, PERSON, make_event


class TablesContract(PluginUnderTest):
    @pytest.mark.parametrize(("call", "reserved"), [("identify", USER_TRAITS), ("group", GROUP_TRAITS)])
    def test_every_reserved_trait_has_a_row(self, call: str, reserved: Sequence[str]) -> None:
        """Each is sent somewhere, or a row with ``to=""`` says why not."""
        named = traits_dealt_with(self.plugin, self.settings, call)
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
            if (known := as_events_have_it(source, action.on)) not in row.sources
        ]
        assert not wrong, "\n".join(wrong)

    def test_converters_refuse_by_a_value_error(self) -> None:
        """Whatever a caller sent for a trait or a property: a ValueError costs the field, anything else the event."""
        wrong = []
        for action in self.plugin.actions:
            for where, convert in converters(action.table_for(self.settings)):
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
            lost = written_over(action.table_for(self.settings), event) if event.type in action.on else []
            assert not lost, (
                f"{action.name}: nothing is sent of {lost}: other rows write to paths beneath or above theirs"
            )

    @pytest.mark.parametrize(("call", "reserved"), [("identify", PERSON), ("group", COMPANY)])
    def test_every_trait_that_a_row_sends_is_in_the_payload(self, call: EventType, reserved: Mapping[str, Any]) -> None:
        """Explain believes the table: it shows as sent what the *build* then leaves out, and what a row says to be within
        another's value, whether it is or not. A person has little more than the trait: nobody has a ``lastName`` then."""
        known = {"email": reserved["email"]}
        for action in self.plugin.actions:
            if call not in action.on:
                continue
            lost = []
            for trait in [each for each in reserved if each in traits_sent(action.table_for(self.settings))]:
                least = {name: value for name, value in known.items() if name != trait}
                with_it, without_it = (
                    self._bodies(make_event(call, userId="u-17", groupId="c9", traits=traits), action.name)
                    for traits in ({**least, trait: reserved[trait]}, least)
                )
                if with_it and with_it == without_it:
                    lost.append(trait)
            assert not lost, (
                f"{action.name}: its rows send {lost}, but the payload of a {call} with one of them lacks it"
            )

    def _bodies(self, event: Event, action: str) -> list[bytes]:
        return [orjson.dumps(payload.body) for name, _, payload in self.rehearsal.payloads(event) if name == action]
