"""Events to messages. Slack keeps no users: what is known of them are values for a text.

Source: facts/vendors/slack.md sections 3 to 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from plugins.slack.settings import Rule, Settings, fits
from plugins.slack.template import COMPUTED, Template, cut, to_shown, to_shown_date
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    view_name,
)

MAX_SECTION: Final = 3_000
MAX_FIELDS: Final = 10
"""Of one section; further ones get a section of their own."""
MAX_FIELD: Final = 200
"""Characters. 2000 are documented, but all of a message's blocks together seem to have room for some 13,000."""

_NOT_SHOWN = "not shown, unless `shown_traits` or a template names it"
_DATES: Final = frozenset({"traits.createdAt", "timestamp"})


# --- tables ---


def identify_table(settings: Settings) -> Table:
    """Of an identify: whom it is about, and the traits that the settings name."""
    return _table("traits", USER_TRAITS, [settings.identify], settings.shown_traits, [], _fixed_rows("traits"))


def track_table(settings: Settings) -> Table:
    return _event_table([settings.track, *(rule.text for rule in settings.rules)], settings)


def page_table(settings: Settings) -> Table:
    return _event_table([settings.page], settings)


def screen_table(settings: Settings) -> Table:
    return _event_table([settings.screen], settings)


def group_table(settings: Settings) -> Table:
    """Of a group call: the traits are the group's, and whoever made it is known by what rides along in the context."""
    rows = _fixed_rows("context.traits", group=("traits.name", "groupId"))
    return _table("traits", GROUP_TRAITS, [settings.group], settings.shown_traits, [], rows)


def _event_table(templates: Sequence[str], settings: Settings) -> Table:
    rows = _fixed_rows("context.traits")
    return _table("context.traits", (), templates, settings.shown_traits, settings.shown_properties, rows)


def _fixed_rows(person: str, group: tuple[str, ...] = ("context.groupId",)) -> tuple[Field, ...]:
    """``{name}`` and ``{group}``; *person* is where the traits are of whoever made the call."""
    names = (f"{person}.{name}" for name in ("name", "firstName", "username"))
    return (
        Field((*names, "properties.email", f"{person}.email"), "text.name", to_shown),
        Field(group, "text.group", to_shown),
    )


def _table(
    traits: str,
    reserved: Sequence[str],
    templates: Sequence[str],
    shown_traits: Sequence[str],
    shown_properties: Sequence[str],
    fixed: tuple[Field, ...],
) -> Table:
    """A row for each name that a template or a list of the settings has, and none for what nobody asked to see.

    *traits* is where the call has the traits it speaks of.
    """
    paths = dict.fromkeys(path for text in templates for path in Template.parse(text).paths())
    rows = (
        *(row for row in fixed if row.to.removeprefix("text.") in paths),
        *(_row(path, "text", traits) for path in paths if path not in COMPUTED),
        *(_row(f"traits.{name}", "shown", traits) for name in shown_traits),
        *(_row(f"properties.{name}", "shown", traits) for name in shown_properties),
    )
    named = {source.split(".")[1] for row in rows for source in row.sources if source.startswith("traits.")}
    return Table((*rows, *(Trait(name, note=_NOT_SHOWN) for name in reserved if name not in named)))


def _row(path: str, place: str, traits: str) -> Field:
    """Dots in the target would make objects of it: ``address`` and ``address.city`` may both be named."""
    root, _, rest = path.partition(".")
    source = f"{traits}.{rest}" if root == "traits" else path
    return Field(source, f"{place}.{path.replace('.', '/')}", to_shown_date if path in _DATES else to_shown)


# --- messages ---


def build_identify(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not (event.user_id or event.email or settings.announce_anonymous):
        return Skip("anonymous: neither a userId nor an email (setting announce_anonymous)")
    return _message(event, settings.identify, fields, settings)


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = (event.event or "").strip()
    if any(fits(pattern, name) for pattern in settings.skip_events):
        return Skip(f"{name} is among skip_events")
    rule = next((rule for rule in settings.rules if fits(rule.event, name)), Rule(event="*"))
    return _message(event, rule.text or settings.track, fields, settings, rule.channel)


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _message(event, settings.page, fields, settings)


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _message(event, settings.screen, fields, settings)


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _message(event, settings.group, fields, settings)


def _message(event: Event, template: str, fields: Document, settings: Settings, channel: str = "") -> Payload | Skip:
    """One message; what is listed stands below the text, which is also what a notification shows."""
    if not template.strip():
        return Skip(f"no template for it (setting {event.type})")
    values = {path.replace("/", "."): value for path, value in fields.get("text", {}).items()}
    values = {"name": _nameless(event), "view": to_shown(view_name(event))} | values
    text = Template.parse(template).render(values)
    if not text.strip():
        return Skip("the message would be empty")
    body: Document = {"text": text, "unfurl_links": False}
    shown = [_field(path, value) for path, value in fields.get("shown", {}).items()]
    if shown:
        body["blocks"] = list(_blocks(text, shown))
    if not settings.is_by_webhook:
        body |= _for_a_token(event, channel, settings)
    return Payload(body, key=event.message_id)


def _for_a_token(event: Event, channel: str, settings: Settings) -> Document:
    """What a webhook ignores (section 5), or may (metadata, section 8)."""
    return {
        "channel": channel or settings.channel,
        "metadata": {"event_type": "router_event", "event_payload": {"message_id": event.message_id}},
        **{name: value for name in ("username", "icon_emoji") if (value := getattr(settings, name))},
    }


def _nameless(event: Event) -> str:
    """Who is known by ids alone."""
    if event.user_id:
        return f"User {to_shown(event.user_id)}"
    return f"Anonymous user {to_shown(event.anonymous_id)}" if event.anonymous_id else "Somebody"


def _blocks(text: str, shown: Sequence[Document]) -> Iterator[Document]:
    for start in range(0, len(shown), MAX_FIELDS):
        section: Document = {"type": "section", "fields": shown[start : start + MAX_FIELDS]}
        if start == 0:
            section["text"] = _markup(cut(text, MAX_SECTION))
        yield section


def _field(path: str, value: Any) -> Document:
    name = path.partition("/")[2].replace("/", ".")
    return _markup(cut(f"*{to_shown(name)}*\n{value}", MAX_FIELD))


def _markup(text: str) -> Document:
    return {"type": "mrkdwn", "text": text}
