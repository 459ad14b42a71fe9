"""What a process of `forked` does: becomes the program it was started for. It is given ``JOB``, which says which, and where."""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any


def become(job: dict[str, Any]) -> None:
    with job["stderr"].open("ab") as stderr:
        os.dup2(stderr.fileno(), 2)
    os.dup2(job["stdout"].fileno(), 1)
    job["stdout"].close()
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    first, *rest = job["arguments"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if "JOB" in globals():
    become(globals()["JOB"])
