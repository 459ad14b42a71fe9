"""``router log``: check, repair, export, back up and copy what is stored."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from router.admin.backup import back_up
from router.cli.backend import refuse_beside_a_router
from router.cli.engine import open_log
from router.cli.log_copy import copy
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Since, Type, Until, check_given, to_period
from router.cli.output import console, print_json
from router.cli.wiring import log_directory, rejected_path, state_directory
from router.clock import SystemClock
from router.config import Config, load_storage
from router.counted import counted
from router.delivery.state_file import StateFile, StateOlder
from router.errors import OperatorError
from router.log.checkup import LogReport, SegmentReport, check_log, known_end, show_ranges
from router.log.export import Selection, select, to_line
from router.log.record import Gap
from router.log.repair import repair_log
from router.log.survey import Survey, survey

DAMAGED = 1
"""The exit code if something is damaged or lost. 2 means that a command could not do its work."""

app = typer.Typer(no_args_is_help=True, help="Check, repair, export, back up and copy what is stored.")
app.command()(copy)


@app.command()
def check(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Read every stored event and say exactly what is damaged; exits with 1 if anything is. Also while a router runs.

    Example: `router log check`
    """
    settings = load_storage(config)
    if settings.log_urls:
        raise typer.Exit(_check_cluster(settings, as_json))
    report = check_log(log_directory(settings), lambda segment: None if as_json else _print_segment(segment))
    states = _check_states(state_directory(settings), log_directory(settings), report)
    is_sound = report.is_sound and not any(states.values())
    if as_json:
        print_json({"ok": is_sound, **_show_report(report), "destinations": states})
    else:
        _print_problems(report, states)
        damaged = [segment for segment in report.segments if segment.state == "damaged"]
        if damaged:
            lost = counted(sum(segment.lost_events for segment in damaged), "event")
            console.print(
                f"{len(damaged)} of {counted(len(report.segments), 'segment')} damaged, {lost} lost. The rest is delivered. "
                "To settle it, stop the router and run: router log repair"
            )
        elif is_sound:
            console.print(f"The log is sound: {_describe(report)} in {counted(len(report.segments), 'segment')}.")
    raise typer.Exit(0 if is_sound else DAMAGED)


