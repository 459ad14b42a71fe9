"""``router log``: check, repair, export, back up and copy what is stored."""

from __future__ import annotations

import typer

from router.cli.log_backup import backup
from router.cli.log_check import check
from router.cli.log_copy import copy
from router.cli.log_export import export
from router.cli.log_repair import repair

app = typer.Typer(
    no_args_is_help=True,
    help="Check, repair, export, back up and copy what is stored.\n\nExample: `router log check`",
)
app.command()(copy)
app.command()(check)
app.command()(repair)
app.command()(export)
app.command()(backup)
