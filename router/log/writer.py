"""The writer: the only thread that changes the log. Calls that queue up during a commit share the next one."""

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
"""How many keys the index takes in one commit: a commit writes a page for almost every key, so many at once are cheaper. After
a crash the next start reads as many events of the log again, in less than a second."""
INDEX_S = 1.0
"""After this many seconds without a call, fewer keys are indexed too."""


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
    """Runs from `start` to `stop`. Call `append` from the event loop's thread, other methods from any thread."""

    def __init__(
        self,
        store: Store,
        options: LogOptions,
        on_commit: Callable[[Sequence[Record], int], None],
    ) -> None:
        """*on_commit* is called on the event loop with the new records and the end of the log, before the callers go on."""
        self._store = store
        self._options = options
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Call | _Task] = deque()
        self._waiting_bytes = 0
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._is_waking = False
        """The thread is about to be woken."""
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="log writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def complaint(self) -> str:
        """What has been wrong with the writing for some seconds; "" if nothing has."""
        if not self._thread.is_alive() and not self._is_stopping:
            return "the log's writer has ended: a bug in the router"
        return self._store.pulse.complaint

    def append(self, entries: Sequence[Entry]) -> asyncio.Future[list[Appended]]:
        """Queue a call. If its caller stops waiting for the answer, the call is stored all the same.

        Raises:
            LogFull: too much is waiting already.
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
            self._loop.call_soon(self._wake)  # once for all calls that the loop has ready now: they share a commit
        return waiter

    def _wake(self) -> None:
        self._is_waking = False
        with self._lock:
            self._changed.notify()

    def run(self, task: Callable[[], None]) -> Future[None]:
        """Run *task* between two commits, when everything is indexed. Called in the writer's own thread, it runs at once."""
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
                # Look again instead of trusting the wait's result: something may have come since its time was up.
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
        """Seconds to wait for something to write before doing something else; None if there is nothing else to do."""
        if self._store.pulse.is_ailing:
            return PROBE_S
        return INDEX_S if self._store.unindexed else None

    def _use_the_pause(self) -> None:
        """Probe an ailing disk, since callers may have stopped sending; else index what isn't indexed yet."""
        self._attempt(self._store.probe if self._store.pulse.is_ailing else self._store.index)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Run *step* and log whatever it raises: if this thread ended, nobody would get an answer any more."""
        try:
            step()
        except Exception as error:
            structlog.get_logger().error(f"{step.__name__} of the log failed: a bug in the router", exc_info=error)

    def _take(self) -> tuple[_Task | None, list[_Call]]:
        """The next task, or the calls before it that share a commit."""
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
        return  # the caller has cancelled it; from here on that is no longer possible
    try:
        run()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
