"""The ``router`` command: puts its parts together, and prints errors as an operator wants them."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from typing import Any

import typer
from typer.main import get_command

from router import __version__
from router.cli import (
    check,
    dead_letters,
    demo,
    destinations,
    explain,
    jobs,
    log,
    logging,
    new_plugin,
    rejected,
    replay,
    run,
    sandbox,
    send,
    status,
    suppressed,
    trace,
)
from router.cli.options import switch
from router.cli.output import fail
from router.cli.standard_streams import open_closed
from router.errors import OperatorError
from router.overheard import overhearing

app = typer.Typer(
    name="router",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"trait-router {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = switch(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """A destination fan-out router: each customer event in once, out to every tool in its own words.

    Example: `router run --config config/router.yaml`
    """
    logging.set_up_for_commands()


app.command()(run.run)
app.command()(check.check)
app.command()(explain.explain)
app.command()(send.send)
app.command()(trace.trace)
app.command()(status.status)
app.command()(replay.replay)
app.add_typer(destinations.app, name="destinations")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(jobs.app, name="jobs")
app.add_typer(log.app, name="log")
app.add_typer(rejected.app, name="rejected")
app.add_typer(suppressed.app, name="suppressed")
app.add_typer(sandbox.app, name="sandbox")
app.command("new-plugin")(new_plugin.new_plugin)
app.command()(demo.demo)


@functools.cache
def commands() -> Any:
    """All of them, as what parses their arguments. It is made once: that takes longer than most commands do."""
    return get_command(app)


_OF_THE_DISK = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EROFS: "Mend the disk, or have it mounted so that it can be written",
}
"""Errors of a disk that takes nothing, and what to do about each."""


class _Terminated(SystemExit):
    """Ended by SIGTERM. As with Ctrl-C, what was begun is tidied up first."""


def _terminate(*_: object) -> None:
    raise _Terminated(128 + signal.SIGTERM)


def main() -> None:
    """Entry point. What the operator can fix is printed without a traceback; everything else is a bug and keeps its own."""
    open_closed()
    # If `router` is the first process of a container, it would not even notice the signal by default.
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with overhearing():
            _run()
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # so that the caller sees what ended it
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _run() -> None:
    try:
        commands()()
    except OperatorError as error:
        sys.exit(fail(error))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer exits with 1, which would mean damage
            sys.exit(130)
        raise
    except PermissionError as error:
        if error.filename is None:
            raise
        sys.exit(fail(OperatorError(f"{error.filename}: permission denied. Run it as the user of the router.")))
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        place = error.filename or "standard output"
        sys.exit(
            fail(OperatorError(f"{place}: {error.strerror}. {_OF_THE_DISK[error.errno]}, or choose another place."))
        )
