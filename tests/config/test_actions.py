"""Actions, consent and privacy in the config: what may be written, what becomes of it, and what editors are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from router.actions import (
    ActionRule,
    Allow,
    Constant,
    Drop,
    DropCustom,
    Expression,
    Fill,
    Hash,
    Match,
    Rename,
    Template,
    Trigger,
)
from router.cli.rules import to_consent, to_privacy, to_rule, to_trigger
from router.config import Config, Destination
from router.config.action import Action
from router.consent import Consent
from router.privacy import Names, Privacy

Parse = Callable[..., Config]

HEAD = "sources: {website: {write_key: k1}}\ndestinations: {acme: {sandbox: true, "


@pytest.fixture
def acme(parse: Parse) -> Callable[[str], Destination]:
    return lambda text: parse(f"{HEAD}{text}}}}}").destinations["acme"]


Acme = Callable[[str], Destination]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("{}", ActionRule(), id="nothing"),
        pytest.param("{enabled: false}", ActionRule(is_enabled=False), id="off"),
        pytest.param("{on: [page, track]}", ActionRule(trigger=Trigger(on=("page", "track"))), id="on"),
        pytest.param(
            "{where: {event: Order *, traits.first_name: [1, true, 1.5], context.ip: {present: false}, "
            "name: {not: a, present: true}}}",
            ActionRule(
                trigger=Trigger(
                    where=(
                        (("event",), Match(any_of=("Order *",))),
                        (("traits", "firstName"), Match(any_of=(1, True, 1.5))),
                        (("context", "ip"), Match(present=False)),
                        (("name",), Match(none_of=("a",), present=True)),
                    )
                )
            ),
            id="where",
        ),
        pytest.param(
            "{when: event.type == 'a'}", ActionRule(trigger=Trigger(when=Expression("event.type == 'a'"))), id="when"
        ),
        pytest.param(
            "{mapping: [{rename: {traits.first_name: properties.a}}, {drop: [context]}, {hash: [userId]}]}",
            ActionRule(
                changes=(
                    Rename({("traits", "firstName"): ("properties", "a")}),
                    Drop((("context",),)),
                    Hash((("userId",),)),
                )
            ),
            id="mapping",
        ),
        pytest.param(
            "{mapping: [{set: {properties.a: null, event: {b: [1]}}}, {template: {event: '{name}'}}, {custom: true}]}",
            ActionRule(
                changes=(
                    Constant({("properties", "a"): None, ("event",): {"b": [1]}}),
                    Fill({("event",): Template("{name}")}),
                )
            ),
            id="values",
        ),
        pytest.param(
            "{mapping: [{allow: {traits: [first_name, address.postal_code], context: []}}, {custom: false}]}",
            ActionRule(changes=(Allow(traits=(("firstName",), ("address", "postalCode")), context=()), DropCustom())),
            id="kept",
        ),
    ],
)
def test_what_is_written_of_an_action_is_what_is_done(acme: Acme, text: str, rule: ActionRule) -> None:
    actions = acme(f"actions: {{track event: {text}}}").actions

    assert to_rule(actions["track event"]) == rule


@pytest.mark.parametrize(
    ("text", "consent"),
    [
        pytest.param("[Ads, Analytics]", Consent(("Ads", "Analytics")), id="a-list"),
        pytest.param("{categories: [Ads]}", Consent(("Ads",)), id="in-full"),
        pytest.param("{categories: [Ads], when_absent: send}", Consent(("Ads",), True), id="sent-when-absent"),
        pytest.param("", None, id="without-a-value"),
    ],
)
def test_consent_is_read(acme: Acme, text: str, consent: Consent | None) -> None:
    assert to_consent(acme(f"consent: {text}").consent) == consent


def test_what_is_blocked_and_hashed_is_read(acme: Acme) -> None:
    given = acme("block: {traits: [email, address.street], context: [ip]}, hash: {properties: [phone]}")

    assert to_privacy(given.block, given.hashed) == Privacy(
        Names(traits=(("email",), ("address", "street")), context=(("ip",),)), Names(properties=(("phone",),))
    )
    plain = acme("opt_in: false")
    assert to_privacy(plain.block, plain.hashed) is None


def test_a_filter_is_read_as_an_actions_trigger_is(acme: Acme) -> None:
    text = "on: [track], where: {event: a}, when: event.type == 'a'"
    given = acme(f"filter: {{{text}}}, actions: {{track event: {{{text}}}}}")

    assert given.filter is not None
    assert to_trigger(given.filter) == to_trigger(given.actions["track event"])


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for each in _types(field.annotation):
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from _models(each)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _types(argument)


def test_every_field_has_a_description() -> None:
    """Editors show it, and config/full.yaml."""
    models = {model for field in ("consent", "filter", "block", "actions") for model in _models(_model_of(field))}

    assert len(models) >= 5
    assert [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
    ] == []


def _model_of(field: str) -> type[BaseModel]:
    found = [each for each in _types(Destination.model_fields[field].annotation) if isinstance(each, type)]
    return next(each for each in found if issubclass(each, BaseModel))


@pytest.mark.parametrize(
    ("action", "is_right"),
    [
        pytest.param({"where": {"event": "a"}}, True, id="value"),
        pytest.param({"where": {"event": ["a", 1, True]}}, True, id="list"),
        pytest.param({"where": {"event": {"present": True, "not": "a"}}}, True, id="conditions"),
        pytest.param({"where": {"event": {"(any of)": ["a"]}}}, False, id="not-how-we-write-it-ourselves"),
        pytest.param({"where": {"event": {"presnt": True}}}, False, id="unknown-condition"),
        pytest.param({"where": {"event": [["a"]]}}, False, id="list-in-a-list"),
        pytest.param({"on": ["trak"]}, False, id="unknown-type"),
        pytest.param({"mapping": [{"drop": ["properties.a"]}, {"set": {"event": {"a": 1}}}]}, True, id="mapping"),
        pytest.param({"mapping": [{"drop": ["properties.a"], "custom": False}]}, False, id="two-changes"),
        pytest.param({"mapping": [{}]}, False, id="no-change"),
    ],
)
def test_the_schema_knows_the_short_forms(action: dict[str, Any], is_right: bool) -> None:
    assert Draft202012Validator(Action.model_json_schema()).is_valid(action) is is_right
