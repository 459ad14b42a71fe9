"""What plugins may return and what not: each promise of the plugin API, its bounds, and how a breach is told."""

from __future__ import annotations

import math
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
from pydantic import SecretStr

from router import returned
from router.guard import MAX_TEXT, BadReturn
from router.plugin import (
    Again,
    Basic,
    BatchEndpoint,
    Bearer,
    Blocked,
    BodyField,
    ConversationEndpoint,
    Credential,
    Dead,
    Delivered,
    Endpoint,
    HeaderKey,
    Later,
    OAuth2,
    PathKey,
    Payload,
    QueryKey,
    Request,
    Response,
    Signature,
    SigV4,
    Skip,
    Split,
    Step,
    judge_by_status,
)
from router.plugin.historical import Harmless, Marked

SECRET = SecretStr("a-secret")
URL = "https://vendor.test/events"
LONG = "x" * (MAX_TEXT + 1)
ODD: Any = None
"""What has no place where it is put, as far as types go."""


def refused(check: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(BadReturn) as told:
        check(*arguments)
    return str(told.value)


async def _coroutine() -> None: ...


# --- build ---


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(Payload({}), (Payload({}),), id="one"),
        pytest.param([Payload(1), Payload(2)], (Payload(1), Payload(2)), id="several"),
        pytest.param((each for each in [Payload(1)]), (Payload(1),), id="as they come"),
        pytest.param([], (), id="none"),
        pytest.param(Payload(1, notes=("a", "b")), (Payload(1, notes=("a", "b")),), id="with notes"),
        pytest.param(
            Payload(1, notes=ODD), (Payload(1, notes=("the plugin gave None for its warnings",)),), id="odd notes"
        ),
        pytest.param(
            Payload(1, notes=(LONG,) * 99), (Payload(1, notes=("x" * MAX_TEXT,) * 20),), id="notes without end"
        ),
        pytest.param(Skip("no"), Skip("no"), id="skip"),
        pytest.param(Skip(""), Skip(returned.NO_REASON), id="a skip that does not say why"),
        pytest.param(Skip(LONG), Skip("x" * MAX_TEXT), id="a skip that says too much"),
    ],
)
def test_what_a_build_may_return(value: Any, kept: Any) -> None:
    assert returned.built(value) == kept


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "returned None, expected a Payload, several, or Skip", id="nothing"),
        pytest.param({"id": 1}, "returned dict, expected", id="a body"),
        pytest.param("text", "returned 'text', expected", id="text"),
        pytest.param(Payload, "returned type, expected", id="the class"),
        pytest.param([Payload({}), None], "returned None among its payloads", id="a hole"),
        pytest.param([Payload({}), Skip("no")], "returned Skip among its payloads", id="half a skip"),
        pytest.param(repeat(Payload({})), "more than 10000 payloads", id="no end of payloads"),
        pytest.param(Payload({}, key=7), "the key 7", id="a key that is no text"),  # type: ignore[arg-type]
        pytest.param(Payload({}, group=None), "the group None", id="a group that is no text"),  # type: ignore[arg-type]
        pytest.param(Payload({}, key="k" * 10_001), "more than 10000 characters", id="a key without end"),
        pytest.param(Skip(None), "Skip whose reason is None", id="a skip with an odd reason"),  # type: ignore[arg-type]
    ],
)
def test_what_a_build_may_not_return(value: Any, told: str) -> None:
    assert told in refused(returned.built, value)


# --- pack, and the steps of a conversation ---


class Headers(UserDict[str, str]):
    """A mapping of the plugin's own."""


