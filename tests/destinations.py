"""A vendor whose payload is the whole event as its actions see it, and destinations of it for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.destination import Destination
from router.event import EVENT_TYPES, Document, Event
from router.plugin import (
    Action,
    BatchEndpoint,
    Custom,
    Field,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Skip,
    Table,
    Trait,
    judge_by_status,
)


class EchoSettings(PluginSettings):
    def vendor_url(self) -> str:
        return "https://echo.test"


def _build(event: Event, fields: Document, settings: Any) -> Payload | Skip:
    if event.event == "Nothing":
        return Skip("nothing of interest")
    return Payload({"id": event.message_id, "event": event.document, "email": event.email, "fields": fields})


def _pack(payloads: Sequence[Payload], settings: EchoSettings) -> Request:
    return Request("POST", settings.api_url + "/events", [payload.body for payload in payloads])


def _judge(response: Response, payloads: Sequence[Payload], settings: Any) -> Judgement:
    return judge_by_status(response, payloads)


_TABLE = Table((Trait("email", to="mail"), Field("event", to="name")), (Custom("properties"), Custom("traits")))


def _action(name: str, *on: Any) -> Action:
    return Action(name=name, on=on, endpoint="events", table=_TABLE, build=_build)


ECHO = Plugin(
    slug="echo",
    name="Echo",
    aliases=("Echo (Actions)",),
    settings=EchoSettings,
    endpoints=(BatchEndpoint(name="events", pack=_pack, judge=_judge, max_events=10),),
    actions=(
        _action("know person", "identify"),
        _action("track event", "track"),
        _action("count event", "track"),
        _action("view page", *(kind for kind in EVENT_TYPES if kind not in ("identify", "track", "alias"))),
    ),
)
"""It has no action for alias, and two for track."""


def echo(name: str = "echo", **rules: Any) -> Destination:
    return Destination(name, ECHO, EchoSettings(), **rules)
