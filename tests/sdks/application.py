"""A customer's application, as a process."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.sdks.router_process import PATIENCE_S


@asynccontextmanager
async def running(command: Sequence[str], folder: Path) -> AsyncIterator[Process]:
    """The application, in *folder*, with pipes to its input and output; it ends with the context, if not before.

    It has nothing of our environment: a proxy or a setting of the machine must not reach an SDK.
    """
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    with (folder / "errors").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environ, stdin=PIPE, stdout=PIPE, stderr=errors, limit=10_000_000
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def finish(process: Process, folder: Path) -> str:
    """Wait for its end; returns what it printed.

    Raises:
        AssertionError: it failed, with what it said.
    """
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0, (folder / "errors").read_text() + output.decode()
    return output.decode()


async def run(command: Sequence[str], folder: Path) -> str:
    """Run the application to its end; see `finish`."""
    async with running(command, folder) as process:
        return await finish(process, folder)
