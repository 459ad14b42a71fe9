"""The type of a setting, as documents name it."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from router.generate.setting import type_name

Status = Annotated[int, Field(ge=300, le=599)]
Name = Annotated[str, StringConstraints(pattern="^[a-z]+$")]


class Settings(BaseModel):
    text: str
    secret: SecretStr | None
    choice: Literal["us", "eu"]
    texts: list[str]
    map: dict[str, str]
    bounded: Status
    several_bounded: list[Status]
    bounded_or_empty: Name | Literal[""]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("text", "text", id="text"),
        pytest.param("secret", "secret", id="secret that may be left out"),
        pytest.param("choice", "`us`, `eu`", id="choice"),
        pytest.param("texts", "list of text", id="list"),
        pytest.param("map", "map", id="map"),
        pytest.param("bounded", "whole number", id="number with limits"),
        pytest.param("several_bounded", "list of whole number", id="list of numbers with limits"),
        pytest.param("bounded_or_empty", "text, empty", id="text with a pattern, or none"),
    ],
)
def test_a_type_is_named_in_words(name: str, expected: str) -> None:
    assert type_name(Settings.model_fields[name]) == expected
