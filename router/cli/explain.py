"""``router explain``: what each destination gets of an event, or why it does not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.pretty import Pretty

from router.alarm import Alarm
from router.cli.config_file import check_name, read_config
from router.cli.data_folder import suppressed_path
from router.cli.event_file import EventFile, no_event_in, read_file, read_lines
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, switch
from router.cli.output import NO_DESTINATIONS, console, print_json, print_line, print_table, say
from router.cli.wiring import to_assignments, to_limits
from router.destination import Destination
from router.errors import OperatorError
from router.event import Event
from router.event_times import age_s
from router.explain import explain as explain_event
from router.gateway import Limits
from router.gateway.admission import admit
from router.gateway.calls import Calls, read_batch
from router.gateway.document import parse_json
from router.gateway.refusal import Refused
from router.gateway.rejection import Rejection
from router.gateway.visitor import Visitor
from router.plugin_output import printing_aside
from router.suppressed import NOBODY
from router.suppressed_file import read_suppressed


def explain(
    file: EventFile,
    config: ConfigPath = DEFAULT_CONFIG,
    source: Annotated[
        str | None,
        typer.Option(help="Decide as for events of this source; without it, as if any destination took them."),
    ] = None,
    destination: Annotated[str | None, typer.Option(help="Only this destination.")] = None,
    historical: Annotated[
        bool, switch("--historical", help="As a replay would send it: nothing may start because of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what each destination would be sent for an event, and why (not). Nothing is sent.

    Exits with 1 if the router would not take an event, and says why: its size counts as well.

    Example: `echo '{"type": "identify", "userId": "u1", "traits": {"createdAt": 1724508922}}' | router explain -`
    """
    settings, registry = read_config(config)
    if source is not None:
        check_name("source", source, settings.sources, config)
    suppressed = NOBODY
    with contextlib.suppress(PermissionError):  # who may not look into the folder may still ask
        suppressed = read_suppressed(suppressed_path(settings))
    destinations = [each.destination for each in to_assignments(settings, registry, suppressed=suppressed)]
    if destination is not None:
        check_name("destination", destination, settings.destinations, config)
    data, limits = read_file(file), to_limits(settings)

    async def explain_all() -> tuple[int, int]:
        """Explain all events. Returns how many there were, and how many would be refused."""
        seen = refused = 0
        for calls in _read_calls(file, data):
            with printing_aside():  # the guard of a call sees to that only where no alarm times it
                answers = await explain_calls(calls, len(data), destinations, source, limits, historical, destination)
            for answer in answers:
                seen += 1
                refused += "rejected" in answer
                if as_json:
                    print_json(answer)
                else:
                    _print(answer)
        return seen, refused

    alarm = Alarm(lambda *_: None)  # a call without an end is broken off, as in delivery
    alarm.set()
    try:
        seen, refused = asyncio.run(explain_all())  # one loop for all, since to start one takes long
    finally:
        alarm.clear()
    if not seen:
        typer.echo(no_event_in(file), err=True)
    raise typer.Exit(1 if refused else 0)


async def explain_calls(
    calls: Calls,
    body_bytes: int,
    destinations: list[Destination],
    source: str | None,
    limits: Limits,
    is_historical: bool,
    only: str | None,
) -> list[dict[str, Any]]:
    """Admit the *calls* of one request as the gateway does, and explain each. For a call that it would refuse there is no event
    and no destination. *body_bytes* is the size of the request's body, *only* the one destination that is asked for."""
    now_s = time.time()
    admitted = await admit(calls, body_bytes, source or "", now_s, lambda: str(uuid4()), limits)
    rejections = {each.index: each for each in admitted.rejections}
    warnings = {each.index: each.warnings for each in admitted.mended}
    entries = iter(admitted.entries)
    answers = []
    for index in range(len(calls.calls)):
        if index in rejections:
            answers.append(_show_rejection(rejections[index]))
        elif (entry := next(entries, None)) is not None:
            event = Event.from_json(entry.event)
            age = age_s(event, now_s) if is_historical else None
            told = (*warnings.get(index, ()), *_what_a_visitor_adds(event))
            answers.append(explain_event(event, destinations, source, told, age, only))
    return answers


_SOMEBODY: Final = Visitor(ip="(an address)", user_agent="(a browser)")


def _what_a_visitor_adds(event: Event) -> Iterator[str]:
    """A warning where the gateway would take from the request what its event lacks. Here there is no request."""
    completed = _SOMEBODY.complete(event).context
    names = [f"context.{name}" for name, value in completed.items() if event.context.get(name) != value]
    if names:
        yield f"{' and '.join(names)}: not shown here; the router adds what the request itself says"


def _show_rejection(rejection: Rejection) -> dict[str, Any]:
    why = {name: getattr(rejection, name) for name in ("code", "field", "expected", "found")}
    return {"event": None, "warnings": [], "destinations": [], "rejected": why}


def _read_calls(file: str, data: bytes) -> Iterator[Calls]:
    """The requests in *data*, read as the gateway reads them, odd JSON included. A batch is one request, and so is each single
    event, on a line or in a list."""
    try:
        whole = parse_json(data)
    except Refused as refused:
        yield from (Calls((call,)) for _, call in read_lines(file, data, refused))
        return
    if isinstance(whole, dict) and "batch" in whole and "type" not in whole:
        try:
            yield read_batch(whole, None)
        except Refused as refused:
            raise OperatorError(f"{file}: {refused.message}") from refused
    else:
        yield from (Calls((call,)) for call in (whole if isinstance(whole, list) else [whole]))


def _print(answer: dict[str, Any]) -> None:
    if "rejected" in answer:
        rejected = answer["rejected"]
        where = rejected["field"] or "the call"
        told = f"{rejected['code']}: {where}: expected {rejected['expected']}, found {rejected['found']}"
        say(f"rejected: {told}", style="bold")
        return
    event = answer["event"]
    print_line(f"{event['type']} {event['messageId']}", style="bold")
    for warning in answer["warnings"]:
        print_line(f"  warning: {warning}")
    if not answer["destinations"]:
        console.print(NO_DESTINATIONS)
    for entry in answer["destinations"]:
        print_entry(entry)


def print_entry(entry: dict[str, Any]) -> None:
    """Print what one action of one destination makes of an event."""
    action = f" · {entry['action']}" if entry["action"] else ""
    console.print()
    print_line(f"{entry['destination']}{action}: {entry['decision']} ({entry['reason']})", style="bold")
    if "historical" in entry:
        print_line(f"  marked as an old event: {entry['historical']}")
    if "order" in entry and entry["decision"] == "deliver":
        print_line("  order: none: it may arrive before an earlier event of its user")
    for request in entry["requests"]:
        print_line(f"  {request['method']} {request['url']}")
        if request["body"] is not None:
            console.print(Pretty(request["body"], expand_all=True), soft_wrap=True)
    if entry["lineage"] and entry["decision"] == "deliver":
        print_table("", ["from", "to", "converter"], [(e["from"], e["to"], e["converter"]) for e in entry["lineage"]])
    for change in entry.get("changes", ()):
        print_line(f"  changed: {change}")
    for warning in entry.get("warnings", ()):
        print_line(f"  warning: {warning}")
    if entry["unmapped"]:
        print_line(f"  not sent: {', '.join(entry['unmapped'])}")
