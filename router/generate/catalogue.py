"""The catalogue of destinations: what each plugin can do, read from its declaration and from what it makes of sample events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from router.event import EVENT_TYPES
from router.generate.markdown import table
from router.generate.readme import RIDING, readme_path
from router.plugin import (
    Basic,
    BatchEndpoint,
    Bearer,
    BodyField,
    Credential,
    Endpoint,
    HeaderKey,
    OAuth2,
    PathKey,
    Plugin,
    PluginSettings,
    QueryKey,
    Signature,
    SigV4,
)
from router.plugin.endpoint import USUAL_BATCH_WAIT_S
from router.plugin.historical import describe_historical
from router.traits import GROUP_TRAITS, USER_TRAITS

_CREDENTIALS: Mapping[type, str] = {
    Basic: "basic",
    Bearer: "bearer token",
    BodyField: "key in the body",
    HeaderKey: "key in a header",
    OAuth2: "OAuth 2",
    PathKey: "secret address",
    QueryKey: "key in the address",
    Signature: "signature",
    SigV4: "AWS signature",
}

HEAD = """# Destinations

Every plugin that comes with the router, as its declaration says. This page is generated: `make generate` rewrites it.

An event reaches a destination by the calls below; what the vendor has no place for is skipped with a reason, which
`router explain` shows. *Traits* counts the reserved traits of a person (of {user}) and of a group (of {group}) that arrive
somewhere. A limit on requests is what the router keeps to, and `delivery.rate_limit` only lowers it; one that is *shared* is
that of all endpoints together. A batch that isn't full waits 100ms for more, or as long as is said beside it;
`delivery.batch_wait` overrules that. A replay sends old events so that nothing starts because of them
([operating.md](operating.md#replay)); how, or that it skips them, stands beside each action.
"""


def catalogue(plugins: Sequence[Plugin]) -> str:
    """The page ``docs/destinations.md``."""
    ordered = sorted(plugins, key=lambda plugin: plugin.name.lower())
    head = HEAD.format(user=len(USER_TRAITS), group=len(GROUP_TRAITS))
    calls = table(
        ("vendor", *EVENT_TYPES, "traits", "batches", "credentials"),
        [_overview(plugin) for plugin in ordered],
    )
    return "\n".join([head, calls, "", *(_part(plugin) for plugin in ordered)])


def _overview(plugin: Plugin) -> list[str]:
    settings = _settings(plugin)
    triggered = {call for action in plugin.actions for call in action.on}
    marks = ["yes" if call in triggered else "" for call in EVENT_TYPES]
    counts = f"{traits_that_arrive(plugin, 'identify')} / {traits_that_arrive(plugin, 'group')}"
    most = max((_batch(endpoint.for_settings(settings)) for endpoint in plugin.endpoints), default=1)
    batches = f"up to {most:,}" if most > 1 else "one a request"
    return [f"[{plugin.name}](#{_anchor(plugin.name)})", *marks, counts, batches, _credentials(plugin, settings)]


def _part(plugin: Plugin) -> str:
    """What an operator bases a choice on: purpose, actions and limits."""
    settings = _settings(plugin)
    actions = table(
        ("action", "on", "endpoint", "an old event in a replay"),
        [
            (
                action.name,
                ", ".join(action.on),
                action.endpoint,
                describe_historical(plugin.historical_for(action, settings)),
            )
            for action in plugin.actions
        ],
    )
    limits = table(
        ("endpoint", "at most", "bytes a request", "requests", "order"),
        [_limits(endpoint.for_settings(settings)) for endpoint in plugin.endpoints],
    )
    slug = plugin.slug
    named = ", ".join(f"`{name}`" for name in dict.fromkeys((plugin.name, slug, *plugin.aliases)))
    return "\n".join(
        [
            f"## {plugin.name}",
            "",
            _purpose(plugin),
            "",
            f"In `integrations`: {named}. Settings, traits, answers and known gaps: "
            f"[plugins/{slug}](../plugins/{slug}/README.md).",
            "",
            actions,
            "",
            limits,
            "",
        ]
    )


def traits_that_arrive(plugin: Plugin, call: str) -> int:
    """How many reserved traits of *call* have a row that sends them, or a part of them, somewhere.

    ``id`` says the same as the call's own id and arrives with it. For a plugin without an action on identify, a person's traits
    are those in the context of other calls.
    """
    reserved, id = (USER_TRAITS, "userId") if call == "identify" else (GROUP_TRAITS, "groupId")
    settings = _settings(plugin)
    actions = [action for action in plugin.actions if call in action.on]
    root = "traits."
    if not actions and call == "identify":
        actions, root = list(plugin.actions), RIDING
    sent = {
        source for action in actions for row in action.table_for(settings).fields if row.to for source in row.sources
    }
    if "traits" in sent:
        return len(reserved)
    arriving = {source.removeprefix(root).split(".")[0] for source in sent if source.startswith(root)}
    return sum(trait in arriving or (trait == "id" and id in sent) for trait in reserved)


def _settings(plugin: Plugin) -> PluginSettings:
    return plugin.settings.model_validate(dict(plugin.sandbox_settings))


def _batch(endpoint: Endpoint) -> int:
    return endpoint.max_events if isinstance(endpoint, BatchEndpoint) else 1


def _limits(endpoint: Endpoint) -> tuple[str, str, str, str, str]:
    shared = ", shared" if endpoint.shared_rate else ""
    rate = f"{_rate(endpoint.rate_limit_per_s)}{shared}" if endpoint.rate_limit_per_s else "–"
    order = "on its own" if endpoint.is_independent else "with the others"
    if isinstance(endpoint, BatchEndpoint):
        gathered = f" in {endpoint.batch_wait_s:g}s" if endpoint.batch_wait_s != USUAL_BATCH_WAIT_S else ""
        return endpoint.name, f"{endpoint.max_events:,}{gathered}", f"{endpoint.max_bytes:,}", rate, order
    return endpoint.name, "one, in several requests", "–", rate, order


def _rate(per_s: float) -> str:
    """As ``delivery.rate_limit`` is written: by the second, or by the minute where that is the round number."""
    return f"{per_s:g}/s" if per_s == round(per_s, 1) else f"{per_s * 60:g}/min"


def _credentials(plugin: Plugin, settings: PluginSettings) -> str:
    kinds: list[Credential] = [each for endpoint in plugin.endpoints for each in endpoint.credentials(settings)]
    return ", ".join(dict.fromkeys(_CREDENTIALS[type(each)] for each in kinds)) or "none"


def _purpose(plugin: Plugin) -> str:
    """The first paragraph under "Purpose" in the plugin's README, to its last full stop."""
    path = readme_path(plugin)
    found = re.search(r"^## Purpose\n+(.+?)(?:\n\n|\Z)", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    text = " ".join(found[1].split()) if found else ""
    return text[: text.rfind(".") + 1]


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
