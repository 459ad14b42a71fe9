"""The router of an SDK's test: a real process with the destinations' stand-ins in it.

It is `tests.system.harness.Router`, asked from threads: the tests here serve pages and a proxy meanwhile, in one loop.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.system.harness import Router, Vendor

WRITE_KEY: Final = "c0router1write2key3sample"
"""25 characters, as docs/sdks.md recommends: every SDK takes it, jitsu's check included."""
DESTINATIONS: Final = ("webhook", "mixpanel", "customerio", "intercom")
PATIENCE_S: Final = 30.0


class RouterProcess:
    """A new `start` after `kill` is a restart: the same data, another port.

    Its stand-ins live in it, and with it end; those of *vendors*, processes of their own, take their place if there are any.
    """

    def __init__(self, folder: Path, vendors: Sequence[Vendor] = (), engine: Mapping[str, Any] | None = None) -> None:
        """*engine*: what the config says of the log; the embedded one if nothing."""
        self._folder = folder
        self._engine = engine or {}
        self._vendors = {vendor.name: vendor for vendor in vendors}
        self._router: Router | None = None

    @property
    def router(self) -> Router:
        assert self._router is not None, "it was never started"
        return self._router

    @property
    def url(self) -> str:
        return self.router.url

    @property
    def destinations(self) -> Sequence[str]:
        return tuple(self._vendors) or DESTINATIONS

    async def start(self, server: Mapping[str, Any] | None = None, source: Mapping[str, Any] | None = None) -> None:
        """Start it, and return when it takes events. *server* and *source* are settings beyond the usual ones."""
        config = self._folder / "router.yaml"
        document = {
            "server": {"port": 0, **(server or {})},
            "admin": {"port": 0},
            "data": str(self._folder / "var"),
            **self._engine,
            "retention": {"reserve": "1MB"},
            "sources": {"app": {"write_key": WRITE_KEY, **(source or {})}},
            "destinations": {name: self._destination(name) for name in self.destinations},
        }
        config.write_text(json.dumps(document, indent=1))
        self._router = Router(config, self._folder)
        await asyncio.to_thread(self._router.start)

    def _destination(self, name: str) -> dict[str, Any]:
        return self._vendors[name].destination() if self._vendors else {"sandbox": True}

    async def kill(self) -> None:
        """kill -9."""
        await asyncio.to_thread(self.router.kill)

    async def stop(self) -> None:
        if self._router is not None and self._router.is_running:
            await asyncio.to_thread(self._router.terminate)

    async def introduce(self, user_id: str) -> None:
        """One identify, so that every destination takes the user's events: Intercom refuses those of strangers."""
        event = {"type": "identify", "userId": user_id}
        status, answer = await asyncio.to_thread(self.router.post, event, WRITE_KEY)
        assert status == 200, answer
        await self.settled(1)

    async def books(self) -> dict[str, dict[str, int]]:
        """Of each destination."""
        status = await asyncio.to_thread(self.router.status)
        return {each["destination"]: each["books"] for each in status["destinations"]}

    async def settled(self, accepted: int) -> None:
        """Wait until *accepted* events, duplicates not counted, are stored and every destination is through with them.

        Raises:
            AssertionError: it did not happen, or more are stored, or one is a dead letter.
        """

        async def is_settled() -> bool:
            return all(each["accepted"] >= accepted and not each["pending"] for each in (await self.books()).values())

        await until(is_settled, self.books)
        found = {name: (each["accepted"], each["dead"]) for name, each in (await self.books()).items()}
        assert found == dict.fromkeys(self.destinations, (accepted, 0))

    async def at_rest(self) -> None:
        """Wait until every destination is through with all that is stored."""

        async def is_at_rest() -> bool:
            return not any(each["pending"] for each in (await self.books()).values())

        await until(is_at_rest, self.books)

    async def taken(self, destination: str) -> list[dict[str, Any]]:
        """What the stand-in of *destination* has taken, oldest first: ``kind`` and ``item`` of each."""
        if self._vendors:
            return [json.loads(line) for line in self._vendors[destination].record.read_text().splitlines()]
        answer = await asyncio.to_thread(self.router.ask, "sandbox", destination=destination, limit=10_000)
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def events(self) -> list[dict[str, Any]]:
        """The events as the webhook's stand-in has them, whole."""
        return [entry["item"] for entry in await self.taken("webhook")]


async def until(condition: Callable[[], Awaitable[bool]], describe: Callable[[], Awaitable[Any]]) -> None:
    """Wait until *condition* holds.

    Raises:
        AssertionError: it did not within `PATIENCE_S`; the text is what *describe* gives.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline, await describe()
        await asyncio.sleep(0.05)
