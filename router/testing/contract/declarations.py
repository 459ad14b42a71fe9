"""What a plugin declares: settings that say what they are, limits, and what it waives."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from router.plugin_packages import check_plugin
from router.testing.answers import as_answers, why_no_answer
from router.testing.contract.plugin_under_test import PluginUnderTest


class DeclarationsContract(PluginUnderTest):
    def test_this_router_takes_the_plugin(self) -> None:
        check_plugin(self.plugin, "this package")

    def test_waivers_name_tests_and_give_reasons(self) -> None:
        unknown = [name for name in self.waivers if not (name.startswith("test_") and hasattr(self, name))]
        assert not unknown, f"no such tests: {unknown}"
        assert all(reason.strip() for reason in self.waivers.values()), "each waiver needs a reason"

    def test_answers_are_read_as_they_are_meant(self) -> None:
        """An answer of an endpoint that there is not would be tried nowhere."""
        names = [endpoint.name for endpoint in self.plugin.endpoints]
        for status, answers in self.answers.items():
            assert type(status) is int, f"answers: the status {status!r}, expected a number such as 404"
            for answer in as_answers(answers):
                where = f"answers[{status}]"
                wrong = why_no_answer(answer)
                assert not wrong, f"{where}: {wrong}"
                assert answer.endpoint in ("", *names), (
                    f'{where}: endpoint="{answer.endpoint}", expected one of {names}'
                )

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

    def test_limits_are_declared(self) -> None:
        for endpoint in self.plugin.endpoints:
            rate, header = endpoint.rate_limit_per_s, endpoint.reset_header
            assert rate is None or rate > 0, f"{endpoint.name}: rate_limit_per_s is {rate}"
            assert header == header.lower(), f"{endpoint.name}: write reset_header in lower case"
        for batch in self.rehearsal.batch_endpoints:
            largest = batch.max_bytes if batch.max_payload_bytes is None else batch.max_payload_bytes
            assert batch.max_events >= 1, f"{batch.name}: max_events is {batch.max_events}"
            assert 0 < largest <= batch.max_bytes, f"{batch.name}: {largest} bytes in requests of {batch.max_bytes}"
