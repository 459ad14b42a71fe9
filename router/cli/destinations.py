"""``router destinations``: what is configured, what each makes of an event, and forgetting one that was removed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from router.cli.backend import ask
from router.cli.config_file import check_name, read_config, read_plugins
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import NO_DESTINATIONS, console, print_json, print_table, say
from router.cli.wiring import telling_of_plugin, to_destination
from router.config import Config
from router.decision import PlannedAction
from router.plugin import convert


class _NamesToo(TyperGroup):
    """``router destinations NAME`` is short for ``router destinations show NAME``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=_NamesToo)


@app.callback(invoke_without_command=True)
def list_by_default(context: typer.Context, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The configured destinations; with a NAME, that one's actions and mapping tables.

    Example: `router destinations mixpanel --json`
    """
    if context.invoked_subcommand is None:
        list_destinations(config, as_json)
        return
    given = {"config": str(config), "as_json": as_json}  # options before a command's name hold for the command too
    context.default_map = dict.fromkeys(("list", "show", "plugins", "forget"), given)


@app.command("list")
def list_destinations(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the configured destinations.

    Example: `router destinations list`
    """
    settings, registry = read_config(config, has_secrets=False)
    rows: list[dict[str, Any]] = [
        {
            "destination": each.name,
            "plugin": each.plugin,
            "enabled": each.enabled,
            "sandbox": each.sandbox,
            "sources": _sources_of(settings, each.name),
            "calls": sorted({kind for action in registry.get(each.plugin).actions for kind in action.on}),
        }
        for each in settings.destinations.values()
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("destination", "plugin", "enabled", "sandbox", "sources", "calls")
    print_table(
        "",
        columns,
        [
            (
                row["destination"],
                row["plugin"],
                "yes" if row["enabled"] else "no",
                "yes" if row["sandbox"] else "",
                "all" if row["sources"] is None else ", ".join(row["sources"]) or "none",
                " ".join(row["calls"]),
            )
            for row in rows
        ],
        has_lines=False,
        if_empty=NO_DESTINATIONS,
    )


def _sources_of(config: Config, destination: str) -> list[str] | None:
    """The sources whose events go to *destination*, by what both sides say; None: all there are, and will be."""
    choice = config.sources_of(destination)
    if choice.only is None and not choice.never:
        return None
    return [source for source in config.sources if choice.takes(source)]


@app.command()
def plugins(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the plugins, installed or named by the config, with their origin, and the packages that could not be loaded.

    Example: `router destinations plugins`
    """
    registry = read_plugins(config)
    rows = [
        {"plugin": each.plugin.slug, "name": each.plugin.name, "version": each.plugin.version, "origin": each.origin}
        for each in registry
    ]
    if as_json:
        print_json(rows)
        return
    print_table("", ("plugin", "name", "version", "origin"), [tuple(row.values()) for row in rows])
    for warning in registry.warnings:
        say(f"warning: {warning}")


@app.command()
def show(
    destination: Annotated[str, typer.Argument(help="A destination of the config.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a destination's actions and, for each, which field goes where.

    Example: `router destinations show mixpanel`
    """
    settings, registry = read_config(config)
    check_name("destination", destination, settings.destinations, config)
    chosen = to_destination(settings.destinations[destination], registry)
    actions = [_show_action(planned) for planned in chosen.planned]
    if as_json:
        print_json({"destination": destination, "plugin": chosen.plugin.slug, "actions": actions})
        return
    does = "delivers to a built-in sandbox, not" if settings.destinations[destination].sandbox else "sends"
    with telling_of_plugin(destination):
        where = " and ".join(chosen.origins)
    console.print(f"{destination} ({chosen.plugin.name}) {does} to {where}", style="bold")
    by_table: dict[str, list[dict[str, Any]]] = {}
    for action in actions:
        by_table.setdefault(repr(action["fields"]), []).append(action)
    for alike in by_table.values():
        action, title = alike[0], "\n".join(map(_title, alike))
        print_table(
            title,
            ("from", "to", "converter", "note"),
            [tuple(row.values()) for row in action["fields"]],
            if_empty=f"{title}: made in code, without a table; the plugin's README says of what",
        )


def _show_action(planned: PlannedAction) -> dict[str, Any]:
    """An action, and each row of its table."""
    fields = [
        {
            "from": " or ".join(row.sources),
            "to": row.to,
            "converter": convert.name_of(row.convert),
            "note": row.note,
        }
        for row in planned.table.fields
    ]
    others = [
        {"from": f"{row.source}.*", "to": f"{row.at}.*" if row.at else "*", "converter": "", "note": "all others"}
        for row in planned.table.custom
    ]
    return {
        "action": planned.action.name,
        "enabled": planned.rule.is_enabled,
        "on": list(planned.types),
        "endpoint": planned.action.endpoint,
        "fields": fields + others,
    }


def _title(action: dict[str, Any]) -> str:
    state = "" if action["enabled"] else ", switched off"
    return f"{action['action']} (on {', '.join(action['on'])}, to {action['endpoint']}{state})"


@app.command()
def forget(
    destination: Annotated[str, typer.Argument(help="A destination that left the config.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Remove the state that is kept of a destination no longer in the config, its dead letters included.

    Example: `router destinations forget old-crm`
    """
    answer = asyncio.run(ask(config, "forget", destination=destination))
    if as_json:
        print_json(answer)
        return
    console.print(f"{destination} is forgotten")
