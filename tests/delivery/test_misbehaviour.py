"""Row 49 of the battery, inside one process: whatever a plugin does, it costs its own events or stops its own destination.

Each case of the tables is a plugin with one fault. What it costs is named after the plugin; the worker's tasks go on, and the
books balance. The clock of these tests runs a thousand times as fast: a halt of five minutes takes 0.3 s.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from router.delivery.conduct import DEAD_IN_A_ROW, FIRST_WAIT_S
from router.delivery.jobs.spec import ReplaySpec
from router.delivery.options import DeliveryOptions
from router.delivery.preparation import LARGE_EVENT_BYTES
from router.destination import MAX_PAYLOAD_BYTES, Destination
from router.explain import explain
from router.guard import BreakOff, PluginFailed
from router.plugin import (
    Action,
    Again,
    Bearer,
    ConversationEndpoint,
    Custom,
    Dead,
    Delivered,
    Endpoint,
    HeaderKey,
    Later,
    Payload,
    Plugin,
    Request,
    Response,
    Signature,
    Signing,
    Skip,
    Split,
    Step,
    Table,
    judge_by_status,
)
from tests.delivery.harness import NETWORK_DOWN, Harness, MemoryLog, Settings, batches, pack, plugin, until
from tests.delivery.stand import Stand, assignment

URL = "https://vendor.test/events"
TABLE = Table((), custom=(Custom("properties"),))


def build(event: Any, fields: Any, settings: Any) -> Payload:
    return Payload({"user": event.user_id, "id": event.message_id, **fields}, key=event.message_id)


def one(endpoint: Endpoint, build: Callable[..., Any] = build, table: Any = TABLE, settings: Any = None) -> Destination:
    """A destination whose plugin has one action, for *endpoint*."""
    action = Action(name="send", on=("track",), endpoint=endpoint.name, table=table, build=build)
    plugin = Plugin(slug="fake", name="Fake", settings=Settings, endpoints=(endpoint,), actions=(action,))
    return Destination("fake", plugin, settings or Settings())


def _raise(error: BaseException) -> Any:
    raise error


def building(build: Callable[..., Any]) -> Destination:
    return one(batches(), build)


def making(body: Any) -> Destination:
    return building(lambda *_: Payload(body))


def packing(pack: Callable[..., Any]) -> Destination:
    return one(batches(pack=pack))


def requesting(*arguments: Any, **fields: Any) -> Destination:
    return packing(lambda *_: Request(*arguments, **fields))


def naming(rename: Any) -> Destination:
    return one(batches(), table=Table((), custom=(Custom("properties", rename=rename),)))


def converting(convert: Any) -> Destination:
    return one(batches(), table=Table((), custom=(Custom("properties", convert=convert),)))


def judging(judge: Callable[..., Any]) -> Destination:
    return one(batches(judge=judge))


def conversing(converse: Callable[..., Any]) -> Destination:
    return one(ConversationEndpoint(name="talks", converse=converse))


def _loop_in_itself() -> Any:
    body: list[Any] = []
    body.append(body)
    return body


def _endless(payload: Payload, settings: Any) -> Iterator[Step]:
    while True:
        yield Step(Request("POST", URL, []), Response(200))


def _unclosable(payload: Payload, settings: Any) -> Iterator[Any]:
    """It will not be closed, but for the second time, when it is thrown away."""
    has_refused = False
    while True:
        try:
            yield Step(Request("POST", URL, []), Response(200))
        except GeneratorExit:
            if has_refused:
                raise
            has_refused = True


def _says(*values: Any) -> Callable[..., Any]:
    def converse(payload: Payload, settings: Any) -> Iterator[Any]:
        yield from values

    return converse


def _ends(value: Any) -> Callable[..., Any]:
    def converse(payload: Payload, settings: Any) -> Any:
        yield Step(Request("POST", URL, []), Response(200))
        return value

    return converse


async def _waits(*_: Any) -> Request:
    return Request("POST", URL)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.close()


# --- what costs its event ---


ODD: Any = None
"""What has no place where it is put, as far as types go."""
GARBAGE: dict[str, tuple[Destination, str]] = {
    "build: nothing": (building(lambda *_: None), 'action "send" returned None, expected a Payload'),
    "build: a body": (building(lambda *_: {"a": 1}), "returned dict, expected a Payload"),
    "build: a list of nothing": (building(lambda *_: [None]), "returned None among its payloads"),
    "build: an odd skip": (building(lambda *_: Skip(ODD)), "Skip whose reason is None"),
    "build: no end": (building(lambda *_: iter(lambda: Payload({}), 0)), "more than 10000 payloads"),
    "build: late": (building(lambda *_: (_raise(KeyError("id")) for _ in "a")), "raised KeyError: 'id'"),
    "build: exits": (building(lambda *_: _raise(SystemExit(3))), "raised SystemExit: 3"),
    "build: cancels": (building(lambda *_: _raise(asyncio.CancelledError())), "raised CancelledError"),
    "build: goes too deep": (building(lambda *_: _raise(RecursionError())), "raised RecursionError"),
    "build: broken off": (building(lambda *_: _raise(BreakOff("at x:1"))), "was broken off, at x:1"),
    "build: no key": (building(lambda *_: Payload({}, key=ODD)), "the key None"),
    "build: too much": (building(lambda *_: [Payload("x" * 900_000)] * 12), f"the router takes {MAX_PAYLOAD_BYTES}"),
    "body: an object": (making({"a": object()}), 'action "send" made a payload that JSON can\'t hold'),
    "body: a set": (making({1, 2}), "made a payload that JSON can't hold"),
    "body: a key that is no text": (making({1: 2}), "made a payload that JSON can't hold"),
    "body: a huge number": (making(2**70), "made a payload that JSON can't hold"),
    "body: half a character": (making("\ud800"), "made a payload that JSON can't hold"),
    "body: holds itself": (making(_loop_in_itself()), "made a payload that JSON can't hold"),
    "body: too large": (making("x" * 1_000_001), "the vendor takes 1000000"),
    "table: a name that is none": (naming(lambda name: 7), "made a payload that JSON can't hold"),
    "table: a converter that raises": (converting(lambda value: 1 / 0), "raised ZeroDivisionError"),
    "pack: nothing": (packing(lambda *_: None), "pack gave None, expected a Request"),
    "pack: a class": (packing(lambda *_: Request), "pack gave type, expected a Request"),
    "pack: a coroutine": (packing(lambda *_: _waits()), "pack gave coroutine, expected a Request"),
    "pack: exits": (packing(lambda *_: _raise(SystemExit())), "pack raised SystemExit"),
    "pack: stops": (packing(lambda *_: _raise(StopIteration())), "pack raised StopIteration"),
    "request: no method": (requesting("P OST", URL), "the method 'P OST'"),
    "request: no url": (requesting("POST", ODD), "a url of None"),
    "request: a line break": (requesting("POST", URL, [], {"X": "a\nb"}), '"X" that is no text, or holds a line break'),
    "request: a line break in a name": (requesting("POST", URL, [], {"X\r\nY": "a"}), "a header 'X\\r\\nY'"),
    "request: an empty header": (requesting("POST", URL, [], {"X": ODD}), '"X" that is no text'),
    "request: no headers": (requesting("POST", URL, [], ODD), "headers of None"),
    "judge: nothing": (judging(lambda *_: None), "judge returned None, expected verdicts"),
    "judge: all again": (judging(lambda *_: [Again()]), "judge wants to send the same again, for ever"),
    "judge: again with no payload": (
        judging(lambda *_: [Again({})]),  # type: ignore[arg-type]
        "expected a Payload",
    ),
    "judge: again with what JSON can't hold": (
        judging(lambda *_: [Again(Payload({"x": {1}}))]),
        "judge made a payload that JSON can't hold",
    ),
    "judge: too few": (judging(lambda *_: []), "judge returned 0 verdicts for 1 payloads"),
    "judge: no end": (judging(lambda *_: iter(Delivered, 0)), "judge returned more than 1 verdicts"),
    "judge: statuses": (judging(lambda *_: [200]), "judge returned 200, expected Delivered"),
    "judge: an odd reason": (judging(lambda *_: [Dead(ODD)]), "Dead whose reason is None"),
    "judge: dead without a reason": (judging(lambda *_: [Dead("")]), "the plugin gave no reason"),
    "judge: split without a reason": (judging(lambda *_: Split("")), "the plugin gave no reason"),
    "judge: later, whenever": (judging(lambda *_: [Later("x", float("nan"))]), "after_s nan"),
    "judge: interrupts": (judging(lambda *_: _raise(KeyboardInterrupt())), "judge raised KeyboardInterrupt"),
    "converse: nothing": (conversing(lambda *_: None), "converse gave None, expected a Generator"),
    "converse: an iterator": (conversing(lambda *_: iter([1])), "expected a Generator"),
    "converse: no end": (conversing(_endless), "converse wants to send more than 100 requests"),
    "converse: ignores close": (conversing(_unclosable), "converse wants to send more than 100 requests"),
    "converse: yields nothing": (conversing(_says(None)), "converse gave None, expected a Step"),
    "converse: a request": (conversing(_says(Request("POST", URL))), "gave Request, expected a Step"),
    "converse: exits": (conversing(lambda *_: _raise(SystemExit())), "converse raised SystemExit"),
    "last word: none": (conversing(_ends(None)), "converse returned None, expected one of Delivered"),
    "last word: a list": (conversing(_ends([Delivered()])), "converse returned list, expected one of Delivered"),
}


def rows(*but: str) -> pytest.MarkDecorator:
    """The table, without the parts that are named."""
    return pytest.mark.parametrize(
        ("destination", "reason"),
        [pytest.param(*row, id=id) for id, row in GARBAGE.items() if not id.startswith(but)],
    )


@pytest.fixture
def is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the daemon, where no person interrupts calls."""
    monkeypatch.setattr("router.guard.MARK.thread", threading.get_ident())
    monkeypatch.setattr("router.guard.MARK.limit_s", 2.0)


