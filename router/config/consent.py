"""What people must have agreed to before a destination gets their events. It is carried out in `router.consent`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from router.config.shorthand import Shorthand


class Consent(Shorthand):
    """What people must have agreed to (`context.consent.categoryPreferences`); a list stands for its categories."""

    categories: tuple[str, ...] = Field(min_length=1, description="Names of categories, all of which must be true.")
    when_absent: Literal["skip", "send"] = Field(
        "skip", description="What becomes of an event that says nothing of consent."
    )

    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        return {"categories": data} if isinstance(data, list | str) else data  # a text is one that lacks its brackets

    @classmethod
    def _short_schema(cls, full: JsonSchemaValue) -> list[JsonSchemaValue]:
        return [full["properties"]["categories"]]
