"""The routes: the paths that SDKs know, and what comes to each. A slash at the end of a path changes nothing.

Source: facts/ingest-protocol.md section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from router.event import EVENT_TYPES, EventType

SINGLES: Final[Mapping[str, EventType]] = {
    path.format(kind): kind for kind in EVENT_TYPES for path in ("/v1/{}", "/v1/{0[0]}", "/api/s/{}", "/api/s/s2s/{}")
}
"""Paths for one event each, with its type, which the event itself may lack. Short paths use the first letter of the type."""

BATCHES: Final = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch")
"""Paths for ``{"batch": […]}``, in which each event has its type."""

TELEMETRY: Final = ("/v1/m", "/rsaMetrics")
"""Paths for what SDKs tell about themselves: answered 200 and forgotten. No key is needed."""

PROJECT_SETTINGS: Final = "/v1/projects/{write_key}/settings"
SOURCE_CONFIG: Final = "/sourceConfig"

OPENAPI: Final = "/openapi.json"
"""The description of this API."""

INGEST: Final = (*SINGLES, *BATCHES, *TELEMETRY)
"""All paths that take POST and nothing else."""
