"""Vero: users with their properties and tags, events, and who wants mails no more.

Source: facts/vendors/vero.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plugins.vero import events, identity, mapping, tags, wire
from plugins.vero.settings import Settings
from router.plugin import (
    Action,
    BatchEndpoint,
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
    judge: Callable[[Response, Sequence[Payload], Settings], Judgement] = wire.judge,
) -> BatchEndpoint:
    return BatchEndpoint(
        name=name,
        credentials=wire.credentials,
        pack=pack,
        judge=judge,
        rate_limit=wire.requests_per_s,
        shared_rate="requests",
    )


# A tag needs its user to be there, and a user its new id before more is written: the endpoints depend on each other.
PLUGIN = Plugin(
    slug="vero",
    name="Vero",
    settings=Settings,
    endpoints=(
        _endpoint("users", pack_one("POST", "users", "track")),
        _endpoint("events", pack_one("POST", "events", "track")),
        _endpoint("tags", pack_one("PUT", "users", "tags", "edit")),
        _endpoint("subscriptions", wire.pack_subscription),
        _endpoint("aliases", pack_one("PUT", "users", "reidentify"), wire.judge_alias),
    ),
    actions=(
        Action(
            name="update user",
            on=("identify",),
            endpoint="users",
            table=mapping.user_table,
            build=mapping.build_user,
        ),
        Action(
            name="register device",
            on=("track",),
            endpoint="users",
            table=mapping.DEVICE,
            build=mapping.build_device,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=events.event_table,
            build=events.build_event,
        ),
        Action(
            name="change subscription",
            on=("track",),
            endpoint="subscriptions",
            table=events.SUBSCRIPTION,
            build=events.build_subscription,
        ),
        Action(
            name="track view",
            on=("page", "screen"),
            endpoint="events",
            table=events.view_table,
            build=events.build_view,
        ),
        Action(
            name="edit tags",
            on=("identify", "track"),
            endpoint="tags",
            table=tags.TABLE,
            build=tags.build_tags,
        ),
        Action(
            name="write group to user",
            on=("group",),
            endpoint="users",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="rename user",
            on=("alias",),
            endpoint="aliases",
            table=identity.ALIAS,
            build=identity.build_alias,
        ),
    ),
    sandbox="plugins.vero.sandbox:VeroSandbox",
    sandbox_settings={"auth_token": "sandbox-token"},
    website="https://getvero.com",
    historical=Skip("Vero may start a campaign because of it, however old it is"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
