"""An event leaves as it came: every field, trait and type; the table that says so is the one that runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Event
from router.plugin import GROUP_TRAITS, USER_TRAITS, WHOLE_EVENT, EventType, snake_case
from router.plugin.trace import Trace
from router.testing.samples import COMPANY, PERSON, SAMPLES, WELL_MADE, make_event
from router.traits import NESTED_TRAITS, camel_case
from tests.plugins.webhook.samples import payload_of

SPELLINGS = {"camel": camel_case, "snake": snake_case}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from([*USER_TRAITS, *GROUP_TRAITS, "plan", "a.b", "$set", "custom"]) | st.text()
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)


def spelled(value: Any, spelling: str) -> Any:
    """*value* with its keys in camelCase or snake_case."""
    return {SPELLINGS[spelling](key): item for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("sent", SPELLINGS)
@pytest.mark.parametrize(
    ("call", "trait", "value"),
    [
        *(("identify", trait, PERSON[trait]) for trait in USER_TRAITS),
        *(("group", trait, COMPANY[trait]) for trait in GROUP_TRAITS),
    ],
)
def test_a_reserved_trait_keeps_its_canonical_name_and_value(call: str, trait: str, value: Any, sent: str) -> None:
    traits = {SPELLINGS[sent](trait): spelled(value, sent)}

    body = payload_of(make_event(call, userId="u-17", groupId="c9", traits=traits)).body

    assert body["traits"] == {trait: value}


@pytest.mark.parametrize("sent", SPELLINGS)
@pytest.mark.parametrize(
    ("parent", "part"), [(parent, part) for parent, parts in NESTED_TRAITS.items() for part in parts]
)
def test_nested_traits_keep_their_canonical_names(parent: str, part: str, sent: str) -> None:
    event = make_event("identify", userId="u-17", traits={parent: {SPELLINGS[sent](part): PERSON[parent][part]}})

    assert payload_of(event).body["traits"] == {parent: {part: PERSON[parent][part]}}


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES)
def test_the_body_is_the_event(event: Event) -> None:
    assert payload_of(event).body == event.document


@given(
    call=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    traits=OBJECTS,
    properties=OBJECTS,
    context=OBJECTS,
)
def test_any_event_is_passed_on_unchanged(
    call: EventType, traits: dict[str, Any], properties: dict[str, Any], context: dict[str, Any]
) -> None:
    event = Event(
        type=call,
        message_id="m-1",
        user_id="u-17",
        traits=traits,
        properties=properties,
        context=context,
        timestamp="2026-01-01T00:00:00.000Z",
        received_at="2026-01-01T00:00:00.000Z",
    )

    assert payload_of(event).body == event.document


@pytest.mark.parametrize("event", WELL_MADE.values(), ids=WELL_MADE)
def test_the_table_keeps_every_name_and_loses_nothing(event: Event) -> None:
    """The lineage that explain shows: from a field to the field of the same name."""
    trace = Trace()
    WHOLE_EVENT.apply(event, trace)

    assert [line.source for line in trace.lineage] == [line.to for line in trace.lineage]
    assert trace.unmapped == []
    assert trace.warnings == []


def test_a_null_goes_on_as_null() -> None:
    event = make_event("identify", userId="u-17", traits={"email": None, "tier": None})

    assert payload_of(event).body["traits"] == {"email": None, "tier": None}


def test_the_payload_is_not_the_shared_document() -> None:
    event = WELL_MADE["track"]

    assert payload_of(event).body is not event.document
