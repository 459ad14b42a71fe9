"""The HTTP layer against real sockets: what is really on the wire, and answers that never end."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from router.clock import SystemClock
from router.delivery.sending.http_send import MAX_ANSWER_BYTES, HttpSend
from router.delivery.sending.send import ConnectTimedOut, ReadTimedOut, SendFailed
from router.plugin import Bearer, QueryKey, Request, Response, build_url

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def vendor(handler: Handler, timeout_s: float = 5.0) -> AsyncIterator[tuple[HttpSend, str]]:
    """A real server on loopback, and what sends to it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        origin = str(server.make_url("")).rstrip("/")
        sender = HttpSend((origin,), timeout_s, 2, SystemClock())
        try:
            yield sender, origin
        finally:
            await sender.close()


@asynccontextmanager
async def raw_vendor(
    answer: bytes, ends: bool = True, timeout_s: float = 20.0
) -> AsyncIterator[tuple[HttpSend, str, list[bytes]]]:
    """A server that answers these bytes whatever it is asked, and keeps what it was sent."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if ends:
            writer.close()
        else:
            await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sender = HttpSend((origin,), timeout_s, 2, SystemClock())
    try:
        yield sender, origin, asked
    finally:
        await sender.close()
        server.close()


def let_connect_slowly(sender: HttpSend) -> None:
    """Give the connection all the time of a request: where that is short, a machine that stands still for a moment would pass
    for a vendor to whom there is no connection."""
    sender._timeout = aiohttp.ClientTimeout(total=sender._timeout.total)


@pytest.mark.parametrize(
    ("id", "encoded"),
    [
        pytest.param("ada", "ada", id="plain"),
        pytest.param("a/b", "a%2Fb", id="a slash"),
        pytest.param("../admin", "..%2Fadmin", id="up"),
        pytest.param("..", "%2E%2E", id="dots alone"),
        pytest.param("a?b#c", "a%3Fb%23c", id="query and fragment"),
        pytest.param("a%2Fb", "a%252Fb", id="already encoded"),
        pytest.param("ü é", "%C3%BC%20%C3%A9", id="beyond ASCII"),
        pytest.param("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201", id="a line break"),
        pytest.param("a@b:80", "a%40b%3A80", id="what could be a host"),
    ],
)
async def test_promise_10_an_id_is_on_the_wire_as_it_was_encoded(id: str, encoded: str) -> None:
    async with raw_vendor(b"HTTP/1.1 204 No Content\r\n\r\n") as (sender, origin, asked):
        url = build_url(origin, "users", id, "events")
        await sender.send(Request("GET", url), (QueryKey("key", SecretStr("a b")),), "i")

    request_line = asked[0].split(b"\r\n")[0].decode()
    assert request_line == f"GET /users/{encoded}/events?key=a+b HTTP/1.1"
    assert b"X-Evil:" not in asked[0]


async def test_a_body_is_on_the_wire_as_it_was_packed() -> None:
    got: list[tuple[bytes, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((await request.read(), request.headers.get("Content-Encoding")))
        return web.Response()

    async with vendor(take) as (sender, origin):
        await sender.send(Request("POST", origin + "/", [{"a": 1}], gzip=True), (), "i")

    assert got == [(b'[{"a":1}]', "gzip")], "the server unpacks it"


async def test_a_redirect_on_the_wire_is_not_followed() -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with vendor(redirect) as (sender, origin):
        response = await sender.send(Request("POST", origin + "/events", {}), (Bearer(SecretStr("t")),), "i")

    assert (response.status, asked) == (307, ["/events"])


async def test_a_cookie_that_a_vendor_sets_does_not_come_back() -> None:
    cookies: list[str | None] = []

    async def set_cookie(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=1"})

    async with vendor(set_cookie) as (sender, origin):
        for _ in range(2):
            await sender.send(Request("POST", origin + "/", {}), (), "i")

    assert cookies == [None, None]


async def test_promise_8_a_long_answer_is_cut_at_the_limit() -> None:
    """Row 50 of the battery in facts/reliability.md."""

    async def talk(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:  # until the other side hangs up
            await response.write(b"x" * 65_536)

    async with vendor(talk) as (sender, origin):
        response = await sender.send(Request("GET", origin + "/"), (), "i")

    assert response.body == b"x" * MAX_ANSWER_BYTES


async def test_promise_8_an_answer_of_a_gigabyte_is_not_waited_for() -> None:
    """Row 50 of the battery."""
    written = 0

    async def talk(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Length": "1000000000"})
        await response.prepare(request)
        while written < 1_000_000_000:
            await response.write(bytes(100_000))
            written += 100_000
        return response

    async with vendor(talk) as (sender, origin):
        response = await sender.send(Request("GET", origin + "/"), (), "i")

    assert response.body == bytes(MAX_ANSWER_BYTES)
    assert written < 50_000_000, "what the two ends had buffered"


async def test_promise_8_an_answer_that_drips_is_given_up_when_the_time_is_up() -> None:
    """Row 50 of the battery: each byte comes in time, and the whole never."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:  # until the other side hangs up
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async with vendor(drip, timeout_s=0.3) as (sender, origin):
        let_connect_slowly(sender)
        with pytest.raises(SendFailed, match=r"no answer within 0\.3 s"):
            await sender.send(Request("GET", origin + "/"), (), "i")


