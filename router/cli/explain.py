"""``router explain``: what each destination gets of an event, or why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.pretty import Pretty

from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, read_config
from router.cli.output import NO_DESTINATIONS, console, print_json, print_table
from router.cli.streams import read_input
from router.cli.wiring import to_assignments
from router.destination import Destination
from router.errors import OperatorError
from router.event_times import age_s
from router.explain import explain as explain_event
from router.gateway.calls import Calls, read_batch
from router.gateway.document import parse_json
from router.gateway.refusal import Refused
from router.normalise import normalise
from router.rejection import Rejected

ALONE = Calls(())
"""What is said for all events of a batch, where there is none."""


def explain(
    file: Annotated[
        str,
        typer.Argument(
            help="A file with one event, one a line (NDJSON), a list of them, or a batch as SDKs send it; - is standard input."
        ),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    source: Annotated[str | None, typer.Option(help="Decide as for events of this source.")] = None,
    destination: Annotated[str | None, typer.Option(help="Only this destination.")] = None,
    historical: Annotated[
        bool, typer.Option("--historical", help="As a replay would send it: nothing may start because of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what each destination would be sent for an event, and why (not). Nothing is sent.

    Example: `echo '{"type": "identify", "userId": "u1", "traits": {"createdAt": 1724508922}}' | router explain -`
    """
    settings, registry = read_config(config)
    if source is not None and source not in settings.sources:
        raise OperatorError(f"no source {source!r} in {config}; there are: {', '.join(settings.sources)}")
    destinations = [each.destination for each in to_assignments(settings, registry)]
    if destination is not None:
        destinations = [each for each in destinations if each.name == destination]
        if not destinations:
            raise OperatorError(
                f"no destination {destination!r} in {config}; there are: {', '.join(settings.destinations)}"
            )
    refused = seen = 0
    for raw, batch in _read_events(file):
        seen += 1
        answer = explain_raw(raw, destinations, source, historical, batch)
        refused += "rejected" in answer
        if as_json:
            print_json(answer)
        else:
            _print(answer)
    if not seen:
        typer.echo(f"{'standard input' if file == '-' else file}: there is no event in it", err=True)
    raise typer.Exit(1 if refused else 0)


def explain_raw(
    raw: Any, destinations: list[Destination], source: str | None, is_historical: bool = False, batch: Calls = ALONE
) -> dict[str, Any]:
    """Normalise and explain; for an event that the gateway would refuse, say so: there is no event, and no destination.

    *batch* is what the event came in; what that says of all its events counts as it does at the gateway.
    """
    now = datetime.now(UTC)
    try:
        normalised = normalise(
            raw,
            received_at=now,
            new_id=lambda: str(uuid4()),
            sent_at=batch.sent_at,
            context=batch.context,
            integrations=batch.integrations,
        )
    except Rejected as error:
        rejected = {"code": error.code, "field": error.field, "expected": error.expected, "found": error.found}
        return {"event": None, "warnings": [], "destinations": [], "rejected": rejected}
    historical_age_s = age_s(normalised.event, now.timestamp()) if is_historical else None
    warnings = (*batch.warnings, *normalised.warnings)
    return explain_event(normalised.event, destinations, source, warnings, historical_age_s)


def _read_events(file: str) -> Iterator[tuple[Any, Calls]]:
    """As the gateway reads them, odd JSON included: each with the batch that it is in."""
    data = read_input(file)
    try:
        whole = parse_json(data)
    except Refused:
        yield from _read_lines(file, data)
        return
    if isinstance(whole, dict) and "batch" in whole and "type" not in whole:
        try:
            batch = read_batch(whole, None)
        except Refused as refused:
            raise OperatorError(f"{file}: {refused.message}") from refused
        yield from ((call, batch) for call in batch.calls)
    else:
        yield from ((call, ALONE) for call in (whole if isinstance(whole, list) else [whole]))


def _read_lines(file: str, data: bytes) -> Iterator[tuple[Any, Calls]]:
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield parse_json(line), ALONE
        except Refused as refused:
            what = refused.message.removeprefix("the body is ")
            raise OperatorError(f"{file}:{number}: expected one event as JSON a line, found {what}") from refused


def _print(answer: dict[str, Any]) -> None:
    if "rejected" in answer:
        rejected = answer["rejected"]
        where = rejected["field"] or "the call"
        told = f"{rejected['code']}: {where}: expected {rejected['expected']}, found {rejected['found']}"
        console.print(f"rejected: {told}", style="bold", soft_wrap=True)
        return
    event = answer["event"]
    console.print(f"{event['type']} {event['messageId']}", style="bold")
    for warning in answer["warnings"]:
        console.print(f"  warning: {warning}")
    if not answer["destinations"]:
        console.print(NO_DESTINATIONS)
    for entry in answer["destinations"]:
        print_entry(entry)


def print_entry(entry: dict[str, Any]) -> None:
    """What one action of one destination makes of an event."""
    action = f" · {entry['action']}" if entry["action"] else ""
    console.print(f"\n{entry['destination']}{action}: {entry['decision']} ({entry['reason']})", style="bold")
    if "historical" in entry:
        console.print(f"  marked as an old event: {entry['historical']}")
    if "order" in entry and entry["decision"] == "deliver":
        console.print("  order: none: it may arrive before an earlier event of its user")
    for request in entry["requests"]:
        console.print(f"  {request['method']} {request['url']}")
        if request["body"] is not None:
            console.print(Pretty(request["body"], expand_all=True), soft_wrap=True)
    if entry["lineage"] and entry["decision"] == "deliver":
        print_table("", ["from", "to", "converter"], [(e["from"], e["to"], e["converter"]) for e in entry["lineage"]])
    for change in entry.get("changes", ()):
        console.print(f"  changed: {change}")
    for warning in entry.get("warnings", ()):
        console.print(f"  warning: {warning}")
    if entry["unmapped"]:
        console.print(f"  not sent: {', '.join(entry['unmapped'])}")
