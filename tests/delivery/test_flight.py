"""One flight: what ends it, how often it tries, how long it waits in between, and what a plugin can't do to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from router.delivery.flight import Flights
from router.delivery.gate import Gate
from router.delivery.landing import Held, Judged, Landing, Outage, Raised
from router.delivery.pace import Backoff, Limits, Pace
from router.delivery.sending.retry_after import MAX_ASKED_S, asked_wait_s
from router.delivery.sending.send import ConnectTimedOut, CredentialsRefused, NoToken, ReadTimedOut, SendFailed
from router.delivery.tally import Tally
from router.delivery.transit import Item, Transit
from router.log.record import Record
from router.plugin import (
    Again,
    BatchEndpoint,
    Bearer,
    Blocked,
    Conversation,
    ConversationEndpoint,
    Credential,
    Dead,
    Delivered,
    Endpoint,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Split,
    Step,
    UnreadableAnswer,
    judge_by_status,
)
from router.plugin_calls import MAX_STEPS, PluginCalls
from tests.delivery.harness import Answer, FastClock, Settings, pack, plugin, until

NOW_S = 1_700_000_000.0
URL = "https://vendor.test/events"


@dataclass
class StillClock:
    """Time stands still but for those who sleep, which is written down."""

    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return NOW_S

    def monotonic(self) -> float:
        return sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@dataclass
class Script:
    """Answers in turn, the last one for ever; remembers what was sent."""

    answers: list[Answer]
    sent: list[tuple[Request, Sequence[Credential], str]] = field(default_factory=list)

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        self.sent.append((request, credentials, id))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    return judge_by_status(response, payloads, later=(409,))


def batch_endpoint(judge: Callable[..., Any] = judge, pack: Callable[..., Any] = pack, **options: Any) -> BatchEndpoint:
    return BatchEndpoint(name="events", pack=pack, judge=judge, max_events=10, **options)


def items(endpoint: Endpoint, count: int) -> list[Item]:
    record = Record(0, 1, "website", "m1", "u1", "track", 0.0, b"{}")
    payloads = [Payload({"n": number}, key=f"k{number}") for number in range(count)]
    return [
        Item(Transit(record, "log"), f"a/{number}", payload, endpoint, 10, payload)
        for number, payload in enumerate(payloads)
    ]


@dataclass
class Flight:
    """What came of one flight."""

    landing: Landing
    waits: list[float]
    sent: list[tuple[Request, Sequence[Credential], str]]
    pace: Pace


async def fly(endpoint: Endpoint, *answers: Answer, count: int = 2, pace: Pace | None = None) -> Flight:
    clock, script = StillClock(), Script(list(answers))
    calls = PluginCalls("fake", plugin(endpoint), Settings())
    pace = pace or Pace(Backoff(), random.Random(5))
    flights = Flights(calls, script, Gate(pace, clock), clock, random.Random(5), Tally())
    landing = await flights.fly(items(endpoint, count))
    return Flight(landing, clock.waits, script.sent, pace)


@pytest.mark.parametrize(
    ("answer", "concurrency"),
    [
        pytest.param(Response(200), 4, id="all is well"),
        pytest.param(Response(400), 4, id="what is refused"),
        pytest.param(Response(409), 4, id="what is put off for one event"),
        pytest.param(Response(413), 4, id="too large"),
        pytest.param(Response(500), 4, id="a mistake of the vendor"),
        pytest.param(SendFailed("Cannot connect"), 4, id="nobody there"),
        pytest.param(Response(429), 1, id="too fast, three times"),
        pytest.param(Response(503), 1, id="overloaded"),
        pytest.param(ConnectTimedOut("no connection"), 1, id="no connection in time"),
        pytest.param(ReadTimedOut("no answer"), 1, id="no answer in time"),
    ],
)
async def test_what_a_flight_tells_of_the_load(answer: Answer, concurrency: int) -> None:
    """The worker tells of outages; this is what happens before, between the tries of a flight."""
    assert (await fly(batch_endpoint(), answer)).pace.concurrency == concurrency


async def test_while_one_flight_waits_as_it_was_asked_to_all_others_do() -> None:
    flight = await fly(batch_endpoint(), Response(429, headers={"retry-after": "3"}), Response(200))

    assert flight.landing == Judged([Delivered()] * 2)
    assert flight.pace.request_wait_s(1.0) == 2.0
    assert flight.pace.is_going


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda pace, flights: pace.outage(0.0, "429", 120.0), id="throttled"),
        pytest.param(lambda pace, flights: pace.blocked(0.0, "401"), id="blocked"),
        pytest.param(lambda pace, flights: flights.close(), id="stopped"),
    ],
)
async def test_a_flight_is_not_tried_again_when_its_destination_waits_or_stops(
    end: Callable[[Pace, Flights], None],
) -> None:
    """As another flight was asked to wait for long: what this one was told counts, and it keeps quiet."""
    pace = Pace(Backoff(), random.Random(5))

    class Meanwhile(Script):
        async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
            end(pace, flights)
            return await super().send(request, credentials, id)

    clock, script, endpoint = StillClock(), Meanwhile([Response(503)]), batch_endpoint()
    calls = PluginCalls("fake", plugin(endpoint), Settings())
    flights = Flights(calls, script, Gate(pace, clock), clock, random.Random(5), Tally())

    assert await flights.fly(items(endpoint, 2)) == Outage("503", None, 503)
    assert len(script.sent) == 1
    assert await flights.fly(items(endpoint, 2)) == Held()
    assert len(script.sent) == 1


@pytest.mark.parametrize(
    ("answer", "landing", "sends"),
    [
        pytest.param(Response(200), Judged([Delivered()] * 2), 1, id="delivered"),
        pytest.param(Response(404, b"no such path"), Judged([Dead("404 no such path")] * 2), 1, id="refused"),
        pytest.param(Response(400, b"no such field"), Split("400 no such field"), 1, id="one or the other is refused"),
        pytest.param(Response(401, b"who?"), Blocked("401 who?"), 1, id="blocked"),
        pytest.param(Response(413), Split("413"), 1, id="too large"),
        pytest.param(Response(503, b"busy"), Outage("503 busy", None, 503), 3, id="a server error is tried again"),
        pytest.param(Response(429), Outage("429", None, 429), 3, id="so is being too fast"),
        pytest.param(
            Response(501, b"not made"), Judged([Dead("501 not made")] * 2), 1, id="501 will never be otherwise"
        ),
        pytest.param(SendFailed("reset"), Outage("reset"), 3, id="so is no answer"),
        pytest.param(CredentialsRefused("no token"), Blocked("no token"), 1, id="a token refused is a block"),
        pytest.param(Response(409), Judged([Later("409")] * 2), 1, id="later for this event is no outage"),
    ],
)
async def test_how_a_flight_ends(answer: Answer, landing: Landing, sends: int) -> None:
    flight = await fly(batch_endpoint(), answer)

    assert flight.landing == landing
    assert len(flight.sent) == sends


async def test_a_flight_that_gets_through_at_the_second_try_has_got_through() -> None:
    flight = await fly(batch_endpoint(), SendFailed("reset"), Response(200))

    assert flight.landing == Judged([Delivered()] * 2)
    assert len(flight.waits) == 1


async def test_all_attempts_are_the_same_request_under_the_same_id() -> None:
    endpoint = batch_endpoint(credentials=lambda settings: (Bearer(SecretStr("t")),))

    flight = await fly(endpoint, Response(500))

    assert len(flight.sent) == 3
    assert flight.sent[0] == flight.sent[1] == flight.sent[2]
    assert flight.sent[0][2] == "k0"


async def test_without_a_word_from_the_vendor_waits_are_drawn_from_a_growing_range() -> None:
    flight = await fly(batch_endpoint(), Response(500))

    assert len(flight.waits) == 2
    assert 0 <= flight.waits[0] <= 0.5
    assert 0 <= flight.waits[1] <= 1.0


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        pytest.param({"retry-after": "3"}, [3.0, 3.0], id="seconds"),
        pytest.param({"retry-after": "0.5"}, [0.5, 0.5], id="part of a second"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 22:13:24 GMT"}, [4.0, 4.0], id="a date"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, [0.0, 0.0], id="a date that is past"),
        pytest.param(
            {"retry-after": "Tue, 14 Nov 2023 23:13:24 GMT", "date": "Tue, 14 Nov 2023 23:13:20 GMT"},
            [4.0, 4.0],
            id="a date, by the vendor's clock",
        ),
        pytest.param(
            {"retry-after": "Tue, 14 Nov 2023 22:13:24 GMT", "date": "today"},
            [4.0, 4.0],
            id="whose clock is out of order",
        ),
        pytest.param(
            {"x-reset": "1700003604", "date": "Tue, 14 Nov 2023 23:13:20 GMT"},
            [4.0, 4.0],
            id="Unix seconds, by that clock",
        ),
        pytest.param({"x-reset": "2"}, [2.0, 2.0], id="the plugin's header in seconds"),
        pytest.param({"x-reset": "1700000005"}, [5.0, 5.0], id="the plugin's header in Unix seconds"),
        pytest.param({"retry-after": "1", "x-reset": "4"}, [1.0, 1.0], id="Retry-After before the plugin's header"),
        pytest.param(
            {"retry-after": "soon", "x-reset": "4"}, [4.0, 4.0], id="a Retry-After of nonsense counts as none"
        ),
        pytest.param({"retry-after": "6"}, [], id="longer than a flight waits: it ends"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 23:13:20 GMT"}, [], id="a date too far off: it ends"),
    ],
)
async def test_what_the_vendor_asks_for_beats_the_back_off(headers: dict[str, str], waits: list[float]) -> None:
    flight = await fly(batch_endpoint(reset_header="x-reset"), Response(429, headers=headers))

    assert flight.waits == waits
    assert isinstance(flight.landing, Outage)


@pytest.mark.parametrize(
    ("answer", "after_s"),
    [
        pytest.param(Response(429, headers={"retry-after": "120"}), 120.0, id="the header"),
        pytest.param(Response(429, headers={"retry-after": "99999999"}), MAX_ASKED_S, id="never longer than a day"),
        pytest.param(Response(503), None, id="nothing said"),
        pytest.param(NoToken(Response(429, headers={"retry-after": "120"})), 120.0, id="the token address"),
        pytest.param(NoToken(Response(503)), None, id="a token address that says nothing"),
    ],
)
async def test_the_wait_asked_for_is_told_to_the_pace(answer: Answer, after_s: float | None) -> None:
    flight = await fly(batch_endpoint(), answer)

    assert isinstance(flight.landing, Outage)
    assert flight.landing.after_s == after_s


@pytest.mark.parametrize(
    ("said", "header", "after_s"),
    [
        pytest.param(None, "7", 7.0, id="the header, where the plugin says nothing"),
        pytest.param(9.0, "7", 9.0, id="the plugin's own reading"),
        pytest.param(None, "", None, id="neither"),
        pytest.param(1e9, "", MAX_ASKED_S, id="never longer than a day"),
    ],
)
async def test_the_wait_asked_for_one_event_is_told_to_its_parking(
    said: float | None, header: str, after_s: float | None
) -> None:
    """`Later.after_s` None leaves the wait to the core, which reads Retry-After by itself."""
    endpoint = batch_endpoint(judge=lambda response, payloads, settings: [Later("not yet", said)])

    flight = await fly(endpoint, Response(404, headers={"retry-after": header}), count=1)

    assert flight.landing == Judged([Later("not yet", after_s)])


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,4} \w{3} \d{1,6} \d{1,3}:\d\d:\d\d( GMT| [+-]\d{1,6})?"))
def test_no_header_makes_reading_it_raise_or_strand(text: str) -> None:
    wait_s = asked_wait_s(Response(429, headers={"retry-after": text, "x-reset": text}), "x-reset", NOW_S)

    assert wait_s is None or wait_s >= 0


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(batch_endpoint(pack=lambda payloads, settings: 1 / 0), id="pack raises"),
        pytest.param(batch_endpoint(judge=lambda response, payloads, settings: 1 / 0), id="judge raises"),
        pytest.param(batch_endpoint(judge=lambda *_: [Delivered()]), id="too few verdicts"),
        pytest.param(batch_endpoint(judge=lambda *_: [Delivered()] * 3), id="too many verdicts"),
        pytest.param(batch_endpoint(judge=lambda *_: []), id="no verdicts"),
        pytest.param(batch_endpoint(judge=lambda *_: None), id="nothing at all"),
        pytest.param(batch_endpoint(judge=lambda *_: [True, True]), id="something that is no verdict"),
        pytest.param(batch_endpoint(judge=lambda *_: [Blocked("x"), Delivered()]), id="a word for the whole, for one"),
    ],
)
async def test_a_plugin_that_fails_is_named_and_not_tried_again(endpoint: BatchEndpoint) -> None:
    flight = await fly(endpoint, Response(200))

    assert isinstance(flight.landing, Raised)
    assert flight.landing.reason.startswith(("plugin fake: pack ", "plugin fake: judge "))
    assert flight.waits == []


async def test_an_unreadable_answer_keeps_the_batch_and_is_tried_again() -> None:
    endpoint = batch_endpoint(judge=lambda *_: _raise(UnreadableAnswer("status 200, expected JSON")))

    flight = await fly(endpoint, Response(200, b"<html>"))

    assert flight.landing == Outage("unreadable answer: status 200, expected JSON")
    assert len(flight.sent) == 3


async def test_an_outage_for_some_and_not_for_others_is_read_payload_by_payload() -> None:
    endpoint = batch_endpoint(judge=lambda *_: [Later("busy"), Delivered()])

    flight = await fly(endpoint, Response(503))

    assert flight.landing == Judged([Later("busy"), Delivered()])


@pytest.mark.parametrize(
    ("status", "said", "is_outage"),
    [
        pytest.param(200, [True, True], True, id="a limit that comes with a 200"),
        pytest.param(400, [True, True], True, id="or with a 400"),
        pytest.param(429, [False, False], False, id="a 429 about these users"),
        pytest.param(429, [False, None], False, id="about one of them"),
        pytest.param(200, [True, None], False, id="a 200 that says so of one only"),
    ],
)
async def test_a_plugin_may_say_whom_an_answer_speaks_for(
    status: int, said: list[bool | None], is_outage: bool
) -> None:
    verdicts = [Later("busy", 60.0, is_outage=each) for each in said]

    flight = await fly(batch_endpoint(judge=lambda *_: verdicts), Response(status))

    assert flight.landing == (Outage("busy", 60.0, status) if is_outage else Judged(verdicts))


async def test_a_plugin_that_would_send_the_same_for_ever_has_failed() -> None:
    flight = await fly(batch_endpoint(judge=lambda *_: [Again(), Again()]), Response(400))

    assert isinstance(flight.landing, Raised)


# --- conversations ---


class Contacts:
    """Looks a contact up, then writes it."""

    def __init__(self) -> None:
        self.begun = 0
        self.closed = 0

    def converse(self, payload: Payload, settings: Settings) -> Conversation:
        self.begun += 1
        try:
            found = yield Step(Request("GET", URL), Response(200))
            written = yield Step(Request("PUT", URL, {"found": found.text}), Response(200))
            if written.status == 403:
                return Blocked("403")
            [verdict] = judge_by_status(written, [payload], blocked=(), split=())  # type: ignore[misc]
            assert isinstance(verdict, Delivered | Later | Dead)
            return verdict
        finally:
            self.closed += 1

    @property
    def endpoint(self) -> ConversationEndpoint:
        return ConversationEndpoint(name="contacts", converse=self.converse)


@pytest.mark.parametrize(
    ("answers", "landing", "methods"),
    [
        pytest.param([Response(200)], Judged([Delivered()]), "GET PUT", id="delivered"),
        pytest.param([Response(200), Response(422)], Judged([Dead("422")]), "GET PUT", id="refused"),
        pytest.param([Response(200), Response(403)], Blocked("403"), "GET PUT", id="blocked"),
        pytest.param(
            [Response(200), SendFailed("reset"), Response(200)],
            Judged([Delivered()]),
            "GET PUT GET PUT",
            id="an answer that never came: from the start",
        ),
        pytest.param(
            [Response(200), Response(503), Response(200)],
            Judged([Delivered()]),
            "GET PUT GET PUT",
            id="an outage in the middle: from the start",
        ),
        pytest.param([SendFailed("down")], Outage("down"), "GET GET GET", id="down"),
    ],
)
async def test_how_a_conversation_ends(answers: list[Answer], landing: Landing, methods: str) -> None:
    contacts = Contacts()

    flight = await fly(contacts.endpoint, *answers, count=1)

    assert flight.landing == landing
    assert " ".join(request.method for request, *_ in flight.sent) == methods
    assert contacts.closed == contacts.begun, "every generator is closed, also one whose answer never came"


@pytest.mark.parametrize(
    ("is_begun", "per_second", "landing", "methods"),
    [
        pytest.param(False, 1e-6, Held(), [], id="what has not begun stays"),
        pytest.param(True, 0.02, Judged([Delivered()]), ["GET", "PUT"], id="what has begun is brought to its end"),
    ],
)
async def test_what_waits_for_the_rate_when_its_worker_stops(
    is_begun: bool, per_second: float, landing: Landing, methods: list[str]
) -> None:
    """A restart would have to begin a conversation anew; all else need not keep a reload waiting."""
    clock, script, contacts = FastClock(), Script([Response(200)]), Contacts()
    pace = Pace(Backoff(), random.Random(5), Limits(4, per_second))
    if not is_begun:
        pace.request_left("contacts", clock.monotonic())
        pace.request_came_back()
    calls = PluginCalls("fake", plugin(contacts.endpoint), Settings())
    flights = Flights(calls, script, Gate(pace, clock), clock, random.Random(5), Tally())
    flight = asyncio.create_task(flights.fly(items(contacts.endpoint, 1)))
    await until(lambda: contacts.begun > 0 and len(script.sent) == is_begun)

    flights.close()

    assert await flight == landing
    assert [request.method for request, *_ in script.sent] == methods


async def test_a_stop_does_not_wait_for_a_try_that_is_not_made() -> None:
    class Standing(StillClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            await asyncio.Event().wait()

    clock, script, endpoint = Standing(), Script([Response(503, headers={"retry-after": "4"})]), batch_endpoint()
    calls, pace = PluginCalls("fake", plugin(endpoint), Settings()), Pace(Backoff(), random.Random(5))
    flights = Flights(calls, script, Gate(pace, clock), clock, random.Random(5), Tally())
    flight = asyncio.create_task(flights.fly(items(endpoint, 2)))
    await until(lambda: clock.waits == [4.0])

    flights.close()

    async with asyncio.timeout(10):
        assert await flight == Outage("503", 4.0, 503)
    assert len(script.sent) == 1


async def test_a_conversation_is_sent_what_was_answered() -> None:
    flight = await fly(Contacts().endpoint, Response(200, b"c-7"), count=1)

    assert flight.sent[1][0].json == {"found": "c-7"}


def _endless(payload: Payload, settings: Settings) -> Conversation:
    while True:
        yield Step(Request("GET", URL), Response(200))


def _stubborn(payload: Payload, settings: Settings) -> Generator[Step, Response, Any]:
    try:
        yield Step(Request("GET", URL), Response(200))
    except GeneratorExit:
        yield Step(Request("GET", URL), Response(200))


def _wordless(payload: Payload, settings: Settings) -> Generator[Step, Response, Any]:
    yield Step(Request("GET", URL), Response(200))


def _raising(payload: Payload, settings: Settings) -> Conversation:
    yield Step(Request("GET", URL), Response(200))
    raise KeyError("id")


@pytest.mark.parametrize(
    ("converse", "answer", "sends"),
    [
        pytest.param(_endless, Response(200), MAX_STEPS, id="goes on for ever"),
        pytest.param(_raising, Response(200), 1, id="raises"),
        pytest.param(_wordless, Response(200), 1, id="returns no verdict"),
        pytest.param(lambda payload, settings: None, Response(200), 0, id="is no conversation"),
    ],
)
async def test_a_conversation_that_misbehaves_costs_its_event_only(
    converse: Callable[..., Any], answer: Answer, sends: int
) -> None:
    flight = await fly(ConversationEndpoint(name="contacts", converse=converse), answer, count=1)

    assert isinstance(flight.landing, Raised)
    assert flight.landing.reason.startswith("plugin fake: converse ")
    assert len(flight.sent) == sends


async def test_a_conversation_that_will_not_be_closed_does_not_hide_the_outage_that_ended_it() -> None:
    flight = await fly(ConversationEndpoint(name="contacts", converse=_stubborn), SendFailed("reset"), count=1)

    assert flight.landing == Outage("reset")
