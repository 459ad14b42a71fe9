"""Open files, sockets included: how many a process may have, and no more destinations and connections than that.

Without room for one more file the router would serve nobody: segments of the log, states, connections to vendors and the
commands' own all need one, and whichever comes first takes it.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterable

from router.config import Config, Destination
from router.counted import counted
from router.errors import OperatorError

OTHERS = 100
"""The log with its segments, the admin port, pipes."""
STATE = 4
"""A destination's lock, its database, and two files beside that."""
CALLERS = 200
"""Connections of sources that there should be room for before destinations get all they may have; or a quarter of all files."""
FEWEST_CALLERS = 10
"""As few as ``server.max_connections`` may say."""
MOST_AT_A_TIME = 64
"""Of ``delivery.concurrency``."""
IN_A_CLUSTER = 200
"""For all but callers where nobody knows which partitions this router will have, and with them which states."""
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


def fit(config: Config, limit: int, processes: int | None = None) -> Config:
    """*config* with no more requests at a time, and no more connections of sources, than there may be. Pure.

    Args:
        limit: how many files a process may have open.
        processes: how many processes deliver beside the main one; None: it delivers itself.

    Raises:
        OperatorError: there are too many destinations for that limit.
    """
    if config.log_urls:
        return _bounded(config, MOST_AT_A_TIME, max(FEWEST_CALLERS, limit - IN_A_CLUSTER))
    present = config.destinations.values()
    share = len(present) if processes is None else -(-len(present) // processes)

    def needed(most: int) -> tuple[int, int]:
        """How many files a process that delivers needs, and the main one without its callers, at *most* requests at a time."""
        delivering = OTHERS + _sum_of_largest(share, present, lambda each: STATE + _connections(each, most))
        main = sum(1 + _connections(each, most) for each in present if each.sandbox)  # a stand-in has the other ends
        return (delivering, main + OTHERS) if processes is not None else (delivering + main, delivering + main)

    for most in range(MOST_AT_A_TIME, 0, -1):
        delivering, main = needed(most)
        callers = min(CALLERS, limit // 4) if most > 1 else FEWEST_CALLERS
        if delivering <= limit and main + min(callers, config.server.max_connections) <= limit:
            return _bounded(config, most, limit - main)
    need = max(delivering, main + FEWEST_CALLERS)
    advice = "Raise that (ulimit -Hn; LimitNOFILE of a service, ulimits of a container)"
    if processes is not None:
        advice += ", or deliver from more processes"
    destinations = f"{counted(len(present), 'destination')} need{'s' if len(present) == 1 else ''}"
    raise OperatorError(f"{destinations} {need} open files in one process, which may have {limit}. {advice}")


def _connections(destination: Destination, most: int) -> int:
    """One more than it has requests under way: that of a token."""
    return min(destination.delivery.concurrency, most) + 1 if destination.enabled else 0


def _sum_of_largest(count: int, destinations: Iterable[Destination], size: Callable[[Destination], int]) -> int:
    return sum(sorted(map(size, destinations), reverse=True)[:count])


def _bounded(config: Config, most: int, callers: int) -> Config:
    destinations = {
        name: each.model_copy(
            update={"delivery": each.delivery.model_copy(update={"concurrency": min(each.delivery.concurrency, most)})}
        )
        for name, each in config.destinations.items()
    }
    server = config.server.model_copy(update={"max_connections": min(config.server.max_connections, callers)})
    return config.model_copy(update={"server": server, "destinations": destinations})


def most_at_a_time(config: Config) -> int:
    """The most requests at a time of any destination."""
    return max((each.delivery.concurrency for each in config.destinations.values()), default=0)