@pytest.mark.parametrize("headers", [{"X-A": "b"}, Headers({"X-A": "b"}), OrderedDict({"X-A": "b"})], ids=type)
def test_a_request_leaves_with_plain_headers(headers: Any) -> None:
    request = returned.request(Request("POST", URL, {}, headers))

    assert (request.json, type(request.headers), request.headers) == ({}, dict, {"X-A": "b"})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "gave None, expected a Request", id="nothing"),
        pytest.param([], "gave list, expected a Request", id="a list"),
        pytest.param(Request, "gave type, expected a Request", id="the class"),
        pytest.param(Request("", URL), "the method ''", id="no method"),
        pytest.param(Request("GET / HTTP/1.1\r\nX:", URL), "the method 'GET", id="a method that is a request"),
        pytest.param(Request(b"GET", URL), "the method b'GET'", id="a method of bytes"),  # type: ignore[arg-type]
        pytest.param(Request("GET", None), "a url of None", id="no url"),  # type: ignore[arg-type]
        pytest.param(Request("GET", URL, headers=[]), "headers of list", id="headers in a list"),  # type: ignore[arg-type]
        pytest.param(Request("GET", URL, headers={"X": 1}), '"X" that is no text', id="a number"),  # type: ignore[dict-item]
        pytest.param(
            Request("GET", URL, headers={"X": "a\r\nY: b"}), '"X" that is no text, or holds', id="a line break"
        ),
        pytest.param(Request("GET", URL, headers={"X": "a\0"}), '"X" that is no text, or holds', id="NUL"),
        pytest.param(Request("GET", URL, headers={"X\nY": "a"}), "a header 'X\\nY'", id="a name with a line break"),
        pytest.param(Request("GET", URL, headers={"X Y": "a"}), "a header 'X Y'", id="a name with a blank"),
        pytest.param(Request("GET", URL, headers={"": "a"}), "a header ''", id="no name"),
        pytest.param(Request("GET", URL, headers={"Host": "evil.test"}), "a header 'Host'", id="another host"),
        pytest.param(Request("GET", URL, headers={"content-length": "1"}), "a header 'content-length'", id="a length"),
        pytest.param(Request("GET", URL, timeout_s="9"), "timeout_s '9', expected seconds", id="a time as text"),  # type: ignore[arg-type]
        pytest.param(Request("GET", URL, timeout_s=0), "timeout_s 0, expected seconds", id="no time"),
        pytest.param(Request("GET", URL, timeout_s=601), "timeout_s 601, expected seconds, at most 600", id="an age"),
    ],
)
def test_what_pack_may_not_return(value: Any, told: str) -> None:
    assert told in refused(returned.request, value)


def test_a_plugin_that_waits_is_told_apart_and_leaves_no_coroutine_behind(recwarn: pytest.WarningsRecorder) -> None:
    assert "gave coroutine, expected a Request" in refused(returned.request, _coroutine())
    assert not recwarn.list


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(Request("GET", URL), "gave Request, expected a Step", id="a request without its answer"),
        pytest.param(Step(Request("GET", URL), None), "gave None, expected a Response", id="no answer"),  # type: ignore[arg-type]
        pytest.param(Step(None, Response(200)), "gave None, expected a Request", id="no request"),  # type: ignore[arg-type]
        pytest.param(Step(Request("", URL), Response(200)), "the method ''", id="a request that is none"),
    ],
)
def test_what_a_conversation_may_not_yield(value: Any, told: str) -> None:
    assert told in refused(returned.step, value)


def test_a_step_leaves_with_plain_headers() -> None:
    step = returned.step(Step(Request("GET", URL, headers=Headers({"X": "y"})), Response(200)))

    assert type(step.request.headers) is dict


@pytest.mark.parametrize("value", [None, [], iter([]), lambda: None], ids=["nothing", "list", "iterator", "function"])
def test_a_conversation_is_a_generator(value: Any) -> None:
    assert "expected a Generator" in refused(returned.conversation, value)


