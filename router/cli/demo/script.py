"""What the demo shows, in the order it shows it: three screens, and then it is the reader's turn."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.pretty import Pretty
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from router.cli.demo.stage import WRITE_KEY, Stage
from router.cli.demo.steps import make_step, steps_in
from router.cli.demo.trait_table import trait_rows
from router.cli.output import console, print_table, say
from router.errors import OperatorError
from router.explain import explain
from router.normalise import normalise
from router.plugin.sandbox import Fault

EVENTS = 1_000
BATCH = 100
SHOWN = 3
"""Of what a stand-in took for one event."""
WIDE = 100
"""Characters a line."""

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
        "seats": 4,
    },
}


async def play(stage: Stage, events: int, stay: bool) -> None:
    """Play it from beginning to end; with *stay* until Ctrl-C."""
    console.print(
        "Stand-ins for the vendors run in this process, on loopback, and refuse what the vendors would refuse. The router is a "
        "process of its own. Nothing leaves this machine."
    )
    times: dict[str, float] = {}
    began = time.monotonic()
    async with stage:
        for name, part in (
            ("start", _is_up(stage)),
            ("1", _show_one_event(stage)),
            ("2", _show_flags(stage)),
            ("3", _show_crash(stage, events)),
        ):
            await part
            times[name] = time.monotonic() - began
            began = time.monotonic()
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
        console.print(f"\nThat took {sum(times.values()):.0f} s ({told}).")
        if stay:
            await _stay(stage)


async def _is_up(stage: Stage) -> None:
    names = ", ".join(map(stage.name, stage.plugins))
    console.print(f"A router is up at {stage.url}, with {len(stage.plugins)} destinations: {names}.\n")


# --- 1: one event, in everybody's words ---


async def _show_one_event(stage: Stage) -> None:
    console.print(Rule("1 · One identify, in every vendor's own words"))
    console.print("\nSent once, as an SDK would send it (names in snake_case or camelCase, as you like):")
    console.print(Pretty(ADA))
    receipt = await stage.post(ADA)
    say(f"The receipt: {orjson.dumps(receipt).decode()}")
    await stage.until(stage.is_settled, "the first event")
    event = normalise(ADA, received_at=datetime.now(UTC), new_id=lambda: str(receipt["messageId"])).event
    entries = explain(event, stage.destinations)["destinations"]
    rows = trait_rows(entries, [(each.name, each.plugin, each.settings) for each in stage.destinations])
    console.print()
    print_table("Each trait, and what it is called at", ["trait", *map(stage.name, stage.plugins)], rows)
    console.print("\nWhat each of them really received:")
    _print_side_by_side([_received(stage, name) for name in stage.sandboxes])


def _received(stage: Stage, name: str) -> Panel:
    """The last that a stand-in took: before a contact, Intercom is told of its attributes, and that is of less interest."""
    parts: list[RenderableType] = []
    for entry in list(stage.sandboxes[name].accepted)[-SHOWN:]:
        parts += [Text(entry["kind"], style="bold"), Pretty(entry["item"])]
    return Panel(Group(*parts), title=stage.name(name), title_align="left")


def _print_side_by_side(panels: Sequence[RenderableType]) -> None:
    """In two columns where they fit, else one below the other."""
    if console.width < WIDE:
        console.print(*panels, sep="\n")
        return
    grid = Table.grid(expand=True)
    for _ in range(2):
        grid.add_column(ratio=1)
    grid.add_row(Group(*panels[::2]), Group(*panels[1::2]))
    console.print(grid)


# --- 2: flags ---


async def _show_flags(stage: Stage) -> None:
    first = stage.name(next(iter(stage.plugins)))
    flags = {"All": False, first: True}
    console.print(Rule(f'2 · The same event with "integrations": {orjson.dumps(flags).decode()}'))
    call = ADA | {"integrations": flags}
    before = {name: len(sandbox.accepted) for name, sandbox in stage.sandboxes.items()}
    receipt = await stage.post(call)
    await stage.until(stage.is_settled, "the second event")
    event = normalise(call, received_at=datetime.now(UTC), new_id=lambda: str(receipt["messageId"])).event
    decisions: dict[str, tuple[str, str]] = {}
    for entry in explain(event, stage.destinations)["destinations"]:
        decisions.setdefault(entry["destination"], (entry["decision"], entry["reason"]))
    rows = [
        [stage.name(name), *decisions[name], len(sandbox.accepted) - before[name]]
        for name, sandbox in stage.sandboxes.items()
    ]
    console.print()
    print_table("", ["destination", "decision", "reason", "received"], rows)


# --- 3: an outage and a crash ---


async def _show_crash(stage: Stage, events: int) -> None:
    victim = list(stage.plugins)[1]
    name = stage.name(victim)
    console.print(Rule(f"3 · {events:,} events while {name} is down and the router is killed half-way"))
    stage.sandboxes[victim].fail(Fault(status=503, body="down for the demo"))
    accepted = await _send(stage, 0, events // 2)
    books = await stage.books()
    console.print(f"\n{accepted:,} events accepted. {name} answers 503 to everything. With the two of before:")
    for each, book in books.items():
        console.print(f"  {stage.name(each)}: {book['delivered']:,} delivered so far, {book['pending']:,} pending")
    console.print("kill -9 of the router, in the middle of it.")
    await stage.kill_router()
    console.print(f"A new one is up over the same folder after {await stage.start_router():.1f} s.")
    accepted += await _send(stage, events // 2, events)
    console.print(f"{accepted:,} events accepted in all. Now {name} comes back, and gets what waited for it:")
    stage.sandboxes[victim].heal()
    await _watch_backlog(stage)
    await _show_books(stage, events)


async def _send(stage: Stage, first: int, last: int) -> int:
    """Send the steps *first* to *last*, the last not included, in batches; returns how many were accepted."""
    accepted = 0
    for start in range(first, last, BATCH):
        batch = [make_step(number) for number in range(start, min(start + BATCH, last))]
        receipt = await stage.post({"batch": batch}, "batch")
        accepted += int(receipt["accepted"])
    return accepted


async def _watch_backlog(stage: Stage) -> None:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("delivered"))
    with Progress(*columns, console=console) as progress:
        tasks = {
            each: progress.add_task(stage.name(each), total=book["accepted"] - book["skipped"])
            for each, book in (await stage.books()).items()
        }

        async def look() -> None:
            for each, book in (await stage.books()).items():
                total = book["accepted"] - book["skipped"]
                progress.update(tasks[each], completed=book["delivered"] + book["dead"], total=total)

        await stage.until(stage.is_settled, "the backlog", look)
        await look()


async def _show_books(stage: Stage, events: int) -> None:
    """The router's own books, and beside them what the stand-ins really have."""
    books = await stage.books()
    arrived = {
        name: len(steps_in(entry["item"] for entry in sandbox.accepted)) for name, sandbox in stage.sandboxes.items()
    }
    keys = ("accepted", "delivered", "skipped", "dead", "pending", "unaccounted")
    rows = [
        [stage.name(name), *(f"{book[key]:,}" for key in keys), f"{arrived[name]:,}"] for name, book in books.items()
    ]
    console.print(
        "\nThe router's books (accepted = delivered + skipped + dead + pending; the two events of parts 1 and 2 are in them), "
        f"and how many of the {events:,} events each stand-in really has:\n"
    )
    print_table("", ["destination", *keys, "arrived"], rows, has_lines=False)
    unaccounted = sum(book["unaccounted"] for book in books.values())
    console.print(f"\nUnaccounted for: {unaccounted}", style="bold")
    if unaccounted or set(arrived.values()) != {events}:
        raise OperatorError("the books do not balance: please report this as a bug")


