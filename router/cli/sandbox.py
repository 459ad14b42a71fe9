"""``router sandbox``: the stand-ins for vendors."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.pretty import Pretty

from router.cli.backend import ask
from router.cli.config_file import read_plugins
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import console, plain, print_json, say
from router.cli.sandboxes import HOST, make_sandbox, serve_sandbox
from router.counted import counted
from router.errors import OperatorError

app = typer.Typer(
    no_args_is_help=True,
    help="Stand-ins for vendors, on loopback: see what they took, or run one alone.\n\n"
    "Example: `router sandbox show crm`",
)


@app.command()
def show(
    destination: Annotated[str, typer.Argument(help="A destination with `sandbox: true`.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what the stand-in of a running router's destination has taken, newest last.

    Example: `router sandbox show mixpanel`
    """
    answer = asyncio.run(ask(config, "sandbox", destination=destination, limit=limit))
    if as_json:
        print_json(answer)
        return
    taken = (
        counted(answer["total"], "item")
        if answer["total"]
        else "nothing yet. See how its deliveries are: router status"
    )
    say(f"{answer['destination']} at {answer['url']} has taken {taken}")
    for entry in answer["items"]:
        console.print(entry["kind"], style="bold")
        console.print(Pretty(entry["item"], expand_all=True))


@app.command()
def serve(
    plugin: Annotated[str, typer.Argument(help="The plugin's slug.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    record: Annotated[
        Path | None, typer.Option(help="Also append what is taken to this file, a line of JSON each.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Run a stand-in alone until it is told to stop; prints its address, for `base_url`, and on stderr the settings of the one
    account that it has: it refuses other credentials, as its vendor does.

    Example: `router sandbox serve mixpanel --port 9001`
    """
    made_by = read_plugins(config).get(plugin)
    if record is not None:
        _check_record(record)
    sandbox = make_sandbox(made_by, record=record)

    async def serve_until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        try:
            runner, url = await serve_sandbox(sandbox, port)
        except OSError as error:
            raise OperatorError(
                f"--port: can't listen on {HOST}:{port} ({error.strerror or error}). Choose another; 0 takes a free one."
            ) from error
        typer.echo(url)
        settings = orjson.dumps(dict(made_by.sandbox_settings), default=str).decode()
        typer.echo(
            plain(f"It has one account; a destination that delivers here takes its credentials from: {settings}"),
            err=True,
        )
        with contextlib.suppress(asyncio.CancelledError):
            await stop.wait()
        await runner.cleanup()

    asyncio.run(serve_until_stopped())


def _check_record(record: Path) -> None:
    """Check the file before the plugin opens it, or the plugin would be blamed for it.

    Raises:
        OperatorError: it can't be written.
    """
    try:
        record.open("ab").close()
    except OSError as error:
        raise OperatorError(f"--record: {record}: can't be written ({error.strerror}). Choose another file.") from error