# --- judge ---


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param([Delivered(), Dead("no")], [Delivered(), Dead("no")], id="a list"),
        pytest.param(iter([Delivered(), Dead("no")]), [Delivered(), Dead("no")], id="as they come"),
        pytest.param((Later("x", 1.5, 3), Later("y", 0)), [Later("x", 1.5, 3), Later("y", 0)], id="later"),
        pytest.param([Again(), Dead("no")], [Again(), Dead("no")], id="again without another"),
        pytest.param([Again(Payload({}))] * 2, [Again(Payload({}))] * 2, id="again with less"),
        pytest.param(
            [Again(Payload({}, notes=("a",) * 99)), Delivered()],
            [Again(Payload({}, notes=("a",) * 20)), Delivered()],
            id="notes of what is left are bounded",
        ),
        pytest.param([Later("x", is_outage=False)] * 2, [Later("x", is_outage=False)] * 2, id="later for one user"),
        pytest.param(Split("413"), Split("413"), id="split"),
        pytest.param(Blocked("401"), Blocked("401"), id="blocked"),
        pytest.param(Split(""), Split(returned.NO_REASON), id="a split that does not say why"),
        pytest.param(Blocked(""), Blocked(returned.NO_REASON), id="a block that does not say why"),
        pytest.param([Dead(""), Later("")], [Dead(returned.NO_REASON), Later(returned.NO_REASON)], id="no reasons"),
        pytest.param([Dead(LONG)] * 2, [Dead("x" * MAX_TEXT)] * 2, id="long reasons are cut"),
        pytest.param(
            [Delivered(("a",) * 99), Delivered((LONG,))],
            [Delivered(("a",) * 20), Delivered(("x" * MAX_TEXT,))],
            id="bounded",
        ),
        pytest.param(
            [Delivered("abc"), Delivered((1, None))],  # type: ignore[arg-type]
            [Delivered(("the plugin gave 'abc' for its warnings",)), Delivered(("1", "None"))],
            id="what is delivered stays delivered whatever is said of it",
        ),
    ],
)
def test_what_judge_may_return(value: Any, kept: Any) -> None:
    assert returned.judgement(value, 2) == kept


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "returned None, expected verdicts, Split or Blocked", id="nothing"),
        pytest.param(True, "returned True, expected", id="a boolean"),
        pytest.param("ok", "returned 'ok', expected", id="text"),
        pytest.param({1: Delivered()}, "returned dict, expected", id="a dict"),
        pytest.param(Delivered(), "returned Delivered, expected verdicts", id="one for all"),
        pytest.param([], "returned 0 verdicts for 2 payloads", id="none"),
        pytest.param([Delivered()], "returned 1 verdicts for 2 payloads", id="too few"),
        pytest.param(repeat(Delivered()), "returned more than 2 verdicts for 2", id="no end of them"),
        pytest.param([Delivered(), True], "returned True, expected Delivered, Later, Dead or Again", id="no verdict"),
        pytest.param([Delivered, Delivered], "returned type, expected", id="the class"),
        pytest.param([Delivered(), Blocked("x")], "returned Blocked, expected", id="a word for the whole, for one"),
        pytest.param([Dead(None)] * 2, "Dead whose reason is None", id="a reason that is no text"),  # type: ignore[arg-type]
        pytest.param(Split(7), "Split whose reason is 7", id="a split's"),  # type: ignore[arg-type]
        pytest.param(Blocked(b"x"), "Blocked whose reason is b'x'", id="a block's"),  # type: ignore[arg-type]
        pytest.param([Later("x", math.nan)] * 2, "after_s nan", id="no number of seconds"),
        pytest.param([Later("x", -1)] * 2, "after_s -1", id="seconds in the past"),
        pytest.param([Later("x", "5")] * 2, "after_s '5'", id="seconds in a text"),  # type: ignore[arg-type]
        pytest.param([Later("x", True)] * 2, "after_s True", id="a boolean of seconds"),
        pytest.param([Later("x", None, 0)] * 2, "max_attempts 0", id="no attempt"),
        pytest.param([Later("x", is_outage="no")] * 2, "is_outage 'no'", id="an odd outage"),  # type: ignore[arg-type]
        pytest.param([Again()] * 2, "wants to send the same again, for ever", id="all again"),
        pytest.param([Again({}), Delivered()], "expected a Payload", id="again with no payload"),  # type: ignore[arg-type]
        pytest.param([Again(Payload({}, key=7)), Delivered()], "the key 7", id="an odd payload"),  # type: ignore[arg-type]
        pytest.param([Later("x", None, 1.5)] * 2, "max_attempts 1.5", id="half an attempt"),  # type: ignore[arg-type]
    ],
)
def test_what_judge_may_not_return(value: Any, told: str) -> None:
    assert told in refused(returned.judgement, value, 2)


