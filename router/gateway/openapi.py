"""The description of the HTTP API (OpenAPI 3.1): generated from the models, the table of paths and the lists of reasons. Pure.

It is served at `routes.OPENAPI` and stored in docs/openapi.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from router import __version__
from router.event import EVENT_TYPES, EventType
from router.gateway import routes
from router.gateway.answer import Answer
from router.gateway.call_model import CALLS, Batch
from router.gateway.health import Health
from router.gateway.receipt import BatchReceipt, Forgotten, Receipt, RejectedEvent
from router.gateway.refusal import Refusal, RefusalCode
from router.gateway.rejection import LimitCode
from router.gateway.settings_document import ProjectSettings, SourceConfig
from router.reason import Reason
from router.rejection import RejectionCode

Document = dict[str, Any]

_INTRODUCTION = """\
Events come in by POST and are on disk when the answer is 200. The API is that of Segment's SDKs, and of those made after it.

A call is taken whatever its `Content-Type` says. What these models ask for is what a program should send; more is taken:
snake_case names, odd values, empty ids. Nothing is redirected, and a GET on a path for events is a 405.

Every error has `code` and `message`; docs/rejections.md lists the codes."""

_KEYS: Final[Mapping[str, Document]] = {
    "basic": {"type": "http", "scheme": "basic", "description": "The write key as user name, no password."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The write key as token."},
    "header": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "writeKey"},
}
"""The forms of the write key that are not in the body."""

_ENCODING: Final[Document] = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "How the body is packed.",
    "schema": {"enum": ["gzip", "deflate", "identity"]},
}
_KEY_IN_PATH: Final[Document] = {"name": "write_key", "in": "path", "required": True, "schema": {"type": "string"}}

_ANY: Final = frozenset(
    {RefusalCode.BAD_HTTP, RefusalCode.HEAD_TIMEOUT, RefusalCode.HEAD_TOO_BIG, RefusalCode.INTERNAL}
)
"""The reasons for which any request may be refused."""
_KEYED: Final = _ANY | {RefusalCode.UNKNOWN_WRITE_KEY, RefusalCode.SOURCE_DISABLED, RefusalCode.ORIGIN_NOT_ALLOWED}
_NOT_TAKING: Final = frozenset(
    {
        RefusalCode.NOT_FOUND,
        RefusalCode.METHOD_NOT_ALLOWED,
        RefusalCode.UNKNOWN_HOST,
        RefusalCode.STUCK,
        RefusalCode.NOT_READY,
    }
)
_TAKING: Final = frozenset(RefusalCode) - _NOT_TAKING


class _Refusals(NamedTuple):
    """Why requests of one kind may be refused: entries of ``components.responses``, whose names begin with *name*."""

    name: str
    reasons: frozenset[RefusalCode]
    with_status: int | None = None
    """The status to use for reasons that may come with several."""

    def by_status(self) -> Mapping[int, Sequence[RefusalCode]]:
        found: dict[int, list[RefusalCode]] = {}
        for reason in RefusalCode:
            if reason in self.reasons:
                status = self.with_status if self.with_status in reason.statuses else reason.statuses[0]
                found.setdefault(status or 0, []).append(reason)
        return dict(sorted(found.items()))

    def references(self) -> Document:
        return {str(status): {"$ref": f"#/components/responses/{self.name}{status}"} for status in self.by_status()}

    def responses(self) -> Document:
        return {f"{self.name}{status}": self._response(status, reasons) for status, reasons in self.by_status().items()}

    def _response(self, status: int, reasons: Sequence[RefusalCode]) -> Document:
        schema = _reference(Refusal)
        if status == 400 and self.name == _SINGLE.name:
            schema = {"anyOf": [schema, _reference(RejectedEvent)]}
        response = {"description": _listed(reasons), "content": {"application/json": {"schema": schema}}}
        if status in (429, 503):
            wait = {"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}}
            response["headers"] = {"Retry-After": wait}
        return response


_SINGLE: Final = _Refusals("single", _TAKING - {RefusalCode.INVALID_BATCH})
_BATCH: Final = _Refusals("batch", _TAKING)
_SETTINGS: Final = _Refusals("settings", _KEYED | {RefusalCode.UNKNOWN_HOST}, 404)
_CONFIG: Final = _Refusals("config", _KEYED | {RefusalCode.MISSING_WRITE_KEY}, 404)
_HEALTH: Final = _Refusals("health", _ANY | {RefusalCode.STUCK})
_READY: Final = _Refusals("ready", _ANY | {RefusalCode.NOT_READY})
_OTHER: Final = _Refusals("other", _ANY)


@cache
def description_json() -> bytes:
    """The `description` as it is served and stored."""
    return orjson.dumps(description(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def description() -> Document:
    """The whole description, the same at every call."""
    responses: Document = {}
    for refusals in (_SINGLE, _BATCH, _SETTINGS, _CONFIG, _HEALTH, _READY, _OTHER):
        responses |= refusals.responses()
    return {
        "openapi": "3.1.0",
        "info": {"title": "trait-router", "version": __version__, "description": _INTRODUCTION},
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "responses": responses,
            "parameters": {"encoding": _ENCODING},
            "securitySchemes": dict(_KEYS),
        },
    }


def _paths() -> Document:
    """The paths, those for people first."""
    singles = {path: {"post": _single(path, kind)} for path, kind in routes.SINGLES.items()}
    batches = {path: {"post": _batch(path)} for path in routes.BATCHES}
    for_people = [*(f"/v1/{kind}" for kind in EVENT_TYPES), "/v1/batch"]
    events = singles | batches
    return {
        **{path: events.pop(path) for path in for_people},
        "/health": {"get": _operation("/health", "Is it alive?", Health, _HEALTH)},
        "/ready": {"get": _operation("/ready", "Can events be taken?", Health, _READY)},
        routes.OPENAPI: {"get": _operation(routes.OPENAPI, "This description.", None, _OTHER)},
        routes.PROJECT_SETTINGS: {
            "get": _operation(routes.PROJECT_SETTINGS, "For SDKs in pages: where to send.", ProjectSettings, _SETTINGS)
            | {"parameters": [_KEY_IN_PATH]}
        },
        routes.SOURCE_CONFIG: {
            "get": _operation(routes.SOURCE_CONFIG, "For other SDKs in pages: what to do.", SourceConfig, _CONFIG)
            | {"security": [{"basic": []}, {"query": []}]}
        },
        **events,
        **{
            path: {"post": _operation(path, "What an SDK tells of itself. Not kept.", Forgotten, _OTHER)}
            for path in routes.TELEMETRY
        },
    }


def _single(path: str, kind: EventType) -> Document:
    summary, _, _ = (CALLS[kind].__doc__ or "").partition("\n")
    return _operation(path, f"{kind}: {summary}", Receipt, _SINGLE) | _taking(CALLS[kind])


def _batch(path: str) -> Document:
    summary = "Several events. 200 also where some of them, or all, are rejected: the receipt names each."
    return _operation(path, summary, BatchReceipt, _BATCH) | _taking(Batch)


def _taking(body: type[BaseModel]) -> Document:
    return {
        "parameters": [{"$ref": "#/components/parameters/encoding"}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(body)}}},
        "security": [*({name: []} for name in _KEYS), {}],
    }


def _operation(path: str, summary: str, answer: type[Answer] | None, refusals: _Refusals) -> Document:
    success = {
        "description": (answer.__doc__ or "").partition("\n")[0] if answer else summary,
        "content": {"application/json": {"schema": _reference(answer) if answer else {"type": "object"}}},
    }
    return {
        "summary": summary,
        "operationId": re.sub(r"\W+", "_", path).strip("_"),
        "responses": {"200": success, **refusals.references()},
    }


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _listed(reasons: Iterable[Reason]) -> str:
    return "\n".join(f"* `{reason}`: {reason.meaning}" for reason in reasons)


class _Schema(GenerateJsonSchema):
    """A schema without noise: no titles that repeat the name, and no ``null`` as the default of an absent field."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Document:
        made: Document = super().default_schema(schema)
        if made.get("default", "") is None:
            del made["default"]
        return made


def _schemas() -> Document:
    answers = (Receipt, BatchReceipt, Forgotten, RejectedEvent, Refusal, ProjectSettings, SourceConfig, Health)
    calls: tuple[type[BaseModel], ...] = (*CALLS.values(), Batch)
    modes: dict[type[BaseModel], JsonSchemaMode] = {
        **dict.fromkeys(calls, "validation"),
        **dict.fromkeys(answers, "serialization"),
    }
    _, made = models_json_schema(
        list(modes.items()), schema_generator=_Schema, ref_template="#/components/schemas/{model}"
    )
    schemas: Document = made["$defs"]
    lists: tuple[type[Reason], ...] = (RefusalCode, RejectionCode, LimitCode)
    for reasons in lists:
        schemas[reasons.__name__]["description"] = _listed(reasons)
    return schemas