@pytest.mark.usefixtures("is_watched")
@rows()
async def test_garbage_is_a_dead_letter_that_names_the_plugin(
    harness: Harness, destination: Destination, reason: str
) -> None:
    harness.destination = destination
    for _ in range(3):
        harness.log.add("u1", properties={"a": 1})
    await harness.open()

    await harness.until_settled()

    letters = await harness.letters()
    assert [letter.record.message_id for letter in letters] == ["m1", "m2", "m3"]
    assert reason in letters[0].reason
    assert "plugin" in letters[0].reason or "the vendor takes" in reason


@pytest.mark.usefixtures("is_watched")
@rows("judge", "last word")
def test_explain_says_of_garbage_what_delivery_does(destination: Destination, reason: str) -> None:
    """Of what a plugin makes; what it makes of an answer shows when there is one."""
    log = MemoryLog()
    log.add("u1", properties={"a": 1})

    [entry] = explain(log.events[0], [destination])["destinations"]

    assert entry["decision"] == "skip"
    assert reason in entry["reason"]
    assert entry["reason"].endswith("; the event would become a dead letter")


async def test_only_the_events_it_can_not_stand_are_dead(harness: Harness) -> None:
    """A batch that fails is narrowed down to the event that makes it fail."""
    harness.destination = packing(
        lambda payloads, settings: None if any(each.body.get("bad") for each in payloads) else pack(payloads, settings)
    )
    for number in range(30):
        harness.log.add(f"u{number % 3}", properties={"bad": number in (4, 5, 21)})
    await harness.open()

    await harness.until_settled()

    assert sorted(letter.record.sequence for letter in await harness.letters()) == [5, 6, 22]
    assert len(harness.vendor.taken) == 27
    assert not harness.worker.halt.is_on


