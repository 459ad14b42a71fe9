"""Retention: what the log keeps, and for how long."""

from __future__ import annotations

from pydantic import Field

from router.config.quantity import DAY_S, Bytes, Seconds
from router.config.section import Section


class Retention(Section):
    """How long the log keeps events. What an enabled destination still needs is kept longer, up to its ``max_backlog``."""

    age_s: Seconds = Field(
        7 * DAY_S,
        alias="age",
        ge=1,
        le=3_650 * DAY_S,
        description="Events older than this go, once no destination needs them any more.",
    )
    max_disk_bytes: Bytes = Field(
        20_000_000_000,
        alias="max_disk",
        ge=1_000_000,
        description="The most that the log takes on disk; when all of it is needed, sources are answered 503.",
    )
    dedup_window_s: Seconds = Field(
        7 * DAY_S,
        alias="dedup_window",
        ge=1,
        le=3_650 * DAY_S,
        description="A messageId seen from the same source within this time is a duplicate.",
    )
    segment_bytes: Bytes = Field(
        64_000_000, alias="segment", ge=16_000, le=4_000_000_000, description="Size at which the log begins a new file."
    )
    reserve_bytes: Bytes = Field(
        64_000_000,
        alias="reserve",
        ge=0,
        le=100_000_000_000,
        description="Room on the disk that is kept for settling what was accepted when the disk is full; 0 keeps none.",
    )
