"""What the commands of ``router log`` say of a report on the log, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from router.cli.output import say
from router.counted import counted
from router.log.checkup import LogReport, SegmentReport, show_ranges

DAMAGED: Final = 1
"""The exit code if something is damaged or lost. 2 means that a command could not do its work."""


def describe_span(report: LogReport) -> str:
    return f"events {report.start} to {report.end}" if report.end >= report.start else "no events"


def print_segment(segment: SegmentReport) -> None:
    if segment.state == "sound":
        return
    events = counted(segment.last - segment.first + 1, "event")
    say(f"{segment.path}: {segment.state}; {segment.events} of its {events} can be read")
    for finding in segment.findings:
        say(f"  {finding}")
    if segment.lost and segment.state == "damaged":
        say(f"  lost: {show_ranges(segment.lost)}")


def show_report(report: LogReport) -> dict[str, Any]:
    return {
        "start": report.start,
        "end": report.end,
        "segments": [show_segment(segment) for segment in report.segments],
        "problems": list(report.problems),
    }


def show_segment(segment: SegmentReport) -> dict[str, Any]:
    return {**asdict(segment), "path": str(segment.path), "lost_events": segment.lost_events}