async def test_what_is_delivered_stays_delivered_whatever_the_plugin_says_of_it(harness: Harness) -> None:
    harness.destination = judging(lambda response, payloads, settings: [Delivered(warnings=7)] * len(payloads))  # type: ignore[arg-type]
    harness.log.add("u1")
    await harness.open()

    await harness.until_settled()

    assert harness.books.delivered == 1


async def test_what_a_plugin_makes_of_the_backlog_is_not_all_in_memory(harness: Harness) -> None:
    """Events of some bytes of which a plugin makes much wait in the log."""
    harness.options = DeliveryOptions(max_in_flight_bytes=1_000_000, batch_wait_s=0.0, backoff=harness.options.backoff)
    much = "x" * 100_000
    harness.destination = building(
        lambda event, *_: Payload({"user": event.user_id, "id": event.message_id, "x": much})
    )
    harness.vendor.open.clear()
    for number in range(200):
        harness.log.add(f"u{number}")
    await harness.open()
    await harness.until(lambda: harness.vendor.hanging == harness.options.concurrency)

    assert harness.worker._lanes.waiting < 11
    harness.vendor.open.set()
    await harness.until_settled()
    assert harness.books.delivered == 200


# --- what is the destination's own trouble ---


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        pytest.param(lambda settings: None, "credentials returned None, expected a list of credentials", id="nothing"),
        pytest.param(lambda settings: ["a-secret"], "credentials returned str among its credentials", id="bare"),
        pytest.param(lambda settings: _raise(KeyError("a-secret")), "credentials raised KeyError", id="raises"),
        pytest.param(lambda settings: _raise(SystemExit("a-secret")), "credentials raised SystemExit", id="exits"),
        pytest.param(
            lambda settings: [Bearer(SecretStr("a-secret\ud800"))], "Bearer whose token", id="half a character"
        ),
        pytest.param(lambda settings: [HeaderKey("a b", SecretStr("a-secret"))], "HeaderKey whose name", id="a header"),
    ],
)
async def test_credentials_that_are_none_block_the_destination_and_cost_nothing(
    harness: Harness, credentials: Callable[..., Any], reason: str
) -> None:
    harness.destination = one(batches(credentials=credentials))
    harness.log.add("u1")
    await harness.open()

    await harness.until(lambda: harness.worker.pace.is_blocked)

    state, told = harness.worker.state
    assert (state, told.startswith("plugin fake: ")) == ("blocked", True)
    assert reason in told
    assert "a-secret" not in told, "promise 7"
    [entry] = explain(harness.log.events[0], [harness.destination])["destinations"]
    assert entry["reason"] == f"{told}; the destination would be blocked"
    assert harness.books.pending == 1


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(lambda signing: _raise(KeyError("a-secret")), id="raises"),
        pytest.param(lambda signing: None, id="nothing"),
        pytest.param(lambda signing: {"X": 1}, id="numbers"),
    ],
)
def test_a_signature_that_is_none_names_the_plugin_and_not_the_secret(sign: Callable[..., Any]) -> None:
    endpoint = batches(credentials=lambda settings: [Signature(sign)])
    [credential] = one(endpoint).calls.credentials(endpoint)
    assert isinstance(credential, Signature)

    with pytest.raises(PluginFailed, match=r"^plugin fake: sign ") as failed:
        credential.sign(Signing(b"", "id", 0))

    assert "a-secret" not in str(failed.value)


