"""The contract: everything that the core relies on, as tests that a plugin inherits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson
import pytest
from pydantic import SecretStr, ValidationError

from router.event import Event, EventType
from router.explain import explain
from router.origin import origin_of
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    BatchEndpoint,
    Blocked,
    ConversationEndpoint,
    Dead,
    Delivered,
    Endpoint,
    Later,
    Payload,
    Plugin,
    PluginSettings,
    Response,
    UnreadableAnswer,
    is_outage,
)
from router.plugin.request import encode_form
from router.plugin.sandbox import Sandbox
from router.plugin_packages import check_plugin
from router.testing.answers import (
    ODD_BODIES,
    ODD_STATUSES,
    ODD_VALUES,
    OUTAGES,
    SUCCESSES,
    Answer,
    Answers,
    Word,
    as_answers,
    distortions,
    why_bad_end,
    why_broken,
    why_delivered,
    why_lost,
    why_no_judgement,
    why_unlike,
)
from router.testing.rehearsal import (
    MAX_STEPS,
    Rehearsal,
    Sent,
    as_events_have_it,
    at_base_url,
    converters,
    renamed,
    shape,
    traits_dealt_with,
    traits_sent,
    with_marked_secrets,
    written_over,
)
from router.testing.samples import COMPANY, HOSTILE_IDS, PERSON, SAMPLES, WELL_MADE, hostile_events, make_event
from router.testing.stand_in import open_stand_in, sandbox_class
from router.testing.waiting import Waits, in_time

_Check = Callable[[Any, Any], None]


def _for_each(samples: Mapping[str, Any]) -> Callable[[_Check], Callable[..., None]]:
    """Try a check with every sample, or with those that the test is given, and report all that fail.

    All samples share one test: with a test for each, pytest's own work would cost several times as much as the checks.
    """

    def decorate(check: _Check) -> Callable[..., None]:
        def test(self: Any, *given: Any) -> None:
            failed = []
            for name, sample in ({ascii(each): each for each in given} or samples).items():
                try:
                    check(self, sample)
                except Waits as error:  # so would all others be
                    failed.append(f"{name}: {error}")
                    break
                except Exception as error:
                    failed.append(f"{name}: {error or type(error).__name__}")
            assert not failed, "\n".join(failed)

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        return test

    return decorate


_every_sample = _for_each(SAMPLES)
_every_call = _for_each(WELL_MADE)

_LONG_AGO_S = 10 * 365 * 86_400.0

_LINE_BREAK = re.compile("[\r\n\0]")
_ENCODED = re.compile("[!-~]+")
_CLIMB = re.compile(r"/\.{1,2}(/|$)")


class PluginContract:
    """Subclass it in a test module, name the class ``Test…``, and fill in the attributes."""

    plugin: ClassVar[Plugin]
    minimal: ClassVar[Mapping[str, Any]]
    """The least settings that a destination needs."""
    answers: ClassVar[Answers]
    """What the vendor's answers mean, by status. Those that speak for the whole vendor are tried at each step of a
    `ConversationEndpoint`."""
    waivers: ClassVar[Mapping[str, str]] = {}
    """Test name → the reason why this vendor can't pass it."""
    _rehearsal: ClassVar[Rehearsal]

    @pytest.fixture(autouse=True)
    def _skip_what_is_waived(self, request: pytest.FixtureRequest) -> None:
        reason = self.waivers.get(request.node.originalname)
        if reason is not None:
            pytest.skip(reason)

    @property
    def settings(self) -> PluginSettings:
        return self.rehearsal.settings

    @property
    def rehearsal(self) -> Rehearsal:
        """Made once per class, since with its tables it costs more than most of the tests."""
        made = type(self).__dict__.get("_rehearsal")
        if made is None:
            made = Rehearsal(self.plugin, self.plugin.settings.model_validate(dict(self.minimal)))
            type(self)._rehearsal = made
        return made

    # --- settings and declarations ---

    def test_this_router_takes_the_plugin(self) -> None:
        check_plugin(self.plugin, "this package")

    def test_waivers_name_tests_and_give_reasons(self) -> None:
        unknown = [name for name in self.waivers if not (name.startswith("test_") and hasattr(self, name))]
        assert not unknown, f"no such tests: {unknown}"
        assert all(reason.strip() for reason in self.waivers.values()), "each waiver needs a reason"

    def test_minimal_settings_load_and_lead_somewhere(self) -> None:
        parts = urlsplit(self.settings.api_url)
        assert parts.scheme in ("http", "https"), f"api_url is no http address: {self.settings.api_url}"
        assert parts.hostname, f"api_url has no host: {self.settings.api_url}"
        for endpoint in self.plugin.endpoints:
            declared = endpoint.origin and endpoint.origin(self.settings)
            assert not declared or re.fullmatch("https?://[a-z0-9.:-]+", declared), f"{endpoint.name}: at {declared}"

    def test_every_setting_is_described(self) -> None:
        bare = [name for name, info in self.plugin.settings.model_fields.items() if not info.description]
        assert not bare, f"settings without a description: {bare}"

    def test_unknown_settings_are_refused(self) -> None:
        with pytest.raises(ValidationError):
            self.plugin.settings.model_validate({**self.minimal, "no_such_setting": 1})

    @pytest.mark.parametrize("value", ["MARKED-SECRET\r\n", ["MARKED-SECRET"]], ids=["text", "list"])
    def test_a_refused_setting_shows_no_secret(self, value: Any) -> None:
        """Neither a value of the wrong kind nor a mistyped key beside it may make an error quote a secret."""
        secrets = [name for name, info in self.plugin.settings.model_fields.items() if info.annotation is SecretStr]
        with pytest.raises(ValidationError) as raised:
            self.plugin.settings.model_validate({**self.minimal, **dict.fromkeys(secrets, value), "no_such_setting": 1})
        assert "MARKED-SECRET" not in str(raised.value)

    def test_limits_are_declared(self) -> None:
        for endpoint in self.plugin.endpoints:
            rate, header = endpoint.rate_limit_per_s, endpoint.reset_header
            assert rate is None or rate > 0, f"{endpoint.name}: rate_limit_per_s is {rate}"
            assert header == header.lower(), f"{endpoint.name}: write reset_header in lower case"
        for batch in self.rehearsal.batch_endpoints:
            largest = batch.max_bytes if batch.max_payload_bytes is None else batch.max_payload_bytes
            assert batch.max_events >= 1, f"{batch.name}: max_events is {batch.max_events}"
            assert 0 < largest <= batch.max_bytes, f"{batch.name}: {largest} bytes in requests of {batch.max_bytes}"

    @pytest.mark.parametrize(("call", "reserved"), [("identify", USER_TRAITS), ("group", GROUP_TRAITS)])
    def test_every_reserved_trait_has_a_row(self, call: str, reserved: Sequence[str]) -> None:
        """Each is sent somewhere, or a row with ``to=""`` says why not."""
        named = traits_dealt_with(self.plugin, self.settings, call)
        missing = [] if named is None else [trait for trait in reserved if trait not in named]
        assert not missing, f"no row of an action on {call} deals with {missing}"

    def test_rows_that_send_nothing_say_why(self) -> None:
        tables = {action.name: action.table_for(self.settings) for action in self.plugin.actions}
        mute = [
            (name, row.source) for name, table in tables.items() for row in table.fields if not (row.to or row.note)
        ]
        assert not mute, f"rows with neither a target nor a note: {mute}"

    def test_rows_read_what_events_have(self) -> None:
        """A source in another spelling is never there: ``message_id``, ``traits.first_name``."""
        wrong = [
            f"{action.name}: {source}: events have it as {known}"
            for action in self.plugin.actions
            for row in action.table_for(self.settings).fields
            for source in row.sources
            if (known := as_events_have_it(source, action.on)) not in row.sources
        ]
        assert not wrong, "\n".join(wrong)

    def test_converters_refuse_by_a_value_error(self) -> None:
        """Whatever a caller sent for a trait or a property: a ValueError costs the field, anything else the event."""
        wrong = []
        for action in self.plugin.actions:
            for where, convert in converters(action.table_for(self.settings)):
                for value in [each for each in ODD_VALUES if each is not None]:
                    try:
                        convert(deepcopy(value))
                    except ValueError:
                        pass
                    except Exception as error:
                        wrong.append(f"{action.name}: {where}: {value!r} raised {type(error).__name__}: {error}")
        assert not wrong, "\n".join(
            ["a converter raises a ValueError for what it can't take, and nothing else", *wrong]
        )

    @_every_call
    def test_no_row_writes_over_another(self, event: Event) -> None:
        """Of ``name`` to ``user`` and ``email`` to ``user.email`` only one would be sent."""
        for action in self.plugin.actions:
            lost = written_over(action.table_for(self.settings), event) if event.type in action.on else []
            assert not lost, (
                f"{action.name}: nothing is sent of {lost}: other rows write to paths beneath or above theirs"
            )

    @pytest.mark.parametrize(("call", "reserved"), [("identify", PERSON), ("group", COMPANY)])
    def test_every_trait_that_a_row_sends_is_in_the_payload(self, call: EventType, reserved: Mapping[str, Any]) -> None:
        """Explain believes the table: it shows as sent what the *build* then leaves out, and what a row says to be within
        another's value, whether it is or not. A person has little more than the trait: nobody has a ``lastName`` then."""
        known = {"email": reserved["email"]}
        for action in self.plugin.actions:
            if call not in action.on:
                continue
            lost = []
            for trait in [each for each in reserved if each in traits_sent(action.table_for(self.settings))]:
                least = {name: value for name, value in known.items() if name != trait}
                with_it, without_it = (
                    self._bodies(make_event(call, userId="u-17", groupId="c9", traits=traits), action.name)
                    for traits in ({**least, trait: reserved[trait]}, least)
                )
                if with_it and with_it == without_it:
                    lost.append(trait)
            assert not lost, (
                f"{action.name}: its rows send {lost}, but the payload of a {call} with one of them lacks it"
            )

    # --- events to requests ---

    @_every_sample
    def test_every_event_is_mapped_or_skipped_with_a_reason(self, event: Event) -> None:
        before = event.to_json()
        for mapped in self.rehearsal.map(event):
            assert mapped.payloads or mapped.skipped.strip(), f"{mapped.action.name}: skipped without a reason"
            assert len(self.rehearsal.destination.write(mapped)) == len(mapped.payloads)
        assert event.to_json() == before, "mapping changed the event, which other destinations share"

    @_every_sample
    def test_requests_can_be_sent(self, event: Event) -> None:
        for sent in self.rehearsal.requests(event):
            request, expected = sent.request, self.rehearsal.origin_of(sent.action)
            assert re.fullmatch("[A-Z]+", request.method), f"{sent.action}: method {request.method!r}"
            assert origin_of(request.url) == expected, f"{sent.action}: {request.url} is not at {expected}"
            assert _ENCODED.fullmatch(request.url), f"{sent.action}: {request.url!r} is not percent-encoded"
            broken = [name for name, value in request.headers.items() if _LINE_BREAK.search(name + value)]
            assert not broken, f"{sent.action}: headers with line breaks: {broken}"
            assert not request.form or encode_form(request.json)

    def test_a_request_carries_all_its_payloads(self) -> None:
        """Whatever a request leaves out counts as delivered with the rest of it."""
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self.rehearsal.people(endpoint)
            if len(payloads) < 2:
                continue
            whole = self._written(endpoint, payloads)
            for place in range(len(payloads)):
                others = [*payloads[:place], *payloads[place + 1 :]]
                assert self._written(endpoint, others) != whole, (
                    f"{endpoint.name}: nothing of payload {place + 1} of {len(payloads)} is in the request; "
                    f"pack all of them, or declare max_events=1"
                )

    @_every_sample
    def test_opaque_bodies_go_out_as_they_are(self, event: Event) -> None:
        """If an endpoint declares ``are_bodies_opaque``, bodies that are already JSON make the same request as plain ones."""
        rehearsal = self.rehearsal
        for mapped in rehearsal.map(event):
            endpoint = rehearsal.destination.endpoints[mapped.action.endpoint]
            if isinstance(endpoint, BatchEndpoint) and endpoint.are_bodies_opaque:
                for payload, written in zip(mapped.payloads, rehearsal.destination.write(mapped), strict=True):
                    open_, opaque = (endpoint.pack([each], self.settings) for each in (payload, written.payload))
                    assert orjson.dumps(opaque.json) == orjson.dumps(open_.json), f"{mapped.action.name}: another body"
                    assert replace(opaque, json=None) == replace(open_, json=None), (
                        f"{mapped.action.name}: another request"
                    )

    @_every_sample
    def test_the_same_event_makes_the_same_request(self, event: Event) -> None:
        """Byte for byte, whichever process makes it: after a crash the same request is sent again."""
        again = Event.from_json(event.to_json())
        assert [sent.bytes for sent in self.rehearsal.requests(again)] == [
            sent.bytes for sent in self.rehearsal.requests(event)
        ]

    @_every_sample
    def test_a_retry_makes_the_same_request(self, event: Event) -> None:
        """What is sent again is the payload that was sent before, so *pack* and a conversation leave it as it is."""
        for action, endpoint, payload in self.rehearsal.payloads(event):
            before = orjson.dumps(payload.body)
            first, second = (self.rehearsal.requests_of(endpoint, payload) for _ in range(2))
            assert orjson.dumps(payload.body) == before, f"{action}: making a request of a payload changed the payload"
            assert first == second, f"{action}: another request at the second try"

    def test_events_share_nothing(self) -> None:
        """What is made of an event is neither changed by those after it nor holds anything of those before it: of a dict at the
        top of a module, or of a function's default, one person would get what another's event said."""
        made = {name: self._payloads(event) for name, event in SAMPLES.items()}
        bodies = {name: [orjson.dumps(payload.body) for payload in payloads] for name, payloads in made.items()}
        backwards = {name: self._payloads(event) for name, event in reversed(list(SAMPLES.items()))}
        for name, payloads in made.items():
            now = [orjson.dumps(payload.body) for payload in payloads]
            assert now == bodies[name], f"{name}: its payload changed when other events were mapped"
            then = [orjson.dumps(payload.body) for payload in backwards[name]]
            assert then == bodies[name], f"{name}: its payload depends on which events were mapped before it"

    @_every_sample
    def test_no_null_is_made_up(self, event: Event) -> None:
        """To many vendors null means "clear this". What an event does not say must be absent, and not null."""
        if not _has_null(event.document):
            for sent in self.rehearsal.requests(event):
                body = orjson.loads(orjson.dumps(sent.request.json)) if sent.request.json is not None else ()
                assert not _has_null(body), f"{sent.action}: sends null for what the event does not have: {body}"

    @_every_sample
    def test_all_attempts_have_one_key(self, event: Event) -> None:
        """Only the event decides the idempotency key and the group."""
        assert self._keys(Event.from_json(event.to_json())) == self._keys(event)

    @_every_call
    def test_different_events_have_different_keys(self, event: Event) -> None:
        """Events that differ only in ``messageId`` happened twice. A vendor that took one for the other would lose it."""
        first, second = (self._keys(renamed(event, name)) for name in ("m-1", "m-2"))
        shared = {key for _, key, _ in first if key} & {key for _, key, _ in second}
        assert not shared, f"keys that do not depend on messageId: {shared}"

    @_for_each({ascii(id)[:40]: id for id in HOSTILE_IDS})
    def test_ids_cannot_move_a_request(self, id: str) -> None:
        """Promise 10: in a URL an id is one encoded segment or one query value, whatever it holds."""
        harmless = {(call, s.action, s.number): s.request.url for call, s in self._hostile_requests("harmless")}
        for call, sent in self._hostile_requests(id):
            url = sent.request.url
            expected = harmless.get((call, sent.action, sent.number), url)
            assert _ENCODED.fullmatch(url), f"{sent.action}: {url!r} is not percent-encoded"
            assert not _CLIMB.search(urlsplit(url).path), f"{sent.action}: {url} climbs"
            assert shape(url) == shape(expected), f"{sent.action}: {url} is not shaped as {expected}"
            assert origin_of(url) == self.rehearsal.origin_of(sent.action), f"{sent.action}: {url} is elsewhere"
            broken = [name for name, value in sent.request.headers.items() if _LINE_BREAK.search(name + value)]
            assert not broken, f"{sent.action}: an id breaks the lines of {broken}"

    def test_base_url_moves_every_request(self) -> None:
        moved = Rehearsal(self.plugin, at_base_url(self.settings, "http://127.0.0.1:9/base"))
        urls = [sent.request.url for event in WELL_MADE.values() for sent in moved.requests(event)]
        assert urls, "no sample event is sent"
        assert not [url for url in urls if not url.startswith("http://127.0.0.1:9/base")]

    # --- old events ---

    @_every_sample
    def test_the_mark_of_an_old_event_is_sent_and_changes_no_key(self, event: Event) -> None:
        """A replay must start nothing, so its mark has to be in the request. What is not marked must stay the same."""
        rehearsal = self.rehearsal
        live = {mapped.action.name: mapped for mapped in rehearsal.map(event)}
        requests, marked = self._by_action(event, None), self._by_action(event, _LONG_AGO_S)
        for old in rehearsal.map(event, _LONG_AGO_S):
            name = old.action.name
            assert [p.key for p in old.payloads] == [p.key for p in live[name].payloads], f"{name}: another key"
            is_alike = marked.get(name) == requests.get(name)
            assert not (old.mark and is_alike and old.payloads), f"{name}: {old.mark} is not in the request"
            assert old.mark or is_alike, f"{name}: what is not marked differs"

    # --- answers to verdicts ---

    def test_documented_answers_are_read_rightly(self) -> None:
        """One verdict per payload, in order. If a single payload would be dead, a request of several may also be split."""
        for status, answer, endpoint in self._documented():
            is_alike = isinstance(answer.verdict, type)
            for most in (1, 3) if is_alike else (len(list(answer.verdict)),):  # type: ignore[arg-type]
                payloads = self._batch(endpoint, most)
                judgement = in_time("judge", endpoint.judge, answer.response(status, payloads), payloads, self.settings)
                wrong = why_no_judgement(judgement, len(payloads))
                wrong = wrong or why_unlike(answer.verdict, judgement, len(payloads))
                assert not wrong, f"{endpoint.name}: what was read in a {status} for {len(payloads)} payloads {wrong}"

    def test_undocumented_answers_break_nothing(self) -> None:
        """A proxy's page, a cut body or JSON of another shape lead to a judgement or to `UnreadableAnswer`, and to nothing
        else."""
        settings = self.settings
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self._batch(endpoint, 3)
            for what, response in self._odd_responses(endpoint, payloads):
                wrong = why_broken(endpoint, response, payloads, settings)
                assert not wrong, f"{endpoint.name}: what was read in {what} {wrong}"

    def test_a_page_is_no_delivery(self) -> None:
        """A page that a proxy, a firewall or a login answers in the vendor's place, even with a 2xx: the vendor has nothing."""
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self._batch(endpoint, 3)
            for status in SUCCESSES:
                read = why_delivered(endpoint, Response(status, ODD_BODIES["a page"]), payloads, self.settings)
                assert not read, f"{endpoint.name}: a page with a {status} {read}; judge response.unless_page()"

    def test_an_outage_costs_no_event(self) -> None:
        """A status that speaks for the whole vendor, without the vendor's own words: a proxy answers so in its place."""
        settings, rehearsal = self.settings, self.rehearsal
        for batch in rehearsal.batch_endpoints:
            payloads = self._batch(batch, 3)
            for response in self._untold_outages(batch):
                lost = why_lost(batch.judge, response, payloads, settings)
                assert not lost, f"{batch.name}: a {response.status} {lost}"
        for event in WELL_MADE.values():
            for action, endpoint, payload in self._conversations(event):
                for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                    for response in self._untold_outages(endpoint):
                        lost = why_lost(rehearsal.end, endpoint, payload, {place: response})
                        assert not lost, f"{action}: a {response.status} at step {place} {lost}"

    @_every_sample
    def test_conversations_end_well_where_all_is_as_assumed(self, event: Event) -> None:
        for action, endpoint, payload in self._conversations(event):
            end = self.rehearsal.talk(endpoint, payload).end
            assert isinstance(end, Delivered), f"{action}: with every answer as assumed it ends with {end!r}"

    @_every_call
    def test_conversations_stop_where_the_vendor_is_out(self, event: Event) -> None:
        """At any step, an answer that speaks for the whole vendor ends the conversation with the verdict that the core
        needs."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                for status, word, response in self._outages(endpoint, payload):
                    end = rehearsal.talk(endpoint, payload, {place: response}).end
                    assert isinstance(end, word), f"{action}: a {status} at step {place} ends with {end!r}"

    @_every_call
    def test_conversations_take_no_refusal_for_a_delivery(self, event: Event) -> None:
        """If the vendor refuses a step and all after it, the event is not delivered, or with a warning of what is missing."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                refused = dict.fromkeys(range(place, MAX_STEPS), Response(400))
                try:
                    end = rehearsal.end(endpoint, payload, refused)
                except UnreadableAnswer:
                    continue
                assert end != Delivered(), f"{action}: a 400 from step {place} on ends with {end!r}"

    @_every_call
    def test_conversations_take_no_page_for_a_delivery(self, event: Event) -> None:
        """Even if a proxy answers every step."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for status in SUCCESSES:
                pages = dict.fromkeys(range(MAX_STEPS), Response(status, ODD_BODIES["a page"]))
                try:
                    end = rehearsal.talk(endpoint, payload, pages).end
                except UnreadableAnswer:
                    continue
                assert not isinstance(end, Delivered), f"{action}: pages with a {status} end with {end!r}"

    @_every_call
    def test_conversations_survive_any_answer(self, event: Event) -> None:
        """At any step it goes on, ends with a verdict, or finds the answer unreadable."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                for what, response in self._odd_responses(endpoint, [payload]):
                    wrong = why_bad_end(rehearsal.talk, endpoint, payload, {place: response})
                    assert not wrong, f"{action}: {what} at step {place}: the end {wrong}"

    # --- secrets ---

    @_every_call
    def test_requests_hold_no_secret(self, event: Event) -> None:
        """The core adds credentials afterwards, so that explain and dead letters never hold one."""
        settings, secrets = with_marked_secrets(self.settings)
        for sent in Rehearsal(self.plugin, settings).requests(event):
            _assert_hidden(secrets, sent.bytes.decode("utf-8", "replace"))

    @_every_call
    def test_explain_shows_no_secret(self, event: Event) -> None:
        """The router masks those that it knows. Here nothing hides them."""
        settings, secrets = with_marked_secrets(self.settings)
        destination = Rehearsal(self.plugin, settings).destination
        destination.calls.guard.hide = str
        told = explain(event, [destination])
        _assert_hidden(secrets, orjson.dumps(told, default=repr).decode())

    def test_texts_of_settings_show_no_secret(self) -> None:
        settings, secrets = with_marked_secrets(self.settings)
        _assert_hidden(secrets, repr(settings))
        _assert_hidden(secrets, settings.model_dump_json())
        _assert_hidden(secrets, repr([endpoint.credentials(settings) for endpoint in self.plugin.endpoints]))

    def test_what_is_sent_as_a_secret_is_declared_as_one(self) -> None:
        """A setting that is plain text shows in errors and in explain. ``SecretStr`` hides it."""
        plain = {name: value for name, value in self.settings if isinstance(value, str) and value}
        sent = [each for endpoint in self.plugin.endpoints for each in endpoint.credentials(self.settings)]
        hidden = {
            value.get_secret_value()
            for each in sent
            for part in fields(each)
            if part.name != "user"
            if isinstance(value := getattr(each, part.name), SecretStr)
        }
        bare = [name for name, value in plain.items() if value in hidden]
        assert not bare, f"settings that are sent as credentials and are no SecretStr: {bare}"

    def test_verdicts_show_no_secret(self) -> None:
        """Reasons and warnings are told, stored and logged."""
        settings, secrets = with_marked_secrets(self.settings)
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self._batch(endpoint, 3)
            for _, response in self._odd_responses(endpoint, payloads):
                try:
                    _assert_hidden(secrets, repr(endpoint.judge(response, payloads, settings)))
                except UnreadableAnswer as error:
                    _assert_hidden(secrets, str(error))
        rehearsal = Rehearsal(self.plugin, settings)
        for event in WELL_MADE.values():
            for _, talker, payload in self._conversations(event):
                for place in range(len(rehearsal.talk(talker, payload).requests)):
                    for status in ODD_STATUSES:
                        response = Response(status, ODD_BODIES["a page"])
                        try:
                            _assert_hidden(secrets, repr(rehearsal.end(talker, payload, {place: response})))
                        except UnreadableAnswer as error:
                            _assert_hidden(secrets, str(error))

    # --- the stand-in ---

    def test_the_sandbox_takes_its_own_settings(self) -> None:
        assert issubclass(sandbox_class(self.plugin), Sandbox), "a stand-in is a router.plugin.sandbox.Sandbox"
        self.plugin.settings.model_validate(dict(self.plugin.sandbox_settings))

    def test_the_sandbox_accepts_what_is_mapped(self) -> None:
        """One event of each call, sent in order over a socket with credentials: nothing is refused, and something is kept. Nor
        is anything refused that comes again, as after an answer that was lost: a repeat is no dead letter."""
        refused, accepted = asyncio.run(self._send_to_sandbox())
        assert not refused, f"the sandbox refused: {refused}"
        assert accepted, "the sandbox kept nothing"

    # --- what the tests above are made from ---

    def _payloads(self, event: Event) -> list[Payload]:
        return [payload for _, _, payload in self.rehearsal.payloads(event)]

    def _bodies(self, event: Event, action: str) -> list[bytes]:
        return [orjson.dumps(payload.body) for name, _, payload in self.rehearsal.payloads(event) if name == action]

    def _keys(self, event: Event) -> list[tuple[str, str, str]]:
        return [(action, payload.key, payload.group) for action, _, payload in self.rehearsal.payloads(event)]

    def _by_action(self, event: Event, historical_age_s: float | None) -> dict[str, list[bytes]]:
        sent: dict[str, list[bytes]] = {}
        for each in self.rehearsal.requests(event, historical_age_s):
            sent.setdefault(each.action, []).append(each.bytes)
        return sent

    def _written(self, endpoint: BatchEndpoint, payloads: Sequence[Payload]) -> tuple[str, bytes]:
        request = endpoint.pack(payloads, self.settings)
        return request.url, orjson.dumps(request.json)

    def _hostile_requests(self, id: str) -> Iterator[tuple[str, Sent]]:
        rehearsal = self.rehearsal
        for call, event in hostile_events(id).items():
            yield from ((call, sent) for sent in rehearsal.requests(event))

    def _batch(self, endpoint: BatchEndpoint, most: int) -> list[Payload]:
        """Payloads for *endpoint*; a made-up one if no sample event gets there under these settings."""
        return self.rehearsal.batch(endpoint.name, SAMPLES, most) or [Payload({}, key="m-1")]

    def _conversations(self, event: Event) -> Iterator[tuple[str, Endpoint, Payload]]:
        for action, endpoint, payload in self.rehearsal.payloads(event):
            if isinstance(endpoint, ConversationEndpoint):
                yield action, endpoint, payload

    def _answers_of(self, endpoint: Endpoint) -> Iterator[tuple[int, Answer]]:
        for status, answers in self.answers.items():
            yield from ((status, each) for each in as_answers(answers) if each.endpoint in ("", endpoint.name))

    def _documented(self) -> Iterator[tuple[int, Answer, BatchEndpoint]]:
        for endpoint in self.rehearsal.batch_endpoints:
            yield from ((status, answer, endpoint) for status, answer in self._answers_of(endpoint))

    def _outages(self, endpoint: Endpoint, payload: Payload) -> Iterator[tuple[int, Word, Response]]:
        """Documented answers that speak for the whole vendor: those that block, and those that ask everybody to wait."""
        for status, answer in self._answers_of(endpoint):
            word = answer.verdict
            if isinstance(word, type) and (word is Blocked or (word is Later and is_outage(status))):
                yield status, word, answer.response(status, [payload])

    def _untold_outages(self, endpoint: Endpoint) -> Iterator[Response]:
        """Answers that speak for the whole vendor, of those that are not documented."""
        told = {status for status, _ in self._answers_of(endpoint)}
        yield from (Response(status) for status in OUTAGES if status not in told)

    def _odd_responses(self, endpoint: Endpoint, payloads: Sequence[Payload]) -> Iterator[tuple[str, Response]]:
        for status in ODD_STATUSES:
            yield from ((f"{status} with {what}", Response(status, body)) for what, body in ODD_BODIES.items())
        for status, answer in self._answers_of(endpoint):
            for body in distortions(answer.response(status, payloads).body):
                yield f"{status} with {body[:200]!r}", Response(status, body, answer.headers)

    async def _send_to_sandbox(self) -> tuple[list[str], int]:
        """What was refused, and how much was kept."""
        async with open_stand_in(self.plugin) as stand_in:
            refused = [
                f"{action} on {event.type}, {how}: {judgement}"
                for event in WELL_MADE.values()
                for how in ("sent once", "sent again")
                for action, judgements in (await stand_in.deliver(event)).items()
                for judgement in judgements
                if not isinstance(judgement, Sequence) or any(isinstance(verdict, Dead) for verdict in judgement)
            ]
            return refused, len(stand_in.accepted())


def _has_null(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _assert_hidden(secrets: Sequence[str], text: str) -> None:
    assert not [secret for secret in secrets if secret in text], f"a secret shows in {text}"
