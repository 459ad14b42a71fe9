"""Standard input, output and errors, where whoever started us has closed them (``<&-``), and what a command reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from router.errors import OperatorError

_STANDARD = 2
"""The highest of their descriptors."""


def open_closed() -> None:
    """Put the null device where one of them is closed, before anything else is opened.

    Files and sockets would get their numbers: what is printed went into them, and libuv ends a process that closes one.
    ``sys.stdout`` stays None where it was closed, so that a command whose output nobody gets can say so.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def read_input(file: str) -> bytes:
    """All that is in *file*; ``-`` is standard input.

    Raises:
        OperatorError: it can't be read.
    """
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise OperatorError(f"{file}: can't be read ({error.strerror})") from error
