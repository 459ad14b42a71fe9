"""The embedded engine: the contract of a log, and what only it promises."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from router.errors import OperatorError
from router.log.interface import Log
from router.log.record import Appended, Record
from router.log.segment import Segment
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.contract import RETENTION_S, WINDOW_S, LogContract
from tests.log.harness import (
    DAY_S,
    PARTITION,
    OpenLog,
    StillClock,
    entries,
    entry,
    message_ids,
    read_all,
    record,
    sequences,
)

OPTIONS = LogOptions(segment_bytes=16_384, retention_s=RETENTION_S, dedup_window_s=WINDOW_S, tail_bytes=20_000)


class TestSqliteLog(LogContract):
    @pytest.fixture
    def open_log(self, tmp_path: Path, clock: StillClock) -> OpenLog:
        return lambda: SqliteLog.open(tmp_path / "log", OPTIONS, clock)
