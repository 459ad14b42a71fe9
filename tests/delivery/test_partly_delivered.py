"""Promises 1 and 4 for an event that is delivered in part: its other payloads arrive, and what is delivered is not sent again;
also where its action makes other payloads by then, since the operator has changed its mapping or the plugin has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.actions import ActionRule, Change, Constant, Drop, read_changeable
from router.delivery import preparation
from router.delivery.jobs.forecast import forecast
from router.delivery.state.changes import Changes, Outcome, Place, SettledPayload
from router.delivery.state.letters import DeadLetter
from router.delivery.transit import Item, Transit
from router.destination import Destination
from router.event import Document, Event
from router.explain import explain_at
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
    Verdict,
    without,
)
from tests.delivery.harness import Harness, Settings, batches, plugin
from tests.delivery.jobs.test_jobs import add_job, finish
from tests.delivery.test_mending import hang_from_the_next_on

PARTS = {"a": 1, "b": 2}


def build_parts(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """A payload for each property: its place among the others says nothing."""
    made = [Payload({"id": name, "is": value}, key=f"m1:{name}") for name, value in event.properties.items()]
    return made or Skip("nothing to tell")


class Refusing:
    """A vendor that refuses the part "b", or has no time for it, for as long as there is a reason."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict: Verdict | None = verdict

    def judge(self, response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
        refused = self.verdict or Delivered()
        return [refused if payload.body["id"] == "b" else Delivered() for payload in payloads]


A, B = read_changeable("properties.a"), read_changeable("properties.b")
DROPPED = Drop((A,))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    harness.options = replace(harness.options, concurrency=1)
    yield harness
    await harness.close()


def destination(vendor: Refusing, *changes: Change, max_events: int = 10) -> Destination:
    """One whose only action makes a payload of each property, after the operator's *changes*."""
    fake = plugin(batches("parts", judge=vendor.judge, max_events=max_events))
    fake = replace(fake, actions=tuple(replace(action, build=build_parts) for action in fake.actions))
    return Destination("fake", fake, Settings(), rules={"send to parts": ActionRule(changes=changes)})


async def reopen(harness: Harness, changed: Destination) -> None:
    await harness.close()
    harness.destination = changed
    await harness.open()


def sent(harness: Harness) -> list[str]:
    return [part["id"] for request in harness.vendor.requests for part in request]


async def test_a_retry_sends_what_was_refused_though_it_comes_first_now(harness: Harness) -> None:
    vendor = Refusing(Dead("400 no"))
    harness.destination = destination(vendor)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until_settled()
    vendor.verdict = None

    await reopen(harness, destination(vendor, DROPPED))
    job = await finish(harness, await add_job(harness, "retry"))

    assert sent(harness) == ["a", "b", "b"]
    assert job.counts == {"delivered": 1}
    assert await harness.letters() == []


async def test_an_event_that_was_parked_in_part_is_sent_though_it_comes_first_now(harness: Harness) -> None:
    vendor = Refusing(Later("busy", 3_600.0))
    harness.destination = destination(vendor)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == 1)
    vendor.verdict = None

    await reopen(harness, destination(vendor, DROPPED))
    harness.clock.passed_s += 3_600.0
    await harness.until_settled()

    assert sent(harness) == ["a", "b", "b"]
    assert harness.books.delivered == 1


async def test_what_was_on_its_way_at_a_crash_is_sent_though_it_comes_first_now(harness: Harness) -> None:
    vendor = Refusing(Delivered())
    harness.destination = destination(vendor, max_events=1)
    harness.vendor.script = lambda request: hang_from_the_next_on(harness)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until(lambda: harness.vendor.hanging == 1 and sent(harness) == ["a", "b"])
    await harness.worker.ledger.flushed()
    await harness.crash()
    harness.vendor.open.set()

    harness.destination = destination(vendor, DROPPED)
    await harness.open()
    await harness.until_settled()

    assert sent(harness) == ["a", "b", "b"]
    assert harness.books.delivered == 1


