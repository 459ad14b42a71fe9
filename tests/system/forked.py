"""A Python program as a process forked from one that has imported the router already: its start costs a fraction.

It is a process like any other from there on: its own memory, files, signals and exit code. The fork is that of the standard
library's fork server, of which a test run (or a worker of xdist) has one, from its first such process on. What is itself about
the start of a process (sockets handed over, an environment that is read at the start of Python) has to be started in full.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from runpy import run_path
from types import ModuleType
from typing import IO, Final
from unittest.mock import patch

_START: Final = Path(__file__).with_name("start.py")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.system.preloaded"])


@functools.cache
def _start_server() -> None:
    """Where it finds what it is to import, wherever pytest was started."""
    with contextlib.chdir(Path(__file__).parents[2]):
        forkserver.ensure_running()


class Forked:
    """The part of `subprocess.Popen` that the harness uses."""

    def __init__(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stderr: Path) -> None:
        """Run *arguments* as ``python`` would: a script, ``-m`` and a module or ``-c`` and a program, and what they get."""
        _start_server()
        stderr.touch()  # who reads it need not wait for the process
        ours: Connection
        theirs: Connection
        ours, theirs = _context.Pipe(duplex=False)
        job = {"arguments": list(arguments), "folder": folder, "env": dict(env), "stdout": theirs, "stderr": stderr}
        self._process = _context.Process(target=run_path, args=(str(_START), {"JOB": job}, "start"))
        with patch.dict(sys.modules, __main__=ModuleType("__main__")):  # or the process would import pytest's
            self._process.start()
        theirs.close()
        self.stdout: IO[bytes] = os.fdopen(os.dup(ours.fileno()), "rb")
        ours.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)
