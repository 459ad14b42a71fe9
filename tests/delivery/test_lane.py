"""Which items of a lane travel together, and that nothing overtakes an earlier item of its user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.delivery.lane import Lane
from router.delivery.transit import Item, Transit
from router.log.record import Record
from router.plugin import BatchEndpoint, ConversationEndpoint, Delivered, Endpoint, Payload, Request
from tests.delivery.harness import judge


def _pack(payloads: Sequence[Payload], settings: Any) -> Request:
    return Request("POST", "https://vendor.test/")


def _converse(payload: Payload, settings: Any) -> Any:
    yield from ()
    return Delivered()


EVENTS = BatchEndpoint(name="events", pack=_pack, judge=judge, max_events=4, max_bytes=1_000)
PROFILES = BatchEndpoint(name="profiles", pack=_pack, judge=judge, max_events=2, max_bytes=1_000)
CONTACTS = ConversationEndpoint(name="contacts", converse=_converse)
ENDPOINTS: dict[str, Endpoint] = {"e": EVENTS, "p": PROFILES, "c": CONTACTS}


def make_item(name: str, size: int = 10) -> Item:
    """``u1/e`` is an item of user u1 for the events; ``u1/e/g`` one of the group g; ``u1/e#7`` is called 7; ``u1/e#!`` is of a
    suspect."""
    path, _, key = name.partition("#")
    user, endpoint, *group = path.split("/")
    record = Record(0, 1, "website", key, user, "track", 0.0, b"{}")
    payload = Payload({}, group=group[0] if group else "")
    return Item(Transit(record, "log", is_suspect=key == "!"), name, payload, ENDPOINTS[endpoint], size, payload)


def make_lane(*names: str, size: int = 10) -> Lane:
    lane = Lane("test")
    for name in names:
        lane.add(make_item(name, size))
    return lane


def names(items: Sequence[Item]) -> list[str]:
    return [item.action for item in items]


@pytest.mark.parametrize(
    ("queue", "batch", "left"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param(["u1/e", "u2/e"], ["u1/e", "u2/e"], [], id="users travel together"),
        pytest.param(["u1/e#1", "u1/e#2"], ["u1/e#1", "u1/e#2"], [], id="so do events of one user, in order"),
        pytest.param(["u1/e", "u2/p", "u3/e"], ["u1/e", "u3/e"], ["u2/p"], id="one endpoint a request"),
        pytest.param(["u1/e", "u1/p", "u1/e#2"], ["u1/e"], ["u1/p", "u1/e#2"], id="nothing overtakes its user"),
        pytest.param(
            ["u1/e", "u1/p", "u2/e", "u1/e#2", "u2/e#2"],
            ["u1/e", "u2/e", "u2/e#2"],
            ["u1/p", "u1/e#2"],
            id="a held user holds nobody else",
        ),
        pytest.param(["u1/e/a", "u2/e/b", "u3/e/a"], ["u1/e/a", "u3/e/a"], ["u2/e/b"], id="one group a request"),
        pytest.param(["u1/e"] * 6, ["u1/e"] * 4, ["u1/e"] * 2, id="no more than max_events"),
        pytest.param(["u1/c", "u2/c"], ["u1/c"], ["u2/c"], id="a conversation is about one payload"),
        pytest.param(["u1/c", "u2/e"], ["u1/c"], ["u2/e"], id="a conversation alone"),
        pytest.param(["u1/e#!", "u2/e"], ["u1/e#!"], ["u2/e"], id="a suspect travels alone"),
        pytest.param(
            ["u2/e", "u1/e#!", "u1/e#2", "u3/e"],
            ["u2/e", "u3/e"],
            ["u1/e#!", "u1/e#2"],
            id="the others without it, and its user behind it",
        ),
    ],
)
def test_what_travels_together(queue: list[str], batch: list[str], left: list[str]) -> None:
    lane = make_lane(*queue)

    assert names(lane.take()) == batch
    assert names(lane.queue) == left


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        pytest.param([300, 300, 300], [300, 300], id="as much as fits, with room for the frame"),
        pytest.param([300, 600, 100], [300, 100], id="a small one of another user goes before one that does not fit"),
        pytest.param([5_000, 10], [5_000], id="one that is too large alone travels alone"),
        pytest.param([399, 399], [399, 399], id="to the last byte, with one between two"),
    ],
)
def test_a_batch_keeps_within_the_bytes_of_its_endpoint(sizes: list[int], taken: list[int]) -> None:
    lane = Lane("test")
    for number, size in enumerate(sizes):
        lane.add(make_item(f"u{number}/e", size))

    assert [item.size for item in lane.take()] == taken


def test_one_that_does_not_fit_holds_the_later_ones_of_its_user() -> None:
    lane = Lane("test")
    for name, size in [("u1/e#1", 300), ("u2/e#1", 700), ("u2/e#2", 10), ("u3/e#1", 10)]:
        lane.add(make_item(name, size))

    assert names(lane.take()) == ["u1/e#1", "u3/e#1"]


@pytest.mark.parametrize(
    ("queue", "is_full"),
    [
        pytest.param([], False, id="empty"),
        pytest.param(["u1/e"] * 3, False, id="room for one more"),
        pytest.param(["u1/e"] * 4, True, id="as many as the endpoint takes"),
        pytest.param(["u1/c"], True, id="a conversation never waits for company"),
    ],
)
def test_a_full_batch_does_not_wait_for_more(queue: list[str], is_full: bool) -> None:
    assert make_lane(*queue).is_full() is is_full


def test_a_batch_full_by_its_bytes_does_not_wait_for_more() -> None:
    assert make_lane("u1/e", "u2/e", size=500).is_full()


def test_a_lowered_limit_makes_a_full_batch_of_fewer() -> None:
    lane = make_lane("u1/e")
    lane.batch_limit = 2
    assert not lane.is_full()

    lane.add(make_item("u2/e"))

    assert lane.is_full()


@pytest.mark.parametrize(
    ("queue", "size", "waited"),
    [
        pytest.param(["u1/e#1", "u1/p#2", "u1/e#3"], 10, 1, id="it could have gone, but for what stands before it"),
        pytest.param(["u1/e#1", "u1/p#2", "u1/p#3"], 10, 0, id="it goes elsewhere"),
        pytest.param(["u1/e#1", "u2/e#2", "u2/e#3"], 500, 0, id="there is no room for it"),
        pytest.param(["u1/e#1", "u2/p#2", "u1/e#3"], 10, 0, id="it goes past what is another user's"),
    ],
)
def test_an_event_that_waits_for_its_user_is_counted_once_however_often_it_is_passed_over(
    queue: list[str], size: int, waited: int
) -> None:
    lane = make_lane(*queue, size=size)

    for _ in range(3):
        lane.put_back(lane.take())

    assert lane.waited == waited


def test_a_lowered_limit_holds_and_is_doubled_until_it_is_none() -> None:
    lane = make_lane(*["u1/e"] * 10)
    lane.batch_limit = 1
    sizes = []
    while lane.queue:
        sizes.append(len(lane.take()))
        lane.widen()
    for _ in range(20):
        lane.widen()

    assert sizes == [1, 2, 4, 3]
    assert lane.batch_limit is None


def test_a_batch_that_was_not_settled_goes_again_in_its_order_and_before_all_others() -> None:
    lane = make_lane("u1/e#1", "u1/e#2", "u2/e#1", "u1/e#3", "u1/e#4")
    before = names(lane.queue)

    lane.put_back(lane.take())

    assert names(lane.queue) == before
    assert {item.state for item in lane.queue} == {"queued"}


def test_put_behind_lets_the_other_users_go_first() -> None:
    lane = make_lane("u1/e#1", "u2/e#1", "u1/e#2", "u3/e#1")
    lane.batch_limit = 1
    [item] = lane.take()

    lane.put_behind(item)

    assert names(lane.queue) == ["u2/e#1", "u3/e#1", "u1/e#1", "u1/e#2"]
    assert {item.state for item in lane.queue} == {"queued"}


class LaneModel(RuleBasedStateMachine):
    """Whatever happens to a lane, each user's items leave it in the order in which they came, and none is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane("test")
        self.number = 0
        self.added: dict[str, list[str]] = {}
        self.delivered: dict[str, list[str]] = {}
        self.parked: dict[str, list[Item]] = {}
        self.flying: list[Item] = []

    @rule(
        user=st.sampled_from("abc"), kind=st.sampled_from(["e", "e/x", "p", "c"]), size=st.sampled_from([10, 400, 900])
    )
    def add(self, user: str, kind: str, size: int) -> None:
        self.number += 1
        item = make_item(f"{user}/{kind}#{self.number}", size)
        self.added.setdefault(user, []).append(item.action)
        if user in self.parked:
            self.parked[user].append(item)
        else:
            self.lane.add(item)

    @precondition(lambda self: not self.flying)
    @rule(limit=st.sampled_from([None, 1, 2]))
    def take(self, limit: int | None) -> None:
        self.lane.batch_limit = limit
        self.flying = self.lane.take()
        assert len({(item.endpoint.name, item.payload.group) for item in self.flying}) <= 1
        assert all(item.state == "flying" for item in self.flying)

    @rule()
    def land(self) -> None:
        for item in self.flying:
            self.delivered.setdefault(item.line, []).append(item.action)
        self.flying = []

    @rule()
    def put_back(self) -> None:
        self.lane.put_back(self.flying)
        self.flying = []

    @precondition(lambda self: len(self.flying) == 1)
    @rule()
    def put_behind(self) -> None:
        self.lane.put_behind(self.flying[0])
        self.flying = []

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3))
    def park(self, which: int) -> None:
        """One item of the batch comes back as `Later`, those of its user behind it with it; the others are delivered."""
        first = self.flying[which % len(self.flying)]
        mine = [item for item in self.flying if item.line == first.line]
        if first is mine[0]:
            self.flying = [item for item in self.flying if item not in mine]
            mine += self.lane.withdraw(lambda item: item.line == first.line)
            self.parked[first.line] = mine
        self.land()

    @precondition(lambda self: self.parked)
    @rule(number=st.integers(0, 2))
    def release(self, number: int) -> None:
        user = sorted(self.parked)[number % len(self.parked)]
        for item in self.parked.pop(user):
            self.lane.add(item)

    @invariant()
    def order_is_kept_and_nothing_is_lost(self) -> None:
        for user, added in self.added.items():
            delivered = self.delivered.get(user, [])
            waiting = [item for item in (*self.flying, *self.lane.queue) if item.line == user]
            waiting += self.parked.get(user, [])
            assert delivered + names(waiting) == added


LaneModel.TestCase.settings = settings(stateful_step_count=40)
TestLane = LaneModel.TestCase


def test_after_a_call_that_was_broken_off_each_item_of_its_batch_travels_alone() -> None:
    lane = Lane("l")
    for number in range(10):
        lane.add(make_item(f"u{number}/e#{number}"))
    batch = lane.take()
    lane.put_back(batch)

    lane.single_out(len(batch))

    sizes = []
    while len(lane):
        sizes.append(len(lane.take()))
        lane.widen()
    assert sizes == [1, 1, 1, 1, 2, 4]
