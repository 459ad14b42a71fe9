"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from router import dates
from router.config.quantity import parse_rate
from router.errors import OperatorError
from router.event import EVENT_TYPES

switch = partial(typer.Option, metavar="")
"""An option without a value. Typer's help would show one, `<bool>`."""

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="ROUTER_CONFIG", help="The config file.", show_default=True)
]
DEFAULT_CONFIG = Path("config/router.yaml")
AsJson = Annotated[bool, switch("--json", help="Print JSON, for programs.")]
Number = Annotated[int, typer.Argument(min=1, help="Its number, from the list.")]
Type = StrEnum("Type", EVENT_TYPES)  # type: ignore[misc]
Rate = Annotated[
    str | None, typer.Option(help="Events a second at most (50/s); else as fast as live traffic leaves room.")
]
Since = Annotated[
    str | None,
    typer.Option(help="Received at or after this time (2024-08-24T14:15:22Z; UTC, if it names no zone)."),
]
Until = Annotated[str | None, typer.Option(help="Received before this time.")]
DryRun = Annotated[bool, switch("--dry-run", help="Say what it would come to, and send nothing.")]
Wait = Annotated[bool, switch(help="Wait for its end, and show how far it has come.")]

MOST: Final = 2**63 - 1
"""The highest number that SQLite can hold."""


def check_given(*given: Any) -> None:
    """Check what a shell has passed on: a text may not be text, and a number may have any length.

    Raises:
        OperatorError: one of *given* (or of a list among them) can't be searched for.
    """
    for each in given:
        if isinstance(each, list):
            check_given(*each)
        elif isinstance(each, str) and not _is_text(each):
            raise OperatorError(f"{each!r}: these bytes are no text, so that nothing has that name. Write it in UTF-8")
        elif isinstance(each, int) and each > MOST:
            raise OperatorError(f"{each}: there is no such number; the highest is {MOST}")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_period(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """From when to when, in Unix seconds. None means no limit.

    Raises:
        OperatorError: one is not a time, or there is nothing between them.
    """
    since_s, until_s = _to_time("--since", since), _to_time("--until", until)
    if since_s is not None and until_s is not None and since_s >= until_s:
        raise OperatorError(f"--until: {until} is not after --since {since}, so that no event is meant")
    return since_s, until_s


def _to_time(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    moment = dates.parse(text)
    if moment is None:
        raise OperatorError(f"{option}: {text!r} is no time; write 2024-08-24 or 2024-08-24T14:15:22Z")
    return dates.to_datetime(moment).timestamp()


def to_rate(text: str | None) -> float | None:
    """Events a second.

    Raises:
        OperatorError: *text* is not a rate.
    """
    if text is None:
        return None
    rate = parse_rate(text)
    if not rate:
        raise OperatorError(f"--rate: {text!r} is no rate; write 50/s or 3000/min")
    return rate
