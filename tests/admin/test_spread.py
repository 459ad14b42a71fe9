"""What many partitions say of one destination, added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from router.admin.merged_metrics import merge, sum_or_highest
from router.admin.no_such_number import NoSuchNumber
from router.admin.operations import Operations
from router.admin.spread import Spread, add_group
from router.admin.summed_status import summed_status
from router.delivery.state.state import StateUnusable
from router.errors import OperatorError
from router.log.interface import Engine


def part(state: str = "going", **figures: Any) -> dict[str, Any]:
    books = dict.fromkeys(("accepted", "delivered", "skipped", "dead", "pending", "unaccounted"), 0)
    return {
        "destination": "crm",
        "plugin": "fake",
        "order": "strict",
        "state": state,
        "reason": f"because {state}",
        "books": books | figures.pop("books", {}),
        "skipped": {},
        "waited": {},
        "replayed": {},
        "parked": {"events": 0, "users": 0},
        "oldest_pending_s": None,
        "positions": {},
        "jobs": [],
        **dict.fromkeys(("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts", "dead_letters"), 0),
        **figures,
    }


def test_books_are_added_up() -> None:
    parts = [
        part(books={"accepted": 5, "delivered": 3, "pending": 2}, positions={"0": 3}, oldest_pending_s=1.5),
        part(books={"accepted": 7, "delivered": 7}, positions={"1": 7}, skipped={"flags": 2}, dead_letters=4),
        {"destination": "crm", "plugin": "fake", "order": "strict", "state": "new", "reason": ""},
    ]

    added = summed_status(parts)

    assert (added["books"]["accepted"], added["books"]["delivered"], added["books"]["pending"]) == (12, 10, 2)
    assert added["positions"] == {"0": 3, "1": 7}
    assert added["parked_example"] is None
    assert summed_status([part(), part(parked_example={"message_id": "m-1"})])["parked_example"] == {
        "message_id": "m-1"
    }
    assert (added["oldest_pending_s"], added["skipped"], added["dead_letters"]) == (1.5, {"flags": 2}, 4)


def test_what_order_costs_and_what_the_vendor_lets_us_is_told_as_on_one_machine() -> None:
    """`router status` left both out where the log is in a cluster."""
    parts = [
        part(
            waited={"in its lane": 3},
            concurrency={"now": 4, "most": 4},
            rate_waits_s={"delivery.rate_limit": 7.0, "events": 1.0},
        ),
        part(
            waited={"in its lane": 2, "behind a parked event": 1},
            concurrency={"now": 1, "most": 4},
            rate_waits_s={"delivery.rate_limit": 4.0},
        ),
        part(),
    ]

    added = summed_status(parts)

    assert added["order"] == "strict"
    assert added["waited"] == {"behind a parked event": 1, "in its lane": 5}
    assert added["concurrency"] == {"now": 1, "most": 4}
    assert added["rate_waits_s"] == {"delivery.rate_limit": 7.0, "events": 1.0}
    assert "concurrency" not in summed_status([part()])


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        pytest.param(["going", "going"], "going", id="well"),
        pytest.param(["going", "blocked", "throttled"], "blocked", id="the worst one"),
        pytest.param(["new", "going"], "going", id="some have not begun"),
        pytest.param(["new", "new"], "new", id="none has"),
        pytest.param(["going", "odd"], "odd", id="a word that is not known"),
    ],
)
def test_the_worst_state_is_shown(states: list[str], worst: str) -> None:
    added = summed_status([part(state) for state in states])

    assert (added["state"], added["reason"]) == (worst, f"because {worst}")


def test_partitions_whose_books_are_not_known_are_counted() -> None:
    unusable = part("unusable")
    del unusable["books"]

    assert summed_status([part(), unusable, part()])["partitions"] == {"unknown": 1, "all": 3}
    assert "partitions" not in summed_status([part(), unusable | {"state": "new"}])


def test_requests_are_added_up_and_figures_are_the_highest() -> None:
    tally: dict[str, Any] = {"attempts": {"2xx": 3}, "batch_size": {"mean": 2.0}, "latency_s": {"p50": None}}
    other: dict[str, Any] = {"attempts": {"2xx": 1, "5xx": 2}, "batch_size": {"mean": 5.0}, "latency_s": {"p50": 0.2}}

    added = summed_status([part(**tally), part(**other), part()])

    assert added["attempts"] == {"2xx": 4, "5xx": 2}
    assert (added["batch_size"], added["latency_s"]) == ({"mean": 5.0}, {"p50": 0.2})


def test_letters_of_one_cause_are_one_group_with_the_oldest_as_an_example() -> None:
    one = {"letters": 2, "events": 2, "first_s": 5.0, "last_s": 9.0, "example": 11, "reason": "400 no"}
    other = {"letters": 1, "events": 4, "first_s": 3.0, "last_s": 6.0, "example": 8, "reason": "400 no!"}

    assert add_group(one, other) == {
        "letters": 3,
        "events": 6,
        "first_s": 3.0,
        "last_s": 9.0,
        "example": 8,
        "reason": "400 no!",
    }


def test_metrics_are_added_up_but_for_states_and_ages_and_the_pace() -> None:
    """All partitions of a router send at one pace: sixteen of them showed sixteen times the requests that may be under way."""

    def families(count: float, age: float) -> list[Any]:
        events = CounterMetricFamily("router_destination_events", "e", labels=["destination"])
        events.add_metric(["crm"], count)
        oldest = GaugeMetricFamily("router_destination_oldest_pending_seconds", "o", labels=["destination"])
        oldest.add_metric(["crm"], age)
        pace = GaugeMetricFamily("router_destination_concurrency", "p", labels=["destination"])
        pace.add_metric(["crm"], 4)
        return [events, oldest, pace]

    added = merge([*families(3, 7.0), *families(4, 2.0)], sum_or_highest)

    assert {family.name: family.samples[0].value for family in added} == {
        "router_destination_events": 7.0,
        "router_destination_oldest_pending_seconds": 7.0,
        "router_destination_concurrency": 4.0,
    }


def test_a_number_that_there_is_none_of_is_told_as_it_was_given() -> None:
    error = NoSuchNumber(1, lambda number: f"crm: no dead letter {number}")

    assert (str(error), str(error.known_as(10))) == ("crm: no dead letter 1", "crm: no dead letter 10")


class Part:
    """The operations of one partition."""

    def __init__(self, partition: int, trouble: str = "", total: int = 5) -> None:
        """*trouble*: what fails, "add" or "cancel". *total*: how many events there are to replay."""
        self.partition = partition
        self.total = total
        self.trouble = trouble
        self.jobs: list[int] = []

    def calls(self) -> dict[str, Any]:
        return {"plan-replay": self.plan, "cancel": self.cancel}

    async def plan(self, destination: str, **chosen: Any) -> list[dict[str, Any]]:
        return [{"kind": "replay", "spec": {"partition": self.partition, **chosen}, "total": self.total}]

    async def add(self, destination: str, plan: dict[str, Any]) -> dict[str, Any]:
        if self.trouble == "add":
            raise StateUnusable("crm: nobody knows whether the change was made. Have a look before you ask again.")
        self.jobs.append(1)
        return {"destination": destination, "job": 1}

    async def cancel(self, destination: str, job: int) -> dict[str, Any]:
        if self.trouble == "cancel":
            raise NoSuchNumber(job, lambda job: f"no job {job} is running")
        self.jobs.remove(job)
        return {"destination": destination, "job": job, "cancelled": True}


def spread_over(parts: Sequence[Part]) -> Spread:
    async def refresh() -> None: ...

    return Spread(cast(Engine, None), cast(dict[int, Operations], dict(enumerate(parts))), refresh, tuple)


@pytest.mark.parametrize(
    ("troubles", "left", "told"),
    [
        pytest.param(["add", ""], [], "before you ask again.$", id="the first one"),
        pytest.param(
            ["", "", "add"],
            [],
            "before you ask again. What was added in other partitions is cancelled.$",
            id="a later one",
        ),
        pytest.param(
            ["", "cancel", "add"], [1], "these jobs run, or have run: 4. Cancel", id="and one has run already"
        ),
    ],
)
async def test_a_replay_that_one_partition_refuses_is_in_no_other(
    troubles: list[str], left: list[int], told: str
) -> None:
    """Who is refused asks again: events would be sent twice where the first one had begun."""

    parts = [Part(number, trouble) for number, trouble in enumerate(troubles)]
    spread = spread_over(parts)

    with pytest.raises(OperatorError, match=told):
        await spread.calls()["replay"]("crm")

    assert [job for part in parts for job in part.jobs] == left


async def test_the_rate_of_a_replay_is_that_of_all_partitions_together() -> None:
    """Each of sixteen partitions sent 50 events a second where an operator had asked for 50."""
    spread = spread_over([Part(0, total=30), Part(1, total=0), Part(2, total=10)])

    plans = await spread.calls()["plan-replay"](destination="crm", rate_per_s=50.0)

    assert [plan["spec"] for plan in plans] == [
        {"partition": 0, "rate_per_s": 37.5},
        {"partition": 2, "rate_per_s": 12.5},
    ]
