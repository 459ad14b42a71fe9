"""The identity of a log, `log.json`. Made once. Positions are kept together with the id and are useless with another log."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

import orjson
import structlog

from router.errors import OperatorError
from router.log.durable_files import write_whole

ID_NAME = "log.json"
LAYOUT_VERSION = 1
"""The version of the directory as a whole. A segment has a schema version of its own."""


def read_id(directory: Path) -> str | None:
    """The id in ``log.json``; None if the file is missing or damaged.

    Raises:
        OperatorError: a newer program wrote it.
    """
    path = directory / ID_NAME
    try:
        content = orjson.loads(path.read_bytes())
        log_id, version = content["id"], content["schema_version"]
        is_whole = content.get("checksum") == _checksum(log_id, version)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    is_newer = isinstance(version, int) and version > LAYOUT_VERSION
    if is_newer and (is_whole or (version ^ LAYOUT_VERSION).bit_count() != 1):  # a single flipped bit is damage
        raise OperatorError(
            f"{path}: has schema version {version}, this program knows {LAYOUT_VERSION}. Run the newer program, "
            "or restore the log from a backup that this one wrote."
        )
    return str(log_id) if is_whole else None


def ensure_id(directory: Path, remember: Callable[[], str | None]) -> str:
    """The id of the log in *directory*. A lost ``log.json`` is written again: with the id that *remember* finds elsewhere, else
    with a new one.

    Raises:
        OperatorError: a newer program wrote it, or it can't be written.
    """
    log_id = read_id(directory)
    if log_id is not None:
        return log_id
    path = directory / ID_NAME
    remembered = remember()
    if path.exists() or remembered is not None:
        structlog.get_logger().error("log.json was lost, it is written anew", path=str(path), log_id=remembered)
    log_id = remembered or uuid4().hex
    content = {"id": log_id, "schema_version": LAYOUT_VERSION, "checksum": _checksum(log_id, LAYOUT_VERSION)}
    try:
        write_whole(path, orjson.dumps(content))
    except OSError as error:
        raise OperatorError(
            f"{path}: can't be written ({error.strerror}). Make room, or correct the permissions."
        ) from error
    return log_id


def _checksum(log_id: str, version: int) -> str:
    return blake2b(f"{log_id} {version}".encode(), digest_size=8).hexdigest()
