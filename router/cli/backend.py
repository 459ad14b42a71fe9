"""The backend of a command: it gets its answers from the running daemon, or from the files if there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import typer

from router.admin.client import BrokenOff, Client, NotRunning
from router.admin.operations import Operations
from router.cli.config_file import read_config
from router.cli.data_folder import log_directory, states_of, suppressed_path
from router.cli.engine import check_extra, opened_log
from router.cli.options import check_given
from router.cli.wiring import to_assignments
from router.clock import SystemClock
from router.config import Config, ConfigError, read_data_folder
from router.delivery.assignment import Assignment
from router.errors import OperatorError
from router.suppressed_file import read_suppressed

_T = TypeVar("_T")

SILENCE_S = 5.0
"""How long a router may be silent before the user is told so. It answers most questions within milliseconds."""
_STANDS_STILL = "It is busy with much, or stands still: see whether GET /health answers."
_CLUSTER_AWAY = "Perhaps nothing reaches it from here, or the majority of its nodes is away: it is tried for 15 s."


async def ask(config_path: Path, operation: str, **arguments: Any) -> Any:
    """Run an admin operation, in the daemon if one runs over the config's data directory.

    Raises:
        OperatorError: the config or an argument is not valid, nothing was ever run here, or the operation refuses.
    """
    check_given(*arguments.values())
    try:
        config, registry = read_config(config_path)
    except ConfigError as error:
        return await _ask_in_spite_of(error, config_path, operation, arguments)
    async with Client(config.data) as client:
        with suppress(NotRunning):
            return await _ask_router(client, config.data, operation, arguments)
    if config.log_urls:
        check_extra()
        from router.cli.cluster.question import ask_cluster

        return await _wait_for(ask_cluster(config, registry, operation, arguments), "cluster", _CLUSTER_AWAY)
    assignments = to_assignments(config, registry, suppressed=read_suppressed(suppressed_path(config)))
    return await _ask_files(config_path, config, assignments, operation, arguments)


async def _ask_files(
    config_path: Path,
    config: Config,
    assignments: Sequence[Assignment],
    operation: str,
    arguments: Mapping[str, Any],
) -> Any:
    """Run the operation over the log and the states in the config's data directory.

    Raises:
        OperatorError: nothing was ever run here, or the operation refuses.
    """
    directory = log_directory(config)
    if not directory.exists():
        raise OperatorError(f"{directory}: nothing here yet. Start the router first: router run --config {config_path}")
    clock = SystemClock()
    async with opened_log(config, clock, read_only=True) as log:
        # To bring a state up to date is for a start: until then there is a way back to the older program.
        calls = Operations(log, states_of(config, log.id, upgrades=False), assignments, clock).calls()
        if operation not in calls:
            raise OperatorError(f"no router runs over {config.data}; start it with: router run --config {config_path}")
        return await calls[operation](**arguments)


async def _ask_in_spite_of(error: ConfigError, config_path: Path, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Ask the running router, which goes by the config as it was: in an outage, a mistake in the file must not hide it. If none
    runs, ask the files, unless more is wrong in the config than its secrets: they may be gone with the router, and only that
    needs them.

    Raises:
        ConfigError: *error*, if neither can be asked.
        OperatorError: the router refuses, or the operation does.
    """
    data = read_data_folder(config_path)
    if data is None:
        raise error
    async with Client(data) as client:
        with suppress(NotRunning):
            answer = await _ask_router(client, data, operation, arguments)
            if not all(problem.is_missing for problem in error.problems):  # else only the secrets are not here
                _warn(config_path)
            return answer
    if operation == "rehearse" or "id" in arguments:  # what would be sent follows from the settings
        raise error
    try:
        config, registry = read_config(config_path, has_secrets=False)
        assignments = to_assignments(config, registry, suppressed=read_suppressed(suppressed_path(config)))
    except OperatorError:
        raise error from None
    if config.log_urls:
        raise error
    return await _ask_files(config_path, config, assignments, operation, arguments)


@cache
def _warn(config_path: Path) -> None:
    """Warn, but only once if a command asks again and again."""
    typer.echo(
        f"{config_path} is not right as this shell reads it (see router check {config_path}); the router goes by what it "
        "read before.",
        err=True,
    )


async def _ask_router(client: Client, data: Path, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Ask the running router.

    Raises:
        NotRunning: no router runs over the config's data directory.
        OperatorError: it does not answer, or refuses.
    """
    try:
        return await _wait_for(client.call(operation, **arguments), "router", _STANDS_STILL)
    except TimeoutError:
        raise OperatorError(f"the router over {data} does not answer. {_STANDS_STILL}") from None
    except BrokenOff:
        raise OperatorError(
            f"the router over {data} gave no answer: the connection ended. It has stopped, or stands still: see whether "
            "GET /health answers. Nobody knows whether it did what it was asked, so have a look before you ask again."
        ) from None


async def _wait_for(answer: Coroutine[Any, Any, _T], who: str, why: str) -> _T:
    """Wait for *answer*. After a while say that nothing has come yet, so that nobody wonders whether the command works."""
    task = asyncio.create_task(answer)
    try:
        done, _ = await asyncio.wait({task}, timeout=SILENCE_S)
        if not done:
            typer.echo(f"The {who} has not answered for {SILENCE_S:g} s; still waiting. {why}", err=True)
        return await task
    finally:
        task.cancel()


async def refuse_beside_a_router(config: Config, why: str) -> None:
    """Refuse to go on while a router runs over the config's data directory.

    Raises:
        OperatorError: a router runs.
    """
    async with Client(config.data) as client:
        try:
            await _ask_router(client, config.data, "status", {})
        except NotRunning:
            return
    raise OperatorError(f"a router runs over {config.data}. Stop it first: {why}.")
