"""Over several processes the answers are put together; a process that is down is named, and nothing is made up for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from router.admin.crew import ANSWER_S, Crew, Down
from router.admin.gathering import ERASE_S, Gathering
from router.admin.merged_metrics import GatheredMetrics
from router.admin.operations import Operations
from router.admin.status import CHANGING
from router.errors import OperatorError
from tests.delivery.stand import Stand, assignment

METRICS = """# HELP router_destination_pending Events not yet settled.
# TYPE router_destination_pending gauge
router_destination_pending{{destination="{name}"}} 3.0
# HELP router_events_unknown_integrations_total Events whose integrations name what is no destination.
# TYPE router_events_unknown_integrations_total counter
router_events_unknown_integrations_total {unknown}
"""


@dataclass
class Mate:
    """A process with one destination, as the main process sees it."""

    number: int
    name: str
    unknown: int
    is_up: bool = True
    starts: int = 1
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    patience_s: float | None = 0.0
    """How long it had for the last answer."""

    @property
    def names(self) -> list[str]:
        return [self.name]

    @property
    def traced(self) -> dict[str, Any]:
        """It knows its own destination alone."""
        event = {"integrations": {"One": True, "Three": True}}
        found = {"event": event, "destinations": [{"destination": self.name, "outcome": "delivered"}]}
        return {"partition": 0, "sequence": 1, "warnings": [f"none of {self.name}"], **found}

    async def call(self, operation: str, *, within_s: float | None = None, **arguments: Any) -> Any:
        self.patience_s = within_s
        if not self.is_up:
            raise Down(f"process {self.number} is down")
        self.asked.append((operation, arguments))
        answers: dict[str, Any] = {
            "status": {
                "destinations": [{"destination": self.name, "state": "going"}],
                "unknown_names": {"Sales": self.unknown},
                "unknown_sources": [f"gone-{self.number}"],
            },
            "metrics": {"text": METRICS.format(name=self.name, unknown=float(self.unknown))},
            "dead-letters": [{"destination": self.name, "id": number} for number in (1, 2)],
            "causes": [{"destination": self.name, "letters": self.unknown}],
            "retry": {"job": 1},
            "erase": {"dead_letters": self.number, "parked": 1, "problems": []},
            "trace": {"message_id": "m1", "events": [self.traced]},
        }
        return answers[operation]


@pytest.fixture
async def operations(tmp_path: Path) -> AsyncIterator[Operations]:
    stand = Stand(tmp_path)
    await stand.open()
    yield Operations(stand.log, stand.states, [assignment("one"), assignment("two")], stand.clock)
    await stand.close()


def crews(**down: bool) -> list[Mate]:
    """In another order than the config's."""
    return [Mate(1, "two", 5, is_up=not down.get("two")), Mate(2, "one", 4, is_up=not down.get("one"))]


async def test_a_status_has_all_destinations_in_the_order_of_the_config(operations: Operations) -> None:
    """All processes read the same events, so the furthest has counted the unknown names of all."""
    status = await Gathering(operations, crews(), lambda: ["this"]).calls()["status"]()

    assert status["destinations"] == [
        {"destination": "one", "state": "going"},
        {"destination": "two", "state": "going"},
    ]
    assert (status["running"], status["stuck"], status["unknown_names"]) == (True, ["this"], {"Sales": 5})
    assert status["unknown_sources"] == ["gone-1", "gone-2"]


async def test_a_destination_of_a_process_that_is_down_is_down_with_the_reason(operations: Operations) -> None:
    status = await Gathering(operations, crews(one=True), list).calls()["status"]()

    one, two = status["destinations"]
    assert (one["state"], one["reason"]) == ("down", "process 2 is down")
    assert two["state"] == "going"


async def test_a_destination_that_no_process_has_heard_of_yet_is_about_to_start(operations: Operations) -> None:
    """It was said to begin when the router runs, which it does."""
    status = await Gathering(operations, crews()[:1], list).calls()["status"]()

    one, two = status["destinations"]
    assert (one["state"], one["reason"]) == ("new", CHANGING)
    assert two == {"destination": "two", "state": "going"}


async def test_row_53_a_process_that_is_down_or_stands_still_is_named_as_what_hinders_the_erasing(
    operations: Operations,
) -> None:
    """A process that stands still may do so for ever, and nobody else could be suppressed meanwhile."""
    mates = crews(one=True)

    answer = await Gathering(operations, mates, list).calls()["erase"](people=[("userId", "ada")], tombstones=[])

    assert answer == {"dead_letters": 1, "parked": 1, "problems": ["one: process 2 is down"]}
    assert [mate.patience_s for mate in mates] == [ERASE_S, ERASE_S]


