"""``router trace`` and ``router status``: what happened to an event, and how the destinations are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.pretty import Pretty

from router.cli.agreement import describe
from router.cli.backend import ask
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import NO_DESTINATIONS, ago, console, duration, print_json, print_line, print_table
from router.counted import counted


def trace(
    message_id: Annotated[str, typer.Argument(help="The event's messageId.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a stored event and its outcome at each destination.

    Example: `router trace 5f3a7c1e-8d11-4a43-9a4e-0c4f5f0b6a11`
    """
    answer = asyncio.run(ask(config, "trace", message_id=message_id))
    if as_json:
        print_json(answer)
        return
    for event in answer["events"]:
        told = f"{message_id} from source {event['source']}, number {event['sequence']} in the log"
        print_line(told, style="bold")
        console.print(Pretty(event["event"], expand_all=True))
        for warning in event.get("warnings", ()):
            print_line(f"  warning: {warning}")
        print_table(
            "",
            ["destination", "outcome", "reason", "when"],
            [row for entry in event["destinations"] for row in _outcomes(entry)],
            if_empty=NO_DESTINATIONS,
        )


def _outcomes(entry: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What became of an event at a destination and, in a row of its own, of its latest replay there."""
    yield entry["destination"], entry["outcome"], entry["reason"], _when(entry)
    if replay := entry.get("replay"):
        reason = f": {replay['reason']}" if replay["reason"] else ""
        yield entry["destination"], replay["outcome"], f"in replay {replay['job']}{reason}", ago(replay["at_s"])


def _when(entry: dict[str, Any]) -> str:
    """When an event came to its outcome or, if it still waits, how often it was tried and when the next try is."""
    tries = entry.get("attempts", 0)
    if not tries:
        return ago(entry.get("at_s"))
    following = entry.get("next_try_s", 0) - time.time()
    return counted(tries, "try", "tries") + (f", next in {duration(following)}" if following > 0 else "")


def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show each destination's state and books: accepted = delivered + skipped + dead + pending.

    Example: `router status`
    """
    answer = asyncio.run(ask(config, "status"))
    if as_json:
        print_json(answer)
        return
    if not answer["running"]:
        said = (
            " on this machine; this is what the cluster says."
            if "cluster" in answer
            else "; this is what its files say."
        )
        print_line(f"No router is running{said}")
    for each in answer["stuck"]:
        print_line(f"STUCK: {each}")
    if answer["log"]["obstacle"]:
        print_line(f"EVENTS ARE REFUSED: {answer['log']['obstacle']}")
    if "cluster" in answer:
        for line in _describe_cluster(answer["cluster"], len(answer["log"]["partitions"]), answer["running"]):
            print_line(line)
    rows = [_row(each) for each in answer["destinations"]]
    print_table("", _COLUMNS, rows, has_lines=False, if_empty=NO_DESTINATIONS)
    for each in answer["destinations"]:
        if each.get("attempts"):
            print_line(f"{each['destination']}: {_describe_requests(each)}")
        concurrency = each.get("concurrency")
        if concurrency and concurrency["now"] < concurrency["most"]:
            told = f"{concurrency['now']} of {counted(concurrency['most'], 'request')} at a time, until the vendor takes more"
            print_line(f"{each['destination']}: {told}")
        for where, count in each.get("waited", {}).items():
            told = f"{count} had to wait for an earlier event of their user, {where}"
            print_line(f"{each['destination']}: {told}")
        for reason, count in each.get("skipped", {}).items():
            print_line(f"{each['destination']}: {count} skipped: {reason}")
        if each.get("partitions"):
            unknown, count = each["partitions"]["unknown"], each["partitions"]["all"]
            print_line(
                f"{each['destination']}: what is in {unknown} of {count} partitions is not known, and not counted here"
            )
        unaccounted = each.get("books", {}).get("unaccounted")
        if unaccounted:
            print_line(f"{each['destination']}: {unaccounted} unaccounted for: please report this bug")
        if each.get("warnings"):
            told = f"{counted(each['warnings'], 'warning')} about what was delivered, such as a field that was left out"
            print_line(f"{each['destination']}: {told}; the router's own log says what")
        if each.get("parked_example"):
            print_line(f"{each['destination']}: {_describe_parked(each)}")
        if each["reason"]:
            print_line(f"{each['destination']}: {each['state']}: {each['reason']}{_what_next(each)}")
        if "hold_left_s" in each:
            print_line(f"{each['destination']}: disabled: {_describe_hold(each['hold_left_s'])}")
        for job in each.get("jobs", ()):
            how = "is under way" if job["running"] else "waits"
            told = f"{job['kind']} {job['job']} {how}: {job['done']} of {job['total']}"
            print_line(f"{each['destination']}: {told}; see it with: router jobs list")
        if each.get("dead_letters"):
            print_line(
                f"{each['destination']}: {counted(each['dead_letters'], 'dead letter')}; see them with: "
                f"router dead-letters list {each['destination']}",
            )
    for name, count in answer["unknown_names"].items():
        print_line(f'integrations: "{name}" names no destination (events since the start: {count})')
    if answer["unknown_sources"]:
        print_line(
            f"Events of sources that are not in the config: {', '.join(answer['unknown_sources'])}. They go where they went, "
            "and to destinations that name no sources. If one has a new name, say `formerly` there."
        )
    if answer["removed"]:
        print_line(
            f"State is kept of destinations that left the config: {', '.join(answer['removed'])}. Put back, they go on where "
            "they were; to remove it: router destinations forget NAME"
        )


def _describe_cluster(cluster: dict[str, Any], partitions: int, is_running: bool) -> list[str]:
    """``router-1 delivers partitions 0, 3 of 4; delivering are: router-1, router-2``, and what is not right."""
    delivering = f"delivering are: {', '.join(cluster['routers']) or 'none'}"
    own = ", ".join(map(str, cluster["partitions"])) or "none"
    lines = [f"{cluster['router']} delivers partitions {own} of {partitions}; {delivering}"]
    if not cluster["delivers"]:
        lines = [f"This router takes events and delivers none; {delivering}" if is_running else delivering]
    if cluster["unclaimed"]:
        lines.append(
            f"NOBODY DELIVERS partitions {', '.join(map(str, cluster['unclaimed']))}. Another router takes them within 10 s, "
            "where one runs that delivers; else start one."
        )
    return lines + [describe(each) for each in cluster["differing"]]


_TO_DO = {
    "throttled": "nothing is lost",
    "blocked": "nothing is lost; correct its settings and reload (SIGHUP)",
    "broken": "nothing is lost; correct its plugin and restart",
}
"""What to do, by the state of a destination. In other states the reason says it."""


def _what_next(each: dict[str, Any]) -> str:
    """`` (nothing is lost; it tries again by itself in 7s)``."""
    if each["state"] not in _TO_DO:
        return ""
    wait_s = each.get("next_try_in_s")
    return f" ({_TO_DO[each['state']]}; it tries again by itself{f' in {duration(wait_s)}' if wait_s else ''})"


def _describe_hold(left_s: float) -> str:
    """What the log does with the events of a disabled destination."""
    if left_s > 0:
        return f"the log keeps its events for another {duration(left_s)} (`hold`), as many as `max_backlog` allows"
    return "its `hold` is over: what leaves the log now, it never gets"


def _describe_parked(each: dict[str, Any]) -> str:
    """``3 parked, of 2 users, such as m-1: 404 no such user (1 try, next in 3s); see it with: router trace m-1``."""
    parked, example = each["parked"], each["parked_example"]
    told = f"{parked['events']} parked, of {counted(parked['users'], 'user')}, such as {example['message_id']}"
    tries = _when(example) or "not tried yet"
    return f"{told}: {example['reason']} ({tries}); see it with: router trace {example['message_id']}"


def _describe_requests(each: dict[str, Any]) -> str:
    """``12 requests since the start (2xx 11, 5xx 1), of 8.3 events each; accepted to delivered: half within 0.2 s, …``."""
    attempts, size, latency = each["attempts"], each["batch_size"]["mean"], each["latency_s"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in attempts.items())
    text = f"{counted(sum(attempts.values()), 'request')} since the start ({kinds})"
    if size is not None:
        text += f", of {counted(size, 'event', form='.3g')} each"
    if latency["p50"] is not None:
        half, most = (seconds_of(latency[figure]) for figure in ("p50", "p95"))
        text += f"; accepted to delivered: half within {half} s, 95 % within {most} s"
    return text


def seconds_of(value: float) -> str:
    """A number with two significant digits and no exponent: ``0.07``, ``1.5``, ``180``."""
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


_COLUMNS = (
    "destination",
    "state",
    "accepted",
    "delivered",
    "skipped",
    "dead",
    "pending",
    "parked",
    "oldest",
)


def _row(each: dict[str, Any]) -> list[Any]:
    books = each.get("books")
    if books is None:
        return [each["destination"], each["state"], *[""] * (len(_COLUMNS) - 2)]
    return [
        each["destination"],
        each["state"],
        books["accepted"],
        books["delivered"],
        books["skipped"],
        books["dead"],
        books["pending"],
        each["parked"]["events"],
        duration(each["oldest_pending_s"]),
    ]
