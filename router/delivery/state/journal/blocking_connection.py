"""A blocking connection to the cluster, for code that waits in threads. It has a thread of its own, which goes on when the
process's event loop stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, TypeVar

from router.log.jetstream.access import OPEN, Access
from router.log.jetstream.connection import CANCEL_S, ClusterAway, Connection

_T = TypeVar("_T")

OPEN_S: Final = 15.0
ANSWER_S: Final = 10.0
"""Longer than any single request takes to fail."""


class BlockingConnection:
    """Open it with `open`. Any thread except its own may ask."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="blocking connection to the cluster", daemon=True)
        self._connection: Connection | None = None

    def _serve(self) -> None:
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)  # tasks that wait for a server that stands still
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_S))

    @classmethod
    def open(cls, urls: Sequence[str], access: Access = OPEN) -> BlockingConnection:
        """Connect to one of *urls*, and wait until it is done.

        Raises:
            OperatorError: none of them answers.
        """
        blocking = cls()
        blocking._thread.start()
        try:
            blocking._connection = blocking._run(Connection.open(urls, "trait-router states", access), OPEN_S)
        except BaseException:
            blocking._end()
            raise
        return blocking

    @property
    def max_payload(self) -> int:
        assert self._connection is not None
        return self._connection.max_payload

    @property
    def is_closed(self) -> bool:
        """Whether it has ended for good."""
        return self._connection is not None and self._connection.is_closed

    def ask(self, question: Callable[[Connection], Coroutine[Any, Any, _T]], within_s: float = ANSWER_S) -> _T:
        """Run *question* over the connection, and wait for its answer.

        Raises:
            ClusterAway: the answer did not come.
        """
        assert self._connection is not None
        return self._run(question(self._connection), within_s)

    def _run(self, coroutine: Coroutine[Any, Any, _T], within_s: float) -> _T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(within_s)
        except FutureTimeoutError:
            future.cancel()
            raise ClusterAway("no answer in time") from None

    def close(self) -> None:
        if self._connection is not None:
            self._run(self._connection.close(), ANSWER_S)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
