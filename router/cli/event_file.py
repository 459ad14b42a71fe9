"""A file of events, as `router send` and `router explain` read it: JSON, or one event a line (NDJSON)."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from router.errors import OperatorError
from router.gateway.document import parse_json
from router.gateway.refusal import Refused

EventFile = Annotated[
    str,
    typer.Argument(
        help="A file with one event, one a line (NDJSON), a list of them, or a batch as SDKs send it; - is standard input."
    ),
]


def read_file(file: str) -> bytes:
    """The content of *file*; ``-`` is standard input.

    Raises:
        OperatorError: it can't be read.
    """
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise OperatorError(f"{file}: can't be read ({error.strerror})") from error


def no_event_in(file: str) -> str:
    """What to say of an empty one."""
    return f"{'standard input' if file == '-' else file}: there is no event in it"


def read_lines(file: str, data: bytes, whole: Refused) -> Iterator[tuple[bytes, Any]]:
    """Each line of NDJSON that is not empty, and what it says. *whole* is what keeps *data* from being one JSON value.

    Raises:
        OperatorError: one is no JSON. If it is the first, an event of several lines may be meant, so *whole* is told.
    """
    is_first = True
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield line, parse_json(line)
        except Refused as refused:
            where, why = (file, whole) if is_first else (f"{file}:{number}", refused)
            what = why.message.removeprefix("the body is ")
            raise OperatorError(
                f"{where}: expected {'JSON' if is_first else 'one event as JSON a line'}, found {what}"
            ) from refused
        is_first = False
