"""Segment-compatible forwarding: events nearly as they came, to another tracking API of Segment's family.

Source: facts/vendors/segment-compatible.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.segment_compatible import mapping, wire
from plugins.segment_compatible.settings import LIMITS, Settings
from router.plugin import EVENT_TYPES, Action, BatchEndpoint, Plugin, Skip, hookimpl

PLUGIN = Plugin(
    slug="segment_compatible",
    name="Segment-compatible",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="batch",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=max(limits.events for limits in LIMITS.values()),
            batch_size=wire.batch_size,
            max_bytes=LIMITS["segment"].request_bytes,
            max_payload_bytes=LIMITS["segment"].event_bytes,
            byte_limits=wire.byte_limits,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
            reset_header=wire.RESET_HEADER,
        ),
    ),
    actions=tuple(
        Action(name=f"forward {call}", on=(call,), endpoint="batch", table=mapping.table, build=mapping.build_event)
        for call in EVENT_TYPES
    ),
    sandbox="plugins.segment_compatible.sandbox:SegmentCompatibleSandbox",
    sandbox_settings={"url": "https://events.example.test", "write_key": "sandbox-key"},
    website="https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/",
    historical=Skip("what it is handed on to there may start something because of it"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
