"""Directories in memory, as for the log."""

from __future__ import annotations

from tests.in_memory import tmp_path as tmp_path
