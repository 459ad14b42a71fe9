"""Odd JSON over HTTP: the batch is kept, the value mended or the event rejected alone, and the caller is told either way."""

from __future__ import annotations

import asyncio
from threading import Event, get_ident
from typing import Any

import pytest

from router.gateway import admission, intake
from router.normalise import Normalised, normalise
from router.odd_json import DoubledHook
from tests.gateway.harness import Harness

GOOD = '{"type":"page","userId":"u1","messageId":"good"}'
ODD = '{"type":"track","event":"e","userId":"u1","messageId":"odd","properties":{"a":%s,"kept":1}}'
LEFT_OUT = object()


def as_batch(*calls: str) -> bytes:
    return ('{"batch":[' + ",".join(calls) + "]}").encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("value", "stored", "warning"),
    [
        pytest.param("NaN", LEFT_OUT, "a number that is not finite", id="NaN"),
        pytest.param("Infinity", LEFT_OUT, "a number that is not finite", id="Infinity"),
        pytest.param("-Infinity", LEFT_OUT, "a number that is not finite", id="-Infinity"),
        pytest.param("[1,NaN]", [1, None], "a number that is not finite", id="NaN in a list"),
        pytest.param("1e999", LEFT_OUT, "a number that is not finite", id="a float beyond floats"),
        pytest.param("1" + "0" * 400, LEFT_OUT, "a number that is not finite", id="401 digits"),
        pytest.param("1" + "0" * 20, 1e20, "an integer beyond 64 bits", id="beyond 64 bits"),
        pytest.param("-9223372036854775809", -(2.0**63), "an integer beyond 64 bits", id="beyond 64 bits, negative"),
        pytest.param('"\\ud83d"', "\ufffd", "half a character", id="a lone surrogate"),
        pytest.param('"M\udcfcller"', "M\ufffdller", "bytes that are no UTF-8", id="Latin-1"),
        pytest.param('{"M\udcfcller":1}', {"M\ufffdller": 1}, "bytes that are no UTF-8", id="Latin-1 in a name"),
        pytest.param('"a\\u0000b"', "a\ufffdb", "NUL", id="NUL"),
        pytest.param('{"b\\u0000":1}', {"b\ufffd": 1}, "NUL", id="NUL in a name"),
        pytest.param('1,"a":2', 2, "properties.a: stands there twice", id="a key twice"),
        pytest.param('[{"b":1,"b":2}]', [{"b": 2}], "properties.a.b: stands there twice", id="a key twice, within"),
    ],
)
async def test_an_odd_value_is_mended_and_told(harness: Harness, value: str, stored: Any, warning: str) -> None:
    answer = await harness.post("/v1/batch", data=as_batch(ODD % value, GOOD))

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 2, 0)
    [told] = answer.json["warnings"]
    assert (told["index"], told["messageId"], len(told["warnings"])) == (0, "odd", 1)
    assert warning in told["warnings"][0]
    assert told["warnings"][0].startswith("properties.a")
    assert harness.log.events[0]["properties"] == {"kept": 1} | ({} if stored is LEFT_OUT else {"a": stored})
    assert harness.count("events_mended", source="website") == 1


async def test_a_single_event_is_told_of_as_well(harness: Harness) -> None:
    answer = await harness.post("/v1/track", data=(ODD % "NaN").encode())

    assert answer.json["warnings"] == ["properties.a: a number that is not finite; left out"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param('{"type":"page","userId":NaN}', "invalid_id", id="NaN for an id"),
        pytest.param('{"type":"page","userId":1e400}', "invalid_id", id="an id beyond floats"),
        pytest.param('{"type":"page","userId":{"a":1,"a":2}}', "invalid_id", id="a doubled object for an id"),
        pytest.param('{"type":"track","userId":"u","event":Infinity}', "invalid_field", id="Infinity for a name"),
        pytest.param('{"type":"page","userId":"u","userId":""}', "missing_id", id="an id twice, the last one empty"),
    ],
)
async def test_what_cannot_be_mended_is_rejected_alone(harness: Harness, call: str, code: str) -> None:
    answer = await harness.post("/v1/batch", data=as_batch(call, GOOD))

    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert [each["code"] for each in answer.json["rejections"]] == [code]


