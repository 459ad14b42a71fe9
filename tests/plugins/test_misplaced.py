"""Answers of something that is not the vendor, for every plugin and at every step of a conversation: no event dies of one.

A redirect is never followed (promise 10), so it speaks of the address, and a 402 speaks of the account: both are the
operator's to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import pytest

from router.plugin import BatchEndpoint, Blocked, Dead, Delivered, Endpoint, Payload, Plugin, Response, UnreadableAnswer
from router.registry import Registry
from router.testing.rehearsal import Rehearsal
from router.testing.samples import WELL_MADE, make_event

PLUGINS = [pytest.param(each.plugin, id=each.plugin.slug) for each in Registry.load() if each.plugin.sandbox]
PAGE = b"<!DOCTYPE html>\n<html><body><h1>This site is blocked</h1></body></html>"

EMAIL = {"email": "ada@example.test"}
EVENTS = (
    *WELL_MADE.values(),
    make_event("identify", userId="u-17", traits={**EMAIL, "tags": ["a"]}),
    make_event("track", userId="u-17", event="Order Completed", context={"traits": EMAIL}),
)
MORE: Mapping[str, Mapping[str, object]] = {"klaviyo": {"list_id": "L1"}, "salesforce": {"match_on_email": True}}
"""Settings that take further steps."""

Read = Callable[[Response], object]
"""What a plugin makes of an answer: a judgement."""


def places(plugin: Plugin) -> dict[str, Read]:
    """Wherever *plugin* reads an answer: each batch endpoint, and each step of each conversation."""
    rehearsal = Rehearsal(
        plugin, plugin.settings.model_validate({**plugin.sandbox_settings, **MORE.get(plugin.slug, {})})
    )
    found: dict[str, Read] = {}
    for event in EVENTS:
        for action, endpoint, payload in rehearsal.payloads(event):
            if isinstance(endpoint, BatchEndpoint):
                found[endpoint.name] = partial(_judge, rehearsal, endpoint, payload)
            else:
                count = len(rehearsal.talk(endpoint, payload).requests)
                steps = {step: partial(_end_with, rehearsal, endpoint, payload, step) for step in range(count)}
                found |= {f"{action} on {event.type}, step {step}": read for step, read in steps.items()}
    return found


def _judge(rehearsal: Rehearsal, endpoint: BatchEndpoint, payload: Payload, answer: Response) -> object:
    return endpoint.judge(answer, [payload], rehearsal.settings)


def _end_with(rehearsal: Rehearsal, endpoint: Endpoint, payload: Payload, step: int, answer: Response) -> object:
    return rehearsal.talk(endpoint, payload, {step: answer}).end


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_redirect_or_an_account_that_has_to_pay_blocks_the_destination(plugin: Plugin) -> None:
    location = {"location": "https://elsewhere.test/"}
    judged = {
        (where, status): read(Response(status, PAGE, location))
        for where, read in places(plugin).items()
        for status in (301, 302, 303, 307, 308, 402)
    }

    assert judged
    assert {where: end for where, end in judged.items() if not isinstance(end, Blocked)} == {}


TAKES_ANYTHING = {"webhook"}
"""Whoever receives a webhook is the operator's own, and says what they like."""


@pytest.mark.parametrize("plugin", [each for each in PLUGINS if each.id not in TAKES_ANYTHING])
def test_a_page_is_no_delivery(plugin: Plugin) -> None:
    """What a proxy or a login answers with a 2xx is none of the vendor's words: the event is kept."""
    taken = []
    for where, read in places(plugin).items():
        for status in (200, 202, 203):
            with suppress(UnreadableAnswer):
                judged = read(Response(status, PAGE, {"content-type": "text/html"}))
                end = judged[0] if isinstance(judged, Sequence) else judged
                taken += [(where, status)] if isinstance(end, Delivered | Dead) else []

    assert taken == []


MISSING: Mapping[str, tuple[str, dict[int, Response]]] = {
    "hubspot": ("create_properties", {0: Response(400, b'{"message": "Property \\"tier\\" does not exist"}')}),
    "intercom": ("create_data_attributes", {2: Response(400, b"Custom attribute 'tier' does not exist")}),
    "zendesk": ("create_fields", {0: Response(200, b'{"user": {"id": 1, "user_fields": {}}}')}),
}
"""The setting that has a field made where there is none, and the answer that says that there is none."""


@pytest.mark.parametrize("answer", [Response(302), Response(200, PAGE)], ids=["redirect", "page"])
@pytest.mark.parametrize("slug", MISSING)
def test_where_a_field_can_not_be_made_its_value_is_kept(slug: str, answer: Response) -> None:
    plugin = Registry.load().get(slug)
    setting, answers = MISSING[slug]
    rehearsal = Rehearsal(plugin, plugin.settings.model_validate({**plugin.sandbox_settings, setting: True}))
    event = make_event("identify", userId="u-17", traits={**EMAIL, "tier": "gold"})
    [(_, endpoint, payload)] = rehearsal.payloads(event)

    with suppress(UnreadableAnswer):
        end = rehearsal.talk(endpoint, payload, {**answers, max(answers) + 1: answer}).end
        assert isinstance(end, Blocked)
