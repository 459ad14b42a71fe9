"""Promise 7 where a plugin talks: wherever it puts a secret of its destination, stars are told, logged and stored instead."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from structlog.testing import capture_logs

from router.destination import Destination
from router.explain import explain
from router.guard import MAX_TEXT, PluginFailed
from router.plugin import (
    Action,
    Again,
    Basic,
    Blocked,
    ConversationEndpoint,
    Custom,
    Dead,
    Delivered,
    Endpoint,
    Later,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Skip,
    Split,
    Step,
    Table,
    UnreadableAnswer,
    build_url,
)
from router.plugin_calls import PluginCalls
from tests.delivery.harness import Harness, MemoryLog, batches

CANARY = "canary/of the test"
"""No other text holds its first word."""
SAID = f"key {CANARY} is wrong"
URL = "https://vendor.test/events"


class Account(BaseModel):
    key: SecretStr = SecretStr("inner-secret")


class Settings(PluginSettings):
    token: SecretStr = Field(SecretStr(CANARY), description="The token.")
    user: str = Field("robot", description="Who it is of.")
    pin: SecretStr = Field(SecretStr("a"), description="Short.")
    number: SecretStr = Field(SecretStr("1234567890"), description="A plain number.")
    raw: SecretBytes = Field(SecretBytes(b"raw-secret"), description="Bytes.")
    accounts: dict[str, list[Account]] = Field(default={"a": [Account()]}, description="Nested.")

    def vendor_url(self) -> str:
        return "https://vendor.test"


def credentials(settings: Any) -> list[Basic]:
    return [Basic(SecretStr(settings.user), settings.token)]


def _build(event: Any, fields: Any, settings: Any) -> Payload:
    return Payload({"id": event.message_id}, key=event.message_id)


def one(endpoint: Endpoint, build: Callable[..., Any] = _build, **options: Any) -> Destination:
    action = Action(
        name="send",
        on=("track",),
        endpoint=endpoint.name,
        table=options.pop("table", Table(())),
        build=build,
        **options,
    )
    plugin = Plugin(slug="fake", name="Fake", settings=Settings, endpoints=(endpoint,), actions=(action,))
    return Destination("fake", plugin, Settings())


def building(build: Callable[..., Any]) -> Destination:
    return one(batches(), build)


def packing(pack: Callable[..., Any]) -> Destination:
    return one(batches(pack=pack))


def judging(*verdicts: Any) -> Destination:
    """The last verdict is that on all further answers."""
    said = chain(verdicts, repeat(verdicts[-1]))
    return one(batches(judge=lambda *_: _raised(next(said))))


def conversing(end: Any) -> Destination:
    def converse(payload: Payload, settings: Any) -> Any:
        try:
            yield Step(Request("POST", URL, []), Response(200))
        except GeneratorExit:
            raise ValueError(SAID) from None
        return _raised(end)

    return one(ConversationEndpoint(name="talks", converse=converse))


def _raised(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def _raise(*_: Any) -> Any:
    raise ValueError(SAID)


WORDS = {
    "build raises": building(_raise),
    "build returns": building(lambda *_: [SAID]),
    "build skips": building(lambda *_: Skip(SAID)),
    "build notes": building(lambda *_: Payload({"id": 1}, notes=(SAID,))),
    "a converter raises": one(batches(), table=Table((), custom=(Custom("properties", convert=_raise),))),
    "a mark is missed out": one(batches(), historical=lambda settings: Skip(SAID)),
    "pack raises": packing(_raise),
    "pack returns": packing(lambda *_: SAID),
    "a request to elsewhere": packing(lambda *_: Request("POST", "https://canary%2Fof%20the%20test.test/", [])),
    "judge raises": judging(ValueError(SAID)),
    "judge can't read": judging(UnreadableAnswer(SAID)),
    "dead": judging([Dead(SAID)]),
    "later": judging([Later(SAID, 1.0)]),
    "an outage": judging([Later(SAID, 1.0, is_outage=True)]),
    "split": judging(Split(SAID)),
    "blocked": judging(Blocked(SAID)),
    "warnings": judging([Delivered(warnings=(SAID,))]),
    "an odd warning": judging([Delivered(warnings=SAID)]),  # type: ignore[arg-type]
    "notes of another payload": judging([Again(Payload({"id": 2}, notes=(SAID,)))], [Delivered()]),
    "converse raises": conversing(ValueError(SAID)),
    "converse can't read": conversing(UnreadableAnswer(SAID)),
    "a last word": conversing(Dead(SAID)),
    "a last word of all": conversing(Blocked(SAID)),
}


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


@pytest.mark.parametrize("destination", [pytest.param(each, id=id) for id, each in WORDS.items()])
async def test_promise_7_whatever_a_plugin_says_no_secret_is_logged_or_stored(
    harness: Harness, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.guard.MARK.thread", threading.get_ident())
    harness.destination = destination
    harness.log.add("u1", properties={"a": 1})
    with capture_logs() as logs:
        await harness.open()
        await harness.until(
            lambda: (
                harness.books.pending == 0
                or harness.worker.ledger.parked_events > 0
                or harness.worker.state[0] != "going"
            )
        )
        state = harness.worker.state
        await harness.close()

    stored = b"".join(path.read_bytes() for path in harness.directory.iterdir())
    assert b"canary" not in stored
    assert "canary" not in f"{state} {logs}"


@pytest.mark.parametrize("destination", [pytest.param(each, id=id) for id, each in WORDS.items()])
def test_promise_7_nor_explained(destination: Destination) -> None:
    log = MemoryLog()
    log.add("u1", properties={"a": 1})

    for age_s in (None, 9.0):
        assert "canary" not in str(explain(log.events[0], [destination], historical_age_s=age_s))


def test_promise_7_a_secret_that_a_plugin_sends_by_itself_is_not_explained() -> None:
    """Instead of declaring it as a credential, which the core adds last."""

    def pack(payloads: Any, settings: Any) -> Request:
        token = settings.token.get_secret_value()
        return Request("POST", build_url(URL, token), [{"a": {token: [token, 7]}}], {"X-Key": token})

    log = MemoryLog()
    log.add("u1")

    [entry] = explain(log.events[0], [packing(pack)])["destinations"]

    [request] = entry["requests"]
    assert request["url"] == f"{URL}/********"
    assert request["headers"]["X-Key"] == "********"
    assert request["body"] == [{"a": {"********": ["********", 7]}}]


def test_explain_hides_no_word_of_the_event_or_of_the_core_because_it_is_a_secret_too() -> None:
    """An operator's `X-Environment: production` made stars of every event in production."""

    def build(event: Any, fields: Any, settings: Any) -> Payload:
        return Payload({**event.properties, "own": "application/json production"})

    endpoint = batches(pack=lambda payloads, _: Request("POST", URL, payloads[0].body))
    destination = one(endpoint, build)
    secrets = {"a": [Account(key=SecretStr("production")), Account(key=SecretStr("application/json"))]}
    destination = replace(destination, settings=Settings(accounts=secrets))
    log = MemoryLog()
    log.add("u1", properties={"environment": "production", "production": [{"a": "production"}]})

    [entry] = explain(log.events[0], [destination])["destinations"]

    [request] = entry["requests"]
    assert request["headers"] == {"Content-Type": "application/json"}
    assert request["body"] == {
        "environment": "production",
        "production": [{"a": "production"}],
        "own": "******** ********",
    }


