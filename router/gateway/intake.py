"""The intake: takes a request into the log, in this order: key, body, calls, log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web

from router.event import Document
from router.gateway.admission import Admitted, admit
from router.gateway.authentication import keys_in_body, presented
from router.gateway.body import HeldBytes, Lease, read_body
from router.gateway.calls import Calls
from router.gateway.document import read_document
from router.gateway.metrics import GatewayMetrics
from router.gateway.refusal import RefusalCode, Refused
from router.gateway.rejection import Rejection
from router.gateway.setup import Setup
from router.gateway.source import Source
from router.gateway.throttle import Throttle
from router.gateway.visitor import Visitor
from router.log.interface import Log, LogFull, NotStored, PartitionFull
from router.log.record import Appended, Entry
from router.rejected import RejectedCall
from router.suppressed import NOBODY, Suppressed

LOG_FULL_RETRY_AFTER_S = 10
"""There is room again when a segment is given up. SDKs that honour the header wait up to 300 s."""
LOG_AWAY_RETRY_AFTER_S = 5
"""About as long as a cluster takes to elect another leader."""
STOPPING_RETRY_AFTER_S = 2
"""About as long as a restart takes."""

_SMALL_BODY_BYTES = 4_000
_LARGE_BODY_BYTES = 256_000
_READ_AT_A_TIME = 8
"""Bodies that are neither small nor large. One that is read takes up to thirty times its size, and it has its turns among
others: without a limit a hundred megabytes of bodies were gigabytes."""
_ROOM_FOR_ALL: Final = nullcontext()
_LONG_TO_MEND_BYTES = 20_000
"""Of a body with something odd in it. To mend its values takes a hundred times as long as to read it."""

_T = TypeVar("_T")

Read = Callable[[Document, bool], Calls]
"""Finds the calls in a document. The second argument says whether the document `is_plain`."""


class Intake:
    """Takes requests into *log*, which it does not own."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        metrics: GatewayMetrics,
        keep_rejected: Callable[[Sequence[RejectedCall]], None],
    ) -> None:
        self._log = log
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._keep_rejected = keep_rejected
        self._logger = structlog.get_logger()
        self._throttle = Throttle()
        self._held = HeldBytes()
        self._large_body = asyncio.Lock()
        self._read_bodies = asyncio.Semaphore(_READ_AT_A_TIME)
        self._odd_bodies = asyncio.Semaphore(_READ_AT_A_TIME)
        # Its own thread: the shared ones may all be busy with states whose disk or cluster does not answer.
        self._reader = ThreadPoolExecutor(1, "large bodies")
        self._under_way = 0
        self._is_idle = asyncio.Event()
        """`close` waits for it."""
        self._refused_at_s: float | None = None
        """When the log last refused something, unless it has taken something since."""
        self._is_full = self._is_partial = False
        """How it was refused: for want of room, and only events of some users."""
        self.is_closing = False
        self.suppressed: Suppressed = NOBODY
        """Of whom nothing is stored, by whichever request."""

    def configure(self, sources: Mapping[str, Source]) -> None:
        """Use the rates of *sources* from the next request on."""
        self._throttle.configure(sources, self._clock())

    async def close(self) -> None:
        """Refuse new requests, and return when those under way are done with the log."""
        self.is_closing = True
        if self._under_way:
            self._is_idle.clear()
            await self._is_idle.wait()
        self._reader.shutdown(wait=False)

    @property
    def obstacles(self) -> Sequence[str]:
        """What keeps events from being taken. Not a partition that is full: a load balancer would turn away all users because
        of a few."""
        obstacles = ["stopping"] if self.is_closing else []
        if self._refused_at_s is None or self._is_partial:
            return obstacles
        # Not for ever: if nobody sends here because of it, nobody would find out that there is room again.
        # Nor for longer because the clock was set back.
        if 0 <= self._clock() - self._refused_at_s < LOG_FULL_RETRY_AFTER_S:
            obstacles.append("the log is full" if self._is_full else "the log takes no events just now")
        return obstacles

    async def take(self, request: web.Request, setup: Setup, read: Read) -> tuple[Admitted, Sequence[Appended]]:
        """Take a request into the log. It is durable when this returns. *read* finds the calls in its body.

        Raises:
            Refused: nothing was taken.
        """
        if self.is_closing:
            message = "the router is stopping; try again soon"
            raise Refused(503, RefusalCode.STOPPING, message, retry_after_s=STOPPING_RETRY_AFTER_S, is_last=True)
        self._under_way += 1
        try:
            with self._held.lease(setup.limits.max_held_bytes) as lease:
                source, received_at_s, admitted = await self._admit(request, setup, read, lease)
                if self.suppressed:
                    # Not before: somebody may have been suppressed while the request was judged, and what comes into the
                    # log after it was searched stays there.
                    admitted.leave_out(self.suppressed)
                appended = await self._append(admitted.entries)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
        self._metrics.count_receipt(source, appended, admitted.rejections, len(admitted.mended))
        if admitted.suppressed:
            self._metrics.count_suppressed(source, len(admitted.suppressed))
        if admitted.rejections:
            self._keep_rejected(
                [_rejected_call(each, source, received_at_s) for each in admitted.rejections if each.call]
            )
        return admitted, appended

    async def _admit(self, request: web.Request, setup: Setup, read: Read, lease: Lease) -> tuple[str, float, Admitted]:
        """The source of a request, when it came (Unix seconds), and what to store of it."""
        source = setup.keyring.find_presented(presented(request))
        if source is not None:  # before the body if possible, so that a refusal costs little
            self._let_in(request, setup, source)
        received_at_s = self._clock()  # before the body, which takes time to arrive: it is compared with sentAt
        headers = request.headers
        caller = setup.surroundings.caller(request.remote, headers.getall("X-Forwarded-For", ()))
        visitor = Visitor.of_headers(headers, caller)
        body = await read_body(request, setup.limits, lease)
        size = len(body)
        judge = partial(
            admit,
            body_bytes=size,
            received_at_s=received_at_s,
            new_id=self._new_id,
            limits=setup.limits,
            visitor=visitor,
        )
        is_large = size > _LARGE_BODY_BYTES
        async with self._room_for(size):
            document, is_plain = (
                await _beside(partial(read_document, body), self._reader) if is_large else read_document(body)
            )
            if source is None:
                source = setup.keyring.find(keys_in_body(document))
                self._let_in(request, setup, source)
            calls = read(document, is_plain)
            del document
            is_slow = not calls.is_plain and size > _LONG_TO_MEND_BYTES
            if is_large or not is_slow:
                del body
                admission = judge(calls, source=source)
                admitted = await (_by_turns(admission, self._reader) if is_slow else admission)
                return source, received_at_s, admitted
            del calls
        # It is read once more, which is nothing beside the mending: what waits for that waits as bytes, and nobody for it.
        async with self._odd_bodies:
            document, is_plain = await _beside(partial(read_document, body), self._reader)
            del body
            admission = judge(read(document, is_plain), source=source)
            del document
            return source, received_at_s, await _by_turns(admission, self._reader)

    def _room_for(self, body_bytes: int) -> AbstractAsyncContextManager[None]:
        """Held while a body of that size is read and judged."""
        if body_bytes > _LARGE_BODY_BYTES:
            return self._large_body
        return self._read_bodies if body_bytes > _SMALL_BODY_BYTES else _ROOM_FOR_ALL

    def _let_in(self, request: web.Request, setup: Setup, source: str) -> None:
        """Raises Refused if *source* may not send this: 403 from another page, 429 too many."""
        setup.check_origin(request, source)
        try:
            self._throttle.take(source, self._clock())
        except Refused:
            self._metrics.count_throttled(source)
            raise

    async def _append(self, entries: Sequence[Entry]) -> Sequence[Appended]:
        if not entries:
            return ()
        try:
            appended = await self._log.append(entries)
        except NotStored as error:
            raise self._refuse(error) from None
        # One partition may be full while another takes events: the refusal lasts as long as the log has an obstacle.
        if self._refused_at_s is not None and not self._log.obstacle:
            self._refused_at_s = None
            self._logger.info("The log takes events again.")
        return appended

    def _refuse(self, error: NotStored) -> Refused:
        is_full, is_partial = isinstance(error, LogFull), isinstance(error, PartitionFull)
        if self._refused_at_s is None:
            what = "The log is full" if is_full else "The log takes no events"
            if is_partial:
                what = "A partition of the log is full, and others take events"
            self._logger.error(f"{what}; sources are answered 503 until it takes events again.")
        self._refused_at_s, self._is_full, self._is_partial = self._clock(), is_full, is_partial
        if is_full:
            message = "there is no room to store events; try again later"
            return Refused(503, RefusalCode.LOG_FULL, message, retry_after_s=LOG_FULL_RETRY_AFTER_S)
        message = "events can't be stored just now; try again soon"
        return Refused(503, RefusalCode.LOG_AWAY, message, retry_after_s=LOG_AWAY_RETRY_AFTER_S)


