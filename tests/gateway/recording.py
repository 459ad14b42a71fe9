"""Requests as real SDKs sent them: ``recorded/*.http`` (facts/ingest-protocol.md section 9).

A file has the head, an empty line, and the body before it was packed. ``Host`` and ``Content-Length``, which are always there,
are put in, and the body is packed if the head says so.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from router.gateway import Source

SOURCE = "recorded"
SOURCES = {SOURCE: Source(["wk_test_1", "sk_us_abcdef", "keyid1:secret1"])}
"""The keys in the recordings."""
NOW_S = 1_795_449_600.0
"""2026-11-23T16:00:00Z, some minutes after the recordings."""

_FOLDER = Path(__file__).parent / "recorded"


def recorded(name: str) -> bytes:
    """The bytes of a request."""
    head, _, body = (_FOLDER / f"{name}.http").read_text(encoding="utf-8").partition("\n\n")
    lines = head.strip().split("\n")
    content = body.encode()
    if "Content-Encoding: gzip" in lines:
        content = gzip.compress(content, mtime=0)
    first, *further = lines
    if content:
        further.append(f"Content-Length: {len(content)}")
    return "\r\n".join([first, "Host: router.test", *further, "", ""]).encode() + content
