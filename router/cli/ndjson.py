"""Events that a command reads from a file with one a line (NDJSON)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from router.errors import OperatorError
from router.gateway.document import parse_json
from router.gateway.refusal import Refused


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
