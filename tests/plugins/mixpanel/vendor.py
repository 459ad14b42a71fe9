"""The sandbox behind a test client, and the credentials a request gets on its way."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from plugins.mixpanel.sandbox import MixpanelSandbox
from router.plugin import Basic, BodyField, Credential, Request, Response
from router.plugin.credential import with_field
from tests.plugins.mixpanel.samples import TOKEN

NOW_S = 1767312000.0
"""2026-01-02, what the sandbox takes for now."""


class Vendor:
    """One sandbox, and a client that speaks to it."""

    def __init__(self, sandbox: MixpanelSandbox, client: Any) -> None:
        self.sandbox = sandbox
        self._client = client

    async def post(self, path: str, body: Any, token: str | None = TOKEN, **options: Any) -> ClientResponse:
        """Send *body* (bytes as they are, else as JSON); *token* is the user of /import."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers.update(basic(token))
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        headers.setdefault("Content-Type", "application/json")
        response: ClientResponse = await self._client.post(path, data=data, headers=headers, **options)
        return response

    async def send(self, request: Request, credentials: Sequence[Credential]) -> Response:
        """Send what the plugin packed, with its credentials, as the core does."""
        headers, json = dict(request.headers), request.json
        for credential in credentials:
            match credential:
                case Basic(user, password):
                    headers |= basic(user.get_secret_value(), password.get_secret_value())
                case BodyField(path, value):
                    json = with_field(json, path.split("."), value.get_secret_value())
        data = orjson.dumps(json)
        headers["Content-Type"] = "application/json"
        if request.gzip:
            headers["Content-Encoding"] = "gzip"
            data = gzip.compress(data)
        path = request.url.removeprefix("http://mixpanel.test")
        response = await self._client.request(request.method, path, data=data, headers=headers)
        return Response(response.status, await response.read())

    def accepted(self, kind: str) -> list[Any]:
        return [entry["item"] for entry in self.sandbox.accepted if entry["kind"] == kind]

    def placed_by(self, kind: str) -> list[str]:
        return [entry["placed_by"] for entry in self.sandbox.accepted if entry["kind"] == kind]


def basic(user: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@asynccontextmanager
async def open_vendor(**settings: Any) -> AsyncIterator[Vendor]:
    sandbox = MixpanelSandbox({"project_token": TOKEN, **settings})
    sandbox.now_s = lambda: NOW_S
    async with TestClient(TestServer(sandbox.app())) as client:
        yield Vendor(sandbox, client)
