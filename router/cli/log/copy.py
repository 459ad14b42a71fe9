"""``router log copy``: from one engine to another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from router.admin.carrying import Carrying, Copied, Side
from router.cli.backend import refuse_beside_a_router
from router.cli.config_file import read_config
from router.cli.data_folder import log_directory, state_directory, suppressed_path
from router.cli.engine import opened_log
from router.cli.options import AsJson
from router.cli.output import console, print_json, say
from router.clock import SystemClock
from router.config import Config
from router.counted import counted
from router.delivery.state.directory import StateDirectory
from router.delivery.state.states import States
from router.errors import OperatorError
from router.log.interface import Log
from router.suppressed_file import read_suppressions, suppress


def copy(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="The config of the routers so far.")],
    target: Annotated[Path, typer.Argument(metavar="TO", help="The config of the routers to come; their log is new.")],
    as_json: AsJson = False,
) -> None:
    """Move to another log: pending events in their order, positions, parked events and dead letters.

    From sqlite to a cluster, back, or between two of a kind. Stop the routers of FROM first, and start those of TO afterwards.
    The source stays as it is. An interrupted copy goes on where it was: run the command again. What every destination has
    settled stays behind, as do replays and retries.

    Example: `router log copy config/router.yaml config/cluster.yaml`
    """
    settings, wanted = (read_config(path, has_secrets=False)[0] for path in (source, target))
    if _place(settings) == _place(wanted):
        raise OperatorError(
            f"{source} and {target} name the same log; change `data`, `log` or nats.name in one of them"
        )
    copied = asyncio.run(_copy(settings, wanted))
    suppressed = [each.person for each in read_suppressions(suppressed_path(settings))]
    if suppressed:
        suppress(suppressed_path(wanted), suppressed, time.time())
    if as_json:
        print_json(asdict(copied))
        return
    say(
        f"In the new log: {counted(copied.events, 'event')}"
        + (f", {copied.there_before} of them since an earlier run" if copied.there_before else "")
        + f"; parked among them: {copied.parked}, dead letters: {copied.dead_letters}. "
        f"Destinations: {', '.join(copied.destinations) or 'none'}."
    )
    if copied.repeats:
        console.print(f"Left behind: {counted(copied.repeats, 'repeat')} of another event, with its messageId.")
    if copied.lost:
        console.print(f"Left behind: {counted(copied.lost, 'event')} that can't be read any more in the old log.")
    if copied.empty:
        console.print(
            f"Left behind: {counted(copied.empty, 'dead letter')} without an event, because the old log had lost it."
        )
    if copied.jobs:
        say(
            f"Left behind: {counted(copied.jobs, 'job')} under way. A retry can be asked for again in the new log; what a "
            "replay had still to send is in the old one."
        )
    if suppressed and wanted.log_urls:
        say(
            f"Suppressed: {counted(len(suppressed), 'id')}, noted in {suppressed_path(wanted)}. Give each router of the "
            "cluster that file in its `data`: who is suppressed at one is not at the others."
        )
    say(f"Start the routers of {target}, and none of {source} any more.")


def _place(config: Config) -> tuple[object, ...]:
    if config.log_urls:
        return (config.log.get_secret_value(), config.nats.name)
    return (config.data.absolute(),)


async def _copy(settings: Config, wanted: Config) -> Copied:
    for each in (settings, wanted):
        await refuse_beside_a_router(each, "nothing may change while it is copied")
    if not settings.log_urls and not log_directory(settings).exists():
        raise OperatorError(f"{log_directory(settings)}: there is no log here. Correct `data` in the config.")
    # What was no repeat in one log is none in the other, whatever window that one will have.
    window_s = settings.retention.dedup_window_s
    kept = wanted.retention.model_copy(update={"dedup_window_s": window_s})
    wanted = wanted.model_copy(update={"retention": kept})
    async with _side(settings, read_only=bool(settings.log_urls)) as source, _side(wanted) as target:
        carrying = Carrying(source, target, window_s)
        try:
            return await carrying.run()
        finally:
            carrying.close()


@contextlib.asynccontextmanager
async def _side(config: Config, read_only: bool = False) -> AsyncIterator[Side]:
    """The log of *config* with its states. An embedded log is locked, so that no router runs over it meanwhile."""
    async with opened_log(config, SystemClock(), read_only=read_only) as log, _states(config, log) as states:
        yield Side(log, states)


@contextlib.asynccontextmanager
async def _states(config: Config, log: Log) -> AsyncIterator[Mapping[int, States]]:
    if not config.log_urls:
        yield dict.fromkeys(log.partitions, StateDirectory(state_directory(config), log.id))
        return
    from router.cli.cluster.states import states_of_cluster

    async with states_of_cluster(config, log) as states:
        yield states
