"""The HTTP layer with its network replaced: what is asked of it, what comes back, and what each failure is called."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import CallbackResult, aioresponses
from pydantic import SecretStr
from yarl import URL

from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.http_send import HttpSend
from router.delivery.sending.send import CredentialsRefused, NoToken, SendFailed
from router.origin import UrlTooLong, check_url
from router.plugin import Bearer, Credential, HeaderKey, OAuth2, PathKey, QueryKey, Request, Response
from tests.delivery.harness import FastClock

ORIGIN = "https://vendor.test"
EVENTS = f"{ORIGIN}/events"
TOKENS = "https://login.test/token"
CANARY = "canary-of-the-test"
OAUTH = OAuth2(TOKENS, SecretStr("client"), SecretStr(CANARY), scope="events")


class Answer(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not know the argument that aiohttp 3.14 added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=SimpleNamespace(output_size=0), **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def web() -> Iterator[aioresponses]:
    with aioresponses() as web:
        yield web


class SetClock(FastClock):
    """A clock that shows what it is set to."""

    time_s = 0.0

    def monotonic(self) -> float:
        return self.time_s


@pytest.fixture
async def sender() -> AsyncIterator[HttpSend]:
    sender = HttpSend((ORIGIN,), 10.0, 5, SetClock())
    yield sender
    await sender.close()


def answer(web: aioresponses, url: str = EVENTS, **options: Any) -> None:
    web.post(url, response_class=Answer, **options)


def calls(web: aioresponses, url: str = EVENTS) -> list[Any]:
    return list(web.requests.get(("POST", URL(url)), []))


async def send(sender: HttpSend, *credentials: Credential, url: str = EVENTS, json: Any = None) -> Response:
    return await sender.send(Request("POST", url, json), credentials, "id-7")


async def test_the_answer_comes_back_with_its_headers_in_lower_case(web: aioresponses, sender: HttpSend) -> None:
    answer(web, status=429, body=b"slow down", headers={"Retry-After": "7"}, content_type="text/plain")

    response = await send(sender, json={"a": 1})

    assert (response.status, response.body) == (429, b"slow down")
    assert response.headers == {"retry-after": "7", "content-type": "text/plain"}


async def test_the_body_is_sent_as_its_json_with_the_credentials(web: aioresponses, sender: HttpSend) -> None:
    answer(web)

    await send(sender, Bearer(SecretStr("t")), json=[{"a": "ü"}])

    [call] = calls(web)
    assert call.kwargs["data"] == '[{"a":"ü"}]'.encode()
    assert call.kwargs["headers"] == {
        "Authorization": "Bearer t",
        "Content-Type": "application/json",
        "User-Agent": "trait-router/1",
    }


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
async def test_a_request_has_one_content_type_the_plugins_own(name: str) -> None:
    request = Request("POST", ORIGIN, [1], {name: "application/vnd.api+json"})

    _, headers, _ = add_credentials(request, (), {}, "id", 0)

    assert headers == {name: "application/vnd.api+json"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_promise_10_a_redirect_is_an_answer_and_not_followed(
    web: aioresponses, sender: HttpSend, status: int
) -> None:
    answer(web, status=status, headers={"Location": "https://evil.test/"})
    answer(web, "https://evil.test/")

    response = await send(sender)

    assert response.status == status
    assert calls(web, "https://evil.test/") == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(aiohttp.ClientConnectionError(), "ClientConnectionError", id="connection"),
        pytest.param(aiohttp.ServerDisconnectedError(), "closed without an answer", id="hung up"),
        pytest.param(aiohttp.ClientPayloadError(f"at {CANARY}"), "the answer is cut short", id="cut answer"),
        pytest.param(
            aiohttp.ClientResponseError(SimpleNamespace(real_url=CANARY), ()),  # type: ignore[arg-type]
            "is no HTTP that can be read",
            id="garbled answer",
        ),
        pytest.param(ConnectionResetError("reset by peer"), "reset by peer", id="reset"),
        pytest.param(OSError("too many open files"), "too many open files", id="no more files"),
        pytest.param(TimeoutError(), "no answer within 10 s", id="time is up"),
        pytest.param(aiohttp.ServerTimeoutError(), "no answer within 10 s", id="time is up for aiohttp"),
        pytest.param(RuntimeError("can't start new thread"), "RuntimeError", id="no thread to resolve a name in"),
    ],
)
@pytest.mark.parametrize(
    ("key", "url"),
    [
        pytest.param(QueryKey("key", SecretStr(CANARY)), f"{EVENTS}?key={CANARY}", id="key in the query"),
        pytest.param(PathKey(SecretStr(CANARY)), f"{EVENTS}/{CANARY}", id="key in the path"),
    ],
)
async def test_no_answer_is_worth_another_try_whatever_the_reason(
    web: aioresponses,
    sender: HttpSend,
    error: Exception,
    text: str,
    key: Credential,
    url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer(web, url, exception=error)

    with pytest.raises(SendFailed) as raised:
        await send(sender, key)

    assert text in str(raised.value)
    assert CANARY not in str(raised.value) + caplog.text, "promise 7"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__, "nor does a traceback show what the client said"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://evil.test/events", id="another host"),
        pytest.param("http://vendor.test/events", id="another scheme"),
        pytest.param("https://vendor.test:8443/events", id="another port"),
        pytest.param("https://vendor.test.evil.test/events", id="a longer host"),
        pytest.param("https://vendor.test@evil.test/events", id="the host as a user"),
        pytest.param("https://me@vendor.test/events", id="a user before the host"),
        pytest.param("https://vendor.test\\@evil.test/", id="a backslash"),
        pytest.param("https://vendor.test\n.evil.test/", id="a line break in the host"),
        pytest.param("//evil.test/events", id="no scheme"),
        pytest.param("/events", id="no host"),
        pytest.param("", id="nothing"),
    ],
)
async def test_promise_10_a_request_goes_to_the_host_of_the_settings_only(
    web: aioresponses, sender: HttpSend, url: str
) -> None:
    with pytest.raises(ValueError, match=r"may only go to|control character|Invalid URL") as raised:
        await send(sender, PathKey(SecretStr(CANARY)), url=url)

    assert not web.requests
    assert CANARY not in str(raised.value), "promise 7"


async def test_a_key_in_the_path_is_sent_and_an_answer_that_repeats_it_is_masked(
    web: aioresponses, sender: HttpSend
) -> None:
    answer(web, f"{EVENTS}/T0/B0/{CANARY}", status=404, body=f"no such path: /events/T0/B0/{CANARY} ({CANARY})")

    response = await send(sender, PathKey(SecretStr(f"T0/B0/{CANARY}")))

    assert (response.status, response.text) == (404, "no such path: /events/******** (********)")


TWO = (ORIGIN, "https://track.test")


@pytest.mark.parametrize("url", [EVENTS, "https://track.test/event"])
async def test_promise_10_or_to_one_that_an_endpoint_declares(web: aioresponses, url: str) -> None:
    sender = HttpSend(TWO, 10.0, 5, SetClock())
    answer(web, url)

    assert (await send(sender, url=url)).status == 200
    await sender.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://evil.test/event", id="a third"),
        pytest.param("http://track.test/event", id="another scheme"),
        pytest.param("https://track.test:8443/event", id="another port"),
        pytest.param("https://track.test.evil.test/event", id="a longer host"),
        pytest.param("https://vendor.test@track.test/event", id="one as the other's user"),
        pytest.param("https://track.test\\@evil.test/", id="a backslash"),
    ],
)
def test_promise_10_and_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match=r"may only go to https://vendor\.test or https://track\.test|Invalid URL"):
        check_url(url, TWO)


@pytest.mark.parametrize(
    "path",
    ["/u/a b", "/u/a\r\nX-Evil: 1", "/u/a\tb", "/u/a\x00", "/u/a\x7f"],
    ids=["blank", "CRLF", "tab", "NUL", "DEL"],
)
def test_promise_10_an_id_that_was_not_encoded_can_not_break_out_of_its_line(path: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        check_url(ORIGIN + path, (ORIGIN,))


@pytest.mark.parametrize("path", ["", "/", "/u/%2F..%2F", "/u/@me:80", "/?next=https://evil.test/", "/#frag", "/ü"])
def test_what_stays_on_the_host_is_fine(path: str) -> None:
    check_url(ORIGIN + path, (ORIGIN,))


async def test_promise_8_a_url_that_no_server_takes_is_not_sent(web: aioresponses, sender: HttpSend) -> None:
    """Long ids were in hundreds of URLs that were kept: 500 MB, for good."""
    answer(web, ORIGIN + "/u/" + "a" * 60_000)

    sent = await send(sender, url=ORIGIN + "/u/" + "a" * 60_000)

    assert sent.status == 200
    with pytest.raises(UrlTooLong, match="more than 65536 characters"):
        await send(sender, url=ORIGIN + "/u/" + "a" * 66_000)


# --- OAuth 2 ---


def grant(web: aioresponses, token: str = "token-1", **options: Any) -> None:
    answer(web, TOKENS, payload={"access_token": token, "token_type": "bearer"} | options)


async def test_a_token_is_fetched_once_and_kept(web: aioresponses, sender: HttpSend) -> None:
    """RFC 6749 section 4.4.2: a form, the client known by HTTP Basic."""
    grant(web, expires_in=3_600)
    answer(web, repeat=True)

    await send(sender, OAUTH)
    await send(sender, OAUTH)

    [fetch] = calls(web, TOKENS)
    assert fetch.kwargs["data"] == b"grant_type=client_credentials&scope=events"
    assert fetch.kwargs["headers"] == {
        "Authorization": "Basic " + b64encode(f"client:{CANARY}".encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "trait-router/1",
    }
    assert [call.kwargs["headers"]["Authorization"] for call in calls(web)] == ["Bearer token-1"] * 2


async def test_a_token_is_fetched_anew_before_it_expires(web: aioresponses) -> None:
    clock = SetClock()
    sender = HttpSend((ORIGIN,), 10.0, 5, clock)
    answer(web, repeat=True)
    for token, clock.time_s in [("token-1", 0.0), ("token-2", 69.0), ("token-3", 71.0)]:
        grant(web, token, expires_in=100)
        await send(sender, OAUTH)
    await sender.close()

    assert [call.kwargs["headers"]["Authorization"] for call in calls(web)] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_lanes_that_find_no_token_at_the_same_moment_fetch_one(web: aioresponses, sender: HttpSend) -> None:
    grant(web)
    grant(web, "token-2")
    answer(web, repeat=True)

    await asyncio.gather(*(send(sender, OAUTH) for _ in range(5)))

    assert len(calls(web, TOKENS)) == 1


async def test_a_token_that_was_revoked_is_replaced_and_the_request_sent_once_more(
    web: aioresponses, sender: HttpSend
) -> None:
    grant(web)
    grant(web, "token-2")
    answer(web, status=401)
    answer(web, status=200)

    response = await send(sender, OAUTH)

    assert response.status == 200
    assert [call.kwargs["headers"]["Authorization"] for call in calls(web)] == ["Bearer token-1", "Bearer token-2"]


async def test_a_request_refused_with_a_fresh_token_too_is_refused(web: aioresponses, sender: HttpSend) -> None:
    grant(web)
    grant(web, "token-2")
    answer(web, status=401, repeat=True)

    assert (await send(sender, OAUTH)).status == 401
    assert len(calls(web)) == 2


async def test_without_oauth_a_401_is_an_answer_like_any_other(web: aioresponses, sender: HttpSend) -> None:
    answer(web, status=401)

    assert (await send(sender, Bearer(SecretStr("t")))).status == 401
    assert len(calls(web)) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_credentials_that_the_token_address_refuses_block(
    web: aioresponses, sender: HttpSend, status: int
) -> None:
    """RFC 6749 section 5.2. Were it a failure like others, events would die of it once their retry window is over."""
    answer(web, TOKENS, status=status, body=CANARY)

    with pytest.raises(CredentialsRefused, match=str(status)) as raised:
        await send(sender, OAUTH)

    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"status": 503}, id="unwell"),
        pytest.param({"status": 302, "headers": {"Location": "https://evil.test/"}}, id="elsewhere"),
        pytest.param({"body": b"<html>"}, id="no JSON"),
        pytest.param({"payload": []}, id="no object"),
        pytest.param({"payload": {"token_type": "bearer"}}, id="no token"),
        pytest.param({"payload": {"access_token": None}}, id="an empty token"),
        pytest.param({"payload": {"access_token": "t", "expires_in": "soon"}}, id="no number"),
        pytest.param({"exception": aiohttp.ClientConnectionError()}, id="no answer"),
    ],
)
async def test_a_token_address_that_is_unwell_is_worth_another_try(
    web: aioresponses, sender: HttpSend, options: dict[str, Any]
) -> None:
    answer(web, TOKENS, **options)

    with pytest.raises(SendFailed) as raised:
        await send(sender, OAUTH)

    assert not isinstance(raised.value, CredentialsRefused)
    assert calls(web) == []


async def test_how_long_a_token_address_asks_to_wait_is_known(web: aioresponses, sender: HttpSend) -> None:
    answer(web, TOKENS, status=429, headers={"Retry-After": "120"})

    with pytest.raises(NoToken) as raised:
        await send(sender, OAUTH)

    assert (raised.value.answer.status, raised.value.answer.headers["retry-after"]) == (429, "120")


async def test_a_token_address_that_is_no_url_blocks(sender: HttpSend) -> None:
    with pytest.raises(CredentialsRefused, match="not a valid URL"):
        await send(sender, OAuth2("nonsense", SecretStr("client"), SecretStr("word")))


@pytest.mark.parametrize(
    ("more", "form"),
    [
        pytest.param(
            {"client_in_body": True},
            "grant_type=client_credentials&client_id=c%26d&client_secret=" + CANARY,
            id="client",
        ),
        pytest.param(
            {"refresh_token": SecretStr("r"), "client_in_body": True},
            "grant_type=refresh_token&refresh_token=r&client_id=c%26d&client_secret=" + CANARY,
            id="refresh token",
        ),
        pytest.param(
            {"refresh_token": SecretStr("r")}, "grant_type=refresh_token&refresh_token=r", id="client in the header"
        ),
    ],
)
async def test_a_token_is_asked_for_as_the_vendor_wants_it(
    web: aioresponses, sender: HttpSend, more: dict[str, Any], form: str
) -> None:
    grant(web)
    answer(web)

    await send(sender, OAuth2(TOKENS, SecretStr("c&d"), SecretStr(CANARY), **more))

    [fetch] = calls(web, TOKENS)
    assert fetch.kwargs["data"] == form.encode()
    assert ("Authorization" in fetch.kwargs["headers"]) != more.get("client_in_body", False)


NAMING = OAuth2(
    TOKENS, SecretStr("client"), SecretStr(CANARY), host_field="place", host_suffixes=(".vendor.test", ".v.test")
)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        pytest.param("https://na7.vendor.test", "https://na7.vendor.test/events", id="a host of the suffix"),
        pytest.param("https://NA7.Eu.v.test/", "https://na7.eu.v.test/events", id="of another one, with a slash"),
        pytest.param(ORIGIN, EVENTS, id="the destination's own"),
    ],
)
async def test_requests_go_where_the_token_answer_says(
    web: aioresponses, sender: HttpSend, place: str, url: str
) -> None:
    grant(web, place=place)
    answer(web, url, repeat=True)

    for _ in range(2):
        assert (await send(sender, NAMING)).status == 200

    assert len(calls(web, url)) == 2
    assert len(calls(web, TOKENS)) == 1


async def test_what_goes_to_a_declared_host_is_not_moved_by_a_token_answer(web: aioresponses) -> None:
    sender = HttpSend(TWO, 10.0, 5, SetClock())
    grant(web, place="https://na7.vendor.test")
    answer(web, "https://track.test/event")

    await send(sender, NAMING, url="https://track.test/event")

    assert len(calls(web, "https://track.test/event")) == 1
    await sender.close()


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("https://evil.test", id="elsewhere"),
        pytest.param("https://evilvendor.test", id="the suffix without its dot"),
        pytest.param("https://vendor.test.evil.test", id="the suffix in front"),
        pytest.param("https://evil.test/.vendor.test", id="the suffix in the path"),
        pytest.param("https://evil.test#.vendor.test", id="the suffix in a fragment"),
        pytest.param("https://evil.test?.vendor.test", id="the suffix in a query"),
        pytest.param("https://na7.vendor.test@evil.test", id="a user in front"),
        pytest.param("https://evil.test\\.vendor.test", id="a backslash"),
        pytest.param("https://na7.vendor.test:8443", id="a port"),
        pytest.param("https://na7.vendor.test/path", id="a path"),
        pytest.param("https://na7.vendor.test\n", id="a line break"),
        pytest.param("https://.vendor.test", id="nothing before the suffix"),
        pytest.param("http://na7.vendor.test", id="not encrypted"),
        pytest.param("https://127.0.0.1", id="this machine"),
        pytest.param("na7.vendor.test", id="no address"),
        pytest.param(f"https://{CANARY}@x", id="a secret"),
        pytest.param(["https://na7.vendor.test"], id="a list"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_promise_10_a_token_answer_that_names_another_host_blocks(
    web: aioresponses, sender: HttpSend, place: Any
) -> None:
    """Neither the token nor an event may get there."""
    grant(web, place=place)
    grant(web, place=place)

    for _ in range(2):
        with pytest.raises(
            CredentialsRefused, match=r"place of the token answer.*\.vendor\.test or \.v\.test"
        ) as raised:
            await send(sender, NAMING)
        assert CANARY not in str(raised.value)

    assert {url for _, url in web.requests} == {URL(TOKENS)}


async def test_a_fresh_token_may_name_another_host_and_may_not_lie(web: aioresponses, sender: HttpSend) -> None:
    grant(web, place="https://na7.vendor.test")
    grant(web, "token-2", place="https://na8.vendor.test")
    grant(web, "token-3", place="https://evil.test")
    answer(web, "https://na7.vendor.test/events", status=401)
    answer(web, "https://na8.vendor.test/events", status=200)
    answer(web, "https://na8.vendor.test/events", status=401)

    assert (await send(sender, NAMING)).status == 200
    with pytest.raises(CredentialsRefused, match="evil"):
        await send(sender, NAMING)

    [moved, last] = calls(web, "https://na8.vendor.test/events")
    assert [each.kwargs["headers"]["Authorization"] for each in (moved, last)] == ["Bearer token-2"] * 2


async def test_without_a_field_that_names_it_no_answer_moves_a_request(web: aioresponses, sender: HttpSend) -> None:
    grant(web, place="https://na7.vendor.test")
    answer(web)

    assert (await send(sender, OAUTH)).status == 200


async def test_promise_7_an_answer_that_quotes_the_secret_comes_back_without(
    web: aioresponses, sender: HttpSend
) -> None:
    def echo(url: URL, **kwargs: Any) -> CallbackResult:
        return CallbackResult(status=400, body=str(kwargs["headers"]), response_class=Answer)

    web.post(EVENTS, callback=echo)

    response = await send(sender, HeaderKey("X-Key", SecretStr(CANARY)))

    assert "X-Key" in response.text
    assert CANARY not in response.text
