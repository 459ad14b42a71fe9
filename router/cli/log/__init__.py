"""``router log``: check, repair, export, back up and copy what is stored."""

from __future__ import annotations

import typer

from router.cli.log import backup, check, copy, export, repair

app = typer.Typer(
    no_args_is_help=True,
    help="Check, repair, export, back up and copy what is stored.\n\nExample: `router log check`",
)
app.command()(copy.copy)
app.command()(check.check)
app.command()(repair.repair)
app.command()(export.export)
app.command()(backup.backup)
