"""The test kit itself: it passes a good plugin, and each of its tests fails for a plugin that breaks what it promises."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from socket import socket
from typing import Any, ClassVar

import pytest
from aiohttp import web
from pydantic import Field, SecretStr

from router.event import Event
from router.guard import PluginFailed
from router.plugin import (
    EVENT_TYPES,
    GROUP_TRAITS,
    USER_TRAITS,
    Action,
    Again,
    Basic,
    BatchEndpoint,
    Bearer,
    Blocked,
    Conversation,
    ConversationEndpoint,
    Converter,
    Credential,
    CredentialCheck,
    Custom,
    Dead,
    Delivered,
    Document,
    Endpoint,
    HeaderKey,
    Later,
    Marked,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Skip,
    Split,
    Step,
    Table,
    Trait,
    UnreadableAnswer,
    build_url,
    is_outage,
    judge_by_status,
    only_verdict,
    same_name,
)
from router.plugin import Field as Row
from router.plugin.sandbox import Sandbox, json_response
from router.testing import Answer, GoldenRequests, PluginContract, open_stand_in
from router.testing.answers import Answers
from router.testing.contract.secrets import with_marked_secrets
from router.testing.samples import PERSON, WELL_MADE

TABLE = Table(
    same_name(*dict.fromkeys((*USER_TRAITS, *GROUP_TRAITS))), (Custom("traits"), Custom("properties", "about"))
)
CHANCE = random.Random(1)


class Settings(PluginSettings):
    token: SecretStr = Field(description="The token.")

    def vendor_url(self) -> str:
        return "https://api.acme.example.test"


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.token)]


def build(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    user = event.user_id or event.anonymous_id
    if user is None:
        return Skip("it names nobody")
    return Payload({"user": user, "type": event.type, "id": event.message_id, **fields}, key=event.message_id)


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", build_url(settings.api_url, "events"), [payload.body for payload in payloads])


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Any:
    if response.status != 200:
        return judge_by_status(response.unless_page(), payloads)
    body = response.json()
    refused = body.get("refused") if isinstance(body, dict) else None
    if not isinstance(refused, list):
        raise UnreadableAnswer("expected a list of refused items")
    return [Dead("refused") if place in refused else Delivered() for place in range(len(payloads))]


def converse(payload: Payload, settings: Settings) -> Conversation:
    """Find the user; then create or update it."""
    url = build_url(settings.api_url, "users", payload.body["user"])
    found = yield Step(Request("GET", url), assumed=Response(404))
    if not found.is_success and found.status != 404:
        return only_verdict(judge_by_status(found, [payload]))
    method = "POST" if found.status == 404 else "PUT"
    written = yield Step(Request(method, url, payload.body), assumed=Response(200, b"{}"))
    return only_verdict(judge_by_status(written.unless_page(), [payload]))


class AcmeSandbox(Sandbox):
    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post("/events", self.take), web.route("*", "/users/{id}", self.take)]

    async def take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.settings['token']}":
            return json_response({}, 401)
        if request.method == "GET":
            return json_response({}, 404)
        self.accept("item", await request.json())
        return json_response({"refused": []})


class StrictSandbox(AcmeSandbox):
    async def take(self, request: web.Request) -> web.Response:
        return json_response({}, 422)


class OnceOnlySandbox(AcmeSandbox):
    """Refuses an event that it has already."""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if any(entry["body"] == body.decode() for entry in self.requests):
            return json_response({}, 409)
        return await super().take(request)


class ForgetfulSandbox(AcmeSandbox):
    def accept(self, kind: str, item: Any, **facts: Any) -> None:
        pass


EVENTS = BatchEndpoint(name="events", credentials=credentials, pack=pack, judge=judge, max_events=10)
USERS = ConversationEndpoint(name="users", credentials=credentials, converse=converse)
PLUGIN = Plugin(
    slug="acme",
    name="Acme",
    settings=Settings,
    endpoints=(EVENTS, USERS),
    actions=(
        Action(name="send event", on=EVENT_TYPES, endpoint="events", table=TABLE, build=build),
        Action(name="keep user", on=("identify",), endpoint="users", table=TABLE, build=build),
    ),
    sandbox=f"{__name__}:AcmeSandbox",
    sandbox_settings={"token": "sandbox-token"},
)


class TestAGoodPlugin(PluginContract):
    plugin = PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {"token": "t"}
    answers: ClassVar[Answers] = {
        200: [
            Answer(Delivered, b'{"refused": []}'),
            Answer((Delivered, Dead, Delivered), b'{"refused": [1]}'),
            Answer((Dead, Dead), lambda payloads: f'{{"refused": {list(range(len(payloads)))}}}'.encode()),
        ],
        400: Dead,
        401: Blocked,
        413: Split,
        429: Later,
        503: Later,
    }


class TestAWaiver(TestAGoodPlugin):
    plugin = replace(PLUGIN, sandbox=f"{__name__}:StrictSandbox")
    waivers: ClassVar[Mapping[str, str]] = {
        "test_the_sandbox_accepts_what_is_mapped": "this stand-in refuses everything, to show that a waiver is heeded"
    }


# --- plugins that break a promise ---


def with_endpoint(base: Any = EVENTS, **changes: Any) -> Plugin:
    changed = replace(base, **changes)
    others: tuple[Endpoint, ...] = tuple(each for each in (EVENTS, USERS) if each is not base)
    return replace(PLUGIN, endpoints=(changed, *others))


def with_action(**changes: Any) -> Plugin:
    return replace(PLUGIN, actions=(replace(PLUGIN.actions[0], **changes), PLUGIN.actions[1]))


def with_row(source: str, to: str = "there", convert: Converter | None = None) -> Plugin:
    return with_action(table=replace(TABLE, fields=(*TABLE.fields, Row(source, to, convert))))


def with_request(make: Callable[[Sequence[Payload], Settings], Request]) -> Plugin:
    return with_endpoint(pack=make)


def with_url(make: Callable[[Settings, str], str]) -> Plugin:
    return with_request(lambda payloads, settings: Request("POST", make(settings, payloads[0].body["user"])))


def with_build(make: Callable[[Event, Document, Settings], Any]) -> Plugin:
    return with_action(build=make)


def with_judge(make: Callable[[Response, Sequence[Payload]], Any]) -> Plugin:
    return with_endpoint(judge=lambda response, payloads, settings: make(response, payloads))


def ends_with(end: Any) -> Plugin:
    def converse_shortly(payload: Payload, settings: Settings) -> Conversation:
        yield Step(Request("GET", build_url(settings.api_url, "users")), Response(200))
        return end  # type: ignore[no-any-return]

    return with_endpoint(USERS, converse=converse_shortly)


def changes_the_event(event: Event, fields: Document, settings: Settings) -> Payload:
    event.document["seen"] = True
    return Payload({}, key=event.message_id)


def never_ends(payload: Payload, settings: Settings) -> Conversation:
    while True:
        yield Step(Request("GET", build_url(settings.api_url, "users")), Response(200))


def trusts_the_body(payload: Payload, settings: Settings) -> Conversation:
    response = yield Step(Request("GET", build_url(settings.api_url, "users")), Response(200, b'{"status": "ok"}'))
    if is_outage(response.status):
        return Later("out")
    if response.status in (401, 403):
        return Blocked("no")
    return Delivered() if response.json()["status"] else Later("not yet")


def takes_the_first_found(payload: Payload, settings: Settings) -> Conversation:
    found = yield Step(Request("GET", build_url(settings.api_url, "users")), Response(200, b'{"items": [{"id": 7}]}'))
    items = found.unless_page().json_object().get("items")
    if not found.is_success or not isinstance(items, list):
        return only_verdict(judge_by_status(found, [payload]))
    return Delivered() if items[0]["id"] else Dead("nobody")


SHARED: Document = {}
"""What no plugin should have: one object for the payloads of all events."""


def fills_one_body(event: Event, fields: Document, settings: Settings) -> Payload:
    SHARED.clear()
    SHARED.update(fields)
    return Payload(SHARED, key=event.message_id)


def keeps_what_it_saw(event: Event, fields: Document, settings: Settings) -> Payload:
    SHARED.update(fields)
    return Payload(dict(SHARED), key=event.message_id)


def counts_its_tries(payloads: Sequence[Payload], settings: Settings) -> Request:
    for payload in payloads:
        payload.body["tries"] = payload.body.get("tries", 0) + 1
    return pack(payloads, settings)


def asks_the_network(event: Event, fields: Document, settings: Settings) -> Payload:
    with suppress(OSError), socket() as asked:
        asked.connect(("127.0.0.1", 9))
    return Payload(fields, key=event.message_id)


def judge_successes(response: Response, payloads: Sequence[Payload]) -> Any:
    return [Delivered() if response.is_success else Dead("no")] * len(payloads)


def does_not_read_its_last_answer(payload: Payload, settings: Settings) -> Conversation:
    url = build_url(settings.api_url, "users", payload.body["user"])
    written = yield Step(Request("PUT", url, payload.body), Response(200, b"{}"))
    if written.status == 401 or is_outage(written.status):
        return only_verdict(judge_by_status(written, [payload]))
    return Delivered()


def forgets_the_answer_it_assumes(payload: Payload, settings: Settings) -> Any:
    yield Request("GET", build_url(settings.api_url, "users"))
    return Delivered()


def forgets_a_part(payload: Payload, settings: Settings) -> Conversation:
    """The company is linked by a part that is made and never run: it lacks its ``yield from``."""
    fields = {name: value for name, value in payload.body.items() if name != "company"}
    converse(Payload(payload.body.get("company")), settings)
    return (yield from converse(Payload(fields), settings))


def build_by_email(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if event.email is None:
        return Skip("no email: Acme knows people by it")
    return Payload({"user": event.email, **fields}, key=event.message_id)


def by_email(converse: Any) -> Plugin:
    """A plugin that tracks people by their email, which most track calls lack."""
    track = replace(PLUGIN.actions[1], name="note", on=("track",), build=build_by_email)
    return replace(with_endpoint(USERS, converse=converse), actions=(PLUGIN.actions[0], track))


def names_its_token(payload: Payload, settings: Settings) -> Conversation:
    yield Step(Request("GET", build_url(settings.api_url, "users")), Response(200))
    return Dead(f"{settings.token.get_secret_value()} is wrong")


class UndescribedSettings(Settings):
    region: str = "us"


class OpenSettings(Settings):
    model_config = {"extra": "ignore"}


class TellingSettings(Settings):
    model_config = {"hide_input_in_errors": False}


class PlainSettings(Settings):
    def __repr__(self) -> str:
        return f"Settings(token={self.token.get_secret_value()})"


class BareSettings(Settings):
    password: str = Field("", description="The password.")


class NowhereSettings(Settings):
    def vendor_url(self) -> str:
        return "api.acme.example.test"


IDENTIFY, TRACK = WELL_MADE["identify"], WELL_MADE["track"]
LEAKY = with_request(lambda p, s: Request("POST", s.api_url, headers={"X-Token": s.token.get_secret_value()}))

BROKEN = [
    ("a slug in capitals", {"slug": "Acme"}, "this_router_takes_the_plugin", (), {}),
    ("for a later router", {"api_version": 2}, "this_router_takes_the_plugin", (), {}),
    ("settings that need more", {}, "minimal_settings_load_and_lead_somewhere", (), {"minimal": {}}),
    ("no description", {"settings": UndescribedSettings}, "every_setting_is_described", (), {}),
    ("takes any key", {"settings": OpenSettings}, "unknown_settings_are_refused", (), {}),
    (
        "quotes what it refuses",
        {"settings": TellingSettings},
        "a_refused_setting_shows_no_secret",
        (["MARKED-SECRET"],),
        {},
    ),
    ("shows its token", {"settings": PlainSettings}, "texts_of_settings_show_no_secret", (), {}),
    ("waives what there is not", {}, "waivers_name_tests_and_give_reasons", (), {"waivers": {"test_nothing": "why"}}),
    (
        "waives without a reason",
        {},
        "waivers_name_tests_and_give_reasons",
        (),
        {"waivers": {"test_limits_are_declared": " "}},
    ),
    (
        "an answer of an endpoint that there is not",
        {},
        "answers_are_read_as_they_are_meant",
        (),
        {"answers": {200: Answer(Delivered, endpoint="event")}},
    ),
    ("no events in a batch", with_endpoint(max_events=0), "limits_are_declared", (), {}),
    ("payloads above requests", with_endpoint(max_payload_bytes=2_000_000), "limits_are_declared", (), {}),
    ("no requests a second", with_endpoint(rate_limit_per_s=0.0), "limits_are_declared", (), {}),
    ("a header in capitals", with_endpoint(reset_header="X-Reset"), "limits_are_declared", (), {}),
    (
        "forgets a trait",
        replace(PLUGIN, actions=(replace(PLUGIN.actions[0], table=Table(same_name("email"))),)),
        "every_reserved_trait_has_a_row",
        ("identify", USER_TRAITS),
        {},
    ),
    (
        "hides a trait without a word",
        with_action(table=TABLE + same_name("x") + [replace(TABLE.fields[0], to="")]),
        "rows_that_send_nothing_say_why",
        (),
        {},
    ),
    ("a key in snake_case", with_row("message_id"), "rows_read_what_events_have", (), {}),
    ("a trait in snake_case", with_row("traits.first_name"), "rows_read_what_events_have", (), {}),
    ("a converter that trips", with_row("traits.age", convert=int), "converters_refuse_by_a_value_error", (), {}),
    ("a row beneath another", with_row("traits.age", "email.age"), "no_row_writes_over_another", (IDENTIFY,), {}),
    ("a part in snake_case", with_row("traits.address.postal_code"), "rows_read_what_events_have", (), {}),
    (
        "loses what is mapped",
        with_build(lambda event, fields, settings: Payload({"email": fields.get("email")}, key=event.message_id)),
        "every_trait_that_a_row_sends_is_in_the_payload",
        ("identify", PERSON),
        {},
    ),
    (
        "loses what is mapped on its way",
        with_endpoint(USERS, converse=forgets_a_part),
        "every_trait_that_a_row_sends_is_in_the_payload",
        ("identify", PERSON),
        {},
    ),
    (
        "sends a part of the payload",
        with_request(lambda p, s: Request("POST", s.api_url, [each.body["user"] for each in p])),
        "every_trait_that_a_row_sends_is_in_the_payload",
        ("identify", PERSON),
        {},
    ),
    (
        "says to be within what is not there",
        with_action(
            table=Table((*same_name("email", "name"), Trait("firstName", note="in `name`", is_within=True))),
            build=lambda event, fields, settings: Payload({"id": event.message_id, **fields}, key=event.message_id),
        ),
        "every_trait_that_a_row_sends_is_in_the_payload",
        ("identify", PERSON),
        {},
    ),
    (
        "skips without a reason",
        with_build(lambda *_: Skip(" ")),
        "every_event_is_mapped_or_skipped_with_a_reason",
        (TRACK,),
        {},
    ),
    (
        "skips with an empty reason",
        with_build(lambda *_: Skip("")),
        "every_event_is_mapped_or_skipped_with_a_reason",
        (TRACK,),
        {},
    ),
    (
        "is no JSON",
        with_build(lambda *_: Payload({1, 2})),
        "every_event_is_mapped_or_skipped_with_a_reason",
        (TRACK,),
        {},
    ),
    (
        "changes the event",
        with_build(changes_the_event),
        "every_event_is_mapped_or_skipped_with_a_reason",
        (TRACK,),
        {},
    ),
    ("goes elsewhere", with_url(lambda s, id: "https://elsewhere.example.test/"), "requests_can_be_sent", (TRACK,), {}),
    (
        "goes to its neighbour's host",
        with_endpoint(USERS, origin=lambda s: "https://users.example.test"),
        "requests_can_be_sent",
        (IDENTIFY,),
        {},
    ),
    (
        "declares no origin",
        with_endpoint(origin=lambda s: "https://events.example.test/v1"),
        "minimal_settings_load_and_lead_somewhere",
        (),
        {},
    ),
    (
        "a form of numbers",
        with_request(lambda p, s: Request("POST", s.api_url, {"n": 1}, form=True)),
        "requests_can_be_sent",
        (TRACK,),
        {},
    ),
    (
        "lines of one object",
        with_request(lambda p, s: Request("POST", s.api_url, {"n": "1"}, lines=True)),
        "requests_can_be_sent",
        (TRACK,),
        {},
    ),
    (
        "sends one of a batch",
        with_request(lambda p, s: Request("POST", s.api_url, p[0].body)),
        "a_request_carries_all_its_payloads",
        (),
        {},
    ),
    (
        "sends two of a batch",
        with_request(lambda p, s: Request("POST", s.api_url, [each.body for each in p[:2]])),
        "a_request_carries_all_its_payloads",
        (),
        {},
    ),
    ("leaves a blank", with_url(lambda s, id: f"{s.api_url}/a b"), "requests_can_be_sent", (TRACK,), {}),
    (
        "breaks a header",
        with_request(lambda p, s: Request("POST", s.api_url, headers={"X-Id": "a\r\nb"})),
        "requests_can_be_sent",
        (TRACK,),
        {},
    ),
    ("has no method", with_request(lambda p, s: Request("post", s.api_url)), "requests_can_be_sent", (TRACK,), {}),
    (
        "looks into what is opaque",
        with_endpoint(
            are_bodies_opaque=True, pack=lambda payloads, s: Request("POST", s.api_url, [str(payloads[0].body)])
        ),
        "opaque_bodies_go_out_as_they_are",
        (TRACK,),
        {},
    ),
    (
        "throws dice",
        with_request(lambda p, s: Request("POST", s.api_url, CHANCE.random())),
        "the_same_event_makes_the_same_request",
        (TRACK,),
        {},
    ),
    (
        "says when it is sent",
        with_build(lambda event, *_: Payload({"at": int(time.time())}, key=event.message_id)),
        "requests_do_not_depend_on_the_time",
        (TRACK,),
        {},
    ),
    (
        "says on which day it is sent",
        with_request(lambda p, s: Request("POST", s.api_url, f"{datetime.now(UTC):%Y-%m-%d}")),
        "requests_do_not_depend_on_the_time",
        (TRACK,),
        {},
    ),
    (
        "asks the network",
        with_build(asks_the_network),
        "the_same_event_makes_the_same_request",
        (TRACK,),
        {},
    ),
    ("counts its tries", with_request(counts_its_tries), "a_retry_makes_the_same_request", (TRACK,), {}),
    ("one body for all", with_build(fills_one_body), "events_share_nothing", (), {}),
    ("keeps what it saw", with_build(keeps_what_it_saw), "events_share_nothing", (), {}),
    (
        "null for what is not there",
        with_build(lambda event, *_: Payload({"tier": event.traits.get("tier")}, key=event.message_id)),
        "no_null_is_made_up",
        (IDENTIFY,),
        {},
    ),
    (
        "a new key each time",
        with_build(lambda *_: Payload({}, key=str(CHANCE.random()))),
        "all_attempts_have_one_key",
        (TRACK,),
        {},
    ),
    (
        "one key for all",
        with_build(lambda *_: Payload({}, key="same")),
        "different_events_have_different_keys",
        (TRACK,),
        {},
    ),
    (
        "one key a person",
        with_build(lambda event, *_: Payload({}, key=event.user_id or "")),
        "different_events_have_different_keys",
        (IDENTIFY,),
        {},
    ),
    (
        "an id as it is",
        with_url(lambda s, id: f"{s.api_url}/users/{id}"),
        "ids_cannot_move_a_request",
        ("../../admin",),
        {},
    ),
    (
        "an id in the query",
        with_url(lambda s, id: f"{s.api_url}/u?id={id}"),
        "ids_cannot_move_a_request",
        ("a?b=c&d=e",),
        {},
    ),
    ("an id as a host", with_url(lambda s, id: f"{s.api_url}{id}"), "ids_cannot_move_a_request", (":80",), {}),
    (
        "an id in a header",
        with_request(lambda p, s: Request("POST", s.api_url, headers={"X-Id": p[0].body["user"]})),
        "ids_cannot_move_a_request",
        ("a\r\nX-Injected: 1",),
        {},
    ),
    ("never leaves its host", with_url(lambda s, id: s.vendor_url()), "base_url_moves_every_request", (), {}),
    (
        "marks without a mark",
        {"historical": Marked("old", lambda payload, settings: payload)},
        "the_mark_of_an_old_event_is_sent_and_changes_no_key",
        (TRACK,),
        {},
    ),
    (
        "marks with another key",
        {"historical": Marked("old", lambda payload, settings: replace(payload, key="old", body={"old": True}))},
        "the_mark_of_an_old_event_is_sent_and_changes_no_key",
        (TRACK,),
        {},
    ),
    (
        "says delivered to all",
        with_judge(lambda r, p: [Delivered()] * len(p)),
        "documented_answers_are_read_rightly",
        (),
        {},
    ),
    ("one verdict for many", with_judge(lambda r, p: [Delivered()]), "documented_answers_are_read_rightly", (), {}),
    ("trips over a body", with_judge(lambda r, p: r.json()["refused"]), "undocumented_answers_break_nothing", (), {}),
    ("takes any success", with_judge(judge_by_status), "a_page_is_no_delivery", (), {}),
    (
        "again with no payload",
        with_judge(lambda r, p: [Again({})] * len(p)),  # type: ignore[arg-type]
        "undocumented_answers_break_nothing",
        (),
        {},
    ),
    ("no verdicts at all", with_judge(lambda r, p: None), "undocumented_answers_break_nothing", (), {}),
    (
        "waits for a text",
        with_judge(lambda r, p: [Later("slow", after_s="30")] * len(p)),  # type: ignore[arg-type]
        "undocumented_answers_break_nothing",
        (),
        {},
    ),
    ("a mute verdict", with_judge(lambda r, p: Blocked("")), "undocumented_answers_break_nothing", (), {}),
    ("assumes its failure", ends_with(Dead("no")), "conversations_end_well_where_all_is_as_assumed", (IDENTIFY,), {}),
    (
        "never ends",
        with_endpoint(USERS, converse=never_ends),
        "conversations_end_well_where_all_is_as_assumed",
        (IDENTIFY,),
        {},
    ),
    ("refuses in an outage", with_judge(judge_successes), "an_outage_costs_no_event", (), {}),
    ("a conversation that refuses in an outage", ends_with(Dead("no")), "an_outage_costs_no_event", (), {}),
    (
        "does not read its last answer",
        with_endpoint(USERS, converse=does_not_read_its_last_answer),
        "conversations_take_no_refusal_for_a_delivery",
        (IDENTIFY,),
        {},
    ),
    (
        "does not read its last answer, of somebody with an email",
        by_email(does_not_read_its_last_answer),
        "conversations_take_no_refusal_for_a_delivery",
        (),
        {},
    ),
    ("takes any page", ends_with(Delivered()), "conversations_take_no_page_for_a_delivery", (IDENTIFY,), {}),
    ("does not look", ends_with(Delivered()), "conversations_stop_where_the_vendor_is_out", (IDENTIFY,), {}),
    ("sends something instead", ends_with(Again(Payload({}))), "conversations_survive_any_answer", (IDENTIFY,), {}),
    ("ends with nothing", ends_with(None), "conversations_survive_any_answer", (IDENTIFY,), {}),
    (
        "trusts the body that it assumes",
        with_endpoint(USERS, converse=takes_the_first_found),
        "conversations_survive_any_answer",
        (IDENTIFY,),
        {},
    ),
    (
        "trusts the body",
        with_endpoint(USERS, converse=trusts_the_body),
        "conversations_survive_any_answer",
        (IDENTIFY,),
        {},
    ),
    ("sends its token", LEAKY, "requests_hold_no_secret", (TRACK,), {}),
    ("explains its token", LEAKY, "explain_shows_no_secret", (TRACK,), {}),
    (
        "skips with its token",
        with_action(build=lambda e, f, s: Skip(f"nothing for {s.token.get_secret_value()}")),
        "explain_shows_no_secret",
        (TRACK,),
        {},
    ),
    (
        "shows a credential",
        with_endpoint(credentials=lambda s: [HeaderKey(s.token.get_secret_value(), s.token)]),
        "texts_of_settings_show_no_secret",
        (),
        {},
    ),
    (
        "a secret in plain text",
        replace(
            with_endpoint(credentials=lambda s: [Basic(SecretStr("me"), SecretStr(s.password))]), settings=BareSettings
        ),
        "what_is_sent_as_a_secret_is_declared_as_one",
        (),
        {"minimal": {"token": "t", "password": "pass"}},
    ),
    (
        "a secret in a reason",
        with_endpoint(judge=lambda r, p, s: Blocked(f"{s.token.get_secret_value()} is wrong")),
        "verdicts_show_no_secret",
        (),
        {},
    ),
    (
        "a secret at the end of a conversation",
        with_endpoint(USERS, converse=names_its_token),
        "verdicts_show_no_secret",
        (),
        {},
    ),
    ("a stand-in for strangers", {"sandbox_settings": {}}, "the_sandbox_takes_its_own_settings", (), {}),
    ("no stand-in", {"sandbox": ""}, "the_sandbox_takes_its_own_settings", (), {}),
    ("a stand-in that is none", {"sandbox": "builtins:int"}, "the_sandbox_takes_its_own_settings", (), {}),
    ("a stand-in that refuses", {"sandbox": f"{__name__}:StrictSandbox"}, "the_sandbox_accepts_what_is_mapped", (), {}),
    ("a repeat is dead", {"sandbox": f"{__name__}:OnceOnlySandbox"}, "the_sandbox_accepts_what_is_mapped", (), {}),
    (
        "a stand-in that keeps nothing",
        {"sandbox": f"{__name__}:ForgetfulSandbox"},
        "the_sandbox_accepts_what_is_mapped",
        (),
        {},
    ),
]


@pytest.mark.parametrize(
    ("broken", "test", "arguments", "attributes"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN]
)
def test_a_broken_promise_is_found(
    broken: Plugin | dict[str, Any], test: str, arguments: tuple[Any, ...], attributes: dict[str, Any]
) -> None:
    plugin = broken if isinstance(broken, Plugin) else replace(PLUGIN, **broken)
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": plugin, **attributes})()

    with pytest.raises((AssertionError, Exception, pytest.fail.Exception)):
        getattr(contract, f"test_{test}")(*arguments)


@pytest.mark.parametrize(
    ("broken", "test", "told"),
    [
        pytest.param(
            with_request(lambda p, s: {}),  # type: ignore[arg-type, return-value]
            "requests_can_be_sent",
            "plugin acme: pack gave dict, expected a Request",
            id="no request",
        ),
        pytest.param(
            with_request(lambda p, s: Request("POST", s.api_url, headers={"X-N": 1})),  # type: ignore[dict-item]
            "requests_can_be_sent",
            'plugin acme: pack made a header "X-N" that is no text',
            id="a header that is a number",
        ),
        pytest.param(
            with_build(lambda *_: Payload({1, 2})),
            "every_event_is_mapped_or_skipped_with_a_reason",
            'plugin acme: action "send event" made a payload that JSON can\'t hold',
            id="no JSON",
        ),
        pytest.param(
            with_endpoint(USERS, converse=lambda payload, settings: Delivered()),
            "requests_can_be_sent",
            "converse gave Delivered, expected a Generator",
            id="no conversation",
        ),
        pytest.param(
            with_endpoint(USERS, converse=forgets_the_answer_it_assumes),
            "requests_can_be_sent",
            "converse gave Request, expected a Step",
            id="no step",
        ),
        pytest.param(
            with_endpoint(USERS, converse=never_ends),
            "requests_can_be_sent",
            "users: the conversation is not over after 100 steps; which answer ends it?",
            id="no end",
        ),
    ],
)
def test_the_kit_says_what_is_wrong_as_the_router_says_it(broken: Plugin, test: str, told: str) -> None:
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": broken})()

    with pytest.raises(AssertionError, match=re.escape(told)):
        getattr(contract, f"test_{test}")(IDENTIFY)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        pytest.param({"404": Dead}, "answers: the status '404', expected a number such as 404", id="a text"),
        pytest.param(
            {200: [Answer(Delivered), Answer(Dead, endpoint="event")]},
            "answers[200]: endpoint=\"event\", expected one of ['events', 'users']",
            id="no endpoint",
        ),
        pytest.param(
            {400: Dead("no")}, "answers[400]: got Dead(reason='no'), expected a class such as Dead, or", id="a verdict"
        ),
        pytest.param(
            {200: [Delivered]}, "Delivered'>, expected a class such as Dead, or an Answer", id="no answer among several"
        ),
        pytest.param(
            {400: Answer((Dead, 7))},  # type: ignore[arg-type]
            "answers[400]: got 7, expected a class: Delivered, ",
            id="a number",
        ),
        pytest.param(
            {400: Answer(Dead("no"))},  # type: ignore[arg-type]
            "answers[400]: got Dead(reason='no'), expected a class: Delivered, ",
            id="a verdict in an answer",
        ),
    ],
)
def test_the_kit_says_which_answer_it_can_not_try(answers: Any, told: str) -> None:
    """An endpoint that was spelt wrong was tried nowhere and said nothing; others were errors within the kit."""
    contract = type("Contract", (TestAGoodPlugin,), {"answers": answers})()

    with pytest.raises(AssertionError, match=re.escape(told)):
        contract.test_answers_are_read_as_they_are_meant()


def test_the_kit_says_that_there_is_no_stand_in_before_what_its_settings_lack() -> None:
    """An author who has not come to the stand-in yet was told of a token instead."""
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": replace(PLUGIN, sandbox="", sandbox_settings={})})()

    with pytest.raises(AssertionError, match="there is no stand-in: declare sandbox="):
        contract.test_the_sandbox_takes_its_own_settings()


def test_the_kit_says_of_a_credential_that_is_plain_text_what_router_check_says() -> None:
    """It was told in the middle of the router's own code that a str has no get_secret_value."""
    plugin = with_endpoint(credentials=lambda s: [HeaderKey("X-Key", s.password)])
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": replace(plugin, settings=BareSettings)})()

    for test in ("what_is_sent_as_a_secret_is_declared_as_one", "the_sandbox_accepts_what_is_mapped"):
        with pytest.raises(PluginFailed, match="credentials returned HeaderKey whose value is str, expected SecretStr"):
            getattr(contract, f"test_{test}")()


