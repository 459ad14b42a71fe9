"""Waiting at a start for a cluster that has no leader just now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from router.errors import OperatorError
from router.log.jetstream.connection import NO_STREAM, ApiError, ClusterAway, Denied

_T = TypeVar("_T")

START_S: Final = 60.0
"""How long a start waits for a cluster that has no leader. The choice of one takes up to 9 s, but a cluster that has just been
started misses its first leader only after half a minute. For a log that is made anew while a node is down the cluster chooses a
leader, then the stream of the first partition, then all others."""
COMMAND_S: Final = 15.0
"""And a command, which makes nothing."""
RETRY_S: Final = 0.25


async def until_answered(step: Callable[[], Awaitable[_T]], within_s: float = START_S) -> _T:
    """Try *step* until the cluster answers: it may be about to choose a leader.

    Raises:
        OperatorError: it does not for *within_s* seconds, or refuses.
    """
    until, is_told = asyncio.get_running_loop().time() + within_s, False
    while True:
        try:
            return await step()
        except (ClusterAway, ApiError) as error:
            # A stream that has just been made is not known yet to a node that becomes the leader.
            is_passing = error.code == NO_STREAM if isinstance(error, ApiError) else not isinstance(error, Denied)
            if not is_passing:
                raise OperatorError(f"log: the cluster refuses: {error}. Do the credentials allow JetStream?") from None
            if asyncio.get_running_loop().time() > until:
                raise OperatorError(
                    f"log: the cluster does not answer ({error}). Is JetStream on, and is a quorum of its nodes up?"
                ) from None
            if not is_told:
                structlog.get_logger().warning("the cluster does not answer yet, it is waited for", reason=str(error))
                is_told = True
            await asyncio.sleep(RETRY_S)
