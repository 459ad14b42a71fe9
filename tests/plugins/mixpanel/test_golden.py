"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from router.event import EVENT_TYPES
from tests.plugins.mixpanel.samples import make_event, make_settings, requests_of

CASES = {path.stem: orjson.loads(path.read_bytes()) for path in Path(__file__).with_name("golden").glob("*.json")}


def test_every_kind_of_call_has_a_golden_request() -> None:
    assert {case["call"]["type"] for case in CASES.values()} == set(EVENT_TYPES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_call_becomes_exactly_these_requests(name: str) -> None:
    case = CASES[name]
    call = dict(case["call"])
    event = make_event(call.pop("type"), **call)

    requests = requests_of(event, make_settings(**case["settings"]))

    assert [{"url": request.url, "json": request.json} for request in requests] == case["requests"]
    assert {request.method for request in requests} == {"POST"}
