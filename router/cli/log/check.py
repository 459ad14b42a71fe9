"""``router log check``: reads everything that is stored, and says exactly what is damaged."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import typer

from router.cli.data_folder import log_directory, state_directory
from router.cli.engine import opened_log
from router.cli.log.report import DAMAGED, describe_span, print_segment, show_report
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import console, print_json, say
from router.clock import SystemClock
from router.config import Config, load_storage
from router.counted import counted
from router.delivery.state.file import StateFile, StateOlder
from router.errors import OperatorError
from router.log.checkup import LogReport, check_log, show_ranges
from router.log.recovery import known_end
from router.log.survey import Survey, survey


def check(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Read every stored event and say exactly what is damaged; exits with 1 if anything is. Also while a router runs.

    Example: `router log check`
    """
    settings = load_storage(config)
    if settings.log_urls:
        raise typer.Exit(_check_cluster(settings, as_json))
    report = check_log(log_directory(settings), lambda segment: None if as_json else print_segment(segment))
    states = _check_states(state_directory(settings), log_directory(settings), report)
    is_sound = report.is_sound and not any(states.values())
    if as_json:
        print_json({"ok": is_sound, **show_report(report), "destinations": states})
    else:
        for problem in (*report.problems, *(problem for found in states.values() for problem in found)):
            say(problem)
        damaged = [segment for segment in report.segments if segment.state == "damaged"]
        if damaged:
            lost = counted(sum(segment.lost_events for segment in damaged), "event")
            console.print(
                f"{len(damaged)} of {counted(len(report.segments), 'segment')} damaged, {lost} lost. The rest is delivered. "
                "To settle it, stop the router and run: router log repair"
            )
        elif is_sound:
            console.print(f"The log is sound: {describe_span(report)} in {counted(len(report.segments), 'segment')}.")
    raise typer.Exit(0 if is_sound else DAMAGED)


def _check_cluster(config: Config, as_json: bool) -> int:
    """Read all partitions. Returns the exit code."""

    async def read() -> list[Survey]:
        async with opened_log(config, SystemClock(), read_only=True) as log:
            return [await survey(log, partition) for partition in log.partitions]

    found = asyncio.run(read())
    damaged = [each for each in found if each.lost]
    if as_json:
        shown = [{**asdict(each), "lost_events": each.lost_events} for each in found]
        print_json({"ok": not damaged, "partitions": shown})
    else:
        for each in damaged:
            say(f"partition {each.partition}: lost: {show_ranges(list(each.lost))}")
        events = sum(each.events for each in found)
        lost = sum(each.lost_events for each in found)
        verdict = f"{counted(lost, 'event')} lost. The rest is delivered." if lost else "The log is sound."
        console.print(f"{verdict} {counted(events, 'event')} in {counted(len(found), 'partition')} can be read.")
    return DAMAGED if damaged else 0


def _check_states(directory: Path, log: Path, report: LogReport) -> dict[str, list[str]]:
    """What is wrong with each destination's state."""
    problems: dict[str, list[str]] = {}
    for path in sorted(directory.glob("*.sqlite")):
        try:
            state = StateFile.open(path, report.log_id or "", read_only=True)
        except StateOlder:
            problems[path.stem] = []
            continue
        except OperatorError as error:
            problems[path.stem] = [str(error)]
            continue
        try:
            problems[path.stem] = state.damage() or _check_position(state, log, report)
        finally:
            state.close()
    return problems


def _check_position(state: StateFile, log: Path, report: LogReport) -> list[str]:
    reach = state.reach()
    end = max(report.end, known_end(log, report.log_id or ""))  # a running router may have come further meanwhile
    return [f"{state.path}: its position {reach} is past the end of the log ({end})"] if reach > end else []
