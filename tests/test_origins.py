"""A vendor with a second host and forms: where its requests may go (promise 10), and how explain shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import Field, SecretStr

from router.destination import Destination
from router.explain import explain
from router.plugin import (
    Action,
    BatchEndpoint,
    BodyField,
    PathKey,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Table,
    build_url,
    judge_by_status,
)
from tests.events import event

HERE, THERE, PROXY = "https://api.acme.test", "https://track.acme.test", "http://127.0.0.1:9/acme"


class Settings(PluginSettings):
    key: SecretStr = Field(SecretStr("canary-of-the-test"), description="The key.")
    hook: SecretStr = Field(SecretStr("T0/B0/canary-of-the-path"), description="The end of the address for people.")

    def vendor_url(self) -> str:
        return f"{HERE}/base"


def pack_form(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", build_url(settings.base_url or THERE, "event"), payloads[0].body, form=True)


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    return Request("POST", build_url(settings.api_url, "people"), payloads[0].body)


def plugin(body: Any) -> Plugin:
    return Plugin(
        slug="acme",
        name="Acme",
        settings=Settings,
        endpoints=(
            BatchEndpoint(
                name="people", credentials=lambda settings: [PathKey(settings.hook)], pack=pack, judge=judge_by_status
            ),
            BatchEndpoint(
                name="events",
                origin=lambda settings: THERE,
                credentials=lambda settings: [BodyField("key", settings.key)],
                pack=pack_form,
                judge=judge_by_status,
            ),
        ),
        actions=tuple(
            Action(name=name, on=("track",), endpoint=name, table=Table(()), build=lambda *_: Payload(body))
            for name in ("people", "events")
        ),
    )


TRACK = event(type="track", userId="u1", event="Signed Up")
ACME = plugin({"event": "Signed Up"})


@pytest.mark.parametrize(
    ("base_url", "of_each", "all_of_them"),
    [
        pytest.param("", [HERE, THERE], (HERE, THERE), id="the vendor's own"),
        pytest.param(PROXY, ["http://127.0.0.1:9"] * 2, ("http://127.0.0.1:9",), id="a base_url stands in for both"),
    ],
)
def test_promise_10_hosts_come_from_the_settings(
    base_url: str, of_each: list[str], all_of_them: tuple[str, ...]
) -> None:
    destination = Destination("acme", ACME, Settings(base_url=base_url))

    assert [destination.origin_of(endpoint) for endpoint in ACME.endpoints] == of_each
    assert destination.origins == all_of_them


def test_explain_shows_a_form_as_its_fields_with_its_content_type_and_no_secret() -> None:
    entries = explain(TRACK, [Destination("acme", ACME, Settings())])["destinations"]

    assert entries[1]["requests"] == [
        {
            "method": "POST",
            "url": f"{THERE}/event",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": {"event": "Signed Up", "key": "********"},
        }
    ]
    assert entries[0]["requests"][0]["headers"] == {"Content-Type": "application/json"}


def test_a_key_in_the_path_is_for_its_own_endpoint_s_origin_and_explain_hides_it() -> None:
    told = explain(TRACK, [Destination("acme", ACME, Settings())])

    assert [entry["requests"][0]["url"] for entry in told["destinations"]] == [
        f"{HERE}/base/people/********",
        f"{THERE}/event",
    ]
    assert "canary" not in str(told)


def test_explain_tells_that_a_form_can_not_be_one() -> None:
    entries = explain(TRACK, [Destination("acme", plugin({"count": 7}), Settings())])["destinations"]

    assert entries[1]["requests"] == []
    assert "values of a form are texts, got int for 'count'" in entries[1]["reason"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("https://else.test/people", f"may only go to {HERE} or {THERE}", id="another host"),
        pytest.param("/people", f"may only go to {HERE} or {THERE}", id="no host"),
        pytest.param(f"{HERE}/a b", "holds a blank or a control character", id="a blank"),
        pytest.param(f"{HERE}/{'a' * 66_000}", "a URL of more than 65536 characters is not sent", id="too long"),
    ],
)
def test_explain_tells_that_a_request_may_not_go_there(url: str, told: str) -> None:
    """As delivery does, which makes a dead letter of it."""

    def pack_astray(payloads: Sequence[Payload], settings: Settings) -> Request:
        return Request("POST", url, payloads[0].body)

    astray = BatchEndpoint(name="people", pack=pack_astray, judge=judge_by_status)
    elsewhere = replace(ACME, endpoints=(astray, ACME.endpoint("events")))

    entry, _ = explain(TRACK, [Destination("acme", elsewhere, Settings())])["destinations"]

    assert (entry["decision"], entry["requests"]) == ("skip", [])
    assert told in entry["reason"]
    assert entry["reason"].endswith("; the event would become a dead letter")
