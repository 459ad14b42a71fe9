"""The description of the API is whole, is served, and is true of what real SDKs send."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from router.gateway import routes
from router.gateway.call_model import CALLS, Batch
from router.gateway.openapi import description, description_json
from tests.gateway.harness import Harness
from tests.gateway.recording import recorded

DESCRIPTION = description()
BATCHES = ["seg-py", "cio-node", "rud-py", "rud-node", "cio-web-batch", "rud-web-beacon"]
SINGLES = {"seg-web": "track", "cio-web": "track", "rud-web": "identify", "jitsu": "track"}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (item for name, item in value.items() if name == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def body_of(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    return gzip.decompress(body) if b"Content-Encoding: gzip" in head else body


async def test_it_is_served_to_anybody(harness: Harness) -> None:
    answer = await harness.ask("GET", routes.OPENAPI, key="")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == DESCRIPTION


def test_it_has_every_path() -> None:
    others = {"/health", "/ready", routes.OPENAPI, routes.PROJECT_SETTINGS, routes.SOURCE_CONFIG}

    assert set(DESCRIPTION["paths"]) == {*routes.INGEST, *others}


def test_what_it_refers_to_is_there() -> None:
    for reference in set(references(DESCRIPTION)):
        place: Any = DESCRIPTION
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]


def test_nothing_is_there_that_nothing_refers_to() -> None:
    used = {reference.removeprefix("#/components/") for reference in references(DESCRIPTION)}
    components = DESCRIPTION["components"]

    assert {f"{kind}/{name}" for kind in ("schemas", "responses", "parameters") for name in components[kind]} == used


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for item in DESCRIPTION["paths"].values() for operation in item.values()]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("sdk", BATCHES)
def test_the_batches_of_real_sdks_are_as_it_says(sdk: str) -> None:
    Batch.model_validate_json(body_of(recorded(sdk)), strict=True)


@pytest.mark.parametrize("sdk", SINGLES)
def test_the_events_of_real_sdks_are_as_it_says(sdk: str) -> None:
    call = CALLS[SINGLES[sdk]]  # type: ignore[index]

    assert call.model_validate_json(body_of(recorded(sdk)), strict=True).model_dump()["type"] == SINGLES[sdk]


def test_the_description_is_plain_json() -> None:
    assert orjson.loads(orjson.dumps(DESCRIPTION)) == DESCRIPTION


def test_it_speaks_to_those_who_have_only_the_api() -> None:
    """Neither a name from the code nor a file that they can't have."""
    assert not re.findall(r"``|`routes\.|Source: |\w+\.py\b|facts/", description_json().decode())
