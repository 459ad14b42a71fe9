"""Values of the config that are about an event: fields, what they must match, templates, expressions.

Each is a type that validates the value in the file and says in a JSON schema how it may be written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from router.actions import Expression, Path, Template, read_changeable, read_path
from router.privacy import fold

_T = TypeVar("_T")


def about_event(message: str, line: int = 1) -> PydanticCustomError:
    """An error with that *message*. *line* is the line within the value."""
    return PydanticCustomError("about_event", "{message}", {"message": message, "line": line})


def _reader(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """*read*, with its ValueError turned into an error that the config reports with its line."""

    def wrapped(text: str) -> _T:
        try:
            return read(text)
        except ValueError as error:
            raise about_event(str(error), getattr(error, "line", 1)) from None

    return wrapped


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """A validator that returns the text itself if *read* accepts it."""
    reader = _reader(read)

    def check(text: str) -> str:
        reader(text)
        return text

    return check


def _read_droppable(text: str) -> Path:
    return read_changeable(text, is_whole_allowed=True)


def _read_name(text: str) -> Path:
    parts = tuple(text.strip().split("."))
    if not all(map(fold, parts)):
        raise ValueError("expected the name of a field, such as email or address.street")
    if len(parts) > 1 and parts[0] in ("traits", "properties", "context"):
        raise ValueError(f'expected the name without "{parts[0]}." in front: {".".join(parts[1:])}')
    return parts


def _is_scalar(value: Any) -> Any:
    if isinstance(value, str | bool | int | float):
        return value
    raise about_event("expected text, a number, true or false")


def _is_json(value: Any) -> Any:
    """Check that JSON can hold a constant, since it is sent as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise about_event("expected what JSON can hold") from None
    return value


FieldKey = Annotated[str, AfterValidator(_checked(read_path))]
"""A field of the event, to be read: ``properties.plan``, ``type``."""
ChangeableKey = Annotated[str, AfterValidator(_checked(read_changeable))]
"""A field of the event that a mapping may write."""
DroppableKey = Annotated[str, AfterValidator(_checked(_read_droppable))]
"""A field that a mapping may drop; also ``traits`` as a whole."""
NameKey = Annotated[str, AfterValidator(_checked(_read_name))]
"""A field's name within traits, properties or context."""
TemplateText = Annotated[str, AfterValidator(_checked(Template))]
ExpressionText = Annotated[str, AfterValidator(_checked(Expression))]
ScalarValue = Annotated[Any, BeforeValidator(_is_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Json = Annotated[Any, BeforeValidator(_is_json), WithJsonSchema({})]


def to_name(text: str) -> Path:
    """The path that a `NameKey` stands for."""
    return _read_name(text)
