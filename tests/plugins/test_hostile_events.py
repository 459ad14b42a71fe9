"""Rows 45 and 46 of the battery in facts/reliability.md, for every plugin and on real sockets: what stands in an event leads no
request elsewhere and breaks out of no line, and neither does what a vendor answers. Promise 10.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from router.clock import SystemClock
from router.delivery.sending.http_send import HttpSend
from router.event import Event
from router.plugin import BatchEndpoint, Credential, OAuth2, Plugin, Request
from router.registry import Registry
from router.testing.rehearsal import Rehearsal, at_base_url
from router.testing.samples import hostile_events

PLUGINS = [pytest.param(each.plugin, id=each.plugin.slug) for each in Registry.load() if each.plugin.sandbox]

PLACES = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0"),
    *("127.0.0.1.", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "169.254.169.254", "2852039166", "0xa9fea9fe"),
    *("198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "metadata.internal", "instance-data"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:a9fe:a9fe]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]", "[2001:0:7f00:1::]"),
    *("[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "[ff02::1]", "１２７.0.0.1", "⑯⑨.254.169.254"),
]  # fmt: skip
URLS = [
    *(f"http://{place}/latest/meta-data" for place in PLACES),
    *("https://127.0.0.1:22/", "//127.0.0.1/", "\\\\127.0.0.1\\", "/\\127.0.0.1/", "http:\\\\127.0.0.1/", "http:127.0.0.1/"),
    *("http://vendor.test@127.0.0.1/", "http://127.0.0.1#@vendor.test/", "http://127.0.0.1\\@vendor.test/", "@127.0.0.1/"),
    *("file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/", "ftp://127.0.0.1/", "unix:/admin.sock"),
    *("http://127.0.0.1/%0d%0aX-Injected:%201", "http://127.0.0.1/ HTTP/1.1\r\nX-Injected: 1\r\n\r\nGET /", "data:,x", ".."),
]  # fmt: skip
BREAKS = [
    *("a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1", "\r\n\r\nGET /injected HTTP/1.1\r\nX-Injected: 1\r\n\r\n"),
    *("a\0b", "a\x0bX-Injected: 1", "a\x85X-Injected: 1", "a\u2028X-Injected: 1", "a\u560aX-Injected: 1", "a%0d%0aX-Injected:"),
]  # fmt: skip
HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*")


class Vendor:
    """Takes whatever comes, keeps each head, and answers with a redirect."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.location = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(length[1]) if length else 0)
                location = self.location.replace("\r", "").replace("\n", "").encode()
                writer.write(
                    b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Connected:
    """Where this process connected to, and what it looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: set[Any] = set()
        self.names: list[Any] = []
        loop = asyncio.get_running_loop()
        connect, look_up = loop.sock_connect, loop.getaddrinfo

        async def sock_connect(sock: Any, address: Any) -> None:
            self.addresses.add(address)
            await connect(sock, address)

        async def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
            self.names.append(host)
            return await look_up(host, *arguments, **options)

        monkeypatch.setattr(loop, "sock_connect", sock_connect)
        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


@asynccontextmanager
async def vendor_of(plugin: Plugin) -> AsyncIterator[tuple[Vendor, Rehearsal, HttpSend, tuple[str, int]]]:
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    url = f"http://127.0.0.1:{address[1]}"
    settings = plugin.settings.model_validate(dict(plugin.sandbox_settings))
    send = HttpSend((url,), 5.0, 2, SystemClock())
    try:
        yield vendor, Rehearsal(plugin, at_base_url(settings, url)), send, address
    finally:
        await send.close()
        server.close()


def requests(rehearsal: Rehearsal, event: Event) -> Iterator[tuple[Request, Sequence[Credential]]]:
    """All that is sent for *event*, with what the core adds."""
    for _, endpoint, payload in rehearsal.payloads(event):
        credentials = [each for each in endpoint.credentials(rehearsal.settings) if not isinstance(each, OAuth2)]
        if isinstance(endpoint, BatchEndpoint):
            made: Sequence[Request] = [endpoint.pack([payload], rehearsal.settings)]
        else:
            made = rehearsal.talk(endpoint, payload).requests
        yield from ((request, credentials) for request in made)


def events_with(text: str) -> list[Event]:
    """One of each call, and an identify of somebody who can be written to, without which one vendor takes nobody."""
    events = dict(hostile_events(text))
    document = events["identify"].document
    known = Event.of_document({**document, "traits": {**document["traits"], "email": "ada@example.test"}})
    return [*events.values(), known]


async def send_all(rehearsal: Rehearsal, send: HttpSend, event: Event) -> int:
    """How many requests were sent; one that can't be is none."""
    count = 0
    for request, credentials in requests(rehearsal, event):
        try:
            response = await send.send(request, credentials, "m1")
        except ValueError:
            continue
        assert response.status == 307
        count += 1
    return count


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_row_45_no_url_in_an_event_or_in_an_answer_is_ever_connected_to(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = Connected(monkeypatch)
    sent = 0
    async with vendor_of(plugin) as (vendor, rehearsal, send, address):
        for number, url in enumerate(URLS):
            vendor.location = url
            events = events_with(url)
            sent += await send_all(rehearsal, send, events[number % len(events)])

    assert len(URLS) >= 60
    assert sent > 0
    assert connected.addresses == {address}
    assert set(connected.names) <= {"127.0.0.1"}
    assert len(vendor.heads) == sent


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_row_46_no_line_break_in_an_event_is_one_on_the_wire(plugin: Plugin) -> None:
    sent = 0
    async with vendor_of(plugin) as (vendor, rehearsal, send, _):
        for text in BREAKS:
            for event in events_with(text):
                sent += await send_all(rehearsal, send, event)

    assert sent > 0
    assert len(vendor.heads) == sent, "a request within a request"
    for head in vendor.heads:
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        assert re.fullmatch(rb"[A-Z]+ /[!-~]* HTTP/1\.1", first), first
        assert [line for line in lines if not HEADER.fullmatch(line) or line.lower().startswith(b"x-injected")] == []
