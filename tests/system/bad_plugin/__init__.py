"""A plugin that misbehaves in the way that its settings say. Loaded by its path, as an operator would load their own."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from router.plugin import (
    Action,
    BatchEndpoint,
    Delivered,
    Document,
    Event,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Table,
    build_url,
    hookimpl,
)


class Settings(PluginSettings):
    way: Literal["behaves", "raises", "exits", "makes no end", "loops", "returns garbage", "hangs"] = Field(
        description="How it misbehaves."
    )

    def vendor_url(self) -> str:
        return "https://bad.example.test"


def build(event: Event, fields: Document, settings: Settings) -> Any:
    payload = Payload({"id": event.message_id}, key=event.message_id)
    match settings.way:
        case "raises":
            raise KeyError("id")
        case "exits":
            raise SystemExit("that is all")
        case "makes no end":
            return itertools.repeat(payload)
        case "hangs":
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # in C, which hears no signal: for an hour
    return payload


def pack(payloads: Sequence[Payload], settings: Settings) -> Any:
    while settings.way == "loops":
        pass
    if settings.way == "returns garbage":
        return None
    return Request("POST", build_url(settings.api_url, "nowhere"), [payload.body for payload in payloads])


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    return [Delivered()] * len(payloads)


PLUGIN = Plugin(
    slug="bad",
    name="Bad",
    settings=Settings,
    endpoints=(BatchEndpoint(name="events", pack=pack, judge=judge, max_events=10),),
    actions=(Action(name="send", on=("identify", "track"), endpoint="events", table=Table(()), build=build),),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return (PLUGIN,)
