"""The standard streams, which the caller may have closed (``<&-``)."""

from __future__ import annotations

import os
import sys

_STANDARD = 2
"""The highest of their descriptors."""


def open_closed() -> None:
    """Open the null device in place of each closed one, before anything else is opened.

    Otherwise files and sockets would get their numbers: what is printed would go into them, and libuv ends a process that
    closes one. A closed ``sys.stdout`` stays None, so that a command can say that nobody gets its output.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
