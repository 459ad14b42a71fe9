"""What an action says of old events, and what a destination makes of that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from router.destination import Destination, MappingFailed
from router.explain import explain
from router.plugin import Action, Event, Harmless, Historical, Marked, Payload, Plugin, Skip
from router.plugin.historical import UNTOLD, describe_historical, why_not
from tests.destinations import ECHO, EchoSettings
from tests.events import event

HOUR_S = 3_600.0
NO = Skip("something would start")
BACKFILL = Marked("backfill", lambda payload, settings: replace(payload, body={**payload.body, "backfill": True}))


@pytest.mark.parametrize(
    ("historical", "age_s", "reason"),
    [
        pytest.param(NO, 1e9, "something would start", id="skipped, however old"),
        pytest.param(UNTOLD, 1e9, UNTOLD.reason, id="nothing said is the same"),
        pytest.param(Harmless(), 0.0, None, id="harmless at any age"),
        pytest.param(Harmless(72 * HOUR_S), 72 * HOUR_S, None, id="old enough"),
        pytest.param(
            Harmless(72 * HOUR_S),
            72 * HOUR_S - 1,
            "younger than 72 hours, so that the vendor may still start something because of it",
            id="not old enough",
        ),
        pytest.param(Harmless(until_s=HOUR_S), HOUR_S, None, id="young enough"),
        pytest.param(
            Harmless(until_s=HOUR_S),
            HOUR_S + 1,
            "older than 1 hour, which is more than the vendor takes",
            id="too old",
        ),
        pytest.param(BACKFILL, 0.0, None, id="marked at any age"),
    ],
)
def test_why_an_event_of_an_age_is_not_sent(historical: Historical, age_s: float, reason: str | None) -> None:
    assert why_not(historical, age_s) == reason


def test_what_a_replay_does_is_told_in_a_few_words() -> None:
    told = [
        describe_historical(each)
        for each in (NO, Harmless(), Harmless(72 * HOUR_S), Harmless(until_s=HOUR_S), BACKFILL)
    ]

    assert told == [
        "skips it: something would start",
        "sends it as usual",
        "sends it as usual once it is 72 hours old, skips it before",
        "sends it as usual until it is 1 hour old, skips it then",
        "sends it marked `backfill`",
    ]


# --- what a destination makes of it ---


def made(historical: Any = None, **actions: Any) -> Destination:
    """Echo, of which the plugin says *historical* and the actions (``track_event``) what they are given."""
    plugin = ECHO if historical is None else replace(ECHO, historical=historical)
    changed = [replace(each, historical=actions.get(each.name.replace(" ", "_"))) for each in plugin.actions]
    return Destination("echo", replace(plugin, actions=tuple(changed)), EchoSettings())


TRACK = event(type="track", userId="u1", event="Tested")


def sent(destination: Destination, age_s: float | None, of: Event = TRACK) -> dict[str, str]:
    """By action: the mark it is sent with ("" for none), or the reason why it is not sent."""
    entries = explain(of, [destination], historical_age_s=age_s)["destinations"]
    return {
        entry["action"]: entry.get("historical", "") if entry["decision"] == "deliver" else entry["reason"]
        for entry in entries
    }


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        pytest.param(
            made(),
            {
                "track event": f"historical: track event: {UNTOLD.reason}",
                "count event": f"historical: count event: {UNTOLD.reason}",
            },
            id="a plugin that says nothing sends nothing",
        ),
        pytest.param(made(Harmless()), {"track event": "", "count event": ""}, id="the plugin speaks for its actions"),
        pytest.param(
            made(Harmless(), count_event=NO, track_event=BACKFILL),
            {"track event": "backfill", "count event": "historical: count event: something would start"},
            id="an action speaks for itself",
        ),
        pytest.param(
            made(lambda settings: BACKFILL if settings.base_url else NO, count_event=lambda settings: Harmless()),
            {"track event": "historical: track event: something would start", "count event": ""},
            id="by the settings",
        ),
    ],
)
def test_each_action_does_with_an_old_event_what_is_declared(
    destination: Destination, expected: dict[str, str]
) -> None:
    assert sent(destination, HOUR_S) == expected
    assert sent(destination, None) == {"track event": "", "count event": ""}, "what is new is sent as ever"


def test_the_mark_is_in_what_is_sent_of_an_old_event_alone() -> None:
    destination = made(BACKFILL)

    def bodies(age_s: float | None) -> list[Any]:
        entries = explain(TRACK, [destination], historical_age_s=age_s)["destinations"]
        return [request["body"][0].get("backfill") for entry in entries for request in entry["requests"]]

    assert (bodies(HOUR_S), bodies(None)) == ([True, True], [None, None])


def test_a_mark_that_raises_is_told_as_a_failed_mapping() -> None:
    def fail(payload: Payload, settings: Any) -> Payload:
        raise KeyError("event")

    destination = made(Marked("backfill", fail))

    with pytest.raises(MappingFailed, match='action "track event" raised KeyError'):
        destination.map(TRACK, destination.decide(TRACK, None, HOUR_S))


def test_flags_come_before_the_age_and_triggers_too() -> None:
    """What would not have been sent at first is skipped for that reason, and not for its age."""
    hidden = event(type="track", userId="u1", event="Tested", integrations={"All": False})

    assert made().decide(hidden, None, HOUR_S).reason.startswith("flags:")
    assert made().decide(event(type="alias", userId="u1", previousId="u0"), None, HOUR_S).reason.startswith("no action")


def test_what_an_action_skips_by_itself_is_not_marked() -> None:
    nothing = event(type="track", userId="u1", event="Nothing")
    mapped = made(BACKFILL).map(nothing, made(BACKFILL).decide(nothing, None, HOUR_S))

    assert [(each.skipped, each.mark) for each in mapped] == [("nothing of interest", "")] * 2


def test_a_plugin_is_safe_by_default() -> None:
    plain = Plugin(slug="plain", name="Plain", settings=EchoSettings, endpoints=ECHO.endpoints, actions=())
    action: Action = ECHO.actions[0]

    assert plain.historical_for(action, EchoSettings()) is UNTOLD
    assert isinstance(UNTOLD, Skip)
