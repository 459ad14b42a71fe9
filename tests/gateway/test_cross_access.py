"""Row 48 of the battery in facts/reliability.md: a key opens its own source and nothing else, on every route, and how long a
refusal takes says nothing of the keys there are."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

from router.gateway import Limits, Source, routes
from router.gateway.authentication import Keyring
from router.gateway.refusal import Refused
from tests.gateway.harness import KEY, Harness, basic

OTHER = "key-of-app"
REVOKED = "key-of-yesterday"
SOURCES = {"website": Source([KEY, REVOKED]), "app": Source([OTHER], origins=frozenset({"https://app.example.com"}))}
CALL = {"userId": "u1", "groupId": "g1", "previousId": "a1", "event": "e"}
WRONG = [
    pytest.param("", id="none"),
    pytest.param("wrong", id="wrong"),
    pytest.param(KEY[:-1], id="cut"),
    pytest.param(f"{KEY}x", id="longer"),
    pytest.param(f" {KEY}", id="with a blank"),
    pytest.param("website", id="the name of a source"),
    pytest.param(REVOKED, id="revoked"),
    pytest.param(f"{KEY},{OTHER}", id="two of them"),
    pytest.param("*", id="all"),
]


def body(path: str) -> dict[str, Any]:
    return {"batch": [CALL | {"type": "page"}]} if path in routes.BATCHES else CALL


@pytest.mark.parametrize("key", WRONG)
async def test_row_48_a_wrong_key_opens_nothing(key: str) -> None:
    async with Harness(sources=SOURCES) as harness:
        harness.gateway.configure({**SOURCES, "website": Source([KEY])}, Limits())
        for path in (*routes.SINGLES, *routes.BATCHES):
            assert (await harness.post(path, body(path), key=key)).status == 401, path
            assert (await harness.post(f"{path}?writeKey={key}", body(path), key="")).status == 401, path
            assert (await harness.post(path, body(path) | {"writeKey": key}, key="")).status == 401, path
        settings = await harness.ask("GET", f"/v1/projects/{key or '-'}/settings", key="")
        config = await harness.ask("GET", f"/sourceConfig?writeKey={key}", key="")

    assert (settings.status, config.status) == (404, 404 if key else 401)
    assert harness.log.appends == []


async def test_row_48_a_key_opens_its_own_source_whatever_the_request_says_of_others() -> None:
    async with Harness(sources=SOURCES) as harness:
        for path in (*routes.SINGLES, *routes.BATCHES):
            claims = {"writeKey": KEY, "source": "website", "context": {"source": "website"}}
            answer = await harness.post(f"{path}?writeKey={KEY}", body(path) | claims, key=OTHER)

            assert answer.status == 200, path

    assert {entry.source for entry in harness.log.entries} == {"app"}


async def test_row_48_nor_are_the_pages_of_one_source_those_of_another() -> None:
    page = {"Origin": "https://app.example.com"}
    async with Harness(sources={**SOURCES, "website": Source([KEY], origins=frozenset())}) as harness:
        own = await harness.post("/v1/page", CALL, key=OTHER, headers=page)
        others = await harness.post("/v1/page", CALL, key=KEY, headers=page)

    assert (own.status, others.status) == (200, 403)


@pytest.mark.parametrize("path", ["/metrics", "/status", "/reload", "/dead-letters", "/trace", "/sandbox", "/admin"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_row_48_a_write_key_reads_and_operates_nothing(harness: Harness, method: str, path: str) -> None:
    assert (await harness.ask(method, path)).status == 404


def refusal_s(keyring: Keyring, key: str) -> float:
    start = time.thread_time()
    with pytest.raises(Refused):
        keyring.find([key])
    return time.thread_time() - start


def test_row_48_how_long_a_refusal_takes_does_not_say_how_near_the_key_was() -> None:
    """99 of 100 within a millisecond of our own time; what is looked up is a digest, so that there is no near."""
    key = "c" + "0123456789abcdef" * 4
    keyring = Keyring({f"source {number}": Source([f"{key}{number}"]) for number in range(1_000)})
    guesses = {"far": "x" * len(key), "near": f"{key}x", "short": "x"}
    times: dict[str, list[float]] = {name: [] for name in guesses}
    for _ in range(2_000):
        for name, guess in guesses.items():
            times[name].append(refusal_s(keyring, guess))

    p99 = {name: statistics.quantiles(taken, n=100)[98] for name, taken in times.items()}
    assert max(p99.values()) - min(p99.values()) < 0.001, p99


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
async def test_row_48_a_key_that_is_no_text_is_no_key(harness: Harness, scheme: str) -> None:
    for credentials in (b"\xff\xfe", b"\0", b"a" * 5_000, KEY.encode("utf-16")):
        header = basic(credentials.decode("latin-1")) if scheme == "Basic" else f"Bearer {credentials[:100]!r}"
        answer = await harness.post("/v1/page", CALL, key="", headers={"Authorization": header})

        assert answer.status == 401
