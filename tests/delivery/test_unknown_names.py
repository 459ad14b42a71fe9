"""Names in integrations that match no destination are counted once an event, however many destinations read it."""

from __future__ import annotations

import pytest

from router.delivery.unknown_names import MAX_NAMES, UnknownNames
from router.event import Document, Event
from router.integrations import DestinationNames

MIXPANEL = DestinationNames("mixpanel", "Mixpanel", "mixpanel")
CRM = DestinationNames("crm", "Intercom", "intercom")


def event(integrations: Document) -> Event:
    moment = "2026-01-01T00:00:00.000Z"
    return Event(
        type="track", message_id="m", user_id="u", timestamp=moment, received_at=moment, integrations=integrations
    )


@pytest.fixture
def unknown() -> UnknownNames:
    unknown = UnknownNames(lambda partition: 10)
    unknown.configure([0], [MIXPANEL, CRM])
    return unknown


@pytest.mark.parametrize(
    ("integrations", "names"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"All": False, "MIXPANEL": True, "Segment.io": False, "crm": True}, {}, id="known"),
        pytest.param({"Mixpannel": True, "All": True}, {"Mixpannel": 1}, id="misspelt"),
        pytest.param({"A": 1, "B": None}, {"A": 1, "B": 1}, id="two"),
    ],
)
def test_what_matches_no_destination_is_counted(unknown: UnknownNames, integrations: Document, names: Document) -> None:
    unknown.look(event(integrations), 0, 11)

    assert (unknown.events, dict(unknown.names)) == (bool(names), names)


def test_each_event_counts_once_and_those_of_an_earlier_run_not_again(unknown: UnknownNames) -> None:
    for sequence in (9, 10, 11, 12, 11, 12, 13):
        unknown.look(event({"Nobody": True}), 0, sequence)

    assert (unknown.events, dict(unknown.names)) == (3, {"Nobody": 3})


def test_a_new_destination_makes_its_name_known(unknown: UnknownNames) -> None:
    unknown.configure([0], [MIXPANEL, DestinationNames("nobody", "Nobody", "nobody")])
    unknown.look(event({"Nobody": True, "crm": True}), 0, 11)

    assert dict(unknown.names) == {"crm": 1}


def test_promise_8_callers_that_make_up_names_fill_no_memory(unknown: UnknownNames) -> None:
    for number in range(3 * MAX_NAMES):
        unknown.look(event({f"Name {number}": True}), 0, 11 + number)

    assert (unknown.events, len(unknown.names)) == (3 * MAX_NAMES, MAX_NAMES)
    unknown.look(event({"Name 0": True}), 0, 11 + 3 * MAX_NAMES)
    assert unknown.names["Name 0"] == 2, "those that are kept go on counting"