def test_the_last_word_of_a_conversation_is_a_verdict_or_blocked() -> None:
    assert returned.last_word(Blocked("")) == Blocked(returned.NO_REASON)
    assert returned.last_word(Dead("no")) == Dead("no")
    assert "returned None, expected one of Delivered" in refused(returned.last_word, None)
    assert "returned Again, expected one of Delivered" in refused(returned.last_word, Again(Payload({})))
    assert "returned list, expected one of Delivered" in refused(returned.last_word, [Delivered()])


# --- credentials ---


GOOD: list[Credential] = [
    Basic(SECRET),
    Bearer(SECRET, "Token"),
    HeaderKey("X-Key", SECRET),
    QueryKey("key", SECRET),
    PathKey(SECRET),
    BodyField("a.b", SECRET),
    OAuth2("https://vendor.test/token", SECRET, SECRET, host_suffixes=(".vendor.test",)),
    Signature(lambda signing: {}),
    SigV4(SECRET, SECRET, "region-1", "service"),
]


@pytest.mark.parametrize("value", [[], GOOD, tuple(GOOD), iter(GOOD)], ids=["none", "list", "tuple", "iterator"])
def test_credentials_of_every_kind_pass_and_can_be_gone_through_twice(value: Any) -> None:
    found = returned.credentials(value)

    assert list(found) == list(found)
    assert len(found) in (0, len(GOOD))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param("a-secret", id="the bare secret"),
        pytest.param(SECRET, id="the secret in its wrapping"),
        pytest.param({"Authorization": "a-secret"}, id="headers"),
        pytest.param(Bearer(SECRET), id="one that is in no list"),
        pytest.param(["a-secret"], id="a bare secret in a list"),
        pytest.param([Bearer("a-secret")], id="a secret without its wrapping"),  # type: ignore[arg-type]
        pytest.param([PathKey("a-secret")], id="a path without its wrapping"),  # type: ignore[arg-type]
        pytest.param([Bearer(SecretStr(None))], id="no secret"),  # type: ignore[arg-type]
        pytest.param([Bearer(SecretStr("a-secret\ud800"))], id="what UTF-8 can't hold"),
        pytest.param([Bearer(SECRET, None)], id="no scheme"),  # type: ignore[arg-type]
        pytest.param([HeaderKey("X Key", SECRET)], id="a header with a blank"),
        pytest.param([HeaderKey("Host", SECRET)], id="a header of the client's"),
        pytest.param([OAuth2(None, SECRET, SECRET)], id="no token address"),  # type: ignore[arg-type]
        pytest.param([OAuth2("u", SECRET, SECRET, host_suffixes=".test")], id="a loose suffix"),  # type: ignore[arg-type]
        pytest.param([OAuth2("u", SECRET, SECRET, host_suffixes=(".test", 1))], id="a suffix that is none"),  # type: ignore[arg-type]
        pytest.param([Signature("a-secret")], id="a signature that signs nothing"),  # type: ignore[arg-type]
        pytest.param([Bearer], id="a class"),
        pytest.param(repeat(Bearer(SECRET)), id="no end of them"),
    ],
)
def test_credentials_that_are_none_are_refused_and_never_quoted(value: Any) -> None:
    assert "a-secret" not in refused(returned.credentials, value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(Bearer(SECRET), "Bearer, expected a list of credentials", id="one that is in no list"),
        pytest.param([Bearer("a-secret")], "Bearer whose token is str, expected SecretStr", id="bare"),  # type: ignore[arg-type]
        pytest.param([Bearer(SECRET, None)], "Bearer whose scheme is None, expected str", id="no scheme"),  # type: ignore[arg-type]
        pytest.param(
            [Bearer(SecretStr("a-secret\ud800"))],
            "Bearer whose token holds no text that UTF-8 can write",
            id="half a character",
        ),
    ],
)
def test_a_credential_that_is_none_is_told_with_what_was_expected(value: Any, told: str) -> None:
    assert refused(returned.credentials, value) == f"returned {told}"


@pytest.mark.parametrize(
    "value", [None, ["X"], {"X": 1}, {1: "a-secret"}, {"X Y": "a-secret"}, {"Host": "a-secret"}], ids=repr
)
def test_what_signs_gives_headers(value: Any) -> None:
    assert returned.signed(Headers({"X-Sign": "s"})) == {"X-Sign": "s"}
    assert "a-secret" not in refused(returned.signed, value)


