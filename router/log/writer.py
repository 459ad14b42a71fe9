"""The writer thread: the only one that changes the log. What queued up while a commit ran shares the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Lock, Thread, current_thread
from typing import Any

import structlog

from router.log.interface import LogFull
from router.log.options import LogOptions
from router.log.record import Appended, Entry, Record
from router.log.store import Answer, Store

PROBE_S = 1.0
INDEXED_TOGETHER = 25_000
"""A commit of the index writes a page for almost every key, so it takes many keys together; after a crash the next start reads
as many events of the log again, in less than a second."""
INDEX_S = 1.0
"""When fewer are indexed: when nothing has come for so long."""


@dataclass(slots=True)
class _Call:
    entries: Sequence[Entry]
    bytes: int
    waiter: asyncio.Future[list[Appended]]


@dataclass(frozen=True, slots=True)
class _Task:
    run: Callable[[], None]
    done: Future[None]


class Writer:
    """Runs from `start` to `stop`. Its other methods may be called from any thread, `append` from the event loop's."""

    def __init__(
        self,
        store: Store,
        options: LogOptions,
        on_commit: Callable[[Sequence[Record], int], None],
    ) -> None:
        """*on_commit* runs on the event loop, before the callers go on, with the new records and the end of the log."""
        self._store = store
        self._options = options
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Call | _Task] = deque()
        self._waiting_bytes = 0
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._is_waking = False
        """The thread is told in a moment."""
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="log writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def complaint(self) -> str:
        """What is wrong with the writing, if it has been for some seconds; "" where nothing is."""
        if not self._thread.is_alive() and not self._is_stopping:
            return "the log's writer has ended: a bug in the router"
        return self._store.pulse.complaint

    def append(self, entries: Sequence[Entry]) -> asyncio.Future[list[Appended]]:
        """Queue a call. Whoever stops waiting for the answer leaves the call in the queue: it is stored all the same.

        Raises:
            LogFull: too much waits already.
        """
        waiter: asyncio.Future[list[Appended]] = self._loop.create_future()
        call = _Call(entries, sum([len(entry.event) for entry in entries]), waiter)
        with self._lock:
            if self._is_stopping:
                raise RuntimeError("the log is closed")
            if self._queue and self._waiting_bytes + call.bytes > self._options.max_waiting_bytes:
                raise LogFull("the disk does not keep up: too many events wait to be written")
            self._queue.append(call)
            self._waiting_bytes += call.bytes
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon(self._wake)  # once for all that the loop has ready now: they go into one commit
        return waiter

    def _wake(self) -> None:
        self._is_waking = False
        with self._lock:
            self._changed.notify()

    def run(self, task: Callable[[], None]) -> Future[None]:
        """Run *task* between two commits, with all of them indexed. In the writer's own thread that is at once."""
        done: Future[None] = Future()
        if current_thread() is self._thread:
            _finish(task, done)
            return done
        with self._changed:
            if self._is_stopping:
                done.set_exception(RuntimeError("the log is closed"))
            else:
                self._queue.append(_Task(task, done))
                self._changed.notify()
        return done

    def stop(self) -> None:
        """Store what waits, then end the thread. Blocks."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._queue or self._is_stopping):
                    if not self._changed.wait(self._patience_s):
                        break
                # Not by what the wait says: something may come between the end of its time and its return.
                if self._is_stopping and not self._queue:
                    return
                task, calls = self._take()
            if task is not None:
                self._attempt(self._store.index)
                _finish(task.run, task.done)
            elif calls:
                self._commit(calls)
            else:
                self._use_the_pause()

    @property
    def _patience_s(self) -> float | None:
        """How long to wait for something to write, where there is something else to do then."""
        if self._store.pulse.is_ailing:
            return PROBE_S
        return INDEX_S if self._store.unindexed else None

    def _use_the_pause(self) -> None:
        """Try a disk that ails: nobody may dare to send any more. Index what isn't yet."""
        self._attempt(self._store.probe if self._store.pulse.is_ailing else self._store.index)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Whatever comes of it: a thread that has ended would answer nobody any more."""
        try:
            step()
        except Exception as error:
            structlog.get_logger().error(f"{step.__name__} of the log failed: a bug in the router", exc_info=error)

    def _take(self) -> tuple[_Task | None, list[_Call]]:
        """The next task, or the calls before it that go into one commit."""
        calls: list[_Call] = []
        size = 0
        while self._queue and size < self._options.group_bytes:
            first = self._queue[0]
            if isinstance(first, _Task):
                if calls:
                    break
                self._queue.popleft()
                return first, calls
            self._queue.popleft()
            calls.append(first)
            size += first.bytes
        self._waiting_bytes -= size
        return None, calls

    def _commit(self, calls: list[_Call]) -> None:
        answers: Sequence[Answer | Exception]
        records: Sequence[Record] = ()
        try:
            committed = self._store.commit([call.entries for call in calls])
            answers, records = committed.answers, committed.records
        except Exception as error:
            structlog.get_logger().error("a commit failed: a bug in the router", exc_info=error)
            answers = [error for _ in calls]
        self._tell(self._answer, calls, answers, records, self._store.end)
        if self._store.unindexed >= INDEXED_TOGETHER:
            self._attempt(self._store.index)

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _answer(
        self, calls: Sequence[_Call], answers: Sequence[Answer | Exception], records: Sequence[Record], end: int
    ) -> None:
        self._on_commit(records, end)
        for call, answer in zip(calls, answers, strict=True):
            if call.waiter.done():
                continue  # cancelled
            if isinstance(answer, Exception):
                call.waiter.set_exception(answer)
            else:
                call.waiter.set_result(answer)


def _finish(run: Callable[[], None], done: Future[None]) -> None:
    if not done.set_running_or_notify_cancel():
        return  # whoever asked for it has gone, and from here on can't take it back
    try:
        run()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
