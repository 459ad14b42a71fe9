"""Loops: contacts, and events that start mails.

Source: facts/vendors/loops.md. That contacts which the API adds or changes start workflows, too:
loops.so/docs/loop-builder/loop-triggers (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plugins.loops import events, mapping, wire
from plugins.loops.settings import Settings
from router.plugin import (
    Action,
    BatchEndpoint,
    CredentialCheck,
    Judgement,
    Payload,
    Plugin,
    Request,
    Response,
    Skip,
    hookimpl,
    pack_one,
)


def _endpoint(
    name: str,
    pack: Callable[[Sequence[Payload], Settings], Request],
    judge: Callable[[Response, Sequence[Payload], Settings], Judgement],
) -> BatchEndpoint:
    return BatchEndpoint(
        name=name,
        credentials=wire.credentials,
        pack=pack,
        judge=judge,
        rate_limit_per_s=wire.REQUESTS_PER_S,
        shared_rate="requests",
    )


# An event needs its contact to be there, and a mail shows what was last written: the endpoints depend on each other.
PLUGIN = Plugin(
    slug="loops",
    name="Loops",
    aliases=("Loops (Actions)",),
    settings=Settings,
    endpoints=(
        _endpoint("contacts", pack_one("PUT", "v1", "contacts", "update"), wire.judge),
        _endpoint("events", wire.pack_event, wire.judge_event),
    ),
    actions=(
        Action(
            name="update contact",
            on=("identify",),
            endpoint="contacts",
            table=mapping.contact_table,
            build=mapping.build_contact,
        ),
        Action(
            name="write company to contact",
            on=("group",),
            endpoint="contacts",
            table=mapping.company_table,
            build=mapping.build_company,
        ),
        Action(name="send event", on=("track",), endpoint="events", table=events.EVENT, build=events.build_event),
        Action(name="send view", on=("page", "screen"), endpoint="events", table=events.VIEW, build=events.build_view),
    ),
    sandbox="plugins.loops.sandbox:LoopsSandbox",
    sandbox_settings={"api_key": "sandbox-key"},
    website="https://loops.so",
    historical=Skip("Loops may start a workflow because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="contacts"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
