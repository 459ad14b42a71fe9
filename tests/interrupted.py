"""What a kill leaves: ``python interrupted.py state|log|next-log TEMPLATE TARGET`` opens a copy of TEMPLATE again and again.

The first copy, TARGET/1, is opened by a process that kills itself (SIGKILL) before its first statement of SQL, the second
before its second, and so on until one comes to its end. Prints how many there are. TEMPLATE may be missing: then files are
made anew.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from router.delivery.state.file import StateFile
from router.log import schema
from router.log.sqlite import LogOptions, SqliteLog

LOG_ID = "log-1"
OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)


def open_state(directory: Path) -> None:
    StateFile.open(directory / "crm.sqlite", LOG_ID).close()


def open_log(directory: Path) -> None:
    async def run() -> None:
        log = await SqliteLog.open(directory, OPTIONS, time.time)
        await log.close()

    asyncio.run(run())


def open_log_of_the_next_version(directory: Path) -> None:
    use_next_version()
    open_log(directory)


def use_next_version() -> None:
    """A program whose segments have two columns more, made in two steps."""
    next_schema: Any = schema
    columns = "checksum BLOB NOT NULL, note TEXT, mark TEXT)"
    next_schema.TABLES = tuple(table.replace("checksum BLOB NOT NULL)", columns) for table in schema.TABLES)
    next_schema.SCHEMA_VERSION = 3
    next_schema.MIGRATIONS = {
        1: ["ALTER TABLE events ADD COLUMN note TEXT"],
        2: ["ALTER TABLE events ADD COLUMN mark TEXT", "UPDATE events SET mark = 'old'"],
    }


OPENERS = {"state": open_state, "log": open_log, "next-log": open_log_of_the_next_version}


class Connection(sqlite3.Connection):
    """Dies before the statement that is the last of those left to it."""

    left = 0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        Connection.left -= 1
        if Connection.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)


def open_and_die(opener: Callable[[Path], None], directory: Path, statements: int) -> bool:
    """In a process of its own; False: it came to its end."""
    child = os.fork()
    if child == 0:
        Connection.left = statements
        connect: Any = sqlite3.connect
        sqlite3.connect = lambda *arguments, **options: connect(*arguments, **{"factory": Connection, **options})
        opener(directory)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, f"{directory}: it ended with {status}"
    return False


def main(kind: str, template: Path, target: Path) -> None:
    for number in range(1, 1_000):
        copy = target / str(number)
        if template.exists():
            shutil.copytree(template, copy)
        else:
            copy.mkdir(parents=True)
        if not open_and_die(OPENERS[kind], copy, number):
            sys.stdout.write(f"{number}\n")
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