@pytest.mark.parametrize(
    ("properties", "changes", "again"),
    [
        pytest.param({"a": 1, "b": 2}, [], ["b"], id="nothing"),
        pytest.param({"b": 2, "a": 1}, [], ["b"], id="nothing, and it was refused before the other one was delivered"),
        pytest.param({"a": 1, "b": 2, "c": 3}, [Constant({B: 5})], ["b"], id="what was refused"),
        pytest.param({"a": 1, "b": 2, "c": 3}, [Constant({A: 5})], ["a", "b"], id="something that was delivered, too"),
        pytest.param({"a": 1, "b": 2}, [Constant({read_changeable("properties.d"): 4})], ["b", "d"], id="more is made"),
        pytest.param({"a": 1, "b": 2}, [Drop((B,))], [], id="what was refused is no longer made"),
    ],
)
async def test_what_has_not_changed_is_not_sent_again(
    harness: Harness, properties: Document, changes: list[Change], again: list[str]
) -> None:
    """And `router dead-letters show` says so before, and so does a dry run."""
    vendor = Refusing(Dead("400 no"))
    harness.destination = destination(vendor)
    harness.log.add("ada", properties=properties)
    await harness.open()
    await harness.until_settled()
    vendor.verdict = None

    changed = destination(vendor, *changes)
    await reopen(harness, changed)
    began, [letter] = len(sent(harness)), await harness.letters()
    entries = explain_at(harness.log.events[0], changed, "website", [], delivered=letter.settled)
    told = [part["id"] for entry in entries for request in entry["requests"] for part in request["body"]]
    dry = forecast(changed, letter.record, harness.clock.now(), delivered=letter.settled)
    await finish(harness, await add_job(harness, "retry"))

    assert sent(harness)[began:] == told == again
    assert dry.kind == ("send" if again else "done")
    assert await harness.letters() == []


async def test_an_action_that_is_done_is_not_carried_out_again(harness: Harness) -> None:
    """Whatever it makes of the event by now: an operator puts right what two actions share."""
    fake = plugin(batches("parts"), batches("whole", max_events=1))
    harness.plugin = replace(fake, actions=(replace(fake.actions[0], build=build_parts), fake.actions[1]))
    harness.vendor.script = lambda request: Response(400 if "at" in request.json[0] else 200)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until_settled()
    harness.vendor.script = lambda request: Response(200)
    began = len(sent(harness))

    rule = ActionRule(changes=(Constant({A: 5, B: 6}),))
    changed = Destination("fake", harness.plugin, Settings(), rules={"send to parts": rule, "send to whole": rule})
    await reopen(harness, changed)
    await finish(harness, await add_job(harness, "retry"))

    assert sent(harness)[began:] == ["m1"]
    assert harness.vendor.taken[-1]["a"] == 5


@pytest.mark.parametrize("is_retry", [True, False], ids=["a dead letter", "a parked event"])
async def test_an_action_that_is_done_since_it_makes_less_stays_done_when_its_mapping_changes_again(
    harness: Harness, is_retry: bool
) -> None:
    """Another action of the event is refused, or waits, all the while."""
    refused = Dead("400 no") if is_retry else Later("busy", 60.0)
    vendor = Refusing(refused)
    fake = plugin(batches("parts", judge=vendor.judge, is_independent=True), batches("whole", judge=vendor.judge))

    def build_whole(event: Event, fields: Document, settings: Settings) -> Payload:
        return Payload({"id": "b"})

    actions = (replace(fake.actions[0], build=build_parts), replace(fake.actions[1], build=build_whole))
    fake = replace(fake, actions=actions)

    async def change(*changes: Change) -> None:
        await reopen(
            harness, Destination("fake", fake, Settings(), rules={"send to parts": ActionRule(changes=changes)})
        )
        harness.clock.passed_s += 60.0
        if is_retry:
            await finish(harness, await add_job(harness, "retry"))
        else:
            began = len(sent(harness))
            await harness.until(lambda: len(sent(harness)) > began and not harness.vendor.hanging)
            await harness.worker.ledger.flushed()

    harness.plugin = fake
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until(lambda: sorted(sent(harness)) == ["a", "b", "b"] and not harness.vendor.hanging)
    await harness.worker.ledger.flushed()

    await change(Drop((B,)))
    await change(Drop((B,)), Constant({A: 5}))
    vendor.verdict = None
    await change(Drop((B,)), Constant({A: 6}))
    await harness.until_settled()

    assert sent(harness).count("a") == 1
    assert await harness.letters() == []
    assert harness.books.delivered == 1


