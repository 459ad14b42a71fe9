"""``router trace``: what happened to an event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.pretty import Pretty

from router.cli.backend import ask
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import NO_DESTINATIONS, ago, console, duration, print_json, print_line, print_table
from router.counted import counted


def trace(
    message_id: Annotated[str, typer.Argument(help="The event's messageId.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a stored event and its outcome at each destination.

    Example: `router trace 5f3a7c1e-8d11-4a43-9a4e-0c4f5f0b6a11`
    """
    answer = asyncio.run(ask(config, "trace", message_id=message_id))
    if as_json:
        print_json(answer)
        return
    for event in answer["events"]:
        told = f"{message_id} from source {event['source']}, number {event['sequence']} in the log"
        print_line(told, style="bold")
        console.print(Pretty(event["event"], expand_all=True))
        for warning in event.get("warnings", ()):
            print_line(f"  warning: {warning}")
        print_table(
            "",
            ["destination", "outcome", "reason", "when"],
            [row for entry in event["destinations"] for row in _outcomes(entry)],
            if_empty=NO_DESTINATIONS,
        )


def _outcomes(entry: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What became of an event at a destination and, in a row of its own, of its latest replay there."""
    yield entry["destination"], entry["outcome"], entry["reason"], when(entry)
    if replay := entry.get("replay"):
        reason = f": {replay['reason']}" if replay["reason"] else ""
        yield entry["destination"], replay["outcome"], f"in replay {replay['job']}{reason}", ago(replay["at_s"])


def when(entry: dict[str, Any]) -> str:
    """When an event came to its outcome or, if it still waits, how often it was tried and when the next try is."""
    tries = entry.get("attempts", 0)
    if not tries:
        return ago(entry.get("at_s"))
    following = entry.get("next_try_s", 0) - time.time()
    return counted(tries, "try", "tries") + (f", next in {duration(following)}" if following > 0 else "")
