"""What is null in a call's context × every plugin: libraries write null there for what they do not know, and it clears nothing.

The three plugins that hand on an event as it came hand on its nulls, too.
"""

from __future__ import annotations

from typing import Any

import pytest

from router.event import Document, Event
from router.plugin import Plugin
from router.registry import Registry
from router.testing.rehearsal import Rehearsal
from router.testing.samples import CONTEXT, WELL_MADE, make_event

PLUGINS = [
    pytest.param(each.plugin, id=each.plugin.slug)
    for each in Registry.load()
    if each.plugin.sandbox and each.plugin.slug not in ("s3", "segment_compatible", "webhook")
]


def all_null(values: Document) -> Document:
    return {key: all_null(value) if isinstance(value, dict) else None for key, value in values.items()}


NULLS = all_null({**CONTEXT, "sessionId": 1772619600123})
TRAITS = {"email": "ada@example.test"}
"""Some vendors know people by email alone."""


def bodies(rehearsal: Rehearsal, event: Event) -> list[Any]:
    return [(mapped.action.name, payload.body) for mapped in rehearsal.map(event) for payload in mapped.payloads]


@pytest.mark.parametrize("call", WELL_MADE)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_null_in_the_context_is_as_if_absent(plugin: Plugin, call: str) -> None:
    rehearsal = Rehearsal(plugin, plugin.settings.model_validate(dict(plugin.sandbox_settings)))
    document = WELL_MADE[call].document
    # An identify's context.traits are traits of the person, where null does clear.
    riding = {**TRAITS, "phone": None} if call != "identify" else TRAITS

    with_nulls = make_event(call, **{**document, "context": {**NULLS, "traits": riding}})
    without = make_event(call, **{**document, "context": {"traits": TRAITS}})

    assert bodies(rehearsal, with_nulls) == bodies(rehearsal, without)
