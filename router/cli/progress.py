"""Following a replay or a retry to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rich.progress import Progress

from router.cli.backend import ask
from router.cli.output import console, print_json

LOOK_S = 0.3


def follow(config: Path, destination: str, jobs: list[dict[str, Any]], as_json: bool) -> None:
    """Show how far *jobs* have come until they are done. Without a daemon they are only noted, and it says so."""
    if not all(job["running"] for job in jobs):
        if as_json:
            print_json(jobs)
        else:
            console.print("Noted. No router is running: it is sent when one runs (router run).")
        return
    done = asyncio.run(_follow(config, destination, jobs, as_json))
    if as_json:
        print_json(done)
        return
    for job in done:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(job["counts"].items()))
        console.print(f"{job['kind']} {job['job']} is done: {counts or 'nothing to send'}")


async def _follow(config: Path, destination: str, jobs: list[dict[str, Any]], is_quiet: bool) -> list[dict[str, Any]]:
    wanted = {job["job"] for job in jobs}
    with Progress(console=console, disable=is_quiet, transient=True) as progress:
        bar = progress.add_task("sending", total=sum(job["total"] for job in jobs) or None)
        while True:
            current = [job for job in await ask(config, "jobs", destination=destination) if job["job"] in wanted]
            progress.update(bar, completed=sum(sum(job["counts"].values()) for job in current))
            if all(job["state"] != "running" for job in current):
                return current
            await asyncio.sleep(LOOK_S)
