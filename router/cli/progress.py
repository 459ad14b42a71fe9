"""Progress: follows replays and retries to their end, and rehearses what they would do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from router.admin.outlook import add_up
from router.cli.backend import ask
from router.cli.output import console, print_json, say
from router.cli.status import rates_that_hold_up
from router.errors import OperatorError

LOOK_S = 0.3
STILL_S = 10.0
"""If nothing has moved for this long, it is time to say why."""
SILENCE_S = 60.0
"""For how long nobody may be able to say how far jobs are, as while a process that delivers is started again."""


# --- jobs ---


def follow(config: Path, jobs: list[dict[str, Any]], as_json: bool, is_followed: bool = True) -> None:
    """Show the progress of *jobs* until they are done. Where nobody delivers, or unless *is_followed*, only say that they are
    noted, and why they wait.

    Raises:
        Exit: 1 if a vendor refused any of their events.
    """
    if not all(job["running"] for job in jobs) or not is_followed:
        if as_json:
            print_json(jobs)
            return
        console.print("Noted. See how far it has come with: router jobs list")
        for line in asyncio.run(why_they_wait(config, jobs)):
            say(line)
        return
    try:
        done = asyncio.run(_follow(config, jobs, as_json))
    except KeyboardInterrupt:
        console.print("It goes on in the router. See it with: router jobs list. Stop it with:")
        for name in dict.fromkeys(job["destination"] for job in jobs):
            say(f"  router jobs cancel {name}")
        raise
    if as_json:
        print_json(done)
    else:
        for job in done:
            print_end(job)
    if any(job["counts"].get("dead") for job in done):
        raise typer.Exit(1)


def print_end(job: dict[str, Any]) -> None:
    """Print how a job ended, in a line, and why some events were not delivered."""
    name = f"{job['destination']}: {job['kind']} {job['job']}"
    if job["state"] == "running":
        told = "no router runs with it enabled any more; it goes on when one does"
        say(f"{name}: {told} ({_counts(job) if job['counts'] else 'nothing'} so far)")
    else:
        console.print(f"{name} is {job['state']}: {_counts(job)}")
    for reason, count in sorted(job["reasons"].items(), key=lambda pair: -pair[1]):
        console.print(f"  {count} {reason}")
        if reason == "skipped: historical":
            say(f"    {as_new(job['kind'])}")
    if job["counts"].get("dead"):
        console.print(f"  see them with: router dead-letters list {job['destination']}")


def as_new(kind: str) -> str:
    """How to send events that a replay or a retry left out only because they are old."""
    how = "Add --live" if kind == "replay" else "Leave out --historical"
    return f"{how} to send old events as new: the vendor may start mails because of them. Look first with --dry-run."


def _counts(job: dict[str, Any]) -> str:
    words = {"left": "left out"}
    counts = sorted(job["counts"].items())
    return ", ".join(f"{count} {words.get(kind, kind)}" for kind, count in counts) or "nothing to send"


async def _follow(config: Path, jobs: list[dict[str, Any]], is_quiet: bool) -> list[dict[str, Any]]:
    wanted = {(job["destination"], job["job"]) for job in jobs}
    total = sum(job["total"] for job in jobs)
    told: set[str] = set()
    done, moved_s, heard_s = 0, time.monotonic(), time.monotonic()
    with _bar(is_quiet) as progress:
        bar = progress.add_task("sending", total=total or None)
        while True:
            try:
                shown = [each for name in {job["destination"] for job in jobs} for each in await _jobs_of(config, name)]
            except OperatorError as error:
                if time.monotonic() - heard_s > SILENCE_S:
                    raise OperatorError(
                        f"{str(error).rstrip('.')}. What was asked for is noted: see it with router jobs list"
                    ) from error
                await asyncio.sleep(LOOK_S)
                continue
            heard_s = time.monotonic()
            current = [job for job in shown if (job["destination"], job["job"]) in wanted]
            before, done = done, sum(job["done"] for job in current)
            progress.update(bar, completed=done)
            if done != before:
                moved_s = time.monotonic()
            elif not is_quiet and time.monotonic() - moved_s > STILL_S:
                names = {job["destination"] for job in current if job["state"] == "running"}
                for line in why_it_waits(await ask(config, "status"), names):
                    if line not in told:
                        say(f"{line} Ctrl-C leaves it to the router.")
                        told.add(line)
                moved_s = time.monotonic()
            if all(job["state"] != "running" or not job["running"] for job in current):
                return sorted(current, key=lambda job: (job["destination"], job["job"]))
            await asyncio.sleep(LOOK_S)


async def why_they_wait(config: Path, jobs: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each reason why *jobs*, which are under way, stand still; none if they don't."""
    status = await ask(config, "status")
    if not status["running"] and not any(job["running"] for job in jobs):
        return ["No router is running: what waits goes on when one does (router run)."]
    return list(why_it_waits(status, {job["destination"] for job in jobs}))


