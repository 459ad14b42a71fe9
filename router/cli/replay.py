"""``router replay``: send events of the log again."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli.backend import ask
from router.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    DryRun,
    Rate,
    Since,
    Type,
    Until,
    Wait,
    switch,
    to_period,
    to_rate,
)
from router.cli.progress import follow, rehearse
from router.delivery.jobs.spec import OUTCOMES
from router.errors import OperatorError

Outcome = StrEnum("Outcome", OUTCOMES)  # type: ignore[misc]


def replay(
    destinations: Annotated[list[str], typer.Argument(help="The destination, or several.")],
    since: Since = None,
    until: Until = None,
    source: Annotated[list[str] | None, typer.Option(help="Only events of this source; may be repeated.")] = None,
    type: Annotated[list[Type] | None, typer.Option(help="Only events of this type; may be repeated.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only track calls of this name; may be repeated.")] = None,
    user: Annotated[
        list[str] | None, typer.Option(help="Only events of this user (userId, else anonymousId); may be repeated.")
    ] = None,
    outcome: Annotated[
        list[Outcome] | None,
        typer.Option(help="Only events that came to this there before (none: those it never had); may be repeated."),
    ] = None,
    every: Annotated[bool, switch("--all", help="All events that the log has.")] = False,
    rate: Rate = None,
    live: Annotated[
        bool, switch("--live", help="Send them as new: the vendor may start mails because of them.")
    ] = False,
    dry_run: DryRun = False,
    wait: Wait = True,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Send events of the log again, with today's mapping: those you choose, or --all. Their own flags and consent still decide.

    Live traffic goes first. Old events are sent so that nothing starts because of them, or skipped where that can't be told
    to the vendor (see --dry-run); --live sends them as new. Replays have books of their own, keep the idempotency keys of the
    first delivery, and go on after a crash. Exits with 1 if a vendor refused any of them.

    Example: `router replay mixpanel --since 2026-11-01 --type identify --rate 50/s --dry-run`
    """
    since_s, until_s = to_period(since, until)
    chosen: dict[str, Any] = {
        "since_s": since_s,
        "until_s": until_s,
        "source": source,
        "type": type,
        "event": event,
        "user": user,
        "outcome": outcome,
    }
    given = {key: value for key, value in chosen.items() if value not in (None, [])}
    if bool(given) == every:
        raise OperatorError(
            "say which: by --since, --until, --source, --type, --event, --user and --outcome; or --all that the log "
            "has, and nothing besides"
        )
    given["is_historical"] = not live
    if rate is not None:
        given["rate_per_s"] = to_rate(rate)
    names = list(dict.fromkeys(destinations))
    # Planned at each destination before a job is noted at any: a name that is wrong must not leave half of it done.
    plans = asyncio.run(_ask_each(config, "plan-replay", names, given))
    if dry_run:
        rehearse(config, plans, as_json)
        return
    jobs = asyncio.run(_ask_each(config, "replay", names, given))
    follow(config, [job for _, job in jobs], as_json, wait)


async def _ask_each(
    config: Path, operation: str, names: list[str], chosen: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    return [(name, each) for name in names for each in await ask(config, operation, destination=name, **chosen)]
