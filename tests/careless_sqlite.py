"""A SQLite as many are built: it leaves what is deleted in the file, unless it is told to overwrite it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest


@pytest.fixture
def careless_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connect_carelessly(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA secure_delete = OFF").fetchall()
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_carelessly)
