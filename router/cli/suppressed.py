"""``router suppressed``: people who are to be forgotten."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, NoReturn

import typer

from router.cli.backend import ask
from router.cli.data_folder import suppressed_path
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, check_given, switch
from router.cli.output import ago, print_json, print_table, say
from router.config import load_storage
from router.counted import counted
from router.errors import OperatorError
from router.suppressed import IdKind
from router.suppressed_file import read_suppressions

app = typer.Typer(no_args_is_help=True)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Their userIds.")]
Anonymous = Annotated[bool, switch("--anonymous", help="They are anonymousIds.")]


@app.callback()
def suppressed() -> None:
    """People of whom nothing is to be taken, sent or kept.

    Example: `router suppressed add u1`
    """


@app.command()
def add(
    ids: Ids,
    anonymous: Anonymous = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Suppress people: take no more events of theirs, send none, and erase those that are stored. Exits with 1 if something
    could not be done yet; the router goes on trying.

    What vendors have got is theirs to delete, and what is in a backup stays there. An id that is suppressed already is erased
    once more, as after a backup was restored.

    Example: `router suppressed add u1 u2`
    """
    answer = asyncio.run(ask(config, "suppress", people=_people(ids, anonymous)))
    _end(answer, _told_of(answer, ids), as_json)


_KEPT: Final = {
    "events": ("event of the log", "events of the log"),
    "dead_letters": ("dead letter",),
    "parked": ("parked event",),
    "rejected": ("rejected call",),
}
"""What the router keeps of people, as the answer names it and in words."""


def _told_of(answer: dict[str, Any], ids: list[str]) -> Iterator[str]:
    """What was erased, and what is left to do for a person."""
    erased = ", ".join(counted(answer[key], *words) for key, words in _KEPT.items() if key in answer)
    yield f"Suppressed: {', '.join(ids)}. Erased: {erased}."
    others = answer.get("anonymous_ids")
    if others:
        yield (
            f"Their events had these anonymousIds, too: {', '.join(others)}. What came with such an id alone is kept; if "
            f"nobody else has them: router suppressed add --anonymous -- {shlex.join(others)}"
        )
    aliases = answer.get("aliases")
    if aliases:
        yield (
            f"Alias calls joined them with these ids: {', '.join(aliases)}. What came under such an id is kept; if it is "
            f"theirs: router suppressed add -- {shlex.join(aliases)} (anonymousIds with --anonymous)"
        )
    for path in answer.get("left", ()):
        yield f"Damaged, and may hold events of theirs; remove it once it is of no use: {path}"


def _end(answer: dict[str, Any], told: Iterable[str], as_json: bool) -> NoReturn:
    """Print the answer: as JSON, or as it is *told*, and what could not be done yet. The exit code says whether that is all."""
    if as_json:
        print_json(answer)
    else:
        for line in (*told, *(f"Not done yet: {problem}" for problem in answer["problems"])):
            say(line)
    raise typer.Exit(1 if answer["problems"] else 0)


@app.command("list")
def list_suppressed(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List suppressed people, the oldest first.

    Example: `router suppressed list`
    """
    found = read_suppressions(suppressed_path(load_storage(config)))
    if as_json:
        print_json([{**each.person._asdict(), "since_s": each.since_s, "erased_s": each.erased_s} for each in found])
        return
    rows = [
        (each.person.kind, each.person.id, ago(each.since_s), "yes" if each.erased_s else "not yet") for each in found
    ]
    print_table("", ("", "id", "since", "erased"), rows, if_empty="Nobody is suppressed.")


@app.command()
def remove(
    ids: Ids,
    anonymous: Anonymous = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take people's events again, from now on. What was erased does not come back.

    Example: `router suppressed remove u1`
    """
    answer = asyncio.run(ask(config, "lift", people=_people(ids, anonymous)))
    _end(answer, _told_of_lifted(answer["lifted"], len(set(ids))), as_json)


def _told_of_lifted(lifted: int, asked: int) -> Iterator[str]:
    """How many were struck off, and what of the others: an id with a slip in it must not pass for one that is free again."""
    yield f"{lifted} of {asked} struck off{': their events are taken again.' if lifted else '.'}"
    if lifted < asked:
        yield f"{asked - lifted} not suppressed under such an id; those who are: router suppressed list"


def _people(ids: list[str], is_anonymous: bool) -> list[tuple[IdKind, str]]:
    """Raises OperatorError if one of *ids* can be nobody's."""
    check_given(*ids)
    if not all(map(str.strip, ids)):
        raise OperatorError("an id is empty, and no event has an empty one. Is a variable of the shell not set?")
    return [("anonymousId" if is_anonymous else "userId", id) for id in ids]
