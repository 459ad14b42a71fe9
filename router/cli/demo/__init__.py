"""``router demo``: the product in a minute, on this machine alone: real router processes, stand-ins for the vendors."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from router.cli.config_file import read_config
from router.cli.demo.script import EVENTS, play
from router.cli.demo.stage import Stage
from router.cli.options import DEFAULT_CONFIG, ConfigPath, switch


def demo(
    config: ConfigPath = DEFAULT_CONFIG,
    stay: Annotated[bool, switch(help="Stay up at the end, for events of your own.")] = True,
    events: Annotated[int, typer.Option(min=100, max=100_000, help="How many events its third part sends.")] = EVENTS,
) -> None:
    """Show what the router does: one event in every vendor's words, flags, and a crash in the middle of an outage.

    Takes the destinations of the config; nothing leaves this machine. Example: `router demo --no-stay`
    """
    settings, registry = read_config(config)
    with tempfile.TemporaryDirectory(prefix="router-demo-") as folder:
        asyncio.run(play(Stage(settings, registry, Path(folder)), events, stay))