@pytest.mark.parametrize(
    ("request_of", "told"),
    [
        pytest.param(lambda s: 7, "credential_check gave 7, expected a Request", id="no request"),
        pytest.param(
            lambda s: Request("GET", build_url(s.api_url, "me")),
            "credential_check: 404 this stand-in has no route",
            id="no route",
        ),
    ],
)
def test_a_credential_check_is_tried_at_the_stand_in(request_of: Any, told: str) -> None:
    """It was called for the first time by `router check --live`, in front of an operator."""
    check = CredentialCheck(request=request_of, endpoint="events")
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": replace(PLUGIN, credential_check=check)})()

    with pytest.raises((AssertionError, PluginFailed), match=told):
        contract.test_the_sandbox_accepts_what_is_mapped()


async def test_a_conversation_without_an_end_ends_at_the_stand_in_too() -> None:
    """The kit's last test sent its requests for ever, and hid what the others had found."""
    async with asyncio.timeout(20), open_stand_in(with_endpoint(USERS, converse=never_ends)) as stand_in:
        with pytest.raises(PluginFailed, match="wants to send more than 100 requests for one payload"):
            await stand_in.send("users", Payload({}))


async def test_a_stand_in_is_sent_nothing_that_the_router_would_not_send() -> None:
    """A Request without its Step was a missing attribute, and a lone verdict the answer of the stand-in."""
    for plugin, endpoint, told in (
        (
            with_endpoint(USERS, converse=forgets_the_answer_it_assumes),
            "users",
            "converse gave Request, expected a Step",
        ),
        (with_judge(lambda r, p: Delivered()), "events", "judge returned Delivered, expected verdicts"),
    ):
        async with open_stand_in(plugin) as stand_in:
            with pytest.raises(PluginFailed, match=told):
                await stand_in.send(endpoint, Payload({}))


