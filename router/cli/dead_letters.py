"""``router dead-letters``: what destinations refused for good."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer
from rich.pretty import Pretty

from router.admin.hole import without_holes
from router.cli.backend import ask
from router.cli.explain import print_entry
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, DryRun, Number, Rate, Wait, switch, to_rate
from router.cli.output import ago, console, print_json, print_line, print_table
from router.cli.progress import follow, rehearse
from router.counted import counted
from router.errors import OperatorError
from router.payload_key import describe_settled

app = typer.Typer(
    no_args_is_help=True,
    help="See, retry and discard what destinations refused for good.\n\nExample: `router dead-letters list`",
)

Name = Annotated[str, typer.Argument(help="The destination.")]
Ids = Annotated[list[int] | None, typer.Argument(min=1, help="Numbers of dead letters, from the list.")]
Cause = Annotated[str | None, typer.Option(help="Those of this cause: its code, from the list.")]
Reason = Annotated[str | None, typer.Option(help="Those whose reason contains this text.")]
Every = Annotated[bool, switch("--all", help="All of the destination's.")]


@app.command("list")
def list_letters(
    destination: Annotated[str | None, typer.Argument(help="The destination; all, if not given.")] = None,
    cause: Annotated[str | None, typer.Option(help="One by one those of this cause: its code, from the list.")] = None,
    reason: Reason = None,
    each: Annotated[bool, switch("--each", help="One by one, oldest first, instead of by cause.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many when they are listed one by one.")] = 50,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List dead letters by their cause: the vendor's words without ids and numbers. Or one by one.

    Example: `router dead-letters list intercom`
    """
    if each or cause is not None:
        chosen = {"destination": destination, "reason": reason, "cause": cause, "limit": limit}
        letters, trouble = without_holes(asyncio.run(ask(config, "dead-letters", **chosen)))
        if_empty = "" if trouble else _none(destination, reason, cause)
        print_json(letters) if as_json else _print_letters(letters, limit, if_empty)
    else:
        groups, trouble = without_holes(asyncio.run(ask(config, "causes", destination=destination, reason=reason)))
        print_json(groups) if as_json else _print_groups(groups, "" if trouble else _none(destination, reason))
    if trouble is not None:
        raise trouble


def _none(destination: str | None, reason: str | None, cause: str | None = None) -> str:
    """What to print if the list is empty."""
    place = f" at {destination}" if destination else ""
    if cause is not None and reason is None:
        return f"No dead letter{place} has the cause {cause!r}. See them all with: router dead-letters list"
    if reason is not None:
        return f"No dead letter{place} has a reason with {reason!r} in it."
    why = "An event becomes one when the vendor refuses it for good, or when `delivery.retry_for` is over."
    return f"No dead letters{place}. {why}"


def _print_groups(groups: list[dict[str, Any]], if_empty: str) -> None:
    columns = ("destination", "cause", "letters", "first", "last", "example", "what")
    rows = [
        (e["destination"], e["code"], e["letters"], ago(e["first_s"]), ago(e["last_s"]), e["example"], e["cause"])
        for e in groups
    ]
    print_table("", columns, rows, has_lines=False, if_empty=if_empty)
    if groups:
        most = groups[0]
        name, cause = most["destination"], f"{most['destination']} --cause {most['code']}"
        console.print(
            f"\nThe first of these, for instance. One of its letters, and what would be sent today:\n"
            f"  router dead-letters show {name} {most['example']}\n"
            "Send them again, once what is wrong is put right, or throw them away:\n"
            f"  router dead-letters retry {cause} --dry-run\n"
            f"  router dead-letters discard {cause}",
            soft_wrap=True,
        )


def _print_letters(letters: list[dict[str, Any]], limit: int, if_empty: str) -> None:
    columns = ("destination", "number", "messageId", "type", "user", "reason", "tries", "died")
    rows = [
        (e["destination"], e["id"], e["message_id"], e["type"], e["user"], e["reason"], e["attempts"], ago(e["died_s"]))
        for e in letters
    ]
    print_table("", columns, rows, has_lines=False, if_empty=if_empty)
    if len(letters) == limit:
        console.print(f"These are the first {limit}. There may be more: --limit")