async def test_of_payloads_that_say_the_same_each_is_sent(harness: Harness) -> None:
    """As two lines of an order may: each is one more sold."""
    fake = plugin(batches("parts", max_events=1))
    [action] = fake.actions
    alike = [Payload({"id": "a"}), Payload({"id": "a"}), Payload({"id": "a"})]
    harness.plugin = replace(fake, actions=(replace(action, build=lambda event, fields, settings: alike),))
    harness.vendor.script = lambda request: Response(200 if len(harness.vendor.requests) == 2 else 400)
    harness.log.add("ada")
    await harness.open()
    await harness.until_settled()
    harness.vendor.script = lambda request: Response(200)

    await finish(harness, await add_job(harness, "retry"))

    assert len(sent(harness)) == 3 + 2
    assert await harness.letters() == []


async def test_payloads_of_other_groups_are_other_payloads_though_they_say_the_same(harness: Harness) -> None:
    """What stands once in a request, such as the list that all in it are put on, is known by the group."""

    def destination_of(*lists: str) -> Destination:
        def build(event: Event, fields: Document, settings: Settings) -> list[Payload]:
            return [Payload({"id": "ada"}, group=each) for each in lists]

        def pack_lists(payloads: Sequence[Payload], settings: Settings) -> Request:
            return Request("POST", settings.api_url, [{"id": payloads[0].group}])

        fake = plugin(batches("lists", pack=pack_lists))
        return Destination("fake", replace(fake, actions=(replace(fake.actions[0], build=build),)), Settings())

    harness.destination = destination_of("news", "offers")
    harness.vendor.script = lambda request: Response(400 if request.json[0]["id"] == "offers" else 200)
    harness.log.add("ada")
    await harness.open()
    await harness.until_settled()
    harness.vendor.script = lambda request: Response(200)

    await reopen(harness, destination_of("offers"))
    await finish(harness, await add_job(harness, "retry"))

    assert sent(harness) == ["news", "offers", "offers"]
    assert await harness.letters() == []


def mark_body(payload: Payload, settings: Settings) -> Payload:
    return replace(payload, body={**payload.body, "old": True})


def mark_request(payload: Payload, settings: Settings) -> Payload:
    return replace(payload, group="old")


@pytest.mark.parametrize("mark", [mark_body, mark_request])
@pytest.mark.parametrize("is_historical", [True, False], ids=["once as new, then as old", "once as old, then as new"])
async def test_what_is_delivered_is_not_sent_again_with_or_without_the_word_for_old_events(
    harness: Harness, mark: Callable[[Payload, Settings], Payload], is_historical: bool
) -> None:
    """Sent again as new, it would start what the word had kept from starting."""
    vendor = Refusing(Delivered())
    fake = replace(destination(vendor), plugin=replace(destination(vendor).plugin, historical=Marked("old", mark)))
    harness.destination = fake
    harness.log.add("ada", properties=PARTS)
    if is_historical:
        vendor.verdict = Dead("400 no")
    await harness.open()
    await harness.until_settled()
    if not is_historical:
        vendor.verdict = Dead("400 no")
        await finish(harness, await add_job(harness, "replay", is_historical=True))
    vendor.verdict = None
    began, [letter] = len(sent(harness)), await harness.letters()
    entries = explain_at(
        harness.log.events[0], fake, "website", [], 1e9 if is_historical else None, delivered=letter.settled
    )
    told = [part["id"] for entry in entries for request in entry["requests"] for part in request["body"]]

    await finish(harness, await add_job(harness, "retry", is_historical=is_historical))

    assert sent(harness)[began:] == told == ["b"]
    assert await harness.letters() == []


