"""The kit for sandboxes: what several stand-ins count by, and what they say of a request that none of them takes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from router.plugin.sandbox import RateWindow, Sandbox


class People(Sandbox):
    """Has one route."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/people", self.find)]

    async def find(self, request: web.Request) -> web.Response:
        raise web.HTTPNotFound(text="nobody of that name")


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        pytest.param("POST", "/v1/people", 404, "this stand-in has no route for POST /v1/people", id="path"),
        pytest.param("PUT", "/people", 405, "this stand-in has no route for PUT /people", id="method"),
        pytest.param("POST", "/people", 404, "nobody of that name", id="the vendor's own word"),
    ],
)
async def test_a_request_that_no_route_takes_is_named(method: str, path: str, status: int, text: str) -> None:
    """An author saw "Not Found", and had to find out which path was asked for."""
    async with TestClient(TestServer(People({}).app())) as client:
        response = await client.request(method, path)

        assert (response.status, await response.text()) == (status, text)


async def test_no_web_page_makes_a_stand_in_misbehave() -> None:
    """A browser sends a page's POST to any address without asking there, and only hides the answer."""
    stand_in = People({})
    async with TestClient(TestServer(stand_in.app())) as client:
        response = await client.post(
            "/_sandbox/faults", data='{"status": 500}', headers={"Origin": "https://evil.test"}
        )

        assert response.status == 403
    assert not stand_in.faults


def test_a_window_has_room_again_when_the_oldest_is_out_of_it() -> None:
    window = RateWindow(10)

    assert [window.has_room(now_s, 2) for now_s in (0.0, 4.0, 9.9)] == [True, True, False]
    assert (window.used(9.9), window.wait_s(9.9)) == (2, 10.0 - 9.9)
    assert [window.has_room(now_s, 2) for now_s in (10.0, 13.9, 14.0)] == [True, False, True]


def test_a_window_without_room_for_anything_says_to_wait_for_all_of_it() -> None:
    window = RateWindow(10)

    assert not window.has_room(0.0, 0)
    assert window.wait_s(0.0) == 10
