"""The memory of a process, as Linux tells it: proc(5), VmRSS, VmHWM and clear_refs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

MB: Final = 1_000_000

needs_linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux, for /proc")


def resident_bytes(pid: int) -> int:
    """What is in memory now."""
    return _field(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most that was in memory since `forget_peak`."""
    return _field(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _field(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(value) * 1_024