async def test_a_trace_has_all_destinations_and_warns_of_what_names_none_of_them(operations: Operations) -> None:
    answer = await Gathering(operations, crews(two=True), list).calls()["trace"](message_id="m1")

    [event] = answer["events"]
    assert event["warnings"] == ["integrations.Three: names no destination"]
    assert [(each["destination"], each["outcome"]) for each in event["destinations"]] == [
        ("one", "delivered"),
        ("two", "down"),
    ]


async def test_a_call_for_a_destination_goes_where_it_is(operations: Operations) -> None:
    mates = crews()
    calls = Gathering(operations, mates, list).calls()

    assert await calls["retry"](destination="one", reason="x") == {"job": 1}

    assert [mate.asked for mate in mates] == [[], [("retry", {"destination": "one", "reason": "x"})]]
    with pytest.raises(OperatorError, match="no destination 'three'"):
        await calls["retry"](destination="three")


async def test_a_call_for_a_destination_that_is_down_says_so(operations: Operations) -> None:
    with pytest.raises(OperatorError, match="process 2 is down"):
        await Gathering(operations, crews(one=True), list).calls()["retry"](destination="one")


@pytest.mark.parametrize(
    ("operation", "arguments", "patience_s"),
    [
        pytest.param("status", {}, ANSWER_S, id="of all"),
        pytest.param("dead-letters", {}, ANSWER_S, id="of all, for a list"),
        pytest.param("retry", {"destination": "one"}, None, id="of one"),
    ],
)
async def test_what_is_asked_of_one_process_takes_as_long_as_it_takes(
    operations: Operations, operation: str, arguments: dict[str, str], patience_s: float | None
) -> None:
    """Who discards a hundred thousand letters, or asks a slow disk for a replay, was told to ask again, though it was done."""
    mates = crews()

    await Gathering(operations, mates, list).calls()[operation](**arguments)

    assert mates[1].patience_s == patience_s


@pytest.mark.parametrize(
    ("limit", "listed"),
    [
        pytest.param(10, [("one", 1), ("one", 2), ("two", 1), ("two", 2)], id="all"),
        pytest.param(3, [("one", 1), ("one", 2), ("two", 1)], id="three"),
    ],
)
async def test_dead_letters_are_listed_in_the_order_of_the_config(
    operations: Operations, limit: int, listed: list[tuple[str, int]]
) -> None:
    letters = await Gathering(operations, crews(), list).calls()["dead-letters"](limit=limit)

    assert [(letter["destination"], letter["id"]) for letter in letters] == listed


async def test_a_destination_that_left_the_config_and_has_none_of_a_cause_hides_no_other(tmp_path: Path) -> None:
    """It was the whole answer, and an error."""
    stand = Stand(tmp_path)
    await stand.open(assignment("gone"))
    operations = Operations(stand.log, stand.states, [assignment("one"), assignment("two")], stand.clock)

    letters = await Gathering(operations, crews(), list).calls()["dead-letters"](cause="3f9a01")

    assert operations.removed() == ["gone"]
    assert [letter["destination"] for letter in letters] == ["one", "one", "two", "two"]
    await stand.close()


async def test_the_causes_of_most_dead_letters_come_first(operations: Operations) -> None:
    """Whichever process has them: the command tells what to do with the first."""
    causes = await Gathering(operations, crews(), list).calls()["causes"]()

    assert [(group["destination"], group["letters"]) for group in causes] == [("two", 5), ("one", 4)]


async def test_a_list_of_dead_letters_with_a_hole_is_refused(operations: Operations) -> None:
    with pytest.raises(OperatorError, match="process 2 is down"):
        await Gathering(operations, crews(one=True), list).calls()["dead-letters"]()


async def test_metrics_are_one_family_a_name_and_what_all_count_is_not_added_up() -> None:
    text = await scrape(crews())

    assert text.count("# TYPE router_destination_pending gauge") == 1
    for line in (
        'router_destination_pending{destination="one"} 3.0',
        'router_destination_pending{destination="two"} 3.0',
        "router_events_unknown_integrations_total 5.0",
        'router_process_up{process="1"} 1.0',
        'router_process_starts_total{process="2"} 1.0',
    ):
        assert line in text.splitlines()


async def test_metrics_tell_which_destinations_are_down() -> None:
    lines = (await scrape(crews(one=True))).splitlines()

    assert 'router_destination_state{destination="one",state="down"} 1.0' in lines
    assert 'router_process_up{process="2"} 0.0' in lines
    assert 'router_destination_pending{destination="one"} 3.0' not in lines


async def scrape(mates: list[Mate]) -> str:
    seen: list[Crew] = list(mates)
    metrics, registry = GatheredMetrics(seen), CollectorRegistry()
    registry.register(metrics)
    await metrics.refresh()
    return generate_latest(registry).decode()
