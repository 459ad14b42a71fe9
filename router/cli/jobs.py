"""``router jobs``: replays and retries that are under way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from router.admin.hole import without_holes
from router.cli.backend import ask
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, switch
from router.cli.output import ago, console, print_json, print_table, say
from router.cli.progress import why_they_wait
from router.errors import OperatorError

app = typer.Typer(
    no_args_is_help=True, help="See and stop replays and retries of dead letters.\n\nExample: `router jobs list`"
)


@app.command("list")
def list_jobs(
    destination: Annotated[str | None, typer.Argument(help="The destination; all, if not given.")] = None,
    every: Annotated[bool, switch("--all", help="Also those that are over.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List replays and retries, with how far each has come.

    Example: `router jobs list`
    """
    jobs, why, trouble = asyncio.run(_look(config, destination, every))
    if as_json:
        print_json(jobs)
    else:
        columns = ("destination", "number", "what", "state", "done", "of", "delivered", "skipped", "dead", "asked for")
        if_empty = "" if trouble else _none(destination, every)
        print_table("", columns, [_row(job) for job in jobs], has_lines=False, if_empty=if_empty)
        for line in why:
            say(line)
    if trouble is not None:
        raise trouble


async def _look(
    config: Path, destination: str | None, every: bool
) -> tuple[list[dict[str, Any]], list[str], OperatorError | None]:
    """The jobs to list, why those under way stand still, if they do, and whose jobs are not known."""
    known, trouble = without_holes(await ask(config, "jobs", destination=destination))
    jobs = [job for job in known if every or job["state"] == "running"]
    under_way = [job for job in jobs if job["state"] == "running"]
    return jobs, await why_they_wait(config, under_way) if under_way else [], trouble


def _none(destination: str | None, every: bool) -> str:
    """What to print if the list is empty."""
    place = f" at {destination}" if destination else ""
    if every:
        return f"No replays and no retries{place}: none was asked for with router replay or router dead-letters retry."
    return f"No replay and no retry{place} is under way. Those that are over: router jobs list --all"


def _row(job: dict[str, Any]) -> list[Any]:
    state = job["state"] if job["running"] or job["state"] != "running" else "waits"
    counts = [job["counts"].get(kind, 0) for kind in ("delivered", "skipped", "dead")]
    return [
        job["destination"], job["job"], job["kind"], state, job["done"], job["total"], *counts, ago(job["made_s"])
    ]  # fmt: skip


@app.command()
def cancel(
    destination: Annotated[str, typer.Argument(help="The destination.")],
    numbers: Annotated[
        list[int] | None,
        typer.Argument(min=1, help="Numbers, from the list; all that are under way, if none is given."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Stop replays and retries. What is in a request lands, what waits is not sent.

    Example: `router jobs cancel mixpanel 3`
    """
    answers, failures = asyncio.run(_cancel(config, destination, numbers))
    if as_json:
        print_json(answers[0] if numbers and len(numbers) == len(answers) == 1 else answers)
    else:
        for answer in answers:
            console.print(f"{destination}: job {answer['job']} is cancelled")
    if failures:
        raise OperatorError("\n".join(map(str, failures)))
    if not answers and not as_json:
        console.print(_none(destination, every=False))


async def _cancel(
    config: Path, destination: str, numbers: list[int] | None
) -> tuple[list[dict[str, Any]], list[OperatorError]]:
    """Cancel the jobs with these *numbers*, or all. One that can't be cancelled keeps no other one running.

    Returns:
        The answers, and why others could not be cancelled.
    """
    wanted = numbers or await _running(config, destination)
    answers, failures = [], {}
    for number in wanted:
        try:
            answers.append(await ask(config, "cancel", destination=destination, job=number))
        except OperatorError as error:
            failures[number] = error
    if failures and not numbers:  # those that have ended meanwhile need not be cancelled
        failures = {number: failures[number] for number in await _running(config, destination) if number in failures}
    return answers, list(failures.values())


async def _running(config: Path, destination: str) -> list[int]:
    jobs = await ask(config, "jobs", destination=destination)
    return [job["job"] for job in jobs if job["state"] == "running"]
