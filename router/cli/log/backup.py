"""``router log backup``: a copy of what is stored."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Annotated

import typer

from router.admin.backup import back_up
from router.cli.data_folder import log_directory, rejected_path, state_directory, suppressed_path
from router.cli.log.report import DAMAGED, describe_span, print_segment, show_report
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import console, print_json, say
from router.config import load_storage
from router.counted import counted
from router.errors import OperatorError
from router.suppressed_file import read_suppressions, suppress


def backup(
    directory: Annotated[Path, typer.Argument(help="Where to; it is made, and must not be there yet.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Copy the log and the state of every destination, also while a router runs. To restore: point `data` at the copy.

    Every event that was acknowledged before it began is in it, and no position is ahead of the copied log.

    Example: `router log backup /backup/router-2026-11-26`
    """
    settings = load_storage(config)
    if settings.log_urls:
        raise OperatorError(
            "the log and the states are in the cluster; back up its streams with its own tool: nats account backup. To have "
            "what is pending in a folder: router log copy"
        )
    others = (suppressed_path(settings), rejected_path(settings))

    def adapt(draft: Path) -> None:
        _have_erased_again(suppressed_path(settings.model_copy(update={"data": draft})))

    done = back_up(log_directory(settings), state_directory(settings), directory, others, adapt)
    is_sound = done.log.is_sound and not done.problems
    if as_json:
        shown = {
            "ok": is_sound,
            "backup": str(done.target),
            "positions": done.positions,
            "problems": list(done.problems),
        }
        print_json({**shown, "log": show_report(done.log)})
    else:
        say(
            f"{done.target}: {describe_span(done.log)}, and {counted(len(done.positions), 'destination')}. "
            f"To restore it, start a router with `data: {done.target}` in its config."
        )
        for segment in done.log.segments:
            if segment.state == "damaged":
                print_segment(segment)
        for problem in (*done.log.problems, *done.problems):
            say(problem)
        if not is_sound:
            console.print("The backup is whole, and as damaged as what it was copied from.")
    raise typer.Exit(0 if is_sound else DAMAGED)


def _have_erased_again(path: Path) -> None:
    """Have the router that starts over a backup erase the suppressed people in the file *path* of it once more: what has been
    erased by now may have been copied before."""
    with contextlib.suppress(OperatorError):  # it is damaged, as the backup will say
        people = [each.person for each in read_suppressions(path)]
        if people:
            suppress(path, people, time.time())