class Homeless(Settings):
    def vendor_url(self) -> str:
        return _raise(KeyError("region"))  # type: ignore[no-any-return]


def bad(endpoint: Endpoint, settings: Any = None) -> Any:
    return replace(assignment("bad"), destination=replace(one(endpoint, settings=settings), name="bad"))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(bad(batches(max_events=0)), "made max_events 0", id="no events"),
        pytest.param(bad(batches(batch_size=lambda settings: "9")), "raised TypeError", id="a size in a text"),
        pytest.param(bad(batches(rate_limit=lambda settings: 0)), "made rate_limit_per_s 0", id="never"),
        pytest.param(bad(batches(rate_limit=lambda settings: 1 / 0)), "raised ZeroDivisionError", id="raises"),
        pytest.param(bad(Endpoint(name="events")), "gave Endpoint, expected a BatchEndpoint", id="neither kind"),
        pytest.param(bad(batches(), Homeless()), "plugin fake: vendor_url raised KeyError: 'region'", id="no address"),
    ],
)
async def test_promise_2_a_plugin_that_can_not_be_started_stops_none_of_the_others(
    tmp_path: Path, bad: Any, reason: str
) -> None:
    stand = Stand(tmp_path)
    with capture_logs() as logs:
        await stand.open(bad, assignment("up", is_opt_in=True))
    try:
        await stand.add(3)
        await until(stand.has_kept_up("up"))

        assert list(stand.fleet.problems) == ["bad"]
        assert stand.fleet.problems["bad"].startswith("plugin fake: ")
        assert reason in stand.fleet.problems["bad"]
        assert [line["destination"] for line in logs if line["event"].startswith("destination can't start")] == ["bad"]
    finally:
        await stand.close()