async def _beside(work: Callable[[], _T], thread: Executor) -> _T:
    """Do *work* in a *thread*: a large odd body takes seconds, in which other requests must have their turn.

    Raises:
        Refused: *work* does.
    """
    # A future holds its result or error until the garbage collector comes, so this one has neither.
    done: list[_T] = []
    refusals: list[Refused] = []

    def do() -> None:
        try:
            done.append(work())
        except Refused as refused:
            refused.__context__ = None  # the original error holds the whole text
            refusals.append(refused.with_traceback(None))

    await asyncio.get_running_loop().run_in_executor(thread, do)
    if refusals:
        raise refusals.pop()
    return done.pop()


async def _by_turns(work: Coroutine[Any, Any, _T], thread: Executor) -> _T:
    """The result of *work*, which waits for nothing, done in a *thread*. Where it gives others a turn, they have theirs in that
    thread, too: a hundred such bodies must not hold up large ones without fault for minutes."""
    while True:
        ended = await _beside(partial(_turn, work), thread)
        if ended is not None:
            return ended[0]


def _turn(work: Coroutine[Any, Any, _T]) -> tuple[_T] | None:
    """The result of *work* if this turn is its last."""
    try:
        work.send(None)
    except StopIteration as end:
        return (end.value,)
    return None


def _rejected_call(rejection: Rejection, source: str, received_at_s: float) -> RejectedCall:
    return RejectedCall(
        received_at_s=received_at_s,
        source=source,
        message_id=rejection.message_id,
        code=str(rejection.code),
        field=rejection.field,
        expected=rejection.expected,
        found=rejection.found,
        call=rejection.call,
    )
