"""A delivering process: delivers to a group of destinations. `router.cli.processes.child_process` starts it.

main process ──orders, news of the log──▶ standard input       the pipe is the leash: it ends, so does this process
             ──operations──▶ admin-N.sock (mode 0600)          answers like a daemon's
             ◀──"mend this segment"── admin.sock               only the main process writes the log
             ◀──"ready"── standard output
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO

import structlog
from prometheus_client import CollectorRegistry, generate_latest

from router.admin.answer import Operation
from router.admin.client import Client, NotRunning
from router.admin.server import listen_on_socket, socket_app
from router.cli import logging
from router.cli.deliveries import DRAIN_S, OwnDeliveries
from router.cli.engine import open_log
from router.cli.housekeeping import INTERVAL_S
from router.cli.logging import tell_where_on_signal
from router.cli.memory import give_big_blocks_back
from router.cli.open_files import raise_limit
from router.cli.processes import orders
from router.cli.processes.orders import NEWS, READY, Envelope, socket_name
from router.clock import SystemClock
from router.delivery.assignment import Assignment
from router.errors import OperatorError
from router.log.segments import Unreadable
from router.log.sqlite import SqliteLog
from router.overheard import overhearing
from router.registry import Registry
from router.unless import pause

MEND_S = 60.0
"""How long a reader waits for the main process to mend a segment before it asks again."""


class DeliveringProcess:
    """Reads the log, and has the states of its destinations to itself."""

    def __init__(self, number: int, first: Envelope, pipe: BinaryIO, answer: int) -> None:
        """Orders come from *pipe*; the *first* have come, and are still to be applied. That further ones can be taken is
        announced on the descriptor *answer*."""
        self._number = number
        self._pipe = pipe
        self._answer = answer
        self._registry = Registry()
        self._clock = SystemClock()
        self._stop = asyncio.Event()
        self._envelopes: asyncio.Queue[Envelope] = asyncio.Queue()
        self._applying = asyncio.Lock()
        self._orders = first.orders
        self._assignments: dict[str, Assignment] = {}
        self._loop = asyncio.get_running_loop()
        self._take(first)

    async def run(self) -> None:
        """Run until SIGTERM."""
        config = self._orders.config
        give_big_blocks_back()
        raise_limit()
        self._data = config.data
        self._log = await open_log(config, self._clock, read_only=True)
        if isinstance(self._log, SqliteLog):
            self._log.mend_through(self._ask_writer)
        self._deliveries = OwnDeliveries(
            self._log, config, self._registry, self._clock, lambda: self._deliveries.stuck, is_writer=False
        )
        self._metrics = CollectorRegistry()
        self._metrics.register(self._deliveries.collector)
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        self._loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        tell_where_on_signal()
        further: dict[str, Operation] = {"apply": self._apply, "pulse": self._pulse, "metrics": self._show_metrics}
        socket = config.data / socket_name(self._number)
        calls = {name: partial(self._look_first, call) for name, call in self._deliveries.calls().items()}
        runner = await listen_on_socket(socket_app({**calls, **further}), socket)
        os.write(self._answer, READY)
        again = asyncio.create_task(self._assign_again())
        try:
            await self._deliveries.run(self._stop)
        finally:
            again.cancel()
            self._deliveries.fleet.end()  # a change under way would hold up the server's end, and flights would have less time
            await runner.cleanup()
            await self._deliveries.stop(DRAIN_S)
            await self._log.close()
            with contextlib.suppress(FileNotFoundError):
                socket.unlink()

    # --- from the main process ---

    def _listen(self) -> None:
        """Read orders, in a thread of its own. When the main process ends, it ends this one at once, whatever other threads
        do."""
        while True:
            try:
                message = orders.read(self._pipe)
            except Exception:  # the end of the pipe, or a message cut off by it
                os._exit(1)
            with contextlib.suppress(RuntimeError):  # the loop is closed: this process is ending anyway
                self._loop.call_soon_threadsafe(self._log.wake if message == NEWS else partial(self._take, message))

    def _take(self, envelope: Envelope) -> None:
        self._envelopes.put_nowait(envelope)

    async def _look_first(self, call: Operation, **arguments: Any) -> Any:
        """Look at the log before the call: the caller may know of events that were stored a moment ago."""
        await self._log.look()
        return await call(**arguments)

    async def _apply(self, number: int) -> dict[str, Any]:
        """Apply the orders that came through the pipe with this *number*."""
        while (envelope := await self._envelopes.get()).number != number:
            pass  # orders of a call that was given up
        async with self._applying:
            self._orders, self._assignments = envelope.orders, {}
            await self._assign()
            await self._log.look()
            await self._deliveries.deliver(list(self._assignments.values()), self._orders.elsewhere)
        return {"problems": list(self._deliveries.problems)}

    async def _assign(self) -> bool:
        """Make the assignments that are not made yet, or whose plugins could not be used. Returns whether there were any."""
        orders, made = self._orders, self._assignments
        missing = [name for name in orders.names if name not in made or made[name].obstacle]
        if missing:
            absent = await asyncio.to_thread(self._load_plugins, orders.config.plugins)
            self._deliveries.time_calls()
            self._assignments = {
                name: orders.assignment(name, self._registry, absent) if name in missing else made[name]
                for name in orders.names
            }
        return bool(missing)

    def _load_plugins(self, named: Sequence[str]) -> list[str]:
        """Load the plugins that are not loaded yet. Returns what is wrong with those that the config names."""
        self._registry.load_missing()
        self._registry, problems = self._registry.with_named(named)
        return [message for _, message in problems]

    async def _assign_again(self) -> None:
        """Until the end, try again to use the plugins that could not be used."""
        while not self._stop.is_set():
            await pause(self._stop, INTERVAL_S)
            async with self._applying:
                if await self._assign():
                    with contextlib.suppress(OperatorError):  # noted, and told
                        await self._deliveries.retry(list(self._assignments.values()))

    async def _pulse(self) -> dict[str, Any]:
        """What the main process asks every few seconds."""
        await self._log.look()  # if no destination reads on, nobody else looks
        needed = self._deliveries.fleet.needed_from()
        return {
            "needed_from": [[partition, sequence] for partition, sequence in needed.items()],
            "problems": list(self._deliveries.problems),
            "stuck": list(self._deliveries.stuck),
        }

    async def _show_metrics(self) -> dict[str, Any]:
        await self._log.look()
        await self._deliveries.refresh()
        return {"text": generate_latest(self._metrics).decode()}

    # --- to the main process ---

    def _ask_writer(self, first: int, is_copy: bool) -> None:
        """In a reader's thread; see `SqliteLog.mend_through`."""
        asking = asyncio.run_coroutine_threadsafe(self._have_mended(first, is_copy), self._loop)
        try:
            asking.result(MEND_S)
        except (NotRunning, OperatorError, TimeoutError) as error:
            asking.cancel()
            raise Unreadable(f"the segment from {first} on seems damaged, and can't be mended now: {error}") from error

    async def _have_mended(self, first: int, is_copy: bool) -> None:
        async with Client(self._data) as client:
            await client.call("mend", first=first, is_copy=is_copy)


async def _run(number: int, pipe: BinaryIO, answer: int, first: Envelope) -> None:
    await DeliveringProcess(number, first, pipe, answer).run()


@overhearing()
def main() -> None:
    """``python -m router.cli.processes.delivering_process NUMBER LOG_LEVEL``; not for people."""
    number, level = int(sys.argv[1]), sys.argv[2]
    for ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; they are for the main process
        signal.signal(ignored, signal.SIG_IGN)
    logging.set_up(level)
    structlog.contextvars.bind_contextvars(process=number)
    try:
        import uvloop as loops
    except ImportError:  # pragma: no cover - no uvloop on this platform
        import asyncio as loops  # type: ignore[no-redef]
    # Not sys.stdin: an exit waits for whoever reads that.
    pipe = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plugin prints is for people
    try:
        first = orders.read(pipe)
    except EOFError:
        sys.exit(1)
    loops.run(_run(number, pipe, answer, first))


if __name__ == "__main__":
    main()
