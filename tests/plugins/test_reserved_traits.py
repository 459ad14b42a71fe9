"""Each reserved trait × camelCase and snake_case × every plugin: one spelling or the other makes no difference to any vendor.

What each becomes there is in the plugins' own tests; here it is enough that it arrives, or that the plugin says why not. Of a
call that a plugin sends only when an operator asks for it, nothing arrives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from router.destination import Destination
from router.event import Document
from router.explain import explain
from router.plugin import GROUP_TRAITS, USER_TRAITS, Plugin, camel_case, snake_case
from router.registry import Registry
from router.testing.samples import COMPANY, PERSON, make_event

RESERVED = {"identify": (USER_TRAITS, PERSON), "group": (GROUP_TRAITS, COMPANY)}
BESIDE: Document = {"email": "ada@example.test", "plan_tier": "gold", "website": "https://example.test"}
"""Some vendors know people by email (of a group call it stands in the context) or companies by their domain, and some have
nothing to send for an identify without traits."""


def cases() -> Iterator[Any]:
    """Every plugin, call and reserved trait, where the plugin has an action on that call."""
    for each in Registry.load():
        for call, (names, _) in RESERVED.items():
            if any(call in action.on for action in each.plugin.actions):
                for name in names:
                    yield pytest.param(each.plugin, call, name, id=f"{each.plugin.slug} {call} {name}")


def spelled(value: Any, spell: Callable[[str], str]) -> Any:
    """*value* with its keys spelled anew."""
    return {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value


@functools.cache
def destination_of(slug: str) -> Destination:
    """Made once: with its tables it costs more than all that is asked of it."""
    plugin = next(each.plugin for each in Registry.load() if each.plugin.slug == slug)
    return Destination(slug, plugin, plugin.settings.model_validate(dict(plugin.sandbox_settings)))


def requests(plugin: Plugin, call: str, traits: Document) -> list[Any]:
    """All that is sent for it."""
    who: Document = {"traits": {"email": "ada@example.test"}} if call == "group" else {}
    event = make_event(call, userId="u-17", groupId="c9", traits=traits, context=who)
    entries = explain(event, [destination_of(plugin.slug)])["destinations"]
    return [request for entry in entries for request in entry["requests"]]


def is_left_out_by_a_row(plugin: Plugin, call: str, name: str) -> bool:
    """Whether the plugin's tables say of the trait that it is not sent, and why."""
    settings = plugin.settings.model_validate(dict(plugin.sandbox_settings))
    rows = [row for action in plugin.actions if call in action.on for row in action.table_for(settings).fields]
    return any(f"traits.{name}" in row.sources and not row.to and row.note for row in rows)


@pytest.mark.parametrize(("plugin", "call", "name"), list(cases()))
def test_a_reserved_trait_arrives_alike_in_either_spelling(plugin: Plugin, call: str, name: str) -> None:
    value = RESERVED[call][1][name]
    beside = {key: item for key, item in BESIDE.items() if key != name}

    camel, snake = (
        requests(plugin, call, {**beside, spell(name): spelled(value, spell)}) for spell in (camel_case, snake_case)
    )

    assert camel == snake
    is_sent = bool(requests(plugin, call, dict(RESERVED[call][1])))
    assert not is_sent or camel != requests(plugin, call, beside) or is_left_out_by_a_row(plugin, call, name)


def test_there_are_cases_for_every_built_in_plugin() -> None:
    covered = {case.values[0].slug for case in cases()}
    assert covered >= {"mixpanel", "intercom", "customerio", "webhook"}