@app.command()
def repair(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Settle damage for good, while no router runs: what is sound is kept, what is lost is counted and noted.

    The damaged files are put aside, into `log/damaged` of the data directory. What is lost becomes a dead letter of each
    destination that still needed it, when the router runs again.

    Example: `router log repair`
    """
    settings = load_storage(config)
    if settings.log_urls:
        raise OperatorError(
            "a cluster mends its replicas itself, so that there is nothing to repair here. What is lost all the same says: "
            "router log check"
        )
    asyncio.run(refuse_beside_a_router(settings, "nothing may be written while the log is repaired"))
    done = repair_log(log_directory(settings))
    repaired = [segment for segment in done.before.segments if segment.state == "damaged"]
    if as_json:
        print_json(
            {
                "repaired": [_show_segment(segment) for segment in repaired],
                "problems": list(done.before.problems),
                "lost_events": done.lost_events,
                "put_aside": [str(path) for path in done.put_aside],
                "log": _show_report(done.after),
            }
        )
        return
    for segment in repaired:
        _print_segment(segment)
    for problem in done.before.problems:
        console.print(problem, soft_wrap=True)
    if not repaired and not done.before.problems:
        console.print("The log is sound: there is nothing to repair.")
        return
    console.print(
        f"Repaired. Lost: {counted(done.lost_events, 'event')}. Put aside: {counted(len(done.put_aside), 'damaged file')}, in "
        f"{log_directory(settings) / 'damaged'}. Start the router again: what is lost becomes a dead letter of each "
        "destination that still needed it.",
        soft_wrap=True,
    )


@app.command()
def export(
    since: Since = None,
    until: Until = None,
    source: Annotated[str | None, typer.Option(help="Only events of this source.")] = None,
    type: Annotated[Type | None, typer.Option(help="Only events of this type.")] = None,
    user: Annotated[str | None, typer.Option(help="Only events of this userId, anonymousId or email.")] = None,
    events: Annotated[
        bool, typer.Option("--events", help="The events alone, as `router explain -` reads them.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A file to write to; standard output, if not given.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Print stored events, one a line as JSON (NDJSON), in the log's order; exits with 1 if some of them are lost.

    Example: `router log export --since 2026-11-01 --user u1 --out u1.ndjson`
    """
    check_given(source, user)
    since_s, until_s = to_period(since, until)
    settings = load_storage(config)
    selection = Selection(since_s, until_s, source, type, user)
    lost: list[tuple[int, int]] = []
    with _open_out(out) as file:
        count = asyncio.run(_export(settings, selection, events, file, lost))
    typer.echo(f"{counted(count, 'event')}{f' to {out}' if out else ''}", err=True)
    if lost:
        number = sum(last - first + 1 for first, last in lost)
        typer.echo(f"The log lost {counted(number, 'event')} that may belong here: {show_ranges(lost)}", err=True)
        raise typer.Exit(DAMAGED)


async def _export(
    config: Config, selection: Selection, is_bare: bool, file: BinaryIO, lost: list[tuple[int, int]]
) -> int:
    count = 0
    async for item in _selected(config, selection):
        if isinstance(item, Gap):
            lost.append((item.first, item.last))
            continue
        file.write(item.event + b"\n" if is_bare else to_line(item))
        count += 1
    file.flush()
    return count


async def _selected(config: Config, selection: Selection) -> AsyncIterator[Any]:
    log = await open_log(config, SystemClock(), read_only=True)
    try:
        async for item in select(log, selection):
            yield item
    finally:
        await log.close()


@contextmanager
def _open_out(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name only when it is complete."""
    if path is None:
        if sys.stdout is None:
            raise OperatorError(
                "standard output is closed, so that nobody would get the events. Open it, or write to a file: --out"
            )
        yield sys.stdout.buffer
        return
    draft = path.parent / f"{path.name}.part"
    try:
        draft.unlink(missing_ok=True)  # what lies there, left behind or laid there, may be read by others
        with open(str(draft), "wb", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
            yield file
        draft.replace(path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if not isinstance(error, OSError) or error.filename not in (None, str(draft)):
            raise  # an error in what is read, or an interruption
        raise OperatorError(
            f"{path}: can't be written ({error.strerror}). Make room, or choose another place."
        ) from error


@app.command()
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
    done = back_up(log_directory(settings), state_directory(settings), directory, others=(rejected_path(settings),))
    is_sound = done.log.is_sound and not done.problems
    if as_json:
        shown = {
            "ok": is_sound,
            "backup": str(done.target),
            "positions": done.positions,
            "problems": list(done.problems),
        }
        print_json({**shown, "log": _show_report(done.log)})
    else:
        console.print(
            f"{done.target}: {_describe(done.log)}, and {counted(len(done.positions), 'destination')}. "
            f"To restore it, start a router with `data: {done.target}` in its config.",
            soft_wrap=True,
        )
        for segment in done.log.segments:
            if segment.state == "damaged":
                _print_segment(segment)
        for problem in (*done.log.problems, *done.problems):
            console.print(problem, soft_wrap=True)
        if not is_sound:
            console.print("The backup is whole, and as damaged as what it was copied from.")
    raise typer.Exit(0 if is_sound else DAMAGED)


def _check_cluster(config: Config, as_json: bool) -> int:
    """Read all partitions. Returns the exit code."""

    async def read() -> list[Survey]:
        log = await open_log(config, SystemClock(), read_only=True)
        try:
            return [await survey(log, partition) for partition in log.partitions]
        finally:
            await log.close()

    found = asyncio.run(read())
    damaged = [each for each in found if each.lost]
    if as_json:
        shown = [{**asdict(each), "lost_events": each.lost_events} for each in found]
        print_json({"ok": not damaged, "partitions": shown})
    for each in damaged if not as_json else ():
        console.print(f"partition {each.partition}: lost: {show_ranges(list(each.lost))}", soft_wrap=True)
    if not as_json:
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


def _describe(report: LogReport) -> str:
    return f"events {report.start} to {report.end}" if report.end >= report.start else "no events"


def _print_segment(segment: SegmentReport) -> None:
    if segment.state == "sound":
        return
    events = counted(segment.last - segment.first + 1, "event")
    console.print(
        f"{segment.path}: {segment.state}; {segment.events} of its {events} can be read",
        soft_wrap=True,
    )
    for finding in segment.findings:
        console.print(f"  {finding}", soft_wrap=True)
    if segment.lost and segment.state == "damaged":
        console.print(f"  lost: {show_ranges(segment.lost)}", soft_wrap=True)


def _print_problems(report: LogReport, states: dict[str, list[str]]) -> None:
    for problem in report.problems:
        console.print(problem, soft_wrap=True)
    for problems in states.values():
        for problem in problems:
            console.print(problem, soft_wrap=True)


def _show_report(report: LogReport) -> dict[str, Any]:
    return {
        "start": report.start,
        "end": report.end,
        "segments": [_show_segment(segment) for segment in report.segments],
        "problems": list(report.problems),
    }


def _show_segment(segment: SegmentReport) -> dict[str, Any]:
    return {**asdict(segment), "path": str(segment.path), "lost_events": segment.lost_events}
