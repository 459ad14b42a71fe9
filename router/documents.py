"""What is generated in docs/: the description of the HTTP API, and the lists of reasons.

python -m router.documents    rewrite it all
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from router.gateway.admission import LimitCode
from router.gateway.openapi import description_json
from router.gateway.refusal import RefusalCode
from router.readme import COMMAND, markdown, rewrite
from router.reason import Reason
from router.rejection import RejectionCode

FOLDER = Path(__file__).parents[1] / "docs"

__all__ = ["COMMAND", "FOLDER", "stale_documents"]


def events_table(reasons: Iterable[Reason]) -> str:
    """One row a reason why an event is rejected."""
    return markdown(("code", "what it means"), [(f"`{reason}`", reason.meaning) for reason in reasons])


def requests_table(reasons: Iterable[RefusalCode]) -> str:
    """One row a reason why a request is refused."""
    rows = [(f"`{reason}`", ", ".join(map(str, reason.statuses)), reason.meaning) for reason in reasons]
    return markdown(("code", "status", "what it means"), rows)


def stale_documents(write: bool) -> list[Path]:
    """Those that are not what the code says; with *write* they are rewritten."""
    rejections = FOLDER / "rejections.md"
    tables = {"events": events_table([*RejectionCode, *LimitCode]), "requests": requests_table(RefusalCode)}
    wanted = {
        rejections: rewrite(rejections.read_text(), tables).encode(),
        FOLDER / "openapi.json": description_json(),
    }
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    for path in stale if write else ():
        path.write_bytes(wanted[path])
    return stale


if __name__ == "__main__":
    for path in stale_documents(write=True):
        sys.stdout.write(f"rewritten: {path}\n")
