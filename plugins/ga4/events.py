"""Track, page and screen calls, and what brought a visitor.

Source: facts/vendors/ga4.md section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from plugins.ga4.commerce import COMMERCE_EVENTS, MONEY_ROWS
from plugins.ga4.context import complete, envelope_rows
from plugins.ga4.identity import event_rows, make_payload
from plugins.ga4.names import WHY_A_PERSONS, event_name
from plugins.ga4.params import OF_CONTEXT, custom_params
from plugins.ga4.settings import Settings
from router.plugin import (
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Values,
    convert,
    left_out,
    spelt_alike,
    tells_whose_name,
)

EVENTS: Final = {"signedup": "sign_up", "signedin": "login", "productshared": "share"}
"""From the spec's name, by `spelt_alike`, to Google's; those of shops are in `commerce`."""
CAMPAIGN: Final = {
    "id": "campaign_id",
    "name": "campaign",
    "source": "source",
    "medium": "medium",
    "term": "term",
    "content": "content",
}
PAGE_ROWS: Final = (
    Field(("properties.url", "context.page.url"), "params.page_location", convert.to_text),
    Field(("properties.referrer", "context.page.referrer"), "params.page_referrer", convert.to_text),
    Field(("properties.title", "context.page.title"), "params.page_title", convert.to_text),
)
VIEW_ROWS: Final = tuple(
    Field((f"properties.{name}", name), f"params.{name}", convert.to_text) for name in ("name", "category")
)


def _table(settings: Settings, rows: Sequence[Field]) -> Table:
    return Table(
        (*event_rows(settings), *envelope_rows(settings), *rows),
        (custom_params("properties", settings),),
        Values(objects="flatten"),
    )


def track_table(settings: Settings) -> Table:
    return _table(settings, (*OF_CONTEXT, *MONEY_ROWS))


def page_table(settings: Settings) -> Table:
    return _table(settings, (*VIEW_ROWS, *PAGE_ROWS))


def screen_table(settings: Settings) -> Table:
    return _table(settings, (*VIEW_ROWS, Field(("name", "properties.name"), "params.screen_name", convert.to_text)))


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    try:
        name = event_name(event.event or "")
    except ValueError:
        return Skip("the event's name has neither a letter from a to z nor a digit")
    alike = spelt_alike(event.event)
    if alike in COMMERCE_EVENTS:
        return Skip("a shop's event (action track commerce event)")
    params = fields.get("params", {})
    of_person = params.pop("name", None) if settings.pii_guard and tells_whose_name(event.properties) else None
    made = make_payload(EVENTS.get(alike, name), event, complete(event, fields, settings), settings)
    if of_person is None or isinstance(made, Skip):
        return made
    return replace(made, notes=(*made.notes, *left_out(["name"], WHY_A_PERSONS)))


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``page_view``, whether the page has a name or not."""
    return make_payload("page_view", event, complete(event, fields, settings), settings)


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``view_screen``: Google keeps ``screen_view`` for the Firebase SDK."""
    if not settings.send_screens:
        return Skip("screens are not sent (setting send_screens)")
    return make_payload("view_screen", event, complete(event, fields, settings), settings, ("screen_name",))


def campaign_table(settings: Settings) -> Table:
    rows = (Field(f"context.campaign.{name}", f"params.{to}", convert.to_text) for name, to in CAMPAIGN.items())
    return Table((*event_rows(settings), *envelope_rows(settings), *rows))


def build_campaign(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``campaign_details``, which Google joins to the session; without the session's number it would tell nothing."""
    params = fields.get("params", {})
    if params.keys().isdisjoint(CAMPAIGN.values()):
        return Skip("the call names no campaign")
    if "session_id" not in params:
        return Skip("the call names no session that the campaign could belong to")
    made = make_payload("campaign_details", event, complete(event, fields, settings), settings)
    return made if isinstance(made, Skip) else Payload(made.body, f"{made.key}-campaign", made.group)
