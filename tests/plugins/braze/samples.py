"""What the plugin makes of a call: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.braze import PLUGIN
from plugins.braze.settings import Settings
from router.destination import Destination
from router.plugin import Event
from router.plugin.trace import Trace
from router.testing.samples import TIMESTAMP

TIME = TIMESTAMP
ADA = {"userId": "u-17"}
ANON = {"anonymousId": "anon-5"}
ALIAS = {
    "user_alias": {"alias_name": "anon-5", "alias_label": "anonymous_id"},
    "_update_existing_only": False,
}


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"api_key": "sandbox-key", "instance": "us-01", **given})


def map_event(event: Event, **settings: Any) -> dict[str, list[Any] | str]:
    """By action: the bodies of its payloads, or the reason why there are none."""
    mapped = Destination("braze", PLUGIN, make_settings(**settings)).map(event)
    return {part.action.name: [payload.body for payload in part.payloads] or part.skipped for part in mapped}


def bodies_of(event: Event, action: str, **settings: Any) -> list[Any]:
    bodies = map_event(event, **settings)[action]
    assert isinstance(bodies, list), bodies
    return bodies


def item_of(event: Event, action: str, **settings: Any) -> Any:
    """The only object that *action* makes for /users/track."""
    [body] = bodies_of(event, action, **settings)
    [item] = body.values()
    return item


def trace_of(event: Event, action: str, **settings: Any) -> Trace:
    mapped = Destination("braze", PLUGIN, make_settings(**settings)).map(event, with_trace=True)
    [trace] = [part.trace for part in mapped if part.action.name == action]
    assert trace is not None
    return trace