def test_the_kit_finds_what_waits_at_once_and_tries_no_other_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """All samples one after another would take minutes, and tell nothing more."""
    waited: list[Event] = []

    def wait(event: Event, fields: Document, settings: Settings) -> Payload:
        waited.append(event)
        since_s = time.perf_counter()
        while time.perf_counter() < since_s + 0.02:
            pass
        return Payload({}, key=event.message_id)

    monkeypatch.setattr("router.testing.waiting.LIMIT_S", 0.01)
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(wait)})()

    with pytest.raises(AssertionError, match=r"mapping took \d+\.\d s; the router breaks it off after 0\.01 s"):
        contract.test_requests_can_be_sent()
    assert len(waited) == 1


def test_the_kit_names_what_a_plugin_turned_to() -> None:
    """Asking the network in a build was found only where it took two seconds, and in an author's tests it never does."""
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(asks_the_network)})()

    with pytest.raises(AssertionError, match=r"mapping called socket\.\S+ A plugin does no I/O"):
        contract.test_requests_can_be_sent()


def test_the_kit_finds_a_sleep_of_any_length_and_does_not_wait_for_it() -> None:
    """One of a second broke no limit: all tests passed, within minutes, and the router stopped the destination."""

    def build(event: Event, fields: Document, settings: Settings) -> Payload:
        time.sleep(1)
        return Payload({}, key=event.message_id)

    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(build)})()
    since_s = time.perf_counter()

    with pytest.raises(AssertionError, match=r"mapping called time\.sleep\. A plugin does no I/O"):
        contract.test_requests_can_be_sent()
    assert time.perf_counter() < since_s + 1


