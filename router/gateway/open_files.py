"""Open files: how many the process may have, sockets included."""

from __future__ import annotations

import contextlib
import resource

RESERVED = 200
"""For segments, states, and the connections to vendors; where they need more, ``max_connections`` is less."""
_NO_LIMIT = 1_000_000


def raise_limit() -> None:
    """Allow this process as many as the system permits. The usual 1,024 are for programs that use ``select``."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems allow fewer than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit() -> int:
    """How many files this process may have open at a time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _NO_LIMIT if soft == resource.RLIM_INFINITY else soft


def room_for_connections() -> int:
    """How many connections there may be at a time, at least one."""
    return max(1, limit() - RESERVED)