@pytest.mark.parametrize("table", [lambda settings: None, lambda settings: 1 / 0], ids=["nothing", "raises"])
def test_a_plugin_without_a_table_makes_no_destination(table: Callable[..., Any]) -> None:
    with pytest.raises(PluginFailed, match=r'^plugin fake: action "send" '):
        one(batches(), table=table)


async def test_a_conversation_that_will_not_be_closed_does_not_keep_a_stop_waiting(harness: Harness) -> None:
    """Nor does the event die of it."""
    harness.destination = conversing(_unclosable)
    harness.vendor.open.clear()
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: harness.vendor.hanging == 1)

    await asyncio.wait_for(harness.worker.stop(0.0), 20.0)

    assert harness.books.pending == 1


# --- what stops the destination ---


class Bug:
    """A plugin with a bug that can be mended."""

    def __init__(self) -> None:
        self.is_there = True
        self.calls = 0

    def build(self, event: Any, fields: Any, settings: Any) -> Payload:
        self.calls += 1
        if self.is_there:
            raise KeyError("id")
        return build(event, fields, settings)

    def pack(self, payloads: Any, settings: Any) -> Request:
        self.calls += 1
        if self.is_there:
            raise KeyError("id")
        return pack(payloads, settings)


def slow(harness: Harness) -> None:
    """Let the halts of *harness* last long enough to look around in, on the busiest machine."""
    harness.clock.speed = 20.0


