"""The place in a plugin's own code where something happened: the file, line and function that its author looks for."""

from __future__ import annotations

import os
import sysconfig
from pathlib import PurePath
from types import CodeType, FrameType, TracebackType

_OURS = os.path.join(os.path.dirname(__file__), "")
_STANDARD = os.path.join(sysconfig.get_path("stdlib"), "")
_INSTALLED = ("site-packages", "dist-packages")
"""Folders that may lie inside the standard library's folder but do not belong to it."""


def place_of(code: CodeType, line: int) -> str:
    """``acme/mapping.py:7 in build``."""
    return f"{'/'.join(PurePath(code.co_filename).parts[-2:])}:{line} in {code.co_name}"


def raised_at(error: BaseException) -> str:
    """The innermost place in the traceback that is in neither the router's nor Python's own code; "" if there is none."""
    place = ""
    step: TracebackType | None = error.__traceback__
    while step is not None:
        if _is_foreign(step.tb_frame.f_code.co_filename):
            place = place_of(step.tb_frame.f_code, step.tb_lineno)
        step = step.tb_next
    return place


def innermost_of(frame: FrameType | None) -> str:
    """The innermost place among *frame* and its callers that is in neither the router's nor Python's own code; "" if there is
    none."""
    while frame is not None and not _is_foreign(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else place_of(frame.f_code, frame.f_lineno)


def at_place(error: BaseException) -> str:
    """``, at acme/mapping.py:7 in build``, for the end of a message about *error*; "" if `raised_at` finds no place."""
    place = raised_at(error)
    return f", at {place}" if place else ""


def _is_foreign(file: str) -> bool:
    if file.startswith(("<", _OURS)):  # <…> is made by Python itself: importlib, the methods of dataclasses
        return False
    return not file.startswith(_STANDARD) or any(name in file for name in _INSTALLED)
