"""Printing: tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from router.cli.columns import break_names, fit
from router.errors import OperatorError

# Control characters except line break and tab, marks that turn the direction of text, and bytes of file names that are no text.
_CONTROLS = dict.fromkeys(
    [
        *range(9),
        *range(11, 32),
        *range(127, 160),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    ],
    "?",
)
_CONTROLS_IN_JSON = re.compile(f"[{''.join(chr(code) for code in _CONTROLS if code > 126)}]")
"""Those that may stand in JSON as they are. The writer of it spells the others out by itself."""


def plain(text: str) -> str:
    """*text* without characters that a terminal would obey. It may come from a vendor, or from anybody who can send an
    event."""
    return text.translate(_CONTROLS)


def plain_json(text: str) -> str:
    """The same JSON as *text*, which a terminal does not obey either."""
    return _CONTROLS_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Console(Console):
    """Shows every text as it is: ``[b]`` in a vendor's words is not markup, and only a terminal has lines wrapped: `grep` is to
    find all of one."""

    def print(self, *objects: Any, **options: Any) -> None:
        if all(isinstance(each, str) for each in objects):
            options = {"soft_wrap": not self.is_terminal, **options}
        super().print(*objects, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain(text), **options | {"markup": False})


console = _Console(highlight=False, emoji=False)

NO_DESTINATIONS = (
    "No destinations: the config has none under `destinations`. Events are taken and kept, and go nowhere."
)


def fail(error: OperatorError) -> int:
    """Print the error as it is. Returns the exit code."""
    typer.echo(plain(str(error)), err=True)
    return error.exit_code


def print_line(text: str, **options: Any) -> None:
    """Print a line that holds words of events and vendors. A line break in them can't pass for the start of another line."""
    console.print(" ".join(text.splitlines()), **options)


def say(text: str, **options: Any) -> None:
    """As `print_line`, but a long line is not wrapped: a command or a path in it can be copied."""
    print_line(text, soft_wrap=True, **options)


def print_json(value: Any) -> None:
    """One line of JSON, as `plain_json` has it."""
    try:
        line = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a file name that is not text
        line = json.dumps(value)
    typer.echo(plain_json(line))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], has_lines: bool = True, if_empty: str = ""
) -> None:
    """Print a table; without lines, many narrow columns fit into 80 characters. *if_empty* is printed if it has no rows."""
    if not rows and if_empty:
        say(if_empty)
        return
    table = Table(title=title or None, title_justify="left")
    beside = 3 * len(columns) + 1  # the lines and the blanks at their sides
    if not has_lines:
        table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
        beside = len(columns) - 1
    cells = [["" if cell is None else plain(str(cell)) for cell in row] for row in rows]
    widths = fit(list(zip(columns, *cells, strict=True)), console.width - beside)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in cells:
        table.add_row(*map(break_names, row, widths))
    console.print(table)


def ago(unix_s: float | None) -> str:
    """``3m ago`` for a moment in Unix seconds."""
    return "" if not unix_s else f"{duration(time.time() - unix_s)} ago"


def duration(seconds: float | None) -> str:
    """``45s``, ``3m``, ``2h``, ``5d``: one unit, for tables."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