def why_it_waits(status: Mapping[str, Any], names: Collection[str]) -> Iterator[str]:
    """A line for each destination of *names* that does not deliver or is gone, according to the router's status."""
    for each in status["destinations"]:
        if each["destination"] not in names:
            continue
        if each["state"] != "going":
            why = f": {each['reason']}" if each["reason"] else ""
            yield f"{each['destination']} is {each['state']}{why}. It goes on when that ends."
        elif rates := rates_that_hold_up(each):
            yield f"{each['destination']} is held up by its rate ({', '.join(rates)})."
    for name in sorted(set(names) - {each["destination"] for each in status["destinations"]}):
        yield f"{name} is no longer in the config. It goes on when it is put back (and the config reloaded)."


async def _jobs_of(config: Path, destination: str) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = await ask(config, "jobs", destination=destination)
    return jobs


# --- what they would come to ---


def rehearse(config: Path, plans: list[tuple[str, dict[str, Any]]], as_json: bool) -> None:
    """Rehearse the *plans* (each with its destination) and print what they would do. Nothing is sent."""
    outlooks = asyncio.run(_rehearse(config, plans, as_json))
    kinds = {name: plan["kind"] for name, plan in plans}
    if as_json:
        print_json([{"destination": name, **outlook} for name, outlook in outlooks.items()])
        return
    for name, outlook in outlooks.items():
        print_outlook(name, kinds[name], outlook)


async def _rehearse(config: Path, plans: list[tuple[str, dict[str, Any]]], is_quiet: bool) -> dict[str, Any]:
    outlooks: dict[str, dict[str, dict[str, int]]] = {name: {} for name, _ in plans}
    with _bar(is_quiet) as progress:
        bar = progress.add_task("looking", total=sum(plan["total"] for _, plan in plans) or None)
        for name, plan in plans:
            after: int | None = None
            while True:
                found = await ask(
                    config, "rehearse", destination=name, kind=plan["kind"], spec=plan["spec"], after=after
                )
                add_up(outlooks[name], found["outlook"])
                progress.advance(bar, found["looked_at"])
                after = found["after"]
                if after is None:
                    break
    return outlooks


BEFORE = {
    "delivered": "delivered before",
    "skipped": "skipped before",
    "dead": "dead before, and discarded",
    "none": "never for it before",
    "dead letter": "dead so far",
}


def print_outlook(name: str, kind: str, outlook: dict[str, dict[str, int]]) -> None:
    """Print what would be sent, what would be refused and what is left out, each with the reasons."""
    console.print(f"{name}, if it were sent now:", style="bold")
    for title, key in (
        ("would be sent", "send"),
        ("of these marked as old events", "marked"),
        ("have nothing left to send and would count as delivered", "done"),
        ("would be skipped", "skip"),
        ("would be dead without being sent", "die"),
        ("left out", "left"),
    ):
        counts = outlook.get(key, {})
        if counts or key == "send":
            console.print(f"{sum(counts.values()):10,} {title}")
        for what, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            told = BEFORE.get(what, what) if key in ("send", "done") else what
            say(f"{count:14,} {told}")
        if key == "skip" and any(reason.startswith("historical:") for reason in counts):
            say(f"{'':14} {as_new(kind)}")


def _bar(is_quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=is_quiet or not console.is_terminal,
        transient=True,
    )
