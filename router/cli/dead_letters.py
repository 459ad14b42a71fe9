"""``router dead-letters``: what destinations refused for good."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.pretty import Pretty

from router.cli.backend import ask
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import ago, console, print_json, print_table
from router.cli.progress import follow
from router.errors import OperatorError

app = typer.Typer(no_args_is_help=True, help="See, retry and discard what destinations refused for good.")

Name = Annotated[str, typer.Argument(help="The destination.")]
Ids = Annotated[list[int] | None, typer.Argument(help="Numbers of dead letters, from the list.")]


@app.command("list")
def list_letters(
    destination: Annotated[str | None, typer.Argument(help="The destination; all, if not given.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those whose reason contains this text.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first.

    Example: `router dead-letters list intercom`
    """
    letters = asyncio.run(ask(config, "dead-letters", destination=destination, reason=reason, limit=limit))
    if as_json:
        print_json(letters)
        return
    columns = ("destination", "number", "messageId", "type", "user", "reason", "tries", "died")
    rows = [
        (e["destination"], e["id"], e["message_id"], e["type"], e["user"], e["reason"], e["attempts"], ago(e["died_s"]))
        for e in letters
    ]
    print_table("", columns, rows)


@app.command()
def show(
    destination: Name,
    number: Annotated[int, typer.Argument(help="Its number, from the list.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its event, the vendor's own words, and what of it was delivered all the same.

    Example: `router dead-letters show intercom 7`
    """
    [letter] = asyncio.run(ask(config, "dead-letters", destination=destination, id=number))
    if as_json:
        print_json(letter)
        return
    console.print(f"{destination} {number}: {letter['reason']}", style="bold", markup=False)
    tries = f"{letter['attempts']} tries, died {ago(letter['died_s'])}"
    console.print(
        f"{letter['type']} {letter['message_id']} of {letter['user']} from {letter['source']}, {tries}", markup=False
    )
    if letter["delivered_payloads"]:
        console.print(f"delivered all the same: {', '.join(letter['delivered_payloads'])}", markup=False)
    if letter["event"] is None:
        console.print(f"the log lost {letter['events']} events here; there is nothing to send again")
    else:
        console.print(Pretty(letter["event"], expand_all=True))


@app.command()
def retry(
    destination: Name,
    numbers: Ids = None,
    reason: Annotated[str | None, typer.Option(help="Those whose reason contains this text.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of the destination's.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again, with today's mapping. Goes on after a crash; what was delivered already is not sent again.

    Example: `router dead-letters retry intercom --all`
    """
    if sum(map(bool, (numbers, reason, every))) != 1:
        raise OperatorError("say which: numbers, --reason TEXT or --all")
    job = asyncio.run(ask(config, "retry", destination=destination, ids=numbers, reason=reason))
    follow(config, destination, [job], as_json)


@app.command()
def discard(
    destination: Name,
    numbers: Annotated[list[int], typer.Argument(help="Numbers of dead letters, from the list.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Throw dead letters away for good. They stay counted as dead.

    Example: `router dead-letters discard intercom 7 8`
    """
    answer = asyncio.run(ask(config, "discard", destination=destination, ids=numbers))
    if as_json:
        print_json(answer)
        return
    console.print(f"{answer['discarded']} discarded")
