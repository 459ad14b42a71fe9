"""The paths that SDKs know, and what comes by each. A slash at the end of any of them changes nothing.

Source: facts/ingest-protocol.md section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from router.event import EVENT_TYPES, EventType

SINGLES: Final[Mapping[str, EventType]] = {
    path.format(kind): kind for kind in EVENT_TYPES for path in ("/v1/{}", "/v1/{0[0]}", "/api/s/{}", "/api/s/s2s/{}")
}
"""One event each; the path may be all that says its type. The short ones are the first letter of the type."""

BATCHES: Final = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch")
"""``{"batch": […]}``; each event has its type."""

TELEMETRY: Final = ("/v1/m", "/rsaMetrics")
"""What SDKs tell of themselves: answered 200 and forgotten. It needs no key."""

PROJECT_SETTINGS: Final = "/v1/projects/{write_key}/settings"
SOURCE_CONFIG: Final = "/sourceConfig"

OPENAPI: Final = "/openapi.json"
"""The description of this API."""

INGEST: Final = (*SINGLES, *BATCHES, *TELEMETRY)
"""All that take POST and nothing else."""