@pytest.mark.parametrize("part", ["mapping", "sending"])
async def test_a_stream_that_dies_of_a_bug_is_stopped_and_goes_on_when_it_is_mended(
    harness: Harness, part: str
) -> None:
    """One event in each try dies of it; the rest waits in the log, and nothing is lost or comes out of order."""
    bug = Bug()
    harness.destination = building(bug.build) if part == "mapping" else packing(bug.pack)
    for number in range(400):
        harness.log.add(f"u{number % 3}")
    with capture_logs() as logs:
        await harness.open()
        await harness.until(lambda: harness.worker.halt.is_on)

    assert DEAD_IN_A_ROW <= harness.books.dead <= DEAD_IN_A_ROW + harness.options.concurrency
    state, reason = harness.worker.state
    assert (state, reason.startswith("plugin fake: 100 events in a row became dead letters of it")) == ("broken", True)
    assert "raised KeyError: 'id'" in reason
    assert harness.worker.glance(1.0).explanation, "the watchdog knows why nothing moves"
    [line] = [line for line in logs if line["event"].startswith("the destination is stopped because its plugin")]
    assert (line["destination"], line["plugin"]) == ("fake", "fake")
    assert 0 < line["wait_s"] <= FIRST_WAIT_S, "what is left of it, by a clock that runs fast"

    await harness.until(lambda: harness.worker.ledger.counts["halts", ""] == 2)
    assert harness.books.dead <= DEAD_IN_A_ROW + 2 * harness.options.concurrency
    bug.is_there = False
    await harness.until_settled()

    assert harness.worker.state == ("going", "")
    assert harness.books.delivered == 400 - harness.books.dead
    for user in range(3):
        ids = [int(id[1:]) for id in harness.vendor.ids(f"u{user}")]
        assert ids == sorted(ids)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda event, *_: [Payload({})] * event.properties["n"], id="payloads"),
        pytest.param(lambda event, *_: Payload({}, group="g" * event.properties["n"]), id="a group"),
        pytest.param(lambda event, *_: [Payload("x" * 99 * event.properties["n"])] * 11, id="bytes"),
    ],
)
async def test_promise_2_events_of_which_too_much_is_made_die_and_stop_nothing(
    harness: Harness, build: Callable[..., Any]
) -> None:
    """Events decide how much that is. Whoever may send them must not be able to stop a destination for all others."""
    harness.destination = building(build)
    for _ in range(DEAD_IN_A_ROW):
        harness.log.add("u1", properties={"n": 10_001, "items": "x" * LARGE_EVENT_BYTES})
    harness.log.add("u2", properties={"n": 1})
    await harness.open()

    await harness.until_settled()

    assert (harness.books.dead, harness.books.delivered) == (DEAD_IN_A_ROW, 1)
    assert harness.worker.ledger.counts["halts", ""] == 0


async def test_a_plugin_that_makes_too_much_of_small_events_is_stopped(harness: Harness) -> None:
    harness.destination = building(lambda *_: repeat(Payload({})))
    for _ in range(DEAD_IN_A_ROW):
        harness.log.add("u1")
    await harness.open()

    await harness.until(lambda: harness.worker.halt.is_on)

    assert "made more than 10000 payloads of one event" in harness.worker.halt.reason


async def test_while_it_is_stopped_the_plugin_is_left_alone(harness: Harness) -> None:
    """Neither new events nor parked ones reach it; shedding the backlog goes on."""
    slow(harness)
    bug = Bug()
    bug.is_there = False

    def judge(response: Response, payloads: Any, settings: Any) -> Any:
        return [Later("wait", 2.0) if each.body.get("later") else Delivered() for each in payloads]

    harness.destination = one(batches(judge=judge), bug.build)
    harness.log.add("parked", properties={"later": True})
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == 1 and harness.books.delivered == 1)
    bug.is_there = True
    for number in range(300):
        harness.log.add(f"u{number}")
    await harness.until(lambda: harness.worker.halt.is_on)
    calls = bug.calls
    harness.log.add("u1")
    parked_at = harness.clock.monotonic()
    await harness.until(lambda: harness.clock.monotonic() > parked_at + 4.0)  # twice as long as it waits for its turn

    assert bug.calls == calls
    harness.worker.shed(0, 250)
    await harness.until(lambda: harness.worker.ledger.windows[0].position >= 250)
    bug.is_there = False
    harness.worker.halt.end()
    await harness.until(lambda: harness.books.pending == 1)
    assert harness.books.dead + harness.books.delivered == 302