TOLD = {
    "as it is": (f"({CANARY})", "(********)"),
    "quoted": (repr(CANARY), "'********'"),
    "in an address": ("canary%2Fof%20the%20test", "********"),
    "in a form": ("canary%2Fof+the+test", "********"),
    "in JSON": (r"canary\/of the test", "********"),
    "in a header": (b64encode(f"robot:{CANARY}".encode()).decode(), "********"),
    "bytes": ("raw-secret", "********"),
    "nested": ("inner-secret", "********"),
    "short": ("a cat", "a cat"),
    "a plain number": ("1234567890", "1234567890"),
    "half a character": (f"\ud800{CANARY}", "\ud800********"),
    "at the cut": ("x" * (MAX_TEXT - 4) + CANARY, "x" * (MAX_TEXT - 4) + "****"),
}


@pytest.mark.parametrize(("said", "told"), [pytest.param(*row, id=id) for id, row in TOLD.items()])
def test_secrets_are_found_in_every_spelling(said: str, told: str) -> None:
    """Short ones stay, and plain numbers: words may hold them by chance."""
    endpoint = batches(judge=lambda *_: [Dead(said)], credentials=credentials)
    calls = PluginCalls("fake", one(endpoint).plugin, Settings())
    calls.credentials(endpoint)

    assert calls.judge(endpoint, Response(400), [Payload({})]) == [Dead(told)]


def test_of_a_long_secret_not_even_a_part_is_shown() -> None:
    """What a plugin returns by mistake is quoted; the beginning of a token would not be known for a secret."""
    token = "canary-" * 30
    endpoint = batches(pack=lambda payloads, settings: settings.token.get_secret_value())
    calls = PluginCalls("fake", one(endpoint).plugin, Settings(token=SecretStr(token)))

    with pytest.raises(PluginFailed, match=r"pack gave str of 210 characters, expected a Request$"):
        calls.pack(endpoint, [Payload({})])


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it() -> None:
    settings = Settings(raw=SecretBytes(b"a-long-secret"), token=SecretStr("a-long-secret-eu1"))
    calls = PluginCalls("fake", building(_build).plugin, settings)

    assert calls.guard.tell("got a-long-secret-eu1, not a-long-secret") == "got ********, not ********"
