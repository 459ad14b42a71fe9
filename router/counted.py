"""A count in words: ``1 event``, ``3 events``."""

from __future__ import annotations


def counted(count: float, one: str, many: str = "", form: str = "") -> str:
    """*count* as *form* prints it, with *one* where that reads as 1, else with *many* (by default *one* with an s).

    A mean of 1.001 events that is printed with two digits reads as 1.
    """
    shown = format(count, form)
    return f"{shown} {one if shown == '1' else many or one + 's'}"