async def test_promise_3_what_is_parked_again_in_a_halt_is_not_overtaken_after_it(harness: Harness) -> None:
    """Of a user's parked events the first ones are back in their lanes when the plugin is stopped; one of those is refused for
    now in a request that was under way."""
    slow(harness)
    refusals = [("m2", "b"), ("m1", "a")]
    is_answered = asyncio.Event()
    answer = harness.vendor.send

    def script(request: Request) -> Response:
        sent = request.json[0]["id"], request.json[0]["at"]
        if sent not in refusals:
            return Response(200)
        refusals.remove(sent)
        return Response(404, headers={"retry-after": "4"})

    async def send(request: Request, *rest: Any) -> Response:
        if request.json[0]["at"] == "b":
            await is_answered.wait()
        return await answer(request, *rest)

    def judge(response: Response, payloads: Any, settings: Any) -> Any:
        return judge_by_status(response, payloads, later=(404,))

    def pass_slowly(event: Any, fields: Any, settings: Any) -> Any:
        if event.message_id == "m3" and not is_answered.is_set():
            harness.worker.destination.calls.guard.on_held_up("build", 6.0, False)
        return make(event, fields, settings)

    harness.vendor.script = script
    harness.vendor.send = send  # type: ignore[method-assign, assignment]
    made = plugin(*(batches(name, max_events=1, judge=judge, is_independent=True) for name in "ab"))
    make = made.actions[0].build
    harness.plugin = replace(made, actions=(replace(made.actions[0], build=pass_slowly), made.actions[1]))
    harness.log.add("ada", properties={"only": "a"})
    harness.log.add("ada")
    await harness.open()
    await harness.until(lambda: harness.worker.ledger.parked_events == 2)
    harness.log.add("ada")
    harness.log.add("ada")
    await harness.until(lambda: harness.worker.halt.is_on)

    is_answered.set()
    await harness.until(lambda: harness.worker._parking.turn_s is not None)
    harness.worker.halt.end()
    await harness.until_settled()

    assert [harness.vendor.ids(at=name) for name in "ab"] == [["m1", "m2", "m3", "m4"], ["m2", "m3", "m4"]]


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["sent afterwards", "cancelled"])
async def test_replays_wait_until_the_plugin_is_tried_again(harness: Harness, is_cancelled: bool) -> None:
    slow(harness)
    harness.destination = building(build)
    for _ in range(2):
        harness.log.add("u1")
    await harness.open()
    await harness.until_settled()
    harness.destination.calls.guard.on_held_up("pack", 6.0, True)
    spec = ReplaySpec(last=2, is_historical=False).model_dump(exclude_none=True)
    job = await harness.worker.ledger.ask(lambda state: state.add_job("replay", spec, 2, 0.0))
    harness.worker.jobs.wake()
    await harness.until(lambda: len(harness.worker._preparation.held) == 2)

    if is_cancelled:
        assert harness.worker.jobs.cancel(job.id)
    else:
        harness.worker.halt.end()
    await harness.until(lambda: harness.worker.jobs.is_idle)

    assert harness.worker.ledger.counts["replayed", "delivered"] == (0 if is_cancelled else 2)
    assert harness.worker._preparation.held == []


async def test_three_calls_that_hold_up_the_router_stop_the_destination(harness: Harness) -> None:
    """One event that the plugin can't stand is not enough, be it in a batch: it costs two calls, then it is dead."""
    slow(harness)
    bad = {"m5"}

    def stuck_pack(payloads: Any, settings: Any) -> Request:
        if any(each.body["id"] in bad for each in payloads):
            harness.destination.calls.guard.on_held_up("pack", 2.0, True)  # type: ignore[union-attr]
            raise BreakOff("at x:1")
        return pack(payloads, settings)

    harness.destination = packing(stuck_pack)
    for _ in range(10):
        harness.log.add("u1")
    await harness.open()
    await harness.until_settled()

    assert [letter.record.message_id for letter in await harness.letters()] == ["m5"]
    assert harness.worker.ledger.counts["stuck_calls", ""] == 2
    assert not harness.worker.halt.is_on

    bad |= {f"m{number}" for number in range(11, 21)}
    for _ in range(10):
        harness.log.add("u1")
    await harness.until(lambda: harness.worker.halt.is_on)

    assert harness.worker.state[1].startswith("plugin fake: its calls have held up the router for 6 s within minutes")
    assert harness.worker.ledger.counts["stuck_calls", ""] == 3
    assert harness.worker.ledger.counts["halts", ""] == 1
    assert harness.books.dead == 1
    bad.clear()
    harness.worker.halt.end()
    await harness.until_settled()
    assert harness.books.delivered == 19