def test_the_kit_tells_a_mistake_once_and_names_some_of_the_samples_that_have_it() -> None:
    """One wrong line in a build was told thirty times in each of thirty tests."""
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(lambda *_: None)})()

    with pytest.raises(AssertionError) as raised:
        contract.test_requests_can_be_sent()

    told = str(raised.value)
    said = 'plugin acme: action "send event" returned None, expected a Payload, several, or Skip'
    assert re.match(rf"identify; track; page; \d+ more: {said}", told)


@pytest.mark.parametrize(
    ("plugin", "test", "advice"),
    [
        pytest.param(
            with_build(lambda *_: Payload({}, key=str(CHANCE.random()))),
            "all_attempts_have_one_key",
            "make them of the event alone",
            id="a new key each time",
        ),
        pytest.param(
            with_request(lambda p, s: Request("POST", s.api_url, CHANCE.random())),
            "the_same_event_makes_the_same_request",
            "make it of the event and the settings alone",
            id="throws dice",
        ),
        pytest.param(
            with_build(lambda event, *_: Payload({}, key=event.user_id or "")),
            "different_events_have_different_keys",
            "make them of event.message_id",
            id="one key a person",
        ),
    ],
)
def test_the_kit_says_what_to_do_about_keys_and_requests_that_differ(plugin: Plugin, test: str, advice: str) -> None:
    contract = type("Contract", (TestAGoodPlugin,), {"plugin": plugin})()

    with pytest.raises(AssertionError, match=advice):
        getattr(contract, f"test_{test}")(TRACK)


