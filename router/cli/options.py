"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from router.config import Config, load_config
from router.config.quantity import parse_rate
from router.errors import OperatorError
from router.event import EVENT_TYPES
from router.registry import Registry

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="ROUTER_CONFIG", help="The config file.", show_default=True)
]
DEFAULT_CONFIG = Path("config/router.yaml")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Type = StrEnum("Type", EVENT_TYPES)  # type: ignore[misc]
Rate = Annotated[
    str | None, typer.Option(help="Events a second at most (50/s); else as fast as live traffic leaves room.")
]


def to_rate(text: str | None) -> float | None:
    """Events a second.

    Raises:
        OperatorError: it is no rate.
    """
    if text is None:
        return None
    rate = parse_rate(text)
    if not rate:
        raise OperatorError(f"--rate: {text!r} is no rate; write 50/s or 3000/min")
    return rate


def read_config(path: Path) -> tuple[Config, Registry]:
    """The config and the plugins it may use.

    Raises:
        OperatorError: the file is not valid, or a plugin package is not.
    """
    registry = Registry.load()
    return load_config(path, registry), registry
