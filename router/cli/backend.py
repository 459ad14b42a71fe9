"""The backend of a command: it gets its answers from the running daemon, or from the files if there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import typer

from router.admin.client import Client, NotRunning
from router.admin.operations import Operations
from router.cli.engine import check_extra, open_log
from router.cli.options import check_given, read_config
from router.cli.wiring import log_directory, states_of, to_assignments
from router.clock import SystemClock
from router.config import Config, ConfigError, read_data_folder
from router.errors import OperatorError

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
        return await _ask_with_what_was_read_before(config_path, error, operation, arguments)
    async with Client(config.data) as client:
        with suppress(NotRunning):
            return await _ask_router(client, config.data, operation, arguments)
    if config.log_urls:
        check_extra()
        from router.cli.cluster_question import ask_cluster

        return await _wait_for(ask_cluster(config, registry, operation, arguments), "cluster", _CLUSTER_AWAY)
    directory = log_directory(config)
    if not directory.exists():
        raise OperatorError(f"{directory}: nothing here yet. Start the router first: router run --config {config_path}")
    clock = SystemClock()
    log = await open_log(config, clock, read_only=True)
    try:
        operations = Operations(log, states_of(config, log.id), to_assignments(config, registry), clock)
        calls = operations.calls()
        if operation not in calls:
            raise OperatorError(f"no router runs over {config.data}; start it with: router run --config {config_path}")
        return await calls[operation](**arguments)
    finally:
        await log.close()


async def _ask_with_what_was_read_before(
    config_path: Path, error: ConfigError, operation: str, arguments: Mapping[str, Any]
) -> Any:
    """Ask the running router, which still uses the config as it was. In an outage, a mistake in the file must not hide it.

    Raises:
        ConfigError: *error*, if no router answers or the file does not tell over which folder one might run.
        OperatorError: the router refuses.
    """
    data = read_data_folder(config_path)
    if data is None:
        raise error
    async with Client(data) as client:
        try:
            answer = await _ask_router(client, data, operation, arguments)
        except NotRunning:
            raise error from None
    _warn(config_path)
    return answer


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
