"""``router log repair``: settles damage for good."""

from __future__ import annotations

import asyncio

from router.cli.backend import refuse_beside_a_router
from router.cli.data_folder import log_directory
from router.cli.log.report import print_segment, show_report, show_segment
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import console, print_json, say
from router.config import load_storage
from router.counted import counted
from router.errors import OperatorError
from router.log.repair import repair_log


def repair(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Settle damage for good, while no router runs: what is sound is kept, what is lost is counted and noted.

    The damaged files are put aside, into `log/damaged` of the data directory. What is lost becomes a dead letter of each
    destination that still needed it, when the router runs again.

    Example: `router log repair`
    """
    settings = load_storage(config)
    if settings.log_urls:
        raise OperatorError(
            "a cluster mends its replicas itself, so that there is nothing to repair here. To see what is lost all the same: "
            "router log check"
        )
    asyncio.run(refuse_beside_a_router(settings, "nothing may be written while the log is repaired"))
    done = repair_log(log_directory(settings))
    repaired = [segment for segment in done.before.segments if segment.state == "damaged"]
    if as_json:
        print_json(
            {
                "repaired": [show_segment(segment) for segment in repaired],
                "problems": list(done.before.problems),
                "lost_events": done.lost_events,
                "put_aside": [str(path) for path in done.put_aside],
                "log": show_report(done.after),
            }
        )
        return
    for segment in repaired:
        print_segment(segment)
    for problem in done.before.problems:
        say(problem)
    if not repaired and not done.before.problems:
        console.print("The log is sound: there is nothing to repair.")
        return
    say(
        f"Repaired. Lost: {counted(done.lost_events, 'event')}. Put aside: {counted(len(done.put_aside), 'damaged file')}, in "
        f"{log_directory(settings) / 'damaged'}. Start the router again: what is lost becomes a dead letter of each "
        "destination that still needed it."
    )
