"""``router demo``: the product in a minute, on this machine alone: real router processes, stand-ins for the vendors."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import orjson
import typer
from aiohttp import web
from rich.pretty import Pretty
from rich.rule import Rule
from ruamel.yaml import YAML

from router.cli.options import DEFAULT_CONFIG, ConfigPath, read_config
from router.cli.output import console, print_table
from router.cli.sandboxes import make_sandbox, serve_sandbox
from router.cli.send import key_header
from router.cli.wiring import to_destination
from router.config import Config
from router.destination import Destination
from router.errors import OperatorError
from router.explain import explain
from router.normalise import normalise
from router.plugin.sandbox import Fault, Sandbox
from router.registry import Registry

WRITE_KEY = "demo"
EVENTS = 1_000
USERS = 50
PATIENCE_S = 60.0

ADA: dict[str, Any] = {
    "type": "identify",
    "userId": "u1",
    "traits": {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.test",
        "createdAt": "2024-08-24T14:15:22Z",
        "phone": "+442079460000",
        "title": "Countess",
        "address": {"city": "London", "postal_code": "W1J 7NT", "country": "GB"},
        "company": {"id": "engine", "name": "Analytical Engines", "plan": "gold"},
        "favourite_number": 7,
    },
}


def demo(
    config: ConfigPath = DEFAULT_CONFIG,
    stay: Annotated[bool, typer.Option(help="Stay up at the end, for events of your own.")] = True,
) -> None:
    """Show what the router does: one event in every vendor's words, flags, and a crash in the middle of an outage.

    Takes the destinations of the config; nothing leaves this machine. Example: `router demo --no-stay`
    """
    settings, registry = read_config(config)
    with tempfile.TemporaryDirectory(prefix="router-demo-") as folder:
        asyncio.run(_run(settings, registry, Path(folder), stay))


async def _run(config: Config, registry: Registry, folder: Path, stay: bool) -> None:
    await _Demo(config, registry, folder).run(stay)


class _Demo:
    """The demo's own processes: stand-ins in this one, the router in one that can be killed."""

    def __init__(self, config: Config, registry: Registry, folder: Path) -> None:
        chosen = [each for each in config.destinations.values() if registry.get(each.plugin).sandbox]
        if len(chosen) < 2:
            raise OperatorError("the demo needs a config with two destinations or more whose plugins have a sandbox")
        self._chosen = {each.name: registry.get(each.plugin) for each in chosen}
        self._config, self._registry, self._folder = config, registry, folder
        self._sandboxes: dict[str, Sandbox] = {}
        self._runners: list[web.AppRunner] = []
        self._destinations: list[Destination] = []
        self._router: asyncio.subprocess.Process | None = None
        self._session = aiohttp.ClientSession(headers=key_header(WRITE_KEY))
        self.url = self.admin_url = ""

    async def run(self, stay: bool) -> None:
        try:
            await self._start_sandboxes()
            await self._start_router()
            await self._show_one_event()
            await self._show_flags()
            await self._show_crash()
            if stay:
                await self._stay()
        finally:
            await self._close()

    # --- (a) one event, in everybody's words ---

    async def _show_one_event(self) -> None:
        console.print(Rule("1 · One identify, in every vendor's own words"))
        receipt = await self._post(ADA)
        event = normalise(ADA, received_at=_now(), new_id=lambda: receipt["messageId"]).event
        await self._wait(self._has_delivered, "the first event")
        answer = explain(event, self._destinations)
        names = list(self._chosen)
        rows = _trait_rows(answer["destinations"], names)
        vendors = [self._chosen[name].name for name in names]
        print_table("Sent once as userId u1. Each trait, and what it is called at", ["trait", *vendors], rows)
        for name in names:
            console.print(f"\nWhat the stand-in for {self._chosen[name].name} really received:")
            for entry in list(self._sandboxes[name].accepted)[-3:]:
                console.print(f"  {entry['kind']}", style="bold")
                console.print(Pretty(entry["item"], expand_all=False), soft_wrap=True)

    # --- (b) flags ---

    async def _show_flags(self) -> None:
        first = next(iter(self._chosen.values()))
        flags = {"All": False, first.name: True}
        console.print(Rule(f'2 · The same with "integrations": {orjson.dumps(flags).decode()}'))
        before = {name: len(sandbox.accepted) for name, sandbox in self._sandboxes.items()}
        event = normalise(ADA | {"integrations": flags}, received_at=_now(), new_id=lambda: "demo-flags").event
        await self._post(ADA | {"integrations": flags})
        await self._wait(self._has_delivered, "the second event")
        reasons: dict[str, tuple[str, str]] = {}
        for entry in explain(event, self._destinations)["destinations"]:
            reasons.setdefault(entry["destination"], (entry["decision"], entry["reason"]))
        rows = [
            [name, *reasons[name], len(sandbox.accepted) - before[name]] for name, sandbox in self._sandboxes.items()
        ]
        print_table("", ["destination", "decision", "reason", "received by its stand-in"], rows)

    # --- (c) an outage and a crash ---

    async def _show_crash(self) -> None:
        victim = list(self._chosen)[1]
        name = self._chosen[victim].name
        console.print(Rule(f"3 · {EVENTS:,} events while {name} is down and the router is killed half-way"))
        self._sandboxes[victim].fail(Fault(status=503, body="down for the demo"))
        accepted = await self._send_events(0, EVENTS // 2)
        console.print(f"{accepted:,} events accepted, {name} answers 503 to everything. kill -9 …")
        await self._kill_router()
        started = time.monotonic()
        await self._start_router()
        console.print(f"router is back after {time.monotonic() - started:.1f} s")
        accepted += await self._send_events(EVENTS // 2, EVENTS)
        console.print(f"{accepted:,} events accepted in all; now {name} comes back")
        self._sandboxes[victim].heal()
        await self._wait(self._has_delivered, "the backlog")
        await self._show_books()

    async def _send_events(self, first: int, last: int) -> int:
        accepted = 0
        for start in range(first, last, 100):
            batch = [_event(number) for number in range(start, min(start + 100, last))]
            receipt = await self._post({"batch": batch}, "batch")
            accepted += int(receipt["accepted"])
        return accepted

    async def _show_books(self) -> None:
        status = await self._status()
        columns = ["destination", "accepted", "delivered", "skipped", "dead", "pending", "unaccounted for"]
        rows = []
        for each in status["destinations"]:
            books = each["books"]
            keys = ("accepted", "delivered", "skipped", "dead", "pending", "unaccounted")
            rows.append([each["destination"], *(f"{books[key]:,}" for key in keys)])
        print_table("accepted = delivered + skipped + dead + pending", columns, rows)
        unaccounted = sum(each["books"]["unaccounted"] for each in status["destinations"])
        console.print(f"Unaccounted for: {unaccounted}", style="bold")
        if unaccounted:
            raise OperatorError("the books do not balance: please report this as a bug")

    # --- the stage ---

    async def _start_sandboxes(self) -> None:
        settings: dict[str, Any] = {}
        for name, plugin in self._chosen.items():
            sandbox = self._sandboxes[name] = make_sandbox(plugin)
            runner, url = await serve_sandbox(sandbox)
            self._runners.append(runner)
            settings[name] = {"plugin": plugin.slug, "settings": {**plugin.sandbox_settings, "base_url": url}}
            config = self._config.destinations[name].with_base_url(url)
            self._destinations.append(to_destination(config, self._registry))
        document = {
            "server": {"port": 0},
            "admin": {"port": 0},
            "data": str(self._folder / "var"),
            "sources": {"website": {"write_key": WRITE_KEY}},
            "destinations": settings,
        }
        with (self._folder / "router.yaml").open("w") as file:
            YAML().dump(document, file)

    async def _start_router(self) -> None:
        """Start `router run` and read its address from the line it logs when it is ready."""
        command = [sys.executable, "-m", "router", "run", "--config", str(self._folder / "router.yaml")]
        self._router = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        assert self._router.stderr is not None
        lines: list[str] = []
        async for line in self._router.stderr:
            lines.append(line.decode())
            if b"router is ready" in line:
                ready = orjson.loads(line)
                self.url, self.admin_url = ready["url"], ready["admin"]
                asyncio.get_running_loop().create_task(_drain(self._router.stderr))
                return
        raise OperatorError("the router did not start:\n" + "".join(lines[-20:]))

    async def _kill_router(self) -> None:
        assert self._router is not None
        self._router.send_signal(signal.SIGKILL)
        await self._router.wait()

    async def _post(self, body: dict[str, Any], path: str | None = None) -> dict[str, Any]:
        async with self._session.post(f"{self.url}/v1/{path or body['type']}", data=orjson.dumps(body)) as response:
            receipt: dict[str, Any] = orjson.loads(await response.read())
            if response.status != 200:
                raise OperatorError(f"the router answered {response.status}: {receipt}")
            return receipt

    async def _status(self) -> dict[str, Any]:
        async with self._session.get(self.admin_url + "/status") as response:
            status: dict[str, Any] = orjson.loads(await response.read())
            return status

    async def _has_delivered(self) -> bool:
        return all(each["books"]["pending"] == 0 for each in (await self._status())["destinations"])

    async def _wait(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not await condition():
            if time.monotonic() > deadline:
                raise OperatorError(f"{what} did not arrive within {PATIENCE_S:.0f} s: {await self._status()}")
            await asyncio.sleep(0.1)

    async def _stay(self) -> None:
        console.print(Rule("Your turn"))
        body = '{"userId":"u2","traits":{"first_name":"Grace","createdAt":1724508922,"email":"grace@example.test"}}'
        console.print("The router stays up, its stand-ins too. Paste this into another terminal:\n")
        console.print(f"  curl -u {WRITE_KEY}: -d '{body}' {self.url}/v1/identify\n", markup=False, soft_wrap=True)
        console.print("What arrives is shown here. Ctrl-C ends it.")
        seen = {name: len(sandbox.accepted) for name, sandbox in self._sandboxes.items()}
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        while not stop.is_set():
            self._show_new(seen)
            await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=0.3)

    def _show_new(self, seen: dict[str, int]) -> None:
        for name, sandbox in self._sandboxes.items():
            for entry in list(sandbox.accepted)[seen[name] :]:
                console.print(f"{self._chosen[name].name} · {entry['kind']}", style="bold")
                console.print(Pretty(entry["item"], expand_all=False), soft_wrap=True)
            seen[name] = len(sandbox.accepted)

    async def _close(self) -> None:
        await self._session.close()
        if self._router is not None and self._router.returncode is None:
            self._router.terminate()
            await self._router.wait()
        for runner in self._runners:
            await runner.cleanup()


def _trait_rows(entries: list[dict[str, Any]], names: list[str]) -> list[list[str]]:
    """One row a trait that was sent, ``createdAt`` first: its name at each destination, ``–`` where it has none of its own."""
    places: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        for line in entry["lineage"]:
            trait = line["from"].removeprefix("traits.")
            if line["from"].startswith("traits."):
                short = _short(line["to"], trait)
                found = places.setdefault(trait, {}).setdefault(entry["destination"], [])
                found += [short] if short not in found else []
    parents = {trait.split(".")[0] for trait in places if "." in trait}
    rows = []
    for trait in sorted(places.keys() - parents, key=lambda trait: (trait != "createdAt", trait)):
        parent, _, part = trait.partition(".")
        whole = places.get(parent, {}) if part else {}
        cells = [places[trait].get(name) or [f"{place}.{part}" for place in whole.get(name, [])] for name in names]
        rows.append([trait, *("\n".join(cell) or "–" for cell in cells)])
    return rows


def _short(path: str, trait: str) -> str:
    """The vendor's name without the objects it lies in: ``attributes.address.city`` is ``address.city``."""
    parts = path.split(".")
    parent = trait.split(".")[0]
    return ".".join(parts[parts.index(parent) :] if parent in parts[:-1] else parts[-1:])


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


def _event(number: int) -> dict[str, Any]:
    """An identify for each of the users first, then what they do."""
    user = f"user-{number % USERS}"
    if number < USERS:
        return {"type": "identify", "userId": user, "traits": {"email": f"{user}@example.test", "first_name": "Ada"}}
    return {"type": "track", "userId": user, "event": "Step Done", "properties": {"step": number}}


def _now() -> datetime:
    return datetime.now(UTC)