async def test_an_id_of_many_digits_keeps_them_all(harness: Harness) -> None:
    number = "123456789012345678901234567890"

    await harness.post("/v1/page", data=b'{"userId":' + number.encode() + b"}")

    assert harness.log.events[0]["userId"] == number


@pytest.mark.parametrize("odd", [1, DoubledHook.MOST], ids=["one", "behind more odd events than are told of"])
async def test_two_lists_of_events_are_refused_rather_than_one_of_them_lost(harness: Harness, odd: int) -> None:
    calls = ",".join(['{"type":"track","type":"track"}'] * odd)
    answer = await harness.post("/v1/batch", data=f'{{"batch":[{calls}],"batch":[]}}'.encode())

    assert (answer.status, answer.json["code"]) == (400, "invalid_batch")
    assert answer.json["found"] == "several"


async def test_what_is_said_twice_for_a_whole_batch_is_told_of_each_event(harness: Harness) -> None:
    body = f'{{"batch":[{GOOD}],"context":{{"locale":"a"}},"context":{{"locale":"b","locale":"c"}}}}'

    answer = await harness.post("/v1/batch", data=body.encode())

    assert [each["warnings"] for each in answer.json["warnings"]] == [
        [
            "batch.context: stands there twice; the last one counts",
            "context.locale: stands there twice; the last one counts",
        ]
    ]
    assert harness.log.events[0]["context"]["locale"] == "c"


async def test_a_warning_outlives_what_a_header_adds_to_the_event(harness: Harness) -> None:
    """The anonymous id that one SDK sends in a header is put into the call."""
    headers = {"AnonymousId": "YTE="}

    answer = await harness.post("/v1/page", data=b'{"name":"a","name":"b"}', headers=headers)

    assert answer.json["warnings"] == ["name: stands there twice; the last one counts"]
    assert harness.log.events[0]["anonymousId"] == "a1"


@pytest.mark.parametrize("size", [300_000, 3_000_000])
async def test_a_large_body_may_be_odd_too(harness: Harness, size: int) -> None:
    filler = ',"b":"' + "x" * (size // 10) + '"'
    calls = [ODD.replace('"odd"', f'"odd{number}"') % ("NaN" + filler) for number in range(10)]

    answer = await harness.post("/v1/batch", data=as_batch(*calls))

    assert (answer.status, answer.json["accepted"], len(answer.json["warnings"])) == (200, 10, 10)


async def test_promise_8_what_takes_long_to_mend_holds_up_nobody(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte that is no UTF-8 kept every other request waiting for two seconds."""
    threads = set()

    def normalise_and_tell(*arguments: Any, **options: Any) -> Normalised:
        threads.add(get_ident())
        return normalise(*arguments, **options)

    monkeypatch.setattr(admission, "normalise", normalise_and_tell)

    answer = await harness.post("/v1/batch", data=as_batch(GOOD, ODD % f"[{','.join(['NaN'] * 10_000)}]"))

    assert (answer.status, answer.json["accepted"]) == (200, 2)
    assert len(threads) == 1
    assert get_ident() not in threads


async def test_promise_8_bodies_that_take_long_to_mend_do_so_by_turns(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred bodies of 90 kB, each with a context for 2,000 calls, kept large ones without fault waiting for minutes."""
    order: list[str] = []
    both_are_there = Event()

    def normalise_in_order(raw: Any, **options: Any) -> Normalised:
        order.append(raw["userId"])
        assert both_are_there.wait(10)
        return normalise(raw, **options)

    def admit_and_tell(*arguments: Any, **options: Any) -> Any:
        admissions.append(admission.admit(*arguments, **options))
        if len(admissions) == 2:
            asyncio.get_running_loop().call_soon(both_are_there.set)
        return admissions[-1]

    admissions: list[Any] = []
    monkeypatch.setattr(admission, "normalise", normalise_in_order)
    monkeypatch.setattr(intake, "admit", admit_and_tell)
    calls = [f'{{"type":"page","userId":"%s","properties":{{"a":[NaN,"{"a" * 2_000}"]}}}}' for _ in range(30)]

    first, second = await asyncio.gather(
        *(harness.post("/v1/batch", data=as_batch(*(call % user for call in calls))) for user in ("u1", "u2"))
    )

    assert (first.json["accepted"], second.json["accepted"]) == (30, 30)
    assert [order.count(user) for user in ("u1", "u2")] == [30, 30]
    assert order[:30].count(order[0]) < 20
