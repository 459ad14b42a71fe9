"""Logging is nobody's trouble."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator

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


def set_up_at_a_terminal() -> None:
    logging.set_up(as_json=False)


@pytest.mark.usefixtures("stderr")
@pytest.mark.parametrize("set_up", [set_up_at_a_terminal, logging.set_up_for_commands], ids=["the daemon", "a command"])
def test_on_a_terminal_neither_a_fact_nor_an_error_is_obeyed_and_no_variable_is_shown(
    set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()
    password = "pass" + "word"

    structlog.get_logger().warning("event became a dead letter", message_id="\x1b[2J")
    try:
        raise ValueError("no plan is called \x1b]0;")
    except ValueError as error:
        structlog.get_logger().error("a bug in the router", exc_info=error)

    shown = capsys.readouterr().err
    assert "?[2J" in shown
    assert "ValueError: no plan is called ?]0;" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown
    assert password not in shown
