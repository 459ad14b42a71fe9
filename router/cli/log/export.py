"""``router log export``: stored events, one a line."""

from __future__ import annotations

import asyncio
import fcntl
import glob
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from uuid import uuid4

import typer

from router.cli.engine import opened_log
from router.cli.log.report import DAMAGED
from router.cli.options import DEFAULT_CONFIG, ConfigPath, Since, Type, Until, check_given, switch, to_period
from router.cli.output import plain_json
from router.clock import SystemClock
from router.config import Config, load_storage
from router.counted import counted
from router.errors import OperatorError
from router.log.checkup import show_ranges
from router.log.export import Selection, select, to_line
from router.log.lock import Held, Lock
from router.log.record import Gap


def export(
    since: Since = None,
    until: Until = None,
    source: Annotated[str | None, typer.Option(help="Only events of this source.")] = None,
    type: Annotated[Type | None, typer.Option(help="Only events of this type.")] = None,
    user: Annotated[str | None, typer.Option(help="Only events of this userId, anonymousId or email.")] = None,
    events: Annotated[bool, switch("--events", help="The events alone, as `router explain -` reads them.")] = False,
    out: Annotated[Path | None, typer.Option(help="A file to write to; standard output, if not given.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Print stored events, one a line as JSON (NDJSON), in the log's order; exits with 1 if some of them are lost.

    Example: `router log export --since 2026-11-01 --user u1 --out u1.ndjson`
    """
    check_given(source, user)
    since_s, until_s = to_period(since, until)
    settings = load_storage(config)
    selection = Selection(since_s, until_s, source, type, user)
    lost: list[tuple[int, int]] = []
    with open_out(out) as file:
        count = asyncio.run(_export(settings, selection, events, file, lost))
    typer.echo(f"{counted(count, 'event')}{f' to {out}' if out else ''}", err=True)
    if lost:
        number = sum(last - first + 1 for first, last in lost)
        typer.echo(f"The log lost {counted(number, 'event')} that may belong here: {show_ranges(lost)}", err=True)
        raise typer.Exit(DAMAGED)


async def _export(
    config: Config, selection: Selection, is_bare: bool, file: BinaryIO, lost: list[tuple[int, int]]
) -> int:
    count = 0
    async for item in _selected(config, selection):
        if isinstance(item, Gap):
            lost.append((item.first, item.last))
            continue
        line = item.event + b"\n" if is_bare else to_line(item)
        file.write(plain_json(line.decode()).encode())
        count += 1
    file.flush()
    return count


async def _selected(config: Config, selection: Selection) -> AsyncIterator[Any]:
    async with opened_log(config, SystemClock(), read_only=True) as log:
        async for item in select(log, selection):
            yield item


@contextmanager
def open_out(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name only when it is complete. Of several at once the last one has it."""
    if path is None:
        if sys.stdout is None:
            raise OperatorError(
                "standard output is closed, so that nobody would get the events. Open it, or write to a file: --out"
            )
        yield sys.stdout.buffer
        return
    _remove_drafts(path)
    draft = path.parent / f"{path.name}.{uuid4().hex[:8]}.part"
    try:
        with open(str(draft), "wb", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)  # with the lock still held
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if not isinstance(error, OSError) or error.filename not in (None, str(draft)):
            raise  # an error in what is read, or an interruption
        raise OperatorError(
            f"{path}: can't be written ({error.strerror}). Make room, or choose another place."
        ) from error


def _remove_drafts(path: Path) -> None:
    """Remove what exports to *path* left when they were killed: nobody would ever look at it, and it holds personal data."""
    for draft in path.parent.glob(f"{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        with suppress(Held, OSError):
            lock = Lock.take_file(draft)
            draft.unlink()
            lock.release()
