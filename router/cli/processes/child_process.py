"""A delivering process as the main process sees it: started, watched, asked how it is, and told what is new. What runs in it is
`router.cli.processes.delivering_process`.

down ──start──▶ up ──ends, or is killed──▶ down ──after a growing wait──▶ start …
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Collection, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import structlog

from router.admin.client import Client, NotRunning
from router.admin.crew import ANSWER_S, Down
from router.cli.processes import orders
from router.cli.processes.orders import NEWS, READY, Envelope, Orders, socket_name
from router.clock import Clock
from router.errors import OperatorError
from router.unless import pause

APPLY_S: Final = 60.0
"""How long a process may take to apply a config, since lanes land first."""
READY_S: Final = 30.0
DOWN_S: Final = 10.0
"""A process that is down or silent for longer than this is stuck."""
FIRST_WAIT_S: Final = 0.5
LAST_WAIT_S: Final = 30.0
NEW: Final = "it was not started yet"
"""Why a process is not up that has not come up for the first time, and has not failed to."""
STEADY_S: Final = 60.0
"""A process that was up for this long is started again without a grown wait."""

_NOT_READY: Final = "process {} ended before it was ready; its log says why"
_LOGGER = structlog.get_logger()
_NUMBERS = count(1)


class ChildProcess:
    """One delivering process, up or down. A `router.admin.crew.Crew`."""

    def __init__(self, number: int, data: Path, log_level: str, clock: Clock) -> None:
        self.number = number
        self.starts = 0
        self._data = data
        self._log_level = log_level
        self._clock = clock
        self._orders: Orders | None = None
        self._popen: asyncio.subprocess.Process | None = None
        self._client: Client | None = None
        self._reason = NEW
        """Why it is down; "" while it is up."""
        self._heard_s = clock.monotonic()
        """When it was last up and answering."""
        self._stop = asyncio.Event()
        self._changing = asyncio.Lock()
        self._supervisor: asyncio.Task[None] | None = None
        self.pulse: dict[str, Any] = {}
        """Its last answer, as long as that is still true; empty while it is down or changing."""
        self._era = 0
        """Counts changes: a pulse from before one is no longer true."""

    @property
    def names(self) -> Collection[str]:
        return self._orders.names if self._orders else ()

    @property
    def max_backlog_bytes(self) -> int:
        """The largest ``max_backlog`` of its destinations; 0 if it has none."""
        destinations = self._orders.config.destinations if self._orders else {}
        return max((destinations[name].max_backlog_bytes for name in self.names), default=0)

    @property
    def is_up(self) -> bool:
        return not self._reason

    @property
    def is_down(self) -> bool:
        """Whether it was started, and is not up."""
        return self._supervisor is not None and not self.is_up

    @property
    def problems(self) -> Sequence[str]:
        """Why its destinations could not start; one for each."""
        if self.is_down:
            return self._problems_of_all(self._explain())
        return list(self.pulse.get("problems", ()))

    def _problems_of_all(self, why: str) -> list[str]:
        return [f"{name}: {why}" for name in self.names]

    @property
    def stuck(self) -> list[str]:
        if not self.names or self._reason == NEW:
            return []
        if self._clock.monotonic() - self._heard_s > DOWN_S:
            return [f"process {self.number} of {', '.join(sorted(self.names))}: {self._reason or 'it does not answer'}"]
        return list(self.pulse.get("stuck", ()))

    # --- orders ---

    async def take(self, new: Orders) -> None:
        """Deliver as *new* says from now on or, if the process is down, from its next start on.

        Raises:
            OperatorError: a state does not fit the log or this program, or the process can't be started at all.
        """
        async with self._changing:
            if self._orders is None and not new.names:
                return
            self._orders = new
            self._forget_pulse()
            if self._supervisor is None:
                try:
                    await self._start()
                except Down as error:
                    self._reason, self._heard_s = str(error), self._clock.monotonic()
                    raise
                finally:
                    self._supervisor = asyncio.create_task(self._supervise())
            elif self.is_up:
                try:
                    await self._apply(self._send(new))
                except Down as error:
                    if not self._stop.is_set():  # else it ends because it is to
                        _LOGGER.error(
                            "a process that delivers has not taken the new config: it does once it answers, or with its next "
                            "start",
                            process=self.number,
                            destinations=sorted(self.names),
                            reason=str(error),
                        )
                    self.pulse = {"problems": self._problems_of_all(str(error))}
                    raise

    def _send(self, new: Orders) -> int:
        assert self._popen is not None
        assert self._popen.stdin is not None
        if self._popen.stdin.is_closing():  # it has just died, and nobody has noticed yet
            raise Down(self._explain())
        number = next(_NUMBERS)
        self._popen.stdin.write(orders.write(Envelope(number, new)))
        return number

    async def _apply(self, number: int) -> None:
        try:
            await self._ask("apply", within_s=APPLY_S, number=number)
        except Down:
            raise
        except OperatorError:  # it concerns one destination; the others are at work
            self.pulse = await self._ask_pulse()
            raise
        self.pulse = await self._ask_pulse()

    async def _ask_pulse(self) -> dict[str, Any]:
        pulse: dict[str, Any] = await self._ask("pulse", within_s=ANSWER_S)
        return pulse

    async def call(self, operation: str, *, within_s: float | None = None, **arguments: Any) -> Any:
        """See `Crew.call`. Before it has applied its first orders it knows of no destination."""
        if not self.is_up:
            raise Down(self._explain())
        return await self._ask(operation, within_s=within_s, **arguments)

    async def _ask(self, operation: str, *, within_s: float | None, **arguments: Any) -> Any:
        if self._client is None or self._popen is None:
            raise Down(self._explain())
        pid = self._popen.pid
        try:
            return await asyncio.wait_for(self._client.call(operation, **arguments), within_s)
        except TimeoutError as error:
            raise Down(
                f"process {self.number} does not answer in time. Nothing is lost: what is for its destinations waits. It is "
                f"busy, or held up by a plugin: ask again, and if GET /health stays red, end it with kill -9 {pid}: it is "
                "started again by itself"
            ) from error
        except NotRunning as error:
            raise Down(_NOT_READY.format(self.number) if self._reason == NEW else self._explain()) from error

    def _explain(self) -> str:
        if self._reason == NEW:
            return f"process {self.number} is starting; what is for its destinations waits"
        return f"process {self.number} is down: {self._reason or 'it is ending'}; it is started again by itself"

    def tell_news(self) -> None:
        """Announce something new in the log. A process that can't keep up with the announcements sees it by itself."""
        stdin = self._popen.stdin if self._popen else None
        if stdin is not None and not stdin.is_closing() and not stdin.transport.get_write_buffer_size():
            stdin.write(orders.write(NEWS))

    async def feel_pulse(self) -> None:
        """Ask it how it is. While it is changing or starting, only that it answers counts, since it may not know yet what is
        wanted."""
        if self._client is None:
            return
        era = None if self._changing.locked() else self._era
        try:
            pulse = await self._ask_pulse()
        except OperatorError:  # it is down or has failed: it has not answered
            return
        self._heard_s = self._clock.monotonic()
        if era == self._era:
            self.pulse = pulse

    def _forget_pulse(self) -> None:
        self.pulse = {}
        self._era += 1

    # --- life ---

    async def _start(self) -> None:
        """Start it, and have it apply its orders.

        Raises:
            OperatorError: it did not come up, or a destination can't start.
        """
        assert self._orders is not None
        self.starts += 1
        path = os.pathsep.join(each for each in sys.path if each)
        try:
            self._popen = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-P",
                    "-m",
                    "router.cli.processes.delivering_process",
                    str(self.number),
                    self._log_level,
                ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
            )
            number = self._send(self._orders)
            assert self._popen.stdout is not None
            line = await asyncio.wait_for(self._popen.stdout.readline(), READY_S)
            if line != READY:
                raise Down(_NOT_READY.format(self.number))
            self._client = Client(self._data, socket_name(self.number))
            await self._apply(number)
        except (OSError, TimeoutError) as error:
            await self._end()
            raise Down(f"process {self.number} can't be started: {str(error) or 'it is not ready in time'}") from error
        except Down:
            await self._end()
            raise
        except OperatorError:
            self._be_up()
            raise
        self._be_up()

    def _be_up(self) -> None:
        self._reason = ""
        self._heard_s = self._clock.monotonic()

    async def _supervise(self) -> None:
        """Keep it up until `stop`."""
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            up_since_s = self._clock.monotonic()
            if self._popen is not None:
                code = await self._popen.wait()
                self._reason = self._reason or _ending(code)
            if self._clock.monotonic() - up_since_s > STEADY_S:
                wait_s = FIRST_WAIT_S
            async with self._changing:
                await self._end()
            if self._stop.is_set():
                return
            _LOGGER.error(
                "a process that delivers is down; it is started again, the others go on",
                process=self.number,
                destinations=sorted(self.names),
                reason=self._reason,
                wait_s=wait_s,
            )
            await pause(self._stop, wait_s)
            wait_s = min(LAST_WAIT_S, 2 * wait_s)
            if self._stop.is_set():
                return
            try:
                async with self._changing:
                    await self._start()
            except Down as error:
                self._reason = str(error)
            except OperatorError as error:  # it concerns a destination; the process logs it and delivers to the others
                _LOGGER.error("not all destinations of a process could start", process=self.number, reason=str(error))
            if self.is_up:
                _LOGGER.info(
                    "a process that delivers is up again", process=self.number, destinations=sorted(self.names)
                )

    async def _end(self) -> None:
        """Make sure that it is gone."""
        self._forget_pulse()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        popen, self._popen = self._popen, None
        if popen is None:
            return
        if popen.returncode is None:
            popen.kill()
            await popen.wait()
        if popen.stdin is not None:
            popen.stdin.close()

    def retire(self) -> None:
        """Don't start it again: all processes are about to be told to end, or a supervisor has told them already."""
        self._stop.set()

    async def stop(self, deadline_s: float) -> None:
        """Let it land what is under way and end. Kill it after *deadline_s*."""
        self.retire()
        popen = self._popen
        if popen is not None and popen.returncode is None:
            popen.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(popen.wait(), deadline_s)
            except TimeoutError:
                _LOGGER.error("a process that delivers does not end in time, it is killed", process=self.number)
                popen.kill()
        if self._supervisor is not None:
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await self._end()


def _ending(code: int) -> str:
    return f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"
