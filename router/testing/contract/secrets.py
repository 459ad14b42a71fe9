"""Promise 7: no secret shows, in a request, in a text or in what is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson
import pytest
from pydantic import SecretStr, ValidationError

from router.event import Event
from router.explain import explain
from router.plugin import PluginSettings, Response, UnreadableAnswer
from router.testing.answers import ODD_BODIES, ODD_STATUSES
from router.testing.contract.answered import Answered
from router.testing.contract.each_sample import every_call
from router.testing.rehearsal import Rehearsal


class SecretsContract(Answered):
    @pytest.mark.parametrize("value", ["MARKED-SECRET\r\n", ["MARKED-SECRET"]], ids=["text", "list"])
    def test_a_refused_setting_shows_no_secret(self, value: Any) -> None:
        """Neither a value of the wrong kind nor a mistyped key beside it may make an error quote a secret."""
        secrets = [name for name, info in self.plugin.settings.model_fields.items() if info.annotation is SecretStr]
        with pytest.raises(ValidationError) as raised:
            self.plugin.settings.model_validate({**self.minimal, **dict.fromkeys(secrets, value), "no_such_setting": 1})
        assert "MARKED-SECRET" not in str(raised.value)

    @every_call
    def test_requests_hold_no_secret(self, event: Event) -> None:
        """The core adds credentials afterwards, so that explain and dead letters never hold one."""
        settings, secrets = with_marked_secrets(self.settings)
        for sent in Rehearsal(self.plugin, settings).requests(event):
            _assert_hidden(secrets, sent.bytes.decode("utf-8", "replace"))

    @every_call
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
        calls = self.rehearsal.destination.calls
        sent = [each for endpoint in self.plugin.endpoints for each in calls.credentials(endpoint)]
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
        for event in self.rehearsal.calls.values():
            for _, talker, payload in self._conversations(event):
                for place in range(len(rehearsal.talk(talker, payload).requests)):
                    for status in ODD_STATUSES:
                        response = Response(status, ODD_BODIES["a page"])
                        try:
                            _assert_hidden(secrets, repr(rehearsal.end(talker, payload, {place: response})))
                        except UnreadableAnswer as error:
                            _assert_hidden(secrets, str(error))


def _assert_hidden(secrets: Sequence[str], text: str) -> None:
    assert not [secret for secret in secrets if secret in text], f"a secret shows in {text}"


def with_marked_secrets(settings: PluginSettings) -> tuple[PluginSettings, list[str]]:
    """A copy in which each secret that is set is replaced by a text that is easily found wherever it shows, and those texts.

    In an address only the last segment is replaced, since the rest has to lead somewhere.
    """
    marks: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, SecretStr) and value.get_secret_value():
            marks.append(f"MARKED7SECRET{len(marks)}END")
            address, slash, _ = value.get_secret_value().rpartition("/")
            return SecretStr(address + slash + marks[-1] if "://" in address else marks[-1])
        if isinstance(value, dict):
            return {key: marked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(marked(item) for item in value)
        return value

    changed = {name: marked(getattr(settings, name)) for name in type(settings).model_fields}
    return settings.model_copy(update=changed), marks
