"""``router status``: how the destinations are, and what to do about it.

Between an upgrade and the restart the answer is an older router's: what it does not tell of is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from router.cli.backend import ask
from router.cli.cluster.agreement import describe_difference
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import NO_DESTINATIONS, duration, print_json, print_line, print_table
from router.cli.trace import when
from router.counted import counted

MOMENT_S = 1.0
"""Most rates hold a request back for less."""
BEHIND_S = 5.0
"""A destination whose oldest event has been pending for longer gets more than its rate lets out, however short each wait."""


def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show each destination's state and books: accepted = delivered + skipped + dead + pending.

    Example: `router status`
    """
    answer = asyncio.run(ask(config, "status"))
    if as_json:
        print_json(answer)
        return
    for line in _of_router(answer):
        print_line(line)
    rows = [_row(each) for each in answer["destinations"]]
    print_table("", _COLUMNS, rows, has_lines=False, if_empty=NO_DESTINATIONS)
    for each in answer["destinations"]:
        for line in _of_destination(each):
            print_line(f"{each['destination']}: {line}")
    for line in _of_names(answer):
        print_line(line)


def _of_router(answer: dict[str, Any]) -> Iterator[str]:
    """What concerns all destinations."""
    if not answer["running"]:
        said = (
            " on this machine; this is what the cluster says."
            if "cluster" in answer
            else "; this is what its files say."
        )
        yield f"No router is running{said}"
    for each in answer.get("stuck", ()):
        yield f"STUCK: {each}"
    if answer["log"].get("obstacle"):
        yield f"EVENTS ARE REFUSED: {answer['log']['obstacle']}"
    if "cluster" in answer:
        yield from _describe_cluster(answer["cluster"], len(answer["log"]["partitions"]), answer["running"])


def _of_destination(each: dict[str, Any]) -> Iterator[str]:
    """What the table has no column for."""
    if each.get("attempts"):
        yield _describe_requests(each)
    concurrency = each.get("concurrency")
    if concurrency and concurrency["now"] < concurrency["most"]:
        most = counted(concurrency["most"], "request")
        yield f"{concurrency['now']} of {most} at a time, until the vendor takes more"
    if each.get("books", {}).get("pending") or each.get("jobs"):
        for name, wait_s in rates_that_hold_up(each).items():
            when_next = f": the next request may leave in {duration(wait_s)}" if wait_s >= MOMENT_S else ""
            yield f"its rate holds it up ({name}){when_next}"
    for where, count in each.get("waited", {}).items():
        yield f"{count} had to wait for an earlier event of their user, {where}"
    for reason, count in each.get("skipped", {}).items():
        yield f"{count} skipped: {reason}"
    if each.get("partitions"):
        unknown, count = each["partitions"]["unknown"], each["partitions"]["all"]
        yield f"what is in {unknown} of {count} partitions is not known, and not counted here"
    unaccounted = each.get("books", {}).get("unaccounted")
    if unaccounted:
        yield f"{unaccounted} unaccounted for: please report this bug"
    if each.get("warnings"):
        told = f"{counted(each['warnings'], 'warning')} about what was delivered, such as a field that was left out"
        yield f"{told}; the router's own log says what"
    if each.get("parked_example"):
        yield _describe_parked(each)
    if each["reason"]:
        yield f"{each['state']}: {each['reason']}{_what_next(each)}"
    if "hold_left_s" in each:
        yield f"disabled: {_describe_hold(each['hold_left_s'])}"
    for job in each.get("jobs", ()):
        how = "is under way" if job.get("running", True) else "waits"
        done = job.get("done", sum(job["counts"].values()))
        yield f"{job['kind']} {job['job']} {how}: {done} of {job['total']}; see it with: router jobs list"
    if each.get("dead_letters"):
        letters = counted(each["dead_letters"], "dead letter")
        yield f"{letters}; see them with: router dead-letters list {each['destination']}"


def rates_that_hold_up(each: Mapping[str, Any]) -> dict[str, float]:
    """The rates of a destination that hold it up, each with the seconds until the next request may leave."""
    is_behind = (each.get("oldest_pending_s") or 0.0) >= BEHIND_S
    return {name: wait_s for name, wait_s in each.get("rate_waits_s", {}).items() if is_behind or wait_s >= MOMENT_S}


def _of_names(answer: dict[str, Any]) -> Iterator[str]:
    """Names of destinations and sources that the config does not have."""
    for name, count in answer.get("unknown_names", {}).items():
        yield f'integrations: "{name}" names no destination (events since the start: {count})'
    if answer.get("unknown_sources"):
        yield (
            f"Events of sources that are not in the config: {', '.join(answer['unknown_sources'])}. They go where they went, "
            "and to destinations that name no sources. If one has a new name, say `formerly` there."
        )
    if answer.get("removed"):
        yield (
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
    return lines + [describe_difference(each) for each in cluster["differing"]]


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
    tries = when(example) or "not tried yet"
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


_BOOKS = ("accepted", "delivered", "skipped", "dead", "pending")
_COLUMNS = ("destination", "state", *_BOOKS, "parked", "oldest")


def _row(each: dict[str, Any]) -> list[Any]:
    books = each.get("books")
    if books is None:
        return [each["destination"], each["state"], *[""] * (len(_COLUMNS) - 2)]
    counts = [books[name] for name in _BOOKS]
    return [each["destination"], each["state"], *counts, each["parked"]["events"], duration(each["oldest_pending_s"])]
