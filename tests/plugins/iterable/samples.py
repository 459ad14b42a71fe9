"""What the plugin makes of a call: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.iterable import PLUGIN
from plugins.iterable.settings import Settings
from router.destination import Destination
from router.plugin import Event
from router.plugin.trace import Trace

SECONDS = 1772619630
"""The time of the sample events."""
ADA = {"userId": "u-17"}
ANON = {"anonymousId": "anon-5"}
EMAIL = "ada@example.test"


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"api_key": "sandbox-key", "identity": "hybrid", **given})


def map_event(event: Event, **settings: Any) -> dict[str, list[Any] | str]:
    """By action: the bodies of its payloads, or the reason why there are none."""
    mapped = Destination("iterable", PLUGIN, make_settings(**settings)).map(event)
    return {part.action.name: [payload.body for payload in part.payloads] or part.skipped for part in mapped}


def bodies_of(event: Event, action: str, **settings: Any) -> list[Any]:
    bodies = map_event(event, **settings)[action]
    assert isinstance(bodies, list), bodies
    return bodies


def body_of(event: Event, action: str, **settings: Any) -> Any:
    """The body of the only payload of *action*."""
    [body] = bodies_of(event, action, **settings)
    return body


def trace_of(event: Event, action: str, **settings: Any) -> Trace:
    mapped = Destination("iterable", PLUGIN, make_settings(**settings)).map(event, with_trace=True)
    [trace] = [part.trace for part in mapped if part.action.name == action]
    assert trace is not None
    return trace
