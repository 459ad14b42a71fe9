"""``router replay``: send events of the log again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from router.cli.backend import ask
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.progress import follow
from router.delivery.jobs import parse_time
from router.errors import OperatorError


def replay(
    destination: Annotated[str, typer.Argument(help="The destination.")],
    since: Annotated[str | None, typer.Option(help="Received at or after this time (2024-08-24T14:15:22Z).")] = None,
    until: Annotated[str | None, typer.Option(help="Received before this time.")] = None,
    source: Annotated[str | None, typer.Option(help="Only events of this source.")] = None,
    type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    user: Annotated[str | None, typer.Option(help="Only events of this user (userId, else anonymousId).")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Send events from the log to a destination again, with today's mapping; their own flags still decide.

    Replays have books of their own and keep the idempotency keys of the first delivery. They go on after a crash.

    Example: `router replay mixpanel --since 2026-11-01 --type identify`
    """
    try:
        since_s, until_s = (parse_time(text) if text else None for text in (since, until))
    except ValueError as error:
        raise OperatorError(str(error)) from error
    jobs = asyncio.run(
        ask(
            config,
            "replay",
            destination=destination,
            since_s=since_s,
            until_s=until_s,
            source=source,
            type=type,
            user=user,
        )
    )
    follow(config, destination, jobs, as_json)
