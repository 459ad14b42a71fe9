"""The API as it describes itself, tried against a real router by schemathesis: what it says is taken is taken, and whatever
comes, the answer is one that it describes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from router.event import EVENT_TYPES
from router.gateway.openapi import description
from tests.system.harness import KEY, Stage

PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
OPERATIONS = [(path, method) for path, item in description()["paths"].items() for method in item]
FOR_PEOPLE = [(path, method) for path, method in OPERATIONS if path.removeprefix("/v1/") in (*EVENT_TYPES, "batch")]
CHECKS = [
    not_a_server_error,
    allow_header_conformance,
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
"""All but that what is not described is refused: the gateway is more lenient than its description, for the SDKs' sake."""


class Live:
    """A running router and what it says of itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy
        document = self.session.get(f"{url}/openapi.json", timeout=30).json()
        assert document == description()
        self._schema = schemathesis.openapi.from_dict(document)

    def try_out(self, path: str, method: str, mode: GenerationMode, examples: int) -> None:
        """Send *examples* requests of this kind, and check every answer."""

        @settings(
            max_examples=examples,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self._schema[path][method].as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case[Any]) -> None:
            self._check(case, is_described=mode is GenerationMode.POSITIVE)

        check()

    def _check(self, case: schemathesis.Case[Any], is_described: bool) -> None:
        packed = self._pack(case) if is_described else {}
        response = case.call(base_url=self.url, session=self.session, auth=(KEY, ""), timeout=30, **packed)
        case.validate_response(response, checks=CHECKS)
        if is_described and "rejected" in (receipt := response.json()):
            assert receipt["rejected"] == 0, receipt

    def _pack(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
        """The body as ``Content-Encoding`` says, which only names it."""
        packer = PACKERS.get(str(case.headers.get("Content-Encoding")))
        return {} if packer is None else {"json": None, "data": packer(json.dumps(case.body).encode())}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    stage = Stage(tmp_path_factory.mktemp("described"))
    router = stage.router({"webhook": {"sandbox": True}})
    yield Live(router.url)
    stage.clear()


@pytest.mark.parametrize(("path", "method"), FOR_PEOPLE)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_the_router_does_as_it_says(live: Live, path: str, method: str, mode: GenerationMode) -> None:
    live.try_out(path, method, mode, examples=5)


@pytest.mark.parametrize(("path", "method"), [each for each in OPERATIONS if each not in FOR_PEOPLE])
def test_the_router_does_as_it_says_for_sdks_too(live: Live, path: str, method: str) -> None:
    live.try_out(path, method, GenerationMode.POSITIVE, examples=2)


@pytest.mark.full
@pytest.mark.parametrize(("path", "method"), FOR_PEOPLE)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_the_router_does_as_it_says_many_times(live: Live, path: str, method: str, mode: GenerationMode) -> None:
    live.try_out(path, method, mode, examples=100)
