"""``router check``: is the config right?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from router.admin.server import check_socket_path
from router.cli.check_live import Tried, try_credentials
from router.cli.config_file import read_config
from router.cli.data_folder import socket_path
from router.cli.engine import WITHOUT_EXTRA, has_extra
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, switch
from router.cli.output import NO_DESTINATIONS, console, print_json, print_table, say
from router.cli.promise import durability_of, planned_durability
from router.cli.room import room_oddities
from router.cli.sandboxes import make_sandbox
from router.cli.wiring import telling_of_plugin, to_access, to_assignments, to_destination
from router.clock import SystemClock
from router.config import Config, ConfigError, Problem
from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.send import CredentialsRefused
from router.destination import Destination
from router.errors import OperatorError
from router.plugin import Bearer, Credential, HeaderKey, Request, SigV4
from router.registry import Registry

_SOMEWHERE = "http://127.0.0.1"
"""The address of a stand-in, so that the plugin is not asked for the vendor's."""


def check(
    file: Annotated[Path | None, typer.Argument(help="The config file; the same as --config.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    live: Annotated[
        bool,
        switch(
            "--live",
            help="Also try the credentials, with a call that changes nothing, and ask the cluster that keeps the log.",
        ),
    ] = False,
) -> None:
    """Check the config file: every problem with its line, all in one run; exits with 2 if there is any.

    Example: `router check config/router.yaml --live`
    """
    config = file or config
    try:
        settings, registry = read_config(config)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problems": [_show(problem) for problem in error.problems]})
        raise
    # Fails if a plugin has no table, no address, no limits or no credentials for its settings.
    stand_ins = {name: _SOMEWHERE for name, each in settings.destinations.items() if each.sandbox}
    _look_at(each.destination for each in to_assignments(settings, registry, stand_ins) if each.is_enabled)
    _make_sandboxes(settings, registry)  # fails if a plugin has no stand-in
    check_socket_path(socket_path(settings))
    tried = _try(settings, registry) if live else []
    refused = [each.destination for each in tried if each.result == "refused"]
    promise = asyncio.run(durability_of(settings, SystemClock())) if live else planned_durability(settings)
    # Warnings only: the config may be right, but for another machine, or for destinations that are still to come.
    warnings = list(_oddities(settings, registry))
    if as_json:
        answer = {"ok": True, "destinations": list(settings.destinations), "sources": list(settings.sources)}
        answer["warnings"] = warnings
        if settings.log_urls:
            answer["log"] = asdict(promise)
        if live:
            answer = {**answer, "ok": not refused, "credentials": [asdict(each) for each in tried]}
        print_json(answer)
    else:
        _print(config, settings)
        if settings.log_urls:
            say(promise.promise)
            warnings = [*promise.warnings, *warnings]
        for warning in warnings:
            say(f"warning: {warning}")
        if live:
            rows = [(each.destination, each.result, each.detail) for each in tried]
            if_empty = "No credentials to try: no destination is enabled."
            print_table("", ("destination", "credentials", ""), rows, if_empty=if_empty)
    if refused:
        raise OperatorError(f"credentials refused: {_names(refused)}. Correct them in {config} and check again.")


def _print(config: Path, settings: Config) -> None:
    enabled = [name for name, each in settings.destinations.items() if each.enabled]
    sandboxed = [name for name in enabled if settings.destinations[name].sandbox]
    console.print(f"{config}: right. Sources: {_names(settings.sources)}. Destinations: {_names(enabled)}.")
    if sandboxed:
        console.print(f"Delivered to built-in sandboxes, not to the vendors: {_names(sandboxed)}.")


def _look_at(destinations: Iterable[Destination]) -> None:
    """Ask the plugins everything that they are asked when a destination starts or first sends. One that fails then is unusable,
    or blocked."""
    for destination in destinations:
        with telling_of_plugin(destination.name):
            _ = destination.endpoints, destination.origins
            for endpoint in destination.plugin.endpoints:
                _look_at_headers(destination.name, destination.calls.credentials(endpoint))


def _look_at_headers(destination: str, credentials: Iterable[Credential]) -> None:
    """Check that those which are sent as they are, or in part, fit into a header: a file may hold more than one line.

    Raises:
        OperatorError: one doesn't.
    """
    as_they_are = [each for each in credentials if isinstance(each, Bearer | HeaderKey | SigV4)]
    try:
        add_credentials(Request("GET", _SOMEWHERE), as_they_are, {}, "", 0)
    except CredentialsRefused as error:
        raise OperatorError(f"destinations.{destination}: {error}") from None


def _make_sandboxes(settings: Config, registry: Registry) -> None:
    for plugin in {each.plugin for each in settings.destinations.values() if each.sandbox and each.enabled}:
        make_sandbox(registry.get(plugin))


def _oddities(settings: Config, registry: Registry) -> Iterator[str]:
    """What may not be meant, and what would keep a router on this machine out of the cluster."""
    yield from registry.warnings
    if not settings.destinations:
        yield NO_DESTINATIONS
    yield from room_oddities(settings)
    if not settings.log_urls:
        return
    if not has_extra():
        yield WITHOUT_EXTRA
    yield from to_access(settings).oddities(settings.log_urls)


def _try(settings: Config, registry: Registry) -> list[Tried]:
    """Try the credentials of every enabled destination; not those of a stand-in, which takes what it is given."""
    enabled = [each for each in settings.destinations.values() if each.enabled]
    real = [(to_destination(each, registry), each.delivery.timeout_s) for each in enabled if not each.sandbox]
    standing_in = [Tried(each.name, "not tried", "it delivers to its sandbox") for each in enabled if each.sandbox]
    return asyncio.run(try_credentials(real)) + standing_in


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _show(problem: Problem) -> dict[str, object]:
    return {"path": str(problem.path), "line": problem.line, "key": problem.key, "message": problem.message}