async def test_promise_8_what_waits_in_a_replay_is_held_as_json(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is known by was held as objects beside it, which take ten times as much: 16 MB of events came to 170."""
    items: list[Item] = []

    def make_item(*arguments: Any) -> Item:
        items.append(Item(*arguments))
        return items[-1]

    monkeypatch.setattr(preparation, "Item", make_item)
    fake = replace(plugin(batches("parts", are_bodies_opaque=True)), historical=Marked("old", mark_request))
    harness.destination = Destination("fake", fake, Settings())
    harness.log.add("ada")
    await harness.open()
    await harness.until_settled()

    await finish(harness, await add_job(harness, "replay", is_historical=True))

    assert [type(item.known_by.body) for item in items] == [orjson.Fragment] * 2


async def test_what_was_mended_is_known_again(harness: Harness) -> None:
    """What was delivered of it is not what the action makes of it."""

    def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
        return [judge_one(payload) for payload in payloads]

    def judge_one(payload: Payload) -> Verdict:
        if payload.body["id"] == "b":
            return Dead("400 no") if is_refusing else Delivered()
        left = without(payload, [("is",)], "no good")
        return Again(left) if left else Delivered()

    is_refusing = True
    fake = plugin(batches("parts", judge=judge))
    harness.plugin = replace(fake, actions=(replace(fake.actions[0], build=build_parts),))
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until_settled()
    is_refusing = False

    await finish(harness, await add_job(harness, "retry"))

    assert sent(harness) == ["a", "b", "a", "b"]
    assert await harness.letters() == []


async def test_what_an_older_router_noted_leads_to_a_repeat_and_to_no_loss(harness: Harness) -> None:
    """It noted places, and the config has changed since."""
    vendor = Refusing(Delivered())
    first, _ = harness.log.add("ada", properties=PARTS), harness.log.add("ada", properties=PARTS)
    letter = DeadLetter(first, "400 no", 1, 0.0, ("send to parts/0",))
    with closing(harness.open_state()) as state:
        state.add_partition(0, 0)
        changes = Changes(dead_letters=[letter], outcomes=[Outcome(Place(0, 1), "dead", "400 no", 0.0)])
        changes.counts["dead", ""] = 1
        noted = {"send to parts/0": "", "send to parts/1": "400 no"}
        changes.settled_payloads = [SettledPayload(Place(0, 2), key, refused) for key, refused in noted.items()]
        state.commit(changes)

    harness.destination = destination(vendor, DROPPED)
    await harness.open()
    await harness.until_settled()
    await finish(harness, await add_job(harness, "retry"))

    assert sent(harness) == ["b", "b"]
    assert await harness.letters() == []


async def test_an_event_that_one_answer_settles_costs_no_note(harness: Harness) -> None:
    harness.destination = destination(Refusing(Delivered()))
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    noted: list[str] = []
    harness.worker.ledger.settle_payload = lambda transit, key, refused="": noted.append(key)  # type: ignore[method-assign]

    await harness.until_settled()

    assert (sent(harness), noted) == (["a", "b"], [])


async def test_a_cancellation_looks_at_each_event_once(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not once for each of its payloads, of which there may be thousands: the gateway stood still meanwhile."""
    looked: list[Transit] = []

    def look(transit: Transit) -> bool:
        looked.append(transit)
        return True

    monkeypatch.setattr(Transit, "is_untouched", property(look))
    harness.destination = destination(Refusing(Delivered()), max_events=1)
    harness.log.add("ada", properties=PARTS)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until_settled()
    harness.vendor.open.clear()
    job = await add_job(harness)
    await harness.until(lambda: harness.vendor.hanging == 1)

    harness.worker.jobs.cancel(job)

    assert len(looked) == 2, "two events, four payloads of which three wait"
    harness.vendor.open.set()


async def test_what_can_no_longer_be_written_is_refused_in_the_name_of_the_plugin(harness: Harness) -> None:
    vendor = Refusing(Dead("400 no"))
    harness.destination = destination(vendor)
    harness.log.add("ada", properties=PARTS)
    await harness.open()
    await harness.until_settled()
    odd = replace(harness.destination.plugin.actions[0], build=lambda event, fields, settings: Payload({"id": {1}}))

    await reopen(harness, replace(harness.destination, plugin=replace(harness.destination.plugin, actions=(odd,))))
    await finish(harness, await add_job(harness, "retry"))

    [letter] = await harness.letters()
    assert letter.reason.startswith('mapping: plugin fake: action "send to parts" made a payload that JSON can\'t hold')