# --- what a destination is made of ---


def batches(**limits: Any) -> BatchEndpoint:
    return BatchEndpoint(name="events", pack=lambda *_: Request("GET", URL), judge=judge_by_status, **limits)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(
            Endpoint(name="events"), "gave Endpoint, expected a BatchEndpoint or ConversationEndpoint", id="bare"
        ),
        pytest.param(batches(max_events=0), "max_events 0", id="no events"),
        pytest.param(batches(max_events=2.5), "max_events 2.5", id="half an event"),
        pytest.param(batches(max_events="9"), "max_events '9'", id="events in a text"),
        pytest.param(batches(max_bytes=-1), "max_bytes -1", id="less than no bytes"),
        pytest.param(batches(max_payload_bytes=0), "max_payload_bytes 0", id="payloads of nothing"),
        pytest.param(batches(batch_wait_s=61.0), "batch_wait_s 61.0", id="a batch that never leaves"),
        pytest.param(batches(batch_wait_s=None), "batch_wait_s None", id="no time to wait"),
        pytest.param(batches(rate_limit_per_s=0), "rate_limit_per_s 0", id="never"),
        pytest.param(batches(rate_limit_per_s=1e-9), "rate_limit_per_s 1e-09", id="as good as never"),
        pytest.param(batches(rate_limit_per_s=math.nan), "rate_limit_per_s nan", id="no number"),
        pytest.param(batches(rate_limit_per_s="5"), "rate_limit_per_s '5'", id="a rate in a text"),
        pytest.param(batches(are_bodies_opaque="no"), "are_bodies_opaque 'no'", id="neither true nor false"),
        pytest.param(batches(reset_header=None), "reset_header of None", id="no header"),
    ],
)
def test_limits_that_would_let_nothing_through_are_refused(value: Any, told: str) -> None:
    assert told in refused(returned.endpoint, value)


def test_endpoints_of_both_kinds_pass() -> None:
    def converse(payload: Payload, settings: Any) -> Any:
        yield from ()

    for endpoint in (batches(rate_limit_per_s=0.5), ConversationEndpoint(name="contacts", converse=converse)):
        assert returned.endpoint(endpoint) is endpoint


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "gave None, expected a Skip or Harmless or Marked", id="nothing"),
        pytest.param(True, "gave True, expected", id="a boolean"),
        pytest.param(Skip(ODD), "Skip whose reason is None", id="an odd skip"),
        pytest.param(Harmless("6h"), "Harmless with '6h'", id="a time in a text"),  # type: ignore[arg-type]
        pytest.param(Marked(ODD, lambda payload, settings: payload), "a word of None", id="no word"),
    ],
)
def test_what_is_said_of_old_events_is_one_of_three(value: Any, told: str) -> None:
    assert told in refused(returned.historical, value)
    for good in (Skip("no"), Harmless(3_600.0, 86_400), Marked("old", lambda payload, settings: payload)):
        assert returned.historical(good) is good
    assert returned.historical(Skip("")) == Skip(returned.NO_REASON)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "vendor.test", "ftp://vendor.test", "https://", "https:///x", b"https://a", 7),
        *("http://a:b", "http://a:65536", "http://:80", "http://a\\b", "http://[::1", "http://[::1]x"),
    ],
)
def test_an_address_is_one(value: Any) -> None:
    """As the client reads it: else each event that is sent there would be a dead letter."""
    assert "expected an http or https address" in refused(returned.address, value)

    # --- what runs while they look ---


class Odd:
    def __repr__(self) -> str:
        raise AssertionError("nobody asked")

    def __iter__(self) -> Iterator[Any]:
        yield self


@pytest.mark.parametrize("value", [Odd(), [Odd()], 10**5_000], ids=["object", "list", "a huge number"])
@pytest.mark.parametrize("check", [returned.built, returned.request, returned.step, returned.credentials])
def test_the_looks_of_what_came_are_left_to_the_plugin(check: Callable[[Any], Any], value: Any) -> None:
    refused(check, value)
