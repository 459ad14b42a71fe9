"""Logging is nobody's trouble."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from router.cli import logging


class FullDisk(io.StringIO):
    """Standard error that goes to a file on a disk that is full."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    stderr, before = FullDisk(), structlog.get_config()
    monkeypatch.setattr(sys, "stderr", stderr)
    logging.set_up()
    yield stderr
    structlog.configure(**before)


def test_a_line_that_cannot_be_written_fails_nobody(stderr: FullDisk) -> None:
    """Most of what is logged in such a moment is logged by whoever is just about to handle it."""
    logger = structlog.get_logger()
    logger.info("before")
    stderr.is_full = True
    logger.error("in between")
    stderr.is_full = False

    logger.info("after")

    assert [line.split('"event": "')[1].split('"')[0] for line in stderr.getvalue().splitlines()] == ["before", "after"]


@pytest.mark.usefixtures("stderr")
def test_on_a_terminal_a_fact_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    logging.set_up(as_json=False)

    structlog.get_logger().info("event became a dead letter", message_id="\x1b[2J")

    assert "?[2J" in capsys.readouterr().err
