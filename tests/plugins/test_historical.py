"""What a replay sends of old events, and how the vendor is told that they are old: as explain and delivery have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router.destination import Destination
from router.event import Event
from router.explain import explain
from router.registry import Registry
from router.testing.samples import WELL_MADE

REGISTRY = Registry.load()
HOUR_S = 3_600.0
YEAR_S = 365 * 24 * HOUR_S

Request = dict[str, Any]


def explained(slug: str, call: str, age_s: float | None, **settings: Any) -> list[dict[str, Any]]:
    plugin = REGISTRY.get(slug)
    given = plugin.settings.model_validate({**plugin.sandbox_settings, **settings})
    answer = explain(known(WELL_MADE[call]), [Destination(slug, plugin, given)], historical_age_s=age_s)
    entries: list[dict[str, Any]] = answer["destinations"]
    return entries


def known(event: Event) -> Event:
    """The event of somebody whose email rides along: some vendors know nobody else."""
    context = {**event.context, "traits": {"email": "ada@example.test"}}
    return Event.of_document({**event.document, "context": context})


def backfill(request: Request) -> Any:
    return request["body"]["data"]["attributes"].get("backfill")


def migration(request: Request) -> Any:
    return request["body"]["historical_migration"]


def syncing(request: Request) -> Any:
    return request["body"].get("is_syncing")


def header(request: Request) -> Any:
    return request["headers"].get("Router-Historical")


SENT = [
    pytest.param("amplitude", "identify", YEAR_S, {}, id="amplitude: by its time"),
    pytest.param("mixpanel", "track", 0.0, {}, id="mixpanel: of any age"),
    pytest.param("heap", "track", YEAR_S, {}, id="heap: by its time"),
    pytest.param("customerio", "track", 73 * HOUR_S, {}, id="customerio: too old for a campaign"),
    pytest.param("ga4", "track", 71 * HOUR_S, {}, id="ga4: within 72 hours"),
    pytest.param("facebook_conversions", "track", 47 * HOUR_S, {}, id="facebook: within a week"),
    pytest.param("customerio", "page", YEAR_S, {}, id="customerio: a page"),
    pytest.param("s3", "identify", YEAR_S, {}, id="s3: an archive"),
]


@pytest.mark.parametrize(("slug", "call", "age_s", "settings"), SENT)
def test_where_an_old_event_starts_nothing_it_is_sent_as_at_first(
    slug: str, call: str, age_s: float, settings: dict[str, Any]
) -> None:
    first = [entry for entry in explained(slug, call, None, **settings) if entry["decision"] == "deliver"]
    old = [entry for entry in explained(slug, call, age_s, **settings) if entry["decision"] == "deliver"]

    assert [entry["requests"] for entry in old] == [entry["requests"] for entry in first]
    assert first
    assert not any("historical" in entry for entry in old)


MARKED: list[Any] = [
    pytest.param("posthog", "track", {}, migration, (False, True), id="posthog: an event"),
    pytest.param("posthog", "identify", {}, migration, (False, True), id="posthog: a person"),
    pytest.param("klaviyo", "track", {}, backfill, (None, True), id="klaviyo: an event"),
    pytest.param("klaviyo", "page", {}, backfill, (None, True), id="klaviyo: a view"),
    pytest.param("mailchimp", "track", {}, syncing, (None, True), id="mailchimp: an event"),
    pytest.param("webhook", "identify", {"historical": "mark"}, header, (None, "true"), id="webhook: by a header"),
]


@pytest.mark.parametrize(("slug", "call", "settings", "read", "words"), MARKED)
def test_an_old_event_carries_the_vendors_word_for_it_and_a_new_one_does_not(
    slug: str, call: str, settings: dict[str, Any], read: Callable[[Request], Any], words: tuple[Any, Any]
) -> None:
    [first] = [entry for entry in explained(slug, call, None, **settings) if entry["decision"] == "deliver"]
    [old] = [entry for entry in explained(slug, call, YEAR_S, **settings) if entry["decision"] == "deliver"]

    assert len(first["requests"]) == len(old["requests"]) > 0
    assert {read(each) for each in first["requests"]} == {words[0]}
    assert {read(each) for each in old["requests"]} == {words[1]}
    assert "historical" not in first
    assert old["historical"]


SKIPPED = [
    pytest.param("customerio", "identify", YEAR_S, {}, "may start a campaign", id="customerio: a person"),
    pytest.param("customerio", "track", 71 * HOUR_S, {}, "younger than 72 hours", id="customerio: not old enough"),
    pytest.param(
        "customerio", "track", YEAR_S, {"api": "pipelines"}, "Pipelines hands it on", id="customerio: handed on"
    ),
    pytest.param("klaviyo", "identify", YEAR_S, {}, "may start a flow", id="klaviyo: a profile"),
    pytest.param("klaviyo", "track", YEAR_S, {"bulk": True}, "setting bulk", id="klaviyo: a job"),
    pytest.param("webhook", "track", YEAR_S, {}, "setting historical", id="webhook: who knows"),
    pytest.param("braze", "track", YEAR_S, {}, "may start a campaign", id="braze"),
    pytest.param("iterable", "identify", YEAR_S, {}, "may start a journey", id="iterable"),
    pytest.param("onesignal", "identify", YEAR_S, {}, "may start a journey", id="onesignal"),
    pytest.param("pipedrive", "identify", YEAR_S, {}, "may run because of it", id="pipedrive"),
    pytest.param("ga4", "track", 73 * HOUR_S, {}, "older than 72 hours", id="ga4: too old"),
    pytest.param("facebook_conversions", "track", 8 * 24 * HOUR_S, {}, "older than 168 hours", id="facebook: too old"),
    pytest.param("mailchimp", "identify", YEAR_S, {}, "may start an automation", id="mailchimp: a member"),
    pytest.param("activecampaign", "identify", YEAR_S, {}, "may start an automation", id="activecampaign"),
    pytest.param("salesforce", "identify", YEAR_S, {}, "may run because of it", id="salesforce"),
    pytest.param("zendesk", "identify", YEAR_S, {}, "may run because of it", id="zendesk"),
    pytest.param("segment_compatible", "track", YEAR_S, {}, "handed on", id="segment_compatible"),
    pytest.param("slack", "track", YEAR_S, {}, "long past", id="slack"),
    pytest.param("intercom", "identify", YEAR_S, {}, "may start a message", id="intercom"),
    pytest.param("hubspot", "identify", YEAR_S, {}, "may start a workflow", id="hubspot"),
    pytest.param("sendgrid", "identify", YEAR_S, {}, "may start an automation", id="sendgrid"),
    pytest.param("userpilot", "track", YEAR_S, {}, "may show something", id="userpilot"),
    pytest.param("attio", "identify", YEAR_S, {}, "may start a workflow", id="attio"),
    pytest.param("userlist", "track", YEAR_S, {}, "may start a campaign", id="userlist"),
    pytest.param("vero", "track", YEAR_S, {}, "may start a campaign", id="vero"),
    pytest.param("loops", "track", YEAR_S, {}, "may start a workflow", id="loops: an event"),
    pytest.param("loops", "identify", YEAR_S, {}, "may start a workflow", id="loops: a contact"),
]


@pytest.mark.parametrize(("slug", "call", "age_s", "settings", "words"), SKIPPED)
def test_where_something_could_start_an_old_event_is_skipped_with_the_reason(
    slug: str, call: str, age_s: float, settings: dict[str, Any], words: str
) -> None:
    assert any(entry["decision"] == "deliver" for entry in explained(slug, call, None, **settings)), "a new one is sent"

    old = explained(slug, call, age_s, **settings)

    assert {entry["decision"] for entry in old} == {"skip"}
    assert any(entry["reason"].startswith("historical: ") and words in entry["reason"] for entry in old)
