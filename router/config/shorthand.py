"""A section with a short form, as ``gold`` is one of a match, or a list of its categories is one of consent."""

from __future__ import annotations

from typing import Any, Self

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from router.config.section import Section


class Shorthand(Section):
    """A section that may also be written as a plain value or a list, which then stand for one of its keys."""

    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        """The section in full, if *data* is its short form."""
        raise NotImplementedError

    @classmethod
    def _short_schema(cls, full: JsonSchemaValue) -> list[JsonSchemaValue]:
        """The schemas of the short forms. *full* is the schema of the long one."""
        raise NotImplementedError

    @model_validator(mode="wrap")
    @classmethod
    def _read_shorthand(cls, data: Any, handler: Any) -> Self:
        read: Self = handler(cls._spell_out(data))
        return read

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        full = handler.resolve_ref_schema(handler(core))
        long = {**full, "properties": {key: each for key, each in full["properties"].items() if key[0] != "("}}
        full.clear()
        full.update({"anyOf": [*cls._short_schema(long), long], "description": long.pop("description", "")})
        return full
