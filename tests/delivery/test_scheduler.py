"""The per-user scheduler against a simple model: whatever fails, whenever it is stopped, killed or configured anew, nothing is
lost, each event is settled once, and events of a user come in order for as long as that is asked for.

`test_chaos` throws everything at several endpoints at once; this one is small, searches, and shrinks what it finds. Time is
simulated, so that each run can be had again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from router.delivery.conduct import DEAD_IN_A_ROW
from router.delivery.jobs.spec import ReplaySpec, RetrySpec
from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.delivery.reader import SHED
from router.delivery.sending.send import ReadTimedOut
from router.delivery.state.changes import Job
from router.destination import Destination
from router.plugin import (
    Again,
    Credential,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Verdict,
    judge_by_status,
)
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, Settings, Vendor, batches, plugin
from tests.delivery.simulated import SimulatedClock, SimulatedLoop
from tests.in_memory import MEMORY

ANSWERS: dict[str, Answer] = {
    "delivered": Response(200),
    "not the first user now": Response(207),
    "not the first user for a minute": Response(207, headers={"retry-after": "60"}),
    "none of these now": Response(404),
    "too large": Response(413),
    "busy": Response(503),
    "too fast": Response(429, headers={"retry-after": "2"}),
    "too fast for long": Response(429, headers={"retry-after": "120"}),
    "who are you": Response(401),
    "no way": Response(400),
    "nobody there": NETWORK_DOWN,
    "no answer in time": ReadTimedOut("no answer within 10 s"),
}
PATIENCE_S = 1_200
"""Longer than all that the answers ask for, one after the other."""
DAY_S = 86_400.0
DEADLY = ("400", SHED, "cancelled before", "not now: ")
"""Of what events may die, those of replays of the last two. None waits for as long as a retry window, whatever the clock
says."""


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    if response.status == 207:
        first, *others = [payload.body["user"] for payload in payloads]
        verdicts: list[Verdict] = [Later("not now")]
        return [*verdicts, *(Again() if user == first else Delivered() for user in others)]
    if response.status == 413 and len(payloads) == 1:  # or it would be dead, which is for 400 to be
        return judge_by_status(Response(503), payloads)
    return judge_by_status(response, payloads, later=(404,))


class Scheduler(RuleBasedStateMachine):
    """One destination whose answers, stops, crashes and configs are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="scheduler-", dir=MEMORY)
        self.loop = SimulatedLoop()
        self.answers: list[Answer] = []
        self.is_ordered = True
        self.max_events = 3
        self.is_independent = False
        self.crashes = 0
        self.asked_until = 0.0
        """Until when the vendor wants to be left alone."""
        self.too_soon: list[float] = []
        """When it was not."""
        self.has_replayed = False
        self.unordered: set[str] = set()
        """Events that were under way or came while no order was asked for, or that were dead letters."""

    @initialize(
        is_ordered=st.booleans(),
        concurrency=st.integers(1, 3),
        max_events=st.sampled_from([1, 3, 10]),
        max_parked=st.sampled_from([2, 1_000]),
        max_in_flight=st.sampled_from([4, 1_000]),
        is_independent=st.booleans(),
        disk_s=st.sampled_from([0.0, 0.3]),
    )
    def begin(
        self,
        is_ordered: bool,
        concurrency: int,
        max_events: int,
        max_parked: int,
        max_in_flight: int,
        is_independent: bool,
        disk_s: float,
    ) -> None:
        """*is_independent*: two endpoints, of which neither waits for the other."""
        options = DeliveryOptions(
            concurrency=concurrency,
            max_parked=max_parked,
            max_in_flight=max_in_flight,
            batch_wait_s=0.5,
            backoff=Backoff(0.5, 4.0, 4.0),
        )
        self.harness = self.make_harness(Path(self.directory.name), options)
        self.harness.clock = SimulatedClock(self.loop)  # type: ignore[assignment]
        self.harness.vendor.script = self.answer
        self.harness.vendor.send = self.look_and_send  # type: ignore[method-assign]
        self.is_ordered, self.max_events, self.is_independent = is_ordered, max_events, is_independent
        self.loop.disk_s = disk_s
        self.run(self.start())

    def make_harness(self, directory: Path, options: DeliveryOptions) -> Harness:
        return Harness(directory, options=options)

    def run(self, what: Coroutine[Any, Any, Any]) -> None:
        self.loop.run_until_complete(what)

    async def look_and_send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        if self.loop.time() < self.asked_until:
            self.too_soon.append(self.loop.time())
        return await Vendor.send(self.harness.vendor, request, credentials, id)

    def answer(self, request: Request) -> Answer:
        answer = self.answers.pop() if self.answers else ANSWERS["delivered"]
        if isinstance(answer, Response) and answer.status == 429:
            self.asked_until = max(self.asked_until, self.loop.time() + float(answer.headers["retry-after"]))
        if isinstance(answer, Response) and answer.status == 207:
            first, *others = request.json
            self.harness.vendor.taken += [item for item in others if item["user"] != first["user"]]
        return answer

    @property
    def endpoints(self) -> Sequence[str]:
        return ("events", "profiles") if self.is_independent else ("events",)

    def taken_by_all(self) -> set[str]:
        """Events of which the vendor has everything."""
        return set.intersection(*(set(self.harness.vendor.ids(at=name)) for name in self.endpoints))

    async def start(self) -> None:
        self.asked_until = 0.0  # what is not on disk yet is forgotten, and the credentials may be others now
        made = [
            batches(name, max_events=self.max_events, judge=judge, is_independent=self.is_independent)
            for name in self.endpoints
        ]
        self.harness.destination = Destination("fake", plugin(*made), Settings(), is_ordered=self.is_ordered)
        await self.harness.open()
        if not self.is_ordered:
            self.unordered |= {event.message_id for event in self.harness.log.events} - self.taken_by_all()

    # --- what may happen ---

    @rule(
        users=st.lists(st.sampled_from("abc"), max_size=8),
        answers=st.lists(st.sampled_from(sorted(ANSWERS)), max_size=6),
        seconds=st.sampled_from([0.0, 0.6, 3.0, 30.0]),
        then=st.sampled_from(
            [
                "",
                "",
                "",
                "it hangs, or no longer",
                "killed",
                "stopped",
                "strict",
                "none",
                "shed",
                "retry",
                "replay",
                "cancel",
                "halted, or no longer",
                "ahead",
                "back",
            ]
        ),
        concurrency=st.integers(1, 3),
        max_events=st.sampled_from([1, 3, 10]),
    )
    def events_come(
        self, users: list[str], answers: list[str], seconds: float, then: str, concurrency: int, max_events: int
    ) -> None:
        """One rule for all that happens: of several, a search would leave out some in most of its runs."""
        self.answers = [ANSWERS[name] for name in answers]
        for user in users:
            event = self.harness.log.add(user)
            if not self.is_ordered:
                self.unordered.add(event.message_id)
        self.run(asyncio.sleep(seconds))
        vendor = self.harness.vendor
        match then:
            case "it hangs, or no longer":
                (vendor.open.clear if vendor.open.is_set() else vendor.open.set)()
            case "killed":
                self.crashes += 1
                self.run(self.harness.crash())
                self.run(self.start())
            case "stopped" | "strict" | "none":
                self.run(self.stop())
                self.is_ordered = self.is_ordered if then == "stopped" else then == "strict"
                self.max_events = max_events
                self.harness.options = replace(self.harness.options, concurrency=concurrency)
                self.run(self.start())
            case "shed":
                self.harness.worker.shed(0, self.harness.log.end(0) // 2)
            case "retry" | "replay":
                self.run(self.send_again(then))
            case "cancel":
                self.run(self.cancel())
            case "halted, or no longer":
                self.halt_or_go_on()
            case "ahead" | "back":
                self.harness.clock.wall_s += 30 * DAY_S if then == "ahead" else -30 * DAY_S

    async def send_again(self, kind: Literal["retry", "replay"]) -> None:
        """As far as it is for a job to do: a replay leaves what is pending or a dead letter."""
        letters = await self.harness.letters()
        self.unordered |= {letter.record.message_id for letter in letters}
        self.has_replayed |= kind == "replay"
        spec: RetrySpec | ReplaySpec = ReplaySpec(last=self.harness.log.end(0))
        if kind == "retry":
            spec = RetrySpec(up_to=max((letter.id for letter in letters), default=0))
        document = spec.model_dump(exclude_none=True)
        await self.harness.worker.ledger.ask(lambda state: state.add_job(kind, document, len(letters), 0.0))
        self.harness.worker.jobs.wake()

    def halt_or_go_on(self) -> None:
        halt = self.harness.worker.halt
        if halt.is_on:
            halt.end()
        else:
            for _ in range(DEAD_IN_A_ROW):
                halt.failed("sending", "a bug")

    async def running(self) -> list[Job]:
        await self.harness.worker.ledger.flushed()
        return await self.harness.worker.ledger.ask(lambda state: state.jobs("running"))

    async def cancel(self) -> None:
        for job in await self.running():
            if not self.harness.worker.jobs.cancel(job.id):
                await self.harness.worker.ledger.ask(lambda state, id=job.id: state.cancel_job(id))  # type: ignore[misc]

    async def stop(self) -> None:
        """As a reload does: with seven seconds for what is under way."""
        self.crashes += not self.harness.vendor.open.is_set()  # what hangs for longer is cut off, and will be repeated
        await self.harness.worker.stop(7.0)
        await self.harness.worker.ledger.close()

    # --- what must hold ---

    @invariant()
    def nothing_is_broken_and_the_books_balance(self) -> None:
        if hasattr(self, "harness"):
            assert self.harness.worker.broken == []
            assert self.harness.books.unaccounted == 0

    @invariant()
    def nothing_leaves_before_the_time_that_the_vendor_asked_for(self) -> None:
        assert self.too_soon == []

    @invariant()
    def users_are_in_order(self) -> None:
        """By the first arrival of each: a crash repeats what was under way."""
        if hasattr(self, "harness"):
            for user, endpoint in product("abc", self.endpoints):
                ids = dict.fromkeys(self.harness.vendor.ids(user, endpoint))
                numbers = [int(id[1:]) for id in ids if id not in self.unordered]
                assert numbers == sorted(numbers)

    def teardown(self) -> None:
        try:
            if hasattr(self, "harness"):
                self.run(self.check_end())
        finally:
            self.loop.close()
            self.directory.cleanup()

    async def check_end(self) -> None:
        """The vendor and the plugin are well from now on: everything is settled, once."""
        harness = self.harness
        self.answers = []
        harness.worker.halt.end()
        harness.vendor.open.set()
        for _ in range(PATIENCE_S // 10):
            await asyncio.sleep(10.0)
            if harness.books.pending == 0 and not await self.running():
                break
        self.nothing_is_broken_and_the_books_balance()
        self.users_are_in_order()
        assert harness.books.pending == 0
        assert await self.running() == []
        letters = await harness.letters()
        assert [letter.reason for letter in letters if not letter.reason.startswith(DEADLY)] == []
        dead = Counter(letter.record.message_id for letter in letters if not letter.is_replayed)
        taken = Counter((item["id"], item["at"]) for item in harness.vendor.taken)
        events = {event.message_id for event in harness.log.events}
        assert self.taken_by_all() | dead.keys() == events
        assert set(dead.values()) <= {1}
        assert harness.books.delivered + harness.books.dead == len(events)
        assert self.crashes or self.has_replayed or set(taken.values()) <= {1}
        assert self.crashes or not self.taken_by_all() & dead.keys()
        assert [harness.worker.ledger.parked, harness.worker.ledger.parked_users] == [{}, {}]
        assert await harness.worker.ledger.ask(lambda state: state.parked.users()) == {}
        await self.stop()


@pytest.mark.parametrize("examples", [15, pytest.param(200, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_the_scheduler_does_as_the_model_says(examples: int) -> None:
    chosen = settings(max_examples=examples, stateful_step_count=25)
    run_state_machine_as_test(Scheduler, settings=chosen)