async def test_time_in_a_halt_does_not_count_for_the_retry_window(harness: Harness) -> None:
    harness.options = DeliveryOptions(retry_for_s=100.0, batch_wait_s=0.0, backoff=harness.options.backoff)
    harness.vendor.script = lambda request: NETWORK_DOWN
    harness.destination = building(build)
    harness.log.add("u1")
    await harness.open()
    await harness.until(lambda: bool(harness.worker.ledger.tries))
    harness.destination.calls.guard.on_held_up("pack", 6.0, True)
    assert harness.worker.state[0] == "broken"

    await harness.until(lambda: not harness.worker.halt.is_on)  # five minutes
    harness.vendor.script = lambda request: Response(200)
    await harness.until_settled()

    assert harness.books.delivered == 1


# --- a hang ---


async def test_a_hang_is_remembered_over_the_restart_that_ends_it(harness: Harness) -> None:
    """The note is written while the event loop stands still. The next run does not come upon the same call at once."""
    harness.clock.speed = 1.0  # so that a halt outlasts the restart on the busiest machine
    bug = Bug()
    bug.is_there = False
    harness.destination = building(bug.build)
    harness.vendor.open.clear()
    harness.log.add("u1")
    worker = await harness.open()
    await harness.until(lambda: harness.vendor.hanging == 1)
    thread = threading.Thread(target=worker.halt.note_hang, args=('action "send"',))
    thread.start()
    thread.join()
    await harness.crash()
    calls = bug.calls

    worker = await harness.open()
    harness.vendor.open.set()
    assert worker.state == (
        "broken",
        'plugin fake: before the restart, action "send" did not come back, and could not be broken off',
    )
    worker.halt.note_hang("pack")
    await harness.crash()
    worker = await harness.open()
    assert FIRST_WAIT_S < worker.halt.wait_s <= 2 * FIRST_WAIT_S, "the second time it is twice as long"
    assert bug.calls == calls

    worker.halt.end()
    await harness.until_settled()
    assert harness.books.delivered == 1


async def test_a_hang_long_ago_stops_nothing(harness: Harness) -> None:
    worker = await harness.open()
    worker.halt.note_hang("pack")
    await harness.crash()
    harness.clock.wall_s += FIRST_WAIT_S

    worker = await harness.open()

    assert worker.state == ("going", "")


@pytest.mark.parametrize("is_changed", [False, True], ids=["as it was", "changed"])
async def test_a_reload_lets_a_stopped_destination_try_again(tmp_path: Path, is_changed: bool) -> None:
    """After a hang, too."""
    stand = Stand(tmp_path)
    stand.clock.speed = 1.0  # so that the halt outlasts the restart on the busiest machine
    up = assignment("up", is_opt_in=True)
    await stand.open(up)
    try:
        stand.fleet.note_hang("nobody", "pack")  # which is left alone
        stand.fleet.note_hang("up", "pack")
        await stand.close()
        await stand.open(up)
        worker = stand.fleet.berths["up"].worker
        assert worker is not None
        assert worker.state[0] == "broken"

        await stand.fleet.apply([replace(up, timeout_s=2.0) if is_changed else up])

        reloaded = stand.fleet.berths["up"].worker
        assert reloaded is not None
        assert (reloaded.state[0], reloaded is worker) == ("going", not is_changed)
    finally:
        await stand.close()