@app.command()
def show(
    destination: Name,
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its event, the vendor's own words, and what would be sent of it with today's mapping.

    Example: `router dead-letters show intercom 7`
    """
    [letter] = asyncio.run(ask(config, "dead-letters", destination=destination, id=number))
    if as_json:
        print_json(letter)
        return
    print_line(f"{destination} {number}: {letter['reason']}", style="bold")
    if letter["event"] is None:  # nor is it known whose they were
        lost = counted(letter["events"], "event")
        console.print(f"the log lost {lost} here, found {ago(letter['died_s'])}; there is nothing to send again")
        return
    tries = f"{counted(letter['attempts'], 'try', 'tries')}, died {ago(letter['died_s'])}"
    told = f"{letter['type']} {letter['message_id']} of {letter['user']} from {letter['source']}, {tries}"
    print_line(told + (", in a replay" if letter["of_replay"] else ""))
    if letter["delivered_payloads"]:
        print_line(f"delivered all the same: {', '.join(describe_settled(letter['delivered_payloads']))}")
    console.print(Pretty(letter["event"], expand_all=True))
    if "today" in letter:
        console.print("\nA retry would send today:", style="bold")
        for entry in letter["today"]:
            print_entry(entry)
        for warning in letter["warnings"]:
            print_line(f"  warning: {warning}")


@app.command()
def retry(
    destination: Name,
    numbers: Ids = None,
    cause: Cause = None,
    reason: Reason = None,
    every: Every = False,
    rate: Rate = None,
    historical: Annotated[
        bool, switch("--historical", help="Send them as old events: the vendor must start nothing.")
    ] = False,
    dry_run: DryRun = False,
    wait: Wait = True,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again, with today's mapping. Goes on after a crash; what was delivered already is not sent again. Exits
    with 1 if any is refused once more.

    Example: `router dead-letters retry intercom --cause 3f9a01`
    """
    chosen = _choose(numbers, cause, reason, every) | {"rate_per_s": to_rate(rate), "is_historical": historical}
    plans = asyncio.run(ask(config, "plan-retry", destination=destination, **chosen))
    if numbers and not any(plan["total"] for plan in plans):
        named = ", ".join(map(str, numbers))
        raise OperatorError(
            f"{destination} has no dead letter {named}. See: router dead-letters list {destination} --each"
        )
    _tell_of_missing(destination, numbers, plans)
    if dry_run:
        rehearse(config, [(destination, plan) for plan in plans], as_json)
        return
    jobs = asyncio.run(ask(config, "retry", destination=destination, **chosen))
    follow(config, jobs, as_json, wait)


@app.command()
def discard(
    destination: Name,
    numbers: Ids = None,
    cause: Cause = None,
    reason: Reason = None,
    every: Every = False,
    yes: Annotated[bool, switch("--yes", "-y", help="Don't ask.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Throw dead letters away for good; it asks first. They stay counted as dead.

    Example: `router dead-letters discard intercom --cause 3f9a01 --yes`
    """
    chosen = _choose(numbers, cause, reason, every)
    plans = asyncio.run(ask(config, "plan-discard", destination=destination, **chosen))
    total = sum(plan["total"] for plan in plans)
    if not total and not (yes and every):  # with both options, an empty choice is fine
        raise OperatorError(f"{destination} has no such dead letter. See: router dead-letters list {destination}")
    _tell_of_missing(destination, numbers, plans)
    if not yes:
        _confirm(f"Throw away {counted(total, 'dead letter')} of {destination} for good?")
    chosen["up_to"] = {str(plan["spec"]["partition"]): plan["spec"]["up_to"] for plan in plans}
    answer = asyncio.run(ask(config, "discard", destination=destination, **chosen))
    if as_json:
        print_json(answer)
        return
    console.print(f"{counted(answer['discarded'], 'dead letter')} of {destination} discarded")


def _choose(numbers: list[int] | None, cause: str | None, reason: str | None, every: bool) -> dict[str, Any]:
    if sum(map(bool, (numbers, cause, reason, every))) != 1:
        raise OperatorError("say which, by one of these: numbers, --cause CODE, --reason TEXT, --all")
    return {"ids": numbers, "cause": cause, "reason": reason}


def _tell_of_missing(destination: str, numbers: list[int] | None, plans: list[dict[str, Any]]) -> None:
    named, total = len(set(numbers or ())), sum(plan["total"] for plan in plans)
    if 0 < total < named:
        typer.echo(
            f"Of the {named} that you name, {destination} has {counted(total, 'dead letter')}. "
            f"See: router dead-letters list {destination} --each",
            err=True,
        )


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise OperatorError(f"{question} Nobody is there to answer; say --yes if that is meant")
    typer.confirm(question, abort=True, err=True)
