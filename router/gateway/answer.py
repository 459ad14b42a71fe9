"""Answers as models: the bytes on the wire and their description in `openapi` come from them."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """Always a JSON object: any other success is an error to some SDK (facts/ingest-protocol.md section 1, point 1)."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def optional(description: str) -> Any:
    """A field that is left out if it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


def json_of(answer: Answer) -> bytes:
    return answer.model_dump_json(by_alias=True).encode()


def json_response(answer: Answer | bytes, status: int = 200) -> web.Response:
    """*answer* as a response. Bytes are the result of `json_of`."""
    body = answer if isinstance(answer, bytes) else json_of(answer)
    return web.Response(body=body, status=status, content_type="application/json")
