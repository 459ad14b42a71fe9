"""The tables of docs/rejections.md: why an event is rejected, and why a request is refused."""

from __future__ import annotations

from router.gateway.refusal import RefusalCode
from router.gateway.rejection import LimitCode
from router.generate.markdown import table
from router.rejection import RejectionCode


def reason_parts() -> dict[str, str]:
    """The generated parts of the page, by the name between its markers."""
    return {"events": events_table(), "requests": requests_table()}


def events_table() -> str:
    """One row per reason."""
    return table(("code", "what it means"), [(f"`{each}`", each.meaning) for each in (*RejectionCode, *LimitCode)])


def requests_table() -> str:
    """One row per reason, with every status that it may come with."""
    rows = [(f"`{each}`", ", ".join(map(str, each.statuses)), each.meaning) for each in RefusalCode]
    return table(("code", "status", "what it means"), rows)
