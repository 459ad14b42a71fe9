"""``router check``: is the config right?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, read_config
from router.cli.output import console, print_json
from router.config import ConfigError, Problem


def check(
    file: Annotated[Path | None, typer.Argument(help="The config file; the same as --config.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check the config file: every problem with its line, all in one run; exits with 2 if there is any.

    Example: `router check config/router.yaml`
    """
    config = file or config
    try:
        settings, registry = read_config(config)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problems": [_show(problem) for problem in error.problems]})
        raise
    if as_json:
        print_json({"ok": True, "destinations": list(settings.destinations), "sources": list(settings.sources)})
        return
    enabled = [name for name, each in settings.destinations.items() if each.enabled]
    sandboxed = [name for name in enabled if settings.destinations[name].sandbox]
    console.print(f"{config}: right. Sources: {_names(settings.sources)}. Destinations: {_names(enabled)}.")
    if sandboxed:
        console.print(f"Delivered to built-in sandboxes, not to the vendors: {_names(sandboxed)}.")
    for warning in registry.warnings:
        console.print(f"warning: {warning}")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _show(problem: Problem) -> dict[str, object]:
    return {"path": str(problem.path), "line": problem.line, "key": problem.key, "message": problem.message}
