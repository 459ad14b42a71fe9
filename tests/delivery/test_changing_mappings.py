"""Promises 1, 4 and 5 for events that make several payloads: whatever the vendor says to each, and whatever the mappings are
from start to start, nothing is left out; and while they stay the same, nothing comes twice, also when it is tried again as an
old event, and in a replay once (seeded)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

from router.actions import ActionRule, Drop, read_changeable
from router.delivery.options import DeliveryOptions
from router.delivery.pace import Backoff
from router.destination import Destination
from router.event import Document, Event
from router.plugin import (
    Again,
    Dead,
    Delivered,
    Judgement,
    Later,
    Marked,
    Payload,
    Request,
    Response,
    Skip,
    Split,
    Verdict,
    judge_by_status,
    without,
)
from tests.delivery.harness import NETWORK_DOWN, Answer, Harness, Settings, Vendor, batches, plugin
from tests.delivery.jobs.test_jobs import add_job, finish

SAID = {"a": 1, "b": 1, "c": 2, "d": 3}
"""What the payload for each property says; two say the same."""
ENDPOINTS = ("one", "two")


def builder(endpoint: str) -> Callable[[Event, Document, Settings], list[Payload] | Skip]:
    """A payload for each property."""

    def build(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
        made = [
            Payload({"at": endpoint, "id": event.message_id, "is": value, "beside": 1}, key=event.message_id)
            for value in event.properties.values()
        ]
        return made or Skip("nothing to tell")

    return build


def mark_old(payload: Payload, settings: Settings) -> Payload:
    return replace(payload, body={**payload.body, "old": True})


@dataclass
class Moods:
    """A vendor that is in a mood until it is ``well``, and the mappings that there were."""

    chance: random.Random
    is_well: bool = False
    taken: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """How often it has taken what an event's payload at an endpoint says."""
    dropped: dict[str, list[set[str]]] = field(default_factory=lambda: {each: [] for each in ENDPOINTS})
    """For each endpoint, the properties that its action was not shown, from start to start."""

    def answer(self, request: Request) -> Answer:
        if self.is_well or self.chance.random() < 0.8:
            return Response(200)
        return self.chance.choice([NETWORK_DOWN, Response(503), Response(413)])

    def judge(self, response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
        if response.status == 413:
            return Split("413")
        if response.status != 200:
            return judge_by_status(response, payloads)
        return [self._verdict(payload) for payload in payloads]

    def _verdict(self, payload: Payload) -> Verdict:
        body = orjson.loads(orjson.dumps(payload.body))
        mood = 1.0 if self.is_well else self.chance.random()
        if mood < 0.1:
            return Dead("400 no")
        if mood < 0.2:
            return Later("busy", self.chance.choice([None, 1.0]))
        if mood < 0.3 and "beside" in body:
            return Again(without(payload, [("beside",)], "no good"))
        self.taken[body["at"], body["id"], body["is"]] += 1
        return Delivered()

    def destination(self, is_changing: bool) -> Destination:
        """Its endpoints for another start, with other mappings if they are changing."""
        rules = {}
        for endpoint, dropped in self.dropped.items():
            dropped.append({name for name in SAID if is_changing and self.chance.random() < 0.3})
            paths = tuple(read_changeable(f"properties.{name}") for name in sorted(dropped[-1]))
            rules[f"send to {endpoint}"] = ActionRule(changes=(Drop(paths),) if paths else ())
        fake = plugin(
            batches("one", judge=self.judge, max_events=self.chance.choice([1, 2, 10]), is_independent=True),
            batches("two", judge=self.judge, max_events=3, are_bodies_opaque=self.chance.random() < 0.5),
        )
        actions = tuple(replace(action, build=builder(action.endpoint)) for action in fake.actions)
        fake = replace(fake, actions=actions, historical=Marked("old", mark_old))
        return Destination("fake", fake, Settings(), rules=rules)

    def has_all(self, event: Event, endpoint: str) -> bool:
        """Whether it has all that the event's action made with one of its mappings."""
        wanted = [
            Counter(SAID[name] for name in event.properties if name not in each) for each in self.dropped[endpoint]
        ]
        came = {said: count for (at, id, said), count in self.taken.items() if (at, id) == (endpoint, event.message_id)}
        return any(all(came.get(said, 0) >= count for said, count in each.items()) for each in wanted)


def is_replayed(harness: Harness) -> bool:
    counts = harness.worker.ledger.counts
    return counts["replayed", "delivered"] + counts["replayed", "skipped"] == len(harness.log.events)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 30))])
@pytest.mark.parametrize("is_changing", [False, True], ids=["same mappings", "other mappings"])
@pytest.mark.parametrize("has_crashes", [False, True], ids=["stops", "crashes"])
async def test_nothing_is_left_out(tmp_path: Path, has_crashes: bool, is_changing: bool, seed: int) -> None:
    chance = random.Random(f"{seed} {is_changing} {has_crashes}")
    moods = Moods(chance)
    options = DeliveryOptions(
        concurrency=1 + seed % 4,
        backoff=Backoff(0.2, 2.0, 1.0),
        batch_wait_s=0.5,
        max_parked=chance.choice([1, 5, 1_000]),
    )
    harness = Harness(tmp_path, Vendor(moods.answer), options)
    for number in range(30):
        harness.log.add(f"u{number % 5}", properties={n: said for n, said in SAID.items() if chance.random() < 0.7})

    async def start() -> None:
        harness.destination = moods.destination(is_changing)
        await harness.open()

    async def interrupt(is_done: Callable[[], bool]) -> None:
        target = moods.taken.total() + chance.randrange(25)
        await harness.until(lambda: moods.taken.total() >= target or is_done())
        await (harness.crash() if has_crashes and chance.random() < 0.6 else harness.close())

    for _ in range(4):
        await start()
        await interrupt(lambda: harness.books.pending == 0)
    moods.is_well = True
    await start()
    await harness.until_settled()
    await finish(harness, await add_job(harness, "retry", is_historical=chance.random() < 0.5))

    assert await harness.letters() == []
    assert not harness.worker.ledger.settled_payloads
    left_out = [(e.message_id, at) for e in harness.log.events for at in ENDPOINTS if not moods.has_all(e, at)]
    assert not left_out
    is_exact = not is_changing and not has_crashes
    wanted = sum(len(event.properties) for event in harness.log.events) * len(ENDPOINTS)
    assert moods.taken.total() == wanted or not is_exact, "something came twice"

    before = Counter(moods.taken)
    moods.dropped = {endpoint: dropped[-1:] for endpoint, dropped in moods.dropped.items()}
    replay = await add_job(harness)
    for _ in range(4):
        await interrupt(lambda: is_replayed(harness))
        await start()
    await finish(harness, replay)

    moods.taken -= before
    assert await harness.letters() == []
    left_out = [(e.message_id, at) for e in harness.log.events for at in ENDPOINTS if not moods.has_all(e, at)]
    assert not left_out
    assert moods.taken.total() == wanted or not is_exact, "something came twice"
    await harness.close()