# --- the reader's turn ---


async def _stay(stage: Stage) -> None:
    console.print(Rule("Your turn"))
    body = '{"userId":"u2","traits":{"first_name":"Grace","createdAt":1724508922,"email":"grace@example.test"}}'
    console.print("The router stays up, its stand-ins too. Paste this into another terminal:\n")
    console.print(f"  curl -u {WRITE_KEY}: -d '{body}' {stage.url}/v1/identify\n", soft_wrap=True)
    command = sys.argv[0] if Path(sys.argv[0]).name == "router" else "router"
    console.print("and ask the router how its destinations are, or what became of an event:\n")
    say(f"  export ROUTER_CONFIG={shlex.quote(str(stage.config_path))}")
    console.print(f"  {command} status\n  {command} trace MESSAGE_ID\n", soft_wrap=True)
    console.print("What arrives at the stand-ins is shown here. Ctrl-C ends it.")
    seen = {name: len(sandbox.accepted) for name, sandbox in stage.sandboxes.items()}
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        _show_new(stage, seen)
        await asyncio.wait([stopped], timeout=0.3)


def _show_new(stage: Stage, seen: dict[str, int]) -> None:
    for name, sandbox in stage.sandboxes.items():
        for entry in list(sandbox.accepted)[seen[name] :]:
            console.print(f"{stage.name(name)} · {entry['kind']}", style="bold")
            console.print(Pretty(entry["item"]), soft_wrap=True)
        seen[name] = len(sandbox.accepted)
