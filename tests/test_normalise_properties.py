"""Whatever JSON comes in, an event or a refusal comes out, and an event stays one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from router.event import EVENT_TYPES, Document, Event
from router.normalise import Normalised, normalise
from router.odd_json import is_plain
from router.rejection import Rejected
from router.reserved import USER_SPELLINGS

RECEIVED = datetime(2024, 8, 24, 14, 15, 22, 123456, tzinfo=UTC)

TEXT = st.text(st.characters(), max_size=8)  # lone surrogates included
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.integers(min_value=1 << 62, max_value=1 << 80)
)
NESTED_KEYS = st.sampled_from(["postal_code", "postalCode", "employeeCount", "employee_count", "name"]) | TEXT
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NESTED_KEYS, inner, max_size=3),
    max_leaves=10,
)
IDS = st.sampled_from(["u1", "", " ", None, 5, 5.0]) | SCALARS
TIMES = (
    st.datetimes().map(str)
    | st.integers(0, 2 * 10**12)
    | st.sampled_from(["2024-08-24", "", "9999-12-31", "0001-01-01"])
    | SCALARS
)
TRAITS = st.dictionaries(st.sampled_from(sorted(USER_SPELLINGS)) | TEXT, TIMES | JSON, max_size=6)
CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "traits": TRAITS | JSON,
        "user_agent": JSON,
        "userAgent": JSON,
        "channel": JSON,
        "library": JSON,
        "groupId": JSON,
    },
)
FLAGS = st.dictionaries(st.sampled_from(["All", "all", "Webhook"]) | TEXT, JSON, max_size=3)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from([*EVENT_TYPES, "Track", ""]) | SCALARS,
    "userId": IDS,
    "user_id": IDS,
    "anonymousId": IDS,
    "anonymous_id": IDS,
    "groupId": IDS,
    "previousId": IDS,
    "messageId": IDS,
    "event": IDS,
    "name": JSON,
    "category": JSON,
    "traits": TRAITS | JSON,
    "properties": JSON,
    "context": CONTEXT | JSON,
    "integrations": FLAGS | JSON,
    "timestamp": TIMES,
    "originalTimestamp": TIMES,
    "sentAt": TIMES,
    "sent_at": TIMES,
    "receivedAt": TIMES,
    "channel": JSON,
    "version": JSON,
    "writeKey": JSON,
    "document": JSON,
    "__class__": JSON,
}
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(EVENT_TYPES),
    "userId": st.sampled_from(["u1", 5, 10**30]),
    "event": st.just("Signed Up"),
    "groupId": st.sampled_from(["g1", 7]),
    "previousId": st.just("a1"),
    "traits": TRAITS,
    "context": CONTEXT,
    "integrations": FLAGS,
    "timestamp": TIMES,
    "originalTimestamp": TIMES,
    "sentAt": TIMES,
    "receivedAt": TIMES,
    "version": JSON,
    "channel": JSON,
    "document": JSON,
    "properties": st.dictionaries(TEXT, JSON, max_size=3),
}
CALLS = (
    st.fixed_dictionaries({}, optional=FIELDS)
    | st.fixed_dictionaries({}, optional=LIKELY)
    | st.dictionaries(TEXT, JSON)
)
ALWAYS = ("type", "userId", "event", "groupId", "previousId")
LIKELY_CALLS = st.fixed_dictionaries(
    {key: LIKELY[key] for key in ALWAYS}, optional={key: values for key, values in LIKELY.items() if key not in ALWAYS}
)


def run(raw: Any, **given: Any) -> Normalised | Rejected:
    try:
        return normalise(raw, received_at=RECEIVED, new_id=lambda: "made", **given)
    except Rejected as refusal:
        return refusal


def check(result: Normalised | Rejected) -> None:
    """What holds for every answer."""
    if isinstance(result, Rejected):
        orjson.dumps([str(result), result.code, result.field, result.expected, result.found])
        return
    event = result.event
    data = event.to_json()
    orjson.dumps(result.warnings)
    assert Event.from_json(data) == event
    assert json.loads(data) == event.document
    assert is_plain(event.document)
    assert event.timestamp <= event.received_at == "2024-08-24T14:15:22.123Z"
    assert event.user_key
    assert "writeKey" not in event.document
    again = run(event.document)
    assert isinstance(again, Normalised)
    assert again.event == event
    assert again.event.to_json() == data


@given(CALLS | JSON)
def test_any_json_becomes_an_event_or_a_refusal(raw: Any) -> None:
    check(run(raw))


@given(LIKELY_CALLS)
@example({"type": "identify", "userId": "u", "traits": {"firstName": "a", "lastName": "b", "name": float("nan")}})
@example(
    {
        "type": "identify",
        "userId": "u",
        "traits": {"firstName": 1},
        "context": {"traits": {"first_name": "a", "lastName": "b"}},
    }
)
@example({"type": "identify", "userId": "u", "sentAt": "2024-08-24T00:00:00Z"})
def test_an_event_is_written_read_and_normalised_again_without_change(raw: Document) -> None:
    check(run(raw))


@given(LIKELY_CALLS, TIMES | JSON, CONTEXT | JSON, FLAGS | JSON, st.sampled_from([*EVENT_TYPES, "batch", None]))
def test_defaults_of_a_batch_never_break_an_event(
    raw: Document, sent_at: Any, context: Any, flags: Any, type: str | None
) -> None:
    check(run(raw, sent_at=sent_at, context=context, integrations=flags, type=type))


@given(LIKELY_CALLS, CONTEXT, FLAGS)
def test_the_input_is_never_changed(raw: Document, context: Document, flags: Document) -> None:
    before = repr((raw, context, flags))

    run(raw, context=context, integrations=flags)

    assert repr((raw, context, flags)) == before
