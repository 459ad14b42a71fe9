"""A vendor with two hosts, as delivery runs it over real sockets: each endpoint's requests, and its key, go to its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import Field, SecretStr

from router.delivery.assignment import Assignment
from router.destination import Destination
from router.plugin import BodyField, HeaderKey, Payload, PluginSettings, Request, build_url
from tests.delivery.harness import batches, plugin, until
from tests.delivery.stand import QUICK, Stand


class TwoHosts(PluginSettings):
    own: str = Field(description="The vendor's host.")
    other: str = Field(description="That of its events.")

    def vendor_url(self) -> str:
        return self.own


def pack_person(payloads: Sequence[Payload], settings: TwoHosts) -> Request:
    return Request("POST", build_url(settings.api_url, "people"), {"id": payloads[0].body["id"]})


def pack_event(payloads: Sequence[Payload], settings: TwoHosts) -> Request:
    url = build_url(settings.base_url or settings.other, "event")
    return Request("POST", url, {"id": payloads[0].body["id"]}, form=True)


VENDOR = plugin(
    batches("people", max_events=1, pack=pack_person, credentials=lambda _: [HeaderKey("X-Key", SecretStr("own"))]),
    batches(
        "events",
        max_events=1,
        pack=pack_event,
        origin=lambda settings: settings.other,
        credentials=lambda _: [BodyField("key", SecretStr("other"))],
    ),
)


@asynccontextmanager
async def host() -> AsyncIterator[tuple[str, list[Any]]]:
    """Where it is, and what it took: path, key, body."""
    taken: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((request.path, request.headers.get("X-Key"), await request.text()))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), taken


async def deliver(directory: Path, settings: TwoHosts) -> None:
    stand = Stand(directory)
    destination = Destination("two", VENDOR, settings)
    await stand.open(Assignment(destination, options=QUICK, timeout_s=5.0))
    await stand.add(1)
    await until(lambda: stand.books("two").delivered + stand.books("two").dead == 1)
    assert stand.books("two").delivered == 1
    await stand.close()


async def test_each_endpoint_is_sent_to_at_its_own_host(tmp_path: Path) -> None:
    async with host() as (own, at_own), host() as (other, at_other):
        await deliver(tmp_path, TwoHosts(own=own, other=other))

    assert at_own == [("/people", "own", '{"id":"m1"}')]
    assert at_other == [("/event", None, "id=m1&key=other")]


async def test_a_base_url_stands_in_for_both(tmp_path: Path) -> None:
    async with host() as (proxy, at_proxy):
        hosts = {"own": "https://own.test", "other": "https://other.test"}
        await deliver(tmp_path, TwoHosts(base_url=proxy + "/acme", **hosts))

    assert sorted(path for path, _, _ in at_proxy) == ["/acme/event", "/acme/people"]
