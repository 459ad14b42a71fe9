"""``router`` with a disk and a clock that misbehave when a file says so: ``python faulty_router.py run -c CONFIG``.

The file is named by ``ROUTER_FAULTS`` and is looked at before every write, so that a test can change it while the router runs:

    {"write_s": 2.0}       every durable write takes two seconds
    {"error": "log"}       every durable write of the log fails as a broken disk does ("all": those of the states too)
    {"clock_s": -3600}     the wall clock is an hour behind
    {"frozen": true}       what is about to be sent never is, as if the delivery had a bug
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from router.cli import main
from router.clock import SystemClock
from router.delivery.flight import Flights
from router.delivery.state.changes import Changes
from router.delivery.state.file import StateFile
from router.log.segment import Segment

FILE = Path(os.environ["ROUTER_FAULTS"])


def faults() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(FILE.read_bytes())
    except FileNotFoundError:
        return {}
    return found


def stumble(of: str) -> None:
    """Take the time, or raise the error, that a write takes or raises now."""
    now = faults()
    time.sleep(now.get("write_s", 0))
    if now.get("error") in (of, "all"):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error


def open_up(patched: Any) -> Any:
    """The class, of which nothing is known to the type checker: what follows replaces its methods."""
    return patched


def break_the_disk() -> None:
    segment, state = open_up(Segment), open_up(StateFile)
    commit_segment, commit_state = segment.commit, state.commit

    def commit_log(self: Segment) -> None:
        stumble("log")
        commit_segment(self)

    def commit(self: StateFile, changes: Changes) -> None:
        stumble("states")
        commit_state(self, changes)

    segment.commit, state.commit = commit_log, commit


def break_the_clock() -> None:
    open_up(SystemClock).now = lambda clock: time.time() + faults().get("clock_s", 0)


def break_the_delivery() -> None:
    flights = open_up(Flights)
    fly = flights.fly

    async def hang(self: Flights, batch: Any) -> Any:
        if faults().get("frozen"):
            await asyncio.Event().wait()
        return await fly(self, batch)

    flights.fly = hang


if __name__ == "__main__":
    break_the_disk()
    break_the_clock()
    break_the_delivery()
    main()
