"""``router rejected``: calls that came and are no events."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from router.cli.data_folder import rejected_path
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, check_given
from router.cli.output import ago, console, print_json, print_table
from router.config import load_storage
from router.rejected import list_rejected

app = typer.Typer(no_args_is_help=True)


@app.callback()
def rejected() -> None:
    """See what sources sent that is no event, and why.

    Example: `router rejected list`
    """


@app.command("list")
def list_calls(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this reason code.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List rejected calls, newest first; `--json` has the calls themselves. docs/rejections.md explains the reasons.

    Example: `router rejected list --code missing_event`
    """
    check_given(source, code, limit)
    settings = load_storage(config)
    path = rejected_path(settings)
    if path.exists():
        path.open("rb").close()  # SQLite would not say that the file belongs to another user
    calls = list_rejected(path, limit=limit, source=source, code=code)
    if as_json:
        print_json(calls)
        return
    rows = [(ago(e["received_at_s"]), e["source"], e["code"], _why(e), e["message_id"]) for e in calls]
    columns = ("when", "source", "reason", "why", "messageId")
    print_table("", columns, rows, has_lines=False, if_empty=_none(source, code))
    if len(calls) == limit:
        console.print(f"These are the newest {limit}. There may be more: --limit")
    if calls:
        console.print("The calls themselves: --json")


def _none(source: str | None, code: str | None) -> str:
    """What to print if the list is empty."""
    chosen = " ".join(f"--{name} {value}" for name, value in (("source", source), ("code", code)) if value is not None)
    if chosen:
        return f"No rejected calls with {chosen}. See them all with: router rejected list"
    return "No rejected calls: whatever sources have sent so far is an event. One that is none comes here, with the reason."


def _why(call: dict[str, Any]) -> str:
    return f"{call['field'] or 'the call'}: expected {call['expected']}, found {call['found']}"