def test_the_kit_names_where_a_plugin_asks_what_time_it_is() -> None:
    def build(event: Event, fields: Document, settings: Settings) -> Payload:
        datetime.fromtimestamp(0, UTC)
        return Payload({"day": str(date.today())}, key=event.message_id)

    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(build)})()

    with pytest.raises(AssertionError, match=r"test_testing\.py:\d+ \(date\.today\): take the time from the event"):
        contract.test_requests_do_not_depend_on_the_time(TRACK)


def test_what_a_plugin_logs_may_have_the_time_before_it(caplog: pytest.LogCaptureFixture) -> None:
    def build(event: Event, fields: Document, settings: Settings) -> Payload:
        logging.getLogger("acme").warning("built")
        return Payload({}, key=event.message_id)

    contract = type("Contract", (TestAGoodPlugin,), {"plugin": with_build(build)})()

    contract.test_requests_do_not_depend_on_the_time(TRACK)

    assert "built" in caplog.text


def test_each_test_of_the_kit_is_seen_to_fail() -> None:
    tests = {name.removeprefix("test_") for name in dir(PluginContract) if name.startswith("test_")}

    assert {row[2] for row in BROKEN} == tests


class Secrets(PluginSettings):
    token: SecretStr = SecretStr("a/b")
    hook: SecretStr = SecretStr("https://hooks.test/services/T0/secret")
    unset: SecretStr = SecretStr("")


