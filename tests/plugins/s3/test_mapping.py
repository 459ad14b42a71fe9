"""An event in the archive is the event as it came, filed under the hour in which it was received."""

from __future__ import annotations

import pytest

from router.event import Event
from router.plugin import WHOLE_EVENT
from router.plugin.trace import Trace
from router.testing.samples import SAMPLES, WELL_MADE, make_event
from tests.plugins.s3.samples import payload_of, track


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES)
def test_the_body_is_the_event(event: Event) -> None:
    assert payload_of(event).body == event.document


@pytest.mark.parametrize("event", WELL_MADE.values(), ids=WELL_MADE)
def test_the_table_keeps_every_name_and_loses_nothing(event: Event) -> None:
    trace = Trace()
    WHOLE_EVENT.apply(event, trace)

    assert [line.source for line in trace.lineage] == [line.to for line in trace.lineage]
    assert trace.unmapped == []
    assert trace.warnings == []


def test_a_null_goes_on_as_null() -> None:
    event = make_event("identify", userId="u-17", traits={"email": None, "tier": None})

    assert payload_of(event).body["traits"] == {"email": None, "tier": None}


@pytest.mark.parametrize(
    ("received", "group"),
    [
        ("2026-03-04T10:00:00.000Z", "2026-03-04T10"),
        ("2026-03-04T10:59:59.999Z", "2026-03-04T10"),
        ("2026-03-04T11:00:00.000Z", "2026-03-04T11"),
    ],
)
def test_an_event_is_filed_by_when_it_came_and_not_by_when_it_happened(received: str, group: str) -> None:
    assert payload_of(track(received=received, timestamp="2019-01-01T00:00:00.000Z")).group == group


@pytest.mark.parametrize("message_id", ["m-1", "a/../b", "é\n", "x" * 20_000], ids=lambda id: ascii(id[:9]))
def test_a_key_fits_into_a_name_whatever_the_message_is_called(message_id: str) -> None:
    key = payload_of(track(message_id)).key

    assert key.isascii()
    assert len(key) == 24 + 1 + 64
    assert key != payload_of(track("another")).key
