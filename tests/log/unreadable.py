"""Files that this process may not read and directories that it may not write, whoever runs the tests."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CAPABILITY_VERSION = 0x20080522
_MAY_DO_ANYTHING = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: modes of files do not hold for who has them."""


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """*path* may not be opened within."""
    with _mode(path, 0), _bound_by_modes():
        yield


@contextmanager
def unwritable(directory: Path) -> Iterator[None]:
    """No file can be made in *directory* within, as on a disk that is mounted read-only."""
    with _mode(directory, 0o555), _bound_by_modes():
        yield


@contextmanager
def _mode(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@contextmanager
def _bound_by_modes() -> Iterator[None]:
    """Root may do anything; within, this thread and those that it starts may not.

    Source: capset(2).
    """
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities()
    _set_capabilities([before[0] & ~_MAY_DO_ANYTHING, *before[1:]])
    try:
        yield
    finally:
        _set_capabilities(before)


def _capabilities() -> list[int]:
    """Effective, permitted, inheritable: of the first 32 capabilities, then of the others."""
    words = (ctypes.c_uint32 * 6)()
    _call("capget", words)
    return list(words)


def _set_capabilities(words: list[int]) -> None:
    _call("capset", (ctypes.c_uint32 * 6)(*words))


def _call(name: str, words: ctypes.Array[ctypes.c_uint32]) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if getattr(ctypes.CDLL(None, use_errno=True), name)(header, words):
        raise OSError(ctypes.get_errno(), name)