def test_a_new_golden_request_is_written_first_and_passes_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written fails that once, so that somebody reads it; each time it is said what to do next."""
    golden = tmp_path / "alias.json"
    golden.write_text('{"call": {"type": "alias", "userId": "u2", "previousId": "u1"}}')

    class Requests(GoldenRequests):
        plugin = PLUGIN
        minimal: ClassVar[Mapping[str, Any]] = {"token": "t"}
        folder = tmp_path

    check = Requests().test_a_call_becomes_exactly_these_requests

    with pytest.raises(AssertionError, match=r"alias\.json is stale, or new\? Write it with GOLDEN=write") as stale:
        check(golden)
    assert "\nassert {'requests'" in str(stale.value), "pytest shows what is sent"
    monkeypatch.setenv("GOLDEN", "write")
    with pytest.raises(AssertionError, match=r"alias\.json is written: read what changed, then run the tests without"):
        check(golden)

    check(golden)
    monkeypatch.delenv("GOLDEN")
    check(golden)


def test_a_call_without_a_golden_request_is_named_and_how_to_write_one(tmp_path: Path) -> None:
    (tmp_path / "track.json").write_text('{"call": {"type": "track", "userId": "u1", "event": "E"}}')

    class Requests(GoldenRequests):
        plugin = PLUGIN
        minimal: ClassVar[Mapping[str, Any]] = {"token": "t"}
        folder = tmp_path

    with pytest.raises(AssertionError, match=r"'alias', .*Write one with a call for each, such as .*GOLDEN=write"):
        Requests().test_every_call_of_the_plugin_has_a_golden_request()


def test_secrets_are_marked_and_an_address_among_them_still_leads_to_its_host() -> None:
    marked, marks = with_marked_secrets(Secrets())

    shown = {name: getattr(marked, name).get_secret_value() for name in ("token", "hook", "unset")}
    assert shown == {"token": marks[0], "hook": f"https://hooks.test/services/T0/{marks[1]}", "unset": ""}