async def test_promise_8_an_answer_that_unpacks_to_more_is_cut_or_given_up() -> None:
    """Row 50 of the battery."""
    bomb = gzip.compress(b"\0" * 200_000_000, compresslevel=9)

    async def explode(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with vendor(explode) as (sender, origin):
        tracemalloc.start()
        try:
            response = await _or_failure(sender, origin)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 20 * MAX_ANSWER_BYTES
    assert isinstance(response, SendFailed) or len(response.body) == MAX_ANSWER_BYTES


async def _or_failure(sender: HttpSend, origin: str) -> Response | SendFailed:
    try:
        return await sender.send(Request("GET", origin + "/"), (), "i")
    except SendFailed as failure:
        return failure


CUT, NO_HTTP, SILENCE = "is cut short", "is no HTTP", "no answer within"


@pytest.mark.parametrize(
    ("answer", "ends", "told"),
    [
        pytest.param(b"", True, "closed without an answer", id="hangs up without a word"),
        pytest.param(b"", False, SILENCE, id="says nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", True, CUT, id="hangs up in the middle"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", False, SILENCE, id="stops in the middle"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", True, NO_HTTP, id="is no HTTP"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x28", True, NO_HTTP, id="is TLS"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000, False, NO_HTTP, id="headers without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000, False, NO_HTTP, id="a header without end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", True, CUT, id="is no gzip"
        ),
    ],
)
async def test_what_is_no_whole_answer_is_none(answer: bytes, ends: bool, told: str) -> None:
    async with raw_vendor(answer, ends, 0.3 if told == SILENCE else 20.0) as (sender, origin, _):
        let_connect_slowly(sender)
        with pytest.raises(SendFailed, match=told):
            await sender.send(Request("POST", origin + "/", {}), (), "i")


async def test_an_answer_with_a_long_header_is_an_answer() -> None:
    """A proxy may send a policy of 10 kB along. The vendor has the request: to send it again would only repeat it."""
    policy = b"Content-Security-Policy: " + b"https://cdn.example.com " * 2_000
    async with raw_vendor(b"HTTP/1.1 200 OK\r\n" + policy + b"\r\nContent-Length: 2\r\n\r\nok") as (sender, origin, _):
        response = await sender.send(Request("POST", origin + "/", {}), (), "i")

    assert (response.status, response.body) == (200, b"ok")


async def test_what_took_too_long_is_told_apart() -> None:
    """The one was never seen by the vendor, the other may have been taken. Connecting gets half of the time at most."""
    async with raw_vendor(b"", ends=False, timeout_s=0.3) as (sender, origin, _):
        assert sender._timeout.connect == 0.15
        let_connect_slowly(sender)
        with pytest.raises(ReadTimedOut, match=r"no answer within 0\.3 s"):
            await sender.send(Request("POST", origin + "/", {}), (), "i")

        tls = origin.replace("http", "https")  # which the server does not speak
        hasty = HttpSend((tls,), 20.0, 2, SystemClock(), connect_timeout_s=0.15)
        with pytest.raises(ConnectTimedOut, match=r"no connection within 0\.15 s"):
            await hasty.send(Request("POST", tls + "/", {}), (), "i")
        await hasty.close()

    assert SendFailed.kind not in {ConnectTimedOut.kind, ReadTimedOut.kind}


async def test_a_request_may_take_as_long_as_its_plugin_says_that_the_vendor_needs() -> None:
    """A batch whose answer took longer than the usual ten seconds was sent again and again, and never got through."""

    async def take_long(request: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="done")

    async with vendor(take_long, timeout_s=0.2) as (sender, origin):
        let_connect_slowly(sender)
        response = await sender.send(Request("POST", origin + "/", {}, timeout_s=30.0), (), "i")

        assert (response.body, sender.longest_s) == (b"done", 30.0)
        for needed_s, told in [(None, "0.2"), (0.1, "0.2"), (0.3, "0.3")]:
            with pytest.raises(ReadTimedOut, match=f"no answer within {told} s"):
                await sender.send(Request("POST", origin + "/", {}, timeout_s=needed_s), (), "i")


async def test_nobody_listening_is_no_answer() -> None:
    async with raw_vendor(b"") as (_, origin, _):
        pass
    sender = HttpSend((origin,), 1.0, 2, SystemClock())

    with pytest.raises(SendFailed, match="Cannot connect"):
        await sender.send(Request("POST", origin + "/", {}), (), "i")
    await sender.close()


@pytest.mark.parametrize("host", ["api..example.test", f"{'x' * 70}.test"])
async def test_a_host_that_there_can_be_none_of_is_no_fault_of_an_event(host: str) -> None:
    sender = HttpSend((f"http://{host}",), 5.0, 2, SystemClock())

    with pytest.raises(SendFailed, match="DNSError"):
        await sender.send(Request("GET", f"http://{host}/"), (), "i")
    await sender.close()


async def test_promise_2_names_that_no_server_answers_for_keep_no_other_vendor_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look-up of such a name lasts far longer than the request that needed it."""
    is_over = threading.Event()
    look_up = socket.getaddrinfo

    def look_up_or_hang(host: str, *rest: Any, **more: Any) -> Any:
        if host.startswith("dead"):
            is_over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return look_up(host, *rest, **more)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def ask(origin: str, connect_timeout_s: float) -> Response:
        sender = HttpSend((origin,), 60.0, 2, SystemClock(), connect_timeout_s)
        try:
            return await sender.send(Request("GET", f"{origin}/"), (), "i")
        finally:
            await sender.close()

    monkeypatch.setattr(socket, "getaddrinfo", look_up_or_hang)
    async with vendor(answer) as (_, origin):
        dead = [asyncio.create_task(ask(f"http://dead{number}.test", 0.5)) for number in range(40)]
        await asyncio.sleep(0)
        response = await ask(origin.replace("127.0.0.1", "localhost"), 15.0)  # half of what a look-up hangs
        ends = await asyncio.gather(*dead, return_exceptions=True)
    is_over.set()

    assert response.body == b"here"
    assert {type(end) for end in ends} == {ConnectTimedOut}


async def test_a_vendor_that_is_down_costs_no_memory_try_by_try() -> None:
    """No garbage collector is needed for it: an outage lasts for hours."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        origin = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    sender = HttpSend((origin,), 5.0, 2, SystemClock())

    async def fail() -> None:
        with pytest.raises(SendFailed, match="ClientConnectorError"):
            await sender.send(Request("POST", f"{origin}/", ["x" * 1_000_000]), (), "id")

    await fail()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(30):
            await fail()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
        await sender.close()

    assert kept < 10_000_000, "less than ten of the thirty bodies"
