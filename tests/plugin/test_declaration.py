"""Declarations: what a plugin says of itself, and what is refused at import."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import orjson
import pytest

from router.plugin import (
    Action,
    BatchEndpoint,
    Conversation,
    ConversationEndpoint,
    CredentialCheck,
    Delivered,
    Document,
    Event,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Table,
    judge_by_status,
)
from router.plugin.credential import with_field


class Settings(PluginSettings):
    size: int = 5


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", "http://acme.example.test", [payload.body for payload in payloads])


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    return judge_by_status(response, payloads)


def converse(payload: Payload, settings: Settings) -> Conversation:
    yield from ()
    return Delivered()


def build(event: Event, fields: Document, settings: Settings) -> Payload:
    return Payload(fields)


def untyped(function: Any) -> Any:
    """What mypy would refuse: not every author asks it."""
    return function


ACTION = Action(name="do", on=("track",), endpoint="a", table=Table(()), build=build)


def make_plugin(
    *, endpoints: Sequence[str] = ("a",), actions: Sequence[tuple[str, str]] = (("do", "a"),), on: Any = ("track",)
) -> Plugin:
    return Plugin(
        slug="acme",
        name="Acme",
        settings=Settings,
        endpoints=tuple(BatchEndpoint(name=name, pack=pack, judge=judge) for name in endpoints),
        actions=tuple(
            Action(name=name, on=on, endpoint=place, table=Table(()), build=build) for name, place in actions
        ),
    )


def test_endpoints_are_found_by_name() -> None:
    assert make_plugin(endpoints=("a", "b")).endpoint("b").name == "b"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"actions": [("do", "b")]}, 'action "do" names no endpoint'),
        ({"endpoints": ["a", "a"]}, "two endpoints have one name"),
        ({"actions": [("do", "a"), ("do", "a")]}, "two actions have one name"),
        ({"on": ("trak",)}, r"action \"do\": on=\('trak',\), expected a tuple of identify, track, "),
        ({"on": ("track")}, "action \"do\": on='track', expected a tuple of identify, track, "),
    ],
    ids=["an endpoint that is not there", "an endpoint twice", "an action twice", "a call there is not", "no tuple"],
)
def test_a_contradiction_is_refused_and_names_the_plugin(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^plugin acme: {message}"):
        make_plugin(**given)


async def build_async(event: Event, fields: Document, settings: Settings) -> Payload:
    return Payload(fields)


async def converse_async(payload: Payload, settings: Settings) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"settings": object}, "settings=<class 'object'>, expected a subclass of PluginSettings"),
        ({"settings": Settings()}, "settings=Settings(base_url='', size=5), expected a subclass of PluginSettings"),
        (
            {"endpoints": BatchEndpoint(name="a", pack=pack, judge=judge)},
            "endpoints=BatchEndpoint(…), expected a tuple: (BatchEndpoint(…),)",
        ),
        ({"actions": ACTION}, "actions=Action(…), expected a tuple: (Action(…),)"),
        ({"aliases": "Acme CRM"}, "aliases=str(…), expected a tuple: (str(…),)"),
        ({"sandbox": "acme"}, "sandbox='acme', expected package.module:Class"),
        ({"actions": (replace(ACTION, table=untyped([])),)}, 'action "do": table is a list, expected a Table'),
        (
            {"actions": (replace(ACTION, build=untyped(lambda event: Payload({}))),)},
            'action "do": build takes (event), expected (event, fields, settings)',
        ),
        (
            {"actions": (replace(ACTION, table=untyped(lambda: Table(()))),)},
            'action "do": table takes (), expected (settings)',
        ),
        ({"actions": (replace(ACTION, build=untyped(None)),)}, 'action "do": build is a NoneType, expected a function'),
        (
            {"endpoints": (BatchEndpoint(name="a", pack=untyped(lambda payloads: None), judge=judge),)},
            'endpoint "a": pack takes (payloads), expected (payloads, settings)',
        ),
        (
            {"endpoints": (BatchEndpoint(name="a", pack=pack, judge=untyped(lambda response, settings: [])),)},
            'endpoint "a": judge takes (response, settings), expected (response, payloads, settings)',
        ),
        (
            {"endpoints": (ConversationEndpoint(name="a", converse=untyped(lambda payload: None)),)},
            'endpoint "a": converse takes (payload), expected (payload, settings)',
        ),
        (
            {"endpoints": (BatchEndpoint(name="a", pack=pack, judge=judge, credentials=untyped(lambda: ())),)},
            'endpoint "a": credentials takes (), expected (settings)',
        ),
        (
            {"actions": (replace(ACTION, build=untyped(build_async)),)},
            'action "do": build is an async function, expected a plain one: a plugin waits for nothing',
        ),
        (
            {"endpoints": (ConversationEndpoint(name="a", converse=untyped(converse_async)),)},
            'endpoint "a": converse is an async function, expected a plain one: a plugin waits for nothing',
        ),
        (
            {"credential_check": CredentialCheck(request=untyped(pack), endpoint="a")},
            "credential_check: request takes (payloads, settings), expected (settings)",
        ),
    ],
    ids=[
        "settings of another kind", "settings that are made", "one endpoint without its comma", "one action without its comma",
        "one alias without its comma", "a sandbox without its class", "rows without their table",
        "build", "table", "no build", "pack", "judge", "converse", "credentials", "async build", "async converse",
        "credential check",
    ],
)  # fmt: skip
def test_what_could_not_be_called_is_refused_at_import(given: dict[str, Any], message: str) -> None:
    """Not when the first event comes, of which it would make a dead letter."""
    declared: dict[str, Any] = {
        "settings": Settings,
        "endpoints": (BatchEndpoint(name="a", pack=pack, judge=judge),),
        "actions": (ACTION,),
    }

    with pytest.raises(ValueError, match=f"^{re.escape(f'plugin acme: {message}')}$"):
        Plugin(slug="acme", name="Acme", **{**declared, **given})


def test_a_function_may_have_names_and_defaults_of_its_own() -> None:
    @wraps(pack)
    def build_wrapped(*arguments: Any, more: int = 1) -> Payload:
        return Payload({})

    action = replace(ACTION, build=build_wrapped)
    endpoint = BatchEndpoint(
        name="a", pack=lambda *both: pack(*both), judge=judge, credentials=untyped(lambda _=None: ())
    )

    assert Plugin(slug="acme", name="Acme", settings=Settings, endpoints=(endpoint,), actions=(action,)).slug == "acme"


def test_a_table_may_depend_on_the_settings() -> None:
    tables = {1: Table(()), 2: Table(())}

    def table_of(settings: Settings) -> Table:
        return tables[settings.size]

    action = Action(name="do", on=("track",), endpoint="a", table=table_of, build=build)

    assert [action.table_for(Settings(size=size)) is tables[size] for size in (1, 2)] == [True, True]


@pytest.mark.parametrize(
    ("most", "wanted", "expected"), [(10, 5, 5), (10, 50, 10), (10, 0, 1), (10, -3, 1), (10, None, 10)]
)
def test_the_operator_may_want_fewer_events_in_a_batch_but_not_more(
    most: int, wanted: int | None, expected: int
) -> None:
    batch_size = None if wanted is None else (lambda settings: wanted)
    endpoint = BatchEndpoint(name="a", pack=pack, judge=judge, max_events=most, batch_size=batch_size)

    assert endpoint.for_settings(Settings()).max_events == expected


def test_a_conversation_has_no_batches_to_size() -> None:
    endpoint = ConversationEndpoint(name="a", converse=converse)

    assert endpoint.for_settings(Settings()) is endpoint


def test_how_large_a_request_may_be_may_depend_on_the_settings() -> None:
    endpoint = BatchEndpoint(
        name="a",
        pack=pack,
        judge=judge,
        max_bytes=9,
        max_payload_bytes=9,
        byte_limits=lambda settings: (100 * settings.size, settings.size),
    ).for_settings(Settings())

    assert (endpoint.max_bytes, endpoint.max_payload_bytes) == (500, 5)


@pytest.mark.parametrize(
    "endpoint",
    [
        BatchEndpoint(name="a", pack=pack, judge=judge, rate_limit_per_s=9, rate_limit=lambda settings: settings.size),
        ConversationEndpoint(
            name="a", converse=converse, rate_limit_per_s=9, rate_limit=lambda settings: settings.size
        ),
    ],
    ids=["batches", "conversations"],
)
def test_the_rate_may_depend_on_the_settings(endpoint: BatchEndpoint | ConversationEndpoint) -> None:
    assert endpoint.for_settings(Settings()).rate_limit_per_s == 5
    assert endpoint.for_settings(Settings(size=2)).rate_limit_per_s == 2


@pytest.mark.parametrize(
    ("json", "path", "expected"),
    [
        ({"a": 1}, ["token"], {"a": 1, "token": "t"}),
        ({"p": {"a": 1}}, ["p", "token"], {"p": {"a": 1, "token": "t"}}),
        ({"p": None}, ["p", "token"], {"p": {"token": "t"}}),
        ([{"a": 1}, {"b": 2}], ["token"], [{"a": 1, "token": "t"}, {"b": 2, "token": "t"}]),
        ("text", ["token"], "text"),
    ],
    ids=["an object", "nested", "nothing there", "each of a list", "neither"],
)
def test_a_field_of_the_body_is_added_to_a_copy(json: Any, path: list[str], expected: Any) -> None:
    before = repr(json)

    assert with_field(json, path, "t") == expected
    assert repr(json) == before


def test_a_field_is_added_to_bodies_that_are_written_already() -> None:
    written = [orjson.Fragment(b'{"a":1}'), orjson.Fragment(b'{"b":2}')]

    assert with_field(written, ["token"], "t") == [{"a": 1, "token": "t"}, {"b": 2, "token": "t"}]


@pytest.mark.parametrize("size", [1, 5])
def test_whether_bodies_are_opaque_may_depend_on_the_settings(size: int) -> None:
    endpoint = BatchEndpoint(name="a", pack=pack, judge=judge, are_bodies_opaque=lambda settings: settings.size == 5)

    assert endpoint.for_settings(Settings(size=size)).are_bodies_opaque is (size == 5)
